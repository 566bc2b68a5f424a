"""`brokerless doctor`: looks at an endpoint from outside, step by step, as somebody who wants to connect to it."""

from __future__ import annotations

import errno
import os
import socket as network
import stat
import threading
from typing import Any, List, NamedTuple, Optional, Tuple

from .._core import fitting_types
from ._options import parser, seconds
from ._shell import Failure
from .zmtp import Answer, Silent, Stranger, Zmtp, look

__all__ = ["main"]

_DESCRIPTION = "Look at an endpoint from outside: does the name resolve, does somebody listen, and who is it?"
_EPILOG = """\
examples:
  brokerless doctor tcp://192.168.1.20:5556 --type SUB
  brokerless doctor ipc:///tmp/workers

It is no peer to whoever listens, and takes no message away. The exit code is 1 if something is wrong."""


class _Trouble(Exception):
    """A step has failed: what it was about, and what is wrong."""

    def __init__(self, about: str, text: str) -> None:
        super().__init__(text)
        self.about = about


class _Target(NamedTuple):
    """Where to connect to."""

    family: int
    address: Any


def main(argv: List[str]) -> int:
    """Examine the endpoint that the arguments name, and print what is found; returns the exit code."""
    options = parser("doctor", _DESCRIPTION, _EPILOG)
    options.add_argument("endpoint", metavar="ENDPOINT", help="tcp://host:port or ipc://path")
    options.add_argument("--type", metavar="TYPE", help="the type of the socket that you want to connect, such as SUB")
    options.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds(zero=False),
        default=3.0,
        help="the time for each step (default: 3)",
    )
    chosen = options.parse_args(argv)
    own = None if chosen.type is None else chosen.type.upper()
    types = fitting_types()
    if own is not None and own not in types:
        options.error(f"there is no socket type {chosen.type}; there are {', '.join(types)}")
    try:
        _examine(chosen.endpoint, own, chosen.timeout)
    except _Trouble as trouble:
        _print("FAIL", trouble.about, str(trouble))
        return 1
    return 0


def _print(mark: str, about: str, text: str) -> None:
    print(f"{mark:<6}{about:<10}{text}")


def _good(about: str, text: str) -> None:
    _print("ok", about, text)


def _examine(endpoint: str, own: Optional[str], timeout: float) -> None:
    transport, separator, address = endpoint.partition("://")
    if not separator or not address:
        raise Failure(f"an endpoint is transport://address, such as tcp://127.0.0.1:5556, not {endpoint}", code=2)
    # Devices and `send` take "@tcp://..." for "bind"; who asks the doctor may have copied it.
    transport = transport.lstrip("@>")
    if transport == "tcp":
        target = _tcp(address, timeout)
    elif transport == "ipc":
        target = _ipc(address)
    elif transport == "inproc":
        raise Failure("inproc is within one process: ask there, with zmq.doctor()", code=2)
    else:
        raise Failure(f"only tcp and ipc can be looked at from outside, not {transport}", code=2)
    answer = _connected(target, timeout)
    if isinstance(answer, Silent):
        what = "ends them at once" if answer.closed else f"says nothing within {timeout:g} s"
        raise _Trouble("protocol", f"it takes connections and {what}, as no ZeroMQ socket does; is the port right?")
    if isinstance(answer, Stranger):
        raise _Trouble("protocol", f"{answer.name} is there, which said {_excerpt(answer.said)}; is the port right?")
    _protocol(answer)
    _type(answer, own)


def _excerpt(said: bytes) -> str:
    line = said[:60].split(b"\r")[0].split(b"\n")[0]
    return ascii(line.decode("latin-1"))


# Where it is


def _tcp(address: str, timeout: float) -> _Target:
    # What comes before a semicolon is the address to connect from.
    host, separator, port_text = address.rpartition(";")[2].rpartition(":")
    if not separator or not host:
        raise _Trouble("endpoint", f"the port is missing: write tcp://host:port, not tcp://{address}")
    port = int(port_text) if port_text.isascii() and port_text.isdigit() else -1
    if not 1 <= port <= 65535:
        raise _Trouble("endpoint", f"{port_text} is no port to connect to: ports go from 1 to 65535")
    if host == "*":
        host = "127.0.0.1"
        _print("note", "endpoint", "* is for bind; who connects writes an address: looking at 127.0.0.1, this machine")
    host = host.strip("[]")
    family, sockaddr, shown = _resolved(host, port, timeout)
    if shown != host:
        _good("name", f"{host} is {shown}")
    if family == network.AF_INET6:
        _print("note", "name", "an IPv6 address: sockets have to be told before they connect, with socket.ipv6 = True")
    return _Target(family, sockaddr)


