"""What the three roles have in common: how their sockets are made."""

from __future__ import annotations

from typing import Any, Optional

from ..constants import SocketOption, SocketType
from ..context import Context

#: How many messages each peer may have waiting at either side. Small, so that a worker that joins late finds work left.
QUEUE = 100
#: Bytes that the operating system may hold for a connection at either side (Linux takes twice as many).
BUFFER = 64 * 1024


def open_socket(context: Optional[Any], kind: SocketType, **options: int) -> Any:
    """A watched socket with these options, unless its context has others for it (`context.sndhwm = 10`)."""
    owner = Context.instance() if context is None else context
    socket = owner.socket(kind)
    chosen = {SocketOption(number) for number in owner.sockopts}
    for name, value in options.items():
        if SocketOption[name] not in chosen:
            socket.set(SocketOption[name], value)
    return socket


def count(number: int, one: str) -> str:
    """In words: 1 worker, 2 workers."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"
