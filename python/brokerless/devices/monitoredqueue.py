"""monitored_queue: a proxy whose copies say which way their message went."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..socket import Socket


def monitored_queue(
    in_socket: Socket, out_socket: Socket, mon_socket: Socket, in_prefix: bytes = b"in", out_prefix: bytes = b"out"
) -> None:
    """Move messages between two sockets in the calling thread, and send a copy of each to a third, with a frame before it.

    Both sockets may be ROUTERs: each message then begins with the routing id of the peer that it is for, and arrives
    there with that of the peer it came from. Ends, and can be interrupted, as zmq.proxy.

    Parameters
    ----------
    in_socket, out_socket : Socket
        Bound or connected already.
    mon_socket : Socket
        Gets the copies. A PUB drops those that nobody reads; with a PUSH, the queue waits for its reader.
    in_prefix, out_prefix : bytes
        The frame before the copy of what came from `in_socket` and from `out_socket`.

    Raises
    ------
    TypeError
        If a prefix is not bytes, or a socket no socket.
    ZMQError
        EINVAL for sockets between which nothing can pass; ENOTSOCK when one is closed.
    ContextTerminated
        When their context ends.
    """
    _core.proxy(in_socket, out_socket, mon_socket, prefixes=(_frame(in_prefix), _frame(out_prefix)))


def _frame(prefix: Any) -> bytes:
    # bytes(5) would be five NULs.
    return bytes(memoryview(prefix))


__all__ = ["monitored_queue"]
