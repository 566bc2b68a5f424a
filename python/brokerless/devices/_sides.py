"""What a device's socket shall be, noted before the thread or process that opens it exists."""

from __future__ import annotations

from typing import Any, List, Set, Tuple

from ..constants import SocketType
from ..context import Context
from ..error import ZMQBindError
from ..socket import Socket


class Side:
    """One socket to be: its type, its options, where it binds and where it connects."""

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.options: List[Tuple[int, Any]] = []
        self.binds: List[str] = []
        self.connects: List[str] = []

    def prepare(self, socket: Socket) -> None:
        """Set the options and attach the endpoints. Options come first: an IDENTITY is told while connecting."""
        for option, value in self.options:
            socket.setsockopt(option, value)
        for endpoint in self.binds:
            socket.bind(endpoint)
        for endpoint in self.connects:
            socket.connect(endpoint)

    def open(self, context: Context) -> Socket:
        """Open the socket, or leave nothing open."""
        socket: Socket = context.socket(self.kind)
        try:
            self.prepare(socket)
        except BaseException:
            socket.close(0)
            raise
        return socket


def free_port(interface: str, taken: Set[str], *args: int, **kwargs: int) -> int:
    """A port of `interface` that is free now and was not given out by this device before."""
    with Context() as context, context.socket(SocketType.PUSH) as prober:
        for _ in range(5):
            port: int = prober.bind_to_random_port(interface, *args, **kwargs)
            endpoint = f"{interface}:{port}"
            if endpoint not in taken:
                taken.add(endpoint)
                return port
    raise ZMQBindError("Could not reserve random port.")
