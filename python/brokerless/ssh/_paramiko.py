"""Tunnels by paramiko, where there is no ssh: a process each, which ends with its parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from getpass import getpass, getuser
from multiprocessing.connection import Connection
from typing import Any, Dict, Optional

from ._errors import LoginRefused, MaxRetryExceeded, SSHException, optional_module
from ._openssh import PATIENCE
from ._places import parse_server
from .forward import ForwardServer

#: What to do about a server whose key is not known: Reject, Warning or AutoAdd, as paramiko's policies are called.
POLICY = "PYZMQ_PARAMIKO_HOST_KEY_POLICY"


# What the process reports becomes one of these here, and the same as with the system's ssh.
_KINDS: Dict[str, Any] = {"ssh": SSHException, "login": LoginRefused, "other": RuntimeError}


def needed() -> Any:
    """paramiko. Raises ImportError if it is not installed."""
    paramiko = optional_module("paramiko")
    if paramiko is None:
        raise ImportError(
            "paramiko is not installed: install it, or use the system's ssh (openssh_tunnel, paramiko=False)"
        )
    return paramiko


def passwordless(server: str, keyfile: Optional[str]) -> bool:
    """Whether the server lets us in without a password."""
    paramiko = needed()
    try:
        client = _connected(server, keyfile, None)
    except paramiko.AuthenticationException:
        return False
    except paramiko.SSHException as error:
        # What paramiko says when it has no key at all to offer; it has no class for that.
        if "No authentication methods" in str(error):
            return False
        raise
    client.close()
    return True


def open_tunnel(
    lport: int, host: str, rport: int, server: str, keyfile: Optional[str], password: Optional[str], seconds: int
) -> multiprocessing.Process:
    """Open a tunnel, and return the process that serves it."""
    parse_server(server)
    needed()
    if not password and not passwordless(server, keyfile):
        password = getpass(f"{server}'s password: ")
    listener, teller = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(
        target=_serve,
        args=(teller, lport, host, rport, server, keyfile, password or None, seconds),
        name=f"tunnel by {server}",
        daemon=True,
    )
    process.start()
    teller.close()
    try:
        _hear(listener, server)
    except BaseException:
        process.terminate()
        process.join()
        raise
    finally:
        listener.close()
    return process


def _hear(listener: Connection, server: str) -> None:
    """Wait until the process says that the tunnel is open; raises what has kept it from that."""
    if not listener.poll(PATIENCE):
        raise MaxRetryExceeded(f"{server} did not let us in within {PATIENCE:.0f} s")
    try:
        trouble = listener.recv()
    except EOFError:
        raise RuntimeError(f"the process of the tunnel by {server} ended before it was open") from None
    if trouble is not None:
        kind, text = trouble
        raise _KINDS[kind](f"no tunnel by {server}: {text}")


def _connected(server: str, keyfile: Optional[str], password: Optional[str]) -> Any:
    """A client that is logged in. A server whose key is not known is refused, unless the environment says otherwise."""
    paramiko = needed()
    place = parse_server(server)
    policy = getattr(paramiko, f"{os.environ.get(POLICY, 'Reject')}Policy", None)
    if policy is None:
        raise ValueError(f"{POLICY} is {os.environ[POLICY]!r}: paramiko knows Reject, Warning and AutoAdd")
    client = paramiko.SSHClient()
    try:
        client.load_system_host_keys()
        client.set_missing_host_key_policy(policy())
        client.connect(
            place.host,
            place.port or 22,
            username=place.user or getuser(),
            password=password,
            key_filename=keyfile,
            timeout=PATIENCE,
        )
    except BaseException:
        client.close()
        raise
    return client


def _serve(
    teller: Connection,
    lport: int,
    host: str,
    rport: int,
    server: str,
    keyfile: Optional[str],
    password: Optional[str],
    seconds: int,
) -> None:
    """Log in, tell the parent, and forward; this is the process."""
    # Ctrl-C in the terminal is meant for the parent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, name="parent", daemon=True).start()
    try:
        client = _connected(server, keyfile, password)
        forwarder = _forwarder(lport, host, rport, client)
    except Exception as error:
        # Whatever it is, the parent raises it; here, nobody would see it.
        teller.send((_kind(error), f"{error} ({type(error).__name__})"))
        return
    teller.send(None)
    with client, forwarder:
        forwarder.forward(seconds)


def _kind(error: Exception) -> str:
    if isinstance(error, needed().AuthenticationException):
        return "login"
    return "ssh" if isinstance(error, SSHException) else "other"


def _forwarder(lport: int, host: str, rport: int, client: Any) -> ForwardServer:
    try:
        return ForwardServer(lport, host, rport, client.get_transport())
    except OSError as error:
        raise RuntimeError(f"port {lport} of this machine: {error.strerror}") from error


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