def _resolved(host: str, port: int, timeout: float) -> Tuple[int, Tuple[Any, ...], str]:
    """The address of a host, IPv4 if it has one, as ZeroMQ takes it. The system's own limit for that may be long."""
    found: List[Tuple[int, Tuple[Any, ...]]] = []
    failed: List[OSError] = []

    def resolve() -> None:
        try:
            answers = network.getaddrinfo(host, port, type=network.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            failed.append(error if isinstance(error, OSError) else OSError(0, "that is no name of a host"))
        else:
            found.extend((family, sockaddr) for family, _, _, _, sockaddr in answers)

    # A daemon: nothing waits for it when the time is over.
    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(timeout)
    if failed:
        raise _Trouble("name", f"{host} is not known: {failed[0].strerror}")
    if not found:
        raise _Trouble("name", f"nobody has told within {timeout:g} s where {host} is")
    family, sockaddr = min(found, key=lambda one: one[0] != network.AF_INET)
    return family, sockaddr, str(sockaddr[0])


def _ipc(address: str) -> _Target:
    if address.startswith("@"):
        # Linux's names without a file.
        return _Target(network.AF_UNIX, "\0" + address[1:])
    try:
        mode = os.stat(address).st_mode
    except FileNotFoundError:
        raise _Trouble("path", f"there is no {os.path.abspath(address)}: nobody is bound to it") from None
    except OSError as error:
        raise _Trouble("path", f"{address}: {error.strerror}") from None
    if not stat.S_ISSOCK(mode):
        raise _Trouble("path", f"{address} is there, but it is no socket")
    _good("path", f"{address} is a socket")
    return _Target(network.AF_UNIX, address)


# Who is there


def _connected(target: _Target, timeout: float) -> Answer:
    def connect() -> network.socket:
        connection = network.socket(target.family, network.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            connection.connect(target.address)
        except BaseException:
            connection.close()
            raise
        return connection

    try:
        answer = look(connect, timeout)
    except network.timeout:
        raise _Trouble(
            "listens", f"nothing has answered within {timeout:g} s: is the address right, or does a firewall drop it?"
        ) from None
    except OSError as error:
        raise _Trouble("listens", _refused(error, target)) from None
    _good("listens", "somebody takes connections")
    return answer


def _refused(error: OSError, target: _Target) -> str:
    if error.errno != errno.ECONNREFUSED:
        return f"no connection: {error.strerror or error}"
    if target.family == network.AF_UNIX:
        return "nobody listens: the file is left from a program that has ended, or the name is not in use"
    near = _near_ports(target)
    return f"nobody listens on this port{near}"


def _near_ports(target: _Target) -> str:
    """A clause with the ports nearest to the one that was asked for, if it is this machine's: one of them may have been meant."""
    address = target.address
    if not isinstance(address, tuple) or not str(address[0]).startswith("127."):
        return ""
    port = address[1]
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as lines:
                rows = [line.split() for line in lines][1:]
        except OSError:
            continue
        # The local address is address:port in hexadecimal, and the state 0A is "listens".
        listening |= {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}
    nearest = sorted(listening, key=lambda one: abs(one - port))[:5]
    if not nearest:
        return ""
    verb = "is" if len(nearest) == 1 else "are"
    return f"; the nearest that somebody listens on {verb} {', '.join(str(one) for one in sorted(nearest))}"


def _protocol(answer: Zmtp) -> None:
    major, minor = answer.version
    _good("protocol", f"ZMTP {major}.{minor}, security {answer.mechanism}")
    if answer.mechanism in ("PLAIN", "CURVE"):
        wants = "a name and a password (plain_username)" if answer.mechanism == "PLAIN" else "keys (curve_serverkey)"
        _print("note", "security", f"who connects needs {wants}")
    if answer.refusal is not None:
        raise _Trouble("security", f"it lets nobody in without credentials (ZAP says {answer.refusal})")


def _type(answer: Zmtp, own: Optional[str]) -> None:
    theirs = answer.socket_type
    if theirs is None:
        why = (
            "before it knows who asks"
            if answer.mechanism != "NULL"
            else "in time; its ZAP handler may be busy, or gone"
        )
        _print("note", "type", f"it does not say what it is {why}")
        return
    # A PUB may be an XPUB inside, and says so.
    _good("type", "a PUB or XPUB socket" if theirs == "XPUB" else f"a socket of the type {theirs}")
    fitting = fitting_types().get(theirs, [])
    if own is None:
        _print("note", "type", f"to connect to it, take {_either(fitting)}")
    elif own in fitting:
        _good("fits", f"{own} and {theirs} talk to each other")
    else:
        raise _Trouble(
            "fits", f"{own} and {theirs} do not talk to each other: to connect to it, take {_either(fitting)}"
        )


def _either(types: List[str]) -> str:
    return " or ".join(filter(None, [", ".join(types[:-1]), types[-1] if types else "a type that knows it"]))
