"""Deprecated: tornado's own loop, under the names that it had when ZeroMQ needed one of its own."""

from __future__ import annotations

import warnings

from tornado.ioloop import IOLoop, PeriodicCallback

__all__ = ["IOLoop", "PeriodicCallback", "ZMQIOLoop", "install"]

ZMQIOLoop = IOLoop


def _deprecated() -> None:
    text = "zmq.eventloop.ioloop is not needed any more: the sockets work in tornado's and asyncio's own loops"
    warnings.warn(text, DeprecationWarning, stacklevel=3)


def install() -> None:
    """Deprecated: does nothing. The sockets work in tornado's own loop."""
    _deprecated()


_deprecated()
