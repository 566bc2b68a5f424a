"""Sockets for tornado's coroutines: those of brokerless.asyncio, as tornado's loop is asyncio's.

Unlike those, they are closed by `IOLoop.close(all_fds=True)`. Cancelling means what it means in asyncio: an `await` of
what was cancelled raises asyncio's CancelledError.
"""

from __future__ import annotations

import asyncio as _asyncio
import warnings
from typing import Any, Optional
from weakref import WeakSet

from .. import asyncio, context
from . import IOLoop

__all__ = ["CancelledError", "Context", "Poller", "Socket"]

#: What an `await` of a future raises that was cancelled.
CancelledError = _asyncio.CancelledError


class Poller(asyncio.Poller):
    """A poller whose poll() is awaited; see `zmq.asyncio.Poller`."""

    _repr_cls = "zmq.eventloop.future.Poller"


class Socket(asyncio.Socket):
    """A socket whose calls are awaited; see `zmq.asyncio.Socket`."""

    _repr_cls = "zmq.eventloop.future.Socket"
    _io_loops: WeakSet[IOLoop]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._io_loops = WeakSet()
        super().__init__(*args, **kwargs)

    def _get_loop(self) -> IOLoop:
        # Whoever asks for the loop wants the socket to be in it.
        self._lane()
        return IOLoop.current()

    def _enter(self) -> None:
        io_loop = IOLoop.current()
        if self.fileno() not in getattr(io_loop, "handlers", ()):
            # To watch nothing: so the loop knows whom to close.
            io_loop.add_handler(self, _nothing, 0)
            self._io_loops.add(io_loop)

    def close(self, linger: Optional[int] = None) -> None:
        """Closes the socket; see `zmq.asyncio.Socket.close`."""
        if not self.closed:
            for io_loop in list(self._io_loops):
                io_loop.remove_handler(self)
        super().close(linger)


class Context(context.Context[Socket]):
    """A context whose sockets are awaited in tornado's loop; all else is as in `zmq.Context`.

    `io_loop` is deprecated: what counts is the loop that runs at the time of a call.
    """

    _instance = None
    _instance_pid = None
    _socket_class = Socket
    _repr_cls = "zmq.eventloop.future.Context"
    io_loop = None

    def __init__(self, *args: Any, io_loop: Any = None, **kwargs: Any) -> None:
        if io_loop is not None:
            warnings.warn("io_loop= is deprecated: the loop that runs counts", DeprecationWarning, stacklevel=2)
        super().__init__(*args, **kwargs)


def _nothing(fd: Any, events: int) -> None:
    """Never called: the sockets watch descriptors of their own."""
