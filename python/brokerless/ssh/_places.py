"""What servers and ends of tunnels are called. All of it ends up in front of ssh, so that it is checked here.

ssh is run by a list of arguments and not by a shell, but what is in a user's ~/.ssh/config may hand names of hosts and
users on to one.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple, Optional, Tuple

# What means something to a shell, or ends a word there; ssh itself refuses most of it since 9.6.
_HARMFUL = re.compile(r"""[\s\x00-\x1f\x7f'"`$\\;&<>|(){}*?!~#]""")
_SERVER = re.compile(r"(?:(?P<user>.+)@)?(?:\[(?P<v6>[^\[\]@]+)\]|(?P<host>[^:\[\]@]+))(?::(?P<port>\d+))?")
_ENDPOINT = re.compile(r"(?P<transport>\w+)://(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d+)")


class Server(NamedTuple):
    """An ssh server, and who logs in there. What is None is for ssh and its configuration to know."""

    user: Optional[str]
    host: str
    port: Optional[int]

    @property
    def destination(self) -> str:
        """As ssh wants to have it, but for the port."""
        return self.host if self.user is None else f"{self.user}@{self.host}"


def parse_server(text: str) -> Server:
    """The server of "user@host:port", of which only the host must be there. Raises ValueError for what is none."""
    match = _SERVER.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no ssh server: write user@host:port, and an IPv6 address as [::1]")
    host = check_name("host", match["host"] or match["v6"])
    user = None if match["user"] is None else check_name("user", match["user"])
    return Server(user, host, None if match["port"] is None else check_port(match["port"]))


def parse_endpoint(addr: str) -> Tuple[str, int]:
    """Host and port of "tcp://host:port", as the ssh server sees them. Raises ValueError for what has none."""
    match = _ENDPOINT.fullmatch(addr)
    if match is None or match["transport"] != "tcp":
        raise ValueError(f"only tcp goes through a tunnel, such as tcp://127.0.0.1:5555, not {addr!r}")
    return check_name("host", match["host"] or match["v6"]), check_port(match["port"])


def check_name(what: str, name: str) -> str:
    """The name, if no program can take it for something else. Raises ValueError otherwise."""
    if not name or name.startswith("-") or _HARMFUL.search(name):
        raise ValueError(f"{name!r} is no {what}")
    return name


def check_port(port: Any) -> int:
    """The port as a number from 1 to 65535. Raises ValueError for others."""
    number = int(port)
    if not 0 < number < 65536:
        raise ValueError(f"{port!r} is no port")
    return number


def check_seconds(seconds: float) -> int:
    """A time that is to pass, in whole seconds, rounded up. Raises ValueError if it cannot pass."""
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{seconds!r} is no time to keep a tunnel open for")
    return math.ceil(seconds)


def local_forward(lport: int, host: str, rport: int) -> str:
    """What ssh -L wants: from this machine's own `lport` to there."""
    target = f"[{host}]" if ":" in host else host
    return f"127.0.0.1:{lport}:{target}:{rport}"
