"""Connections through an ssh server, to where this machine cannot reach by itself.

    url, tunnel = open_tunnel("tcp://10.0.0.5:5555", "me@gateway")
    socket.connect(url)

Tunnels are served by processes of their own: by the system's ssh with its configuration, keys and agent, or by paramiko if
that is asked for. They end when this process does; before, when nobody uses them any more. A password is typed in for ssh
by pexpect; both packages are optional. Servers whose key is not known are refused.
"""

from __future__ import annotations

import socket as _socket
import sys
from multiprocessing import Process
from typing import Any, List, Optional, Tuple, Union

from . import _openssh, _paramiko
from ._errors import MaxRetryExceeded as MaxRetryExceeded
from ._errors import SSHException as SSHException
from ._places import check_name, check_port, check_seconds, parse_endpoint


def select_random_ports(n: int) -> List[int]:
    """`n` different ports of this machine that are free now."""
    sockets = []
    try:
        for _ in range(n):
            sockets.append(_socket.socket())
            sockets[-1].bind(("", 0))
        return [holder.getsockname()[1] for holder in sockets]
    finally:
        for holder in sockets:
            holder.close()


def try_passwordless_ssh(server: str, keyfile: Optional[str], paramiko: Optional[bool] = None) -> bool:
    """Whether a server lets us in without a password: by a key, an agent, or a connection that is there already.

    Parameters
    ----------
    server : str
        "user@host:port", of which only the host must be there.
    keyfile : str or None
        The private key to log in with; None: what ssh takes by itself.
    paramiko : bool, optional
        Ask by paramiko (True) or by the system's ssh (False); by the latter unless this is Windows.

    Raises
    ------
    SSHException
        If the server's key is not known.
    MaxRetryExceeded
        If it does not answer within 60 seconds.
    RuntimeError
        If it cannot be reached.
    ImportError
        If paramiko is wanted and not installed.
    ValueError
        If `server` is none.
    """
    if _by_paramiko(paramiko):
        return _paramiko.passwordless(server, keyfile)
    return _openssh.passwordless(server, keyfile)


def tunnel_connection(
    socket: Any,
    addr: str,
    server: str,
    keyfile: Optional[str] = None,
    password: Optional[str] = None,
    paramiko: Optional[bool] = None,
    timeout: int = 60,
) -> Union[int, Process]:
    """Connect a socket through an ssh server; returns the tunnel, as open_tunnel() does.

    `socket` is the socket to connect; everything else is as in open_tunnel(), `timeout` being in seconds.
    """
    url, tunnel = open_tunnel(addr, server, keyfile=keyfile, password=password, paramiko=paramiko, timeout=timeout)
    socket.connect(url)
    return tunnel


def open_tunnel(
    addr: str,
    server: str,
    keyfile: Optional[str] = None,
    password: Optional[str] = None,
    paramiko: Optional[bool] = None,
    timeout: int = 60,
) -> Tuple[str, Union[int, Process]]:
    """Open a tunnel to an endpoint, from a free port of this machine.

    Parameters
    ----------
    addr : str
        Where to, as the server sees it: "tcp://10.0.0.5:5555"; "tcp://127.0.0.1:5555" is a port of the server itself.
    server, keyfile, password, timeout
        As in openssh_tunnel().
    paramiko : bool, optional
        Tunnel by paramiko (True) or by the system's ssh (False); by the latter unless this is Windows.

    Returns
    -------
    tuple
        The endpoint to connect to, and what openssh_tunnel() or paramiko_tunnel() has returned.
    """
    host, rport = parse_endpoint(addr)
    (lport,) = select_random_ports(1)
    opener: Any = paramiko_tunnel if _by_paramiko(paramiko) else openssh_tunnel
    tunnel = opener(lport, rport, server, remoteip=host, keyfile=keyfile, password=password, timeout=timeout)
    return f"tcp://127.0.0.1:{lport}", tunnel


def openssh_tunnel(
    lport: int,
    rport: int,
    server: str,
    remoteip: str = "127.0.0.1",
    keyfile: Optional[str] = None,
    password: Optional[str] = None,
    timeout: int = 60,
) -> int:
    """Open a tunnel by the system's ssh, and return the number of its process once it can be used.

    Parameters
    ----------
    lport : int
        The port to connect to: on 127.0.0.1 of this machine, and free.
    rport : int
        The port where the tunnel leads.
    server : str
        "user@host:port" of the ssh server, of which only the host must be there.
    remoteip : str
        The machine where the tunnel leads, as the server sees it; the server itself by default.
    keyfile : str, optional
        The private key to log in with; otherwise what ssh takes by itself.
    password : str, optional
        The password of the login, or of the key. If one is needed and none is given, it is asked for (getpass).
    timeout : int
        Seconds for which the tunnel stays open for a first connection. Later, it closes when the last connection does.

    Raises
    ------
    RuntimeError
        If ssh cannot open it, with its own words: the port is in use, the server cannot be reached, ...
    SSHException
        If the server's key is not known.
    MaxRetryExceeded
        If the server does not let us in within 60 seconds.
    ImportError
        If a password is needed, and pexpect is not installed.
    ValueError
        If one of the places is none.
    """
    checked = check_port(lport), check_name("host", remoteip), check_port(rport)
    return _openssh.open_tunnel(*checked, server, keyfile, _password(password), check_seconds(timeout))


def paramiko_tunnel(
    lport: int,
    rport: int,
    server: str,
    remoteip: str = "127.0.0.1",
    keyfile: Optional[str] = None,
    password: Optional[str] = None,
    timeout: int = 60,
) -> Process:
    """Open a tunnel by paramiko, where there is no ssh, and return the process that serves it once it can be used.

    Parameters and errors are those of openssh_tunnel(), `timeout` being in seconds; ImportError is raised if paramiko is not
    installed. The environment's PYZMQ_PARAMIKO_HOST_KEY_POLICY may say what to do about servers whose key is not known:
    Reject (as without it), Warning or AutoAdd. To end the tunnel, call terminate() of what is returned.
    """
    checked = check_port(lport), check_name("host", remoteip), check_port(rport)
    return _paramiko.open_tunnel(*checked, server, keyfile, _password(password), check_seconds(timeout))


def _by_paramiko(wanted: Optional[bool]) -> bool:
    return sys.platform == "win32" if wanted is None else bool(wanted)


def _password(password: Optional[str]) -> Optional[str]:
    """The password, None if there is none. One of several lines would answer the next question, too."""
    if password and ("\n" in password or "\r" in password):
        raise ValueError("a password has one line only")
    return password or None


ssh_tunnel = paramiko_tunnel if sys.platform == "win32" else openssh_tunnel

__all__ = [
    "MaxRetryExceeded",
    "SSHException",
    "open_tunnel",
    "openssh_tunnel",
    "paramiko_tunnel",
    "select_random_ports",
    "ssh_tunnel",
    "try_passwordless_ssh",
    "tunnel_connection",
]
