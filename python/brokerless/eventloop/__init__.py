"""Sockets in tornado's event loop: ZMQStream calls back, `future`'s sockets are awaited.

Needs tornado, which brokerless does not install by itself.
"""

from __future__ import annotations

try:
    from tornado.ioloop import IOLoop
except ImportError as _error:
    raise ImportError(
        "brokerless.eventloop is for tornado's event loop: pip install tornado", name="tornado"
    ) from _error

__all__ = ["IOLoop"]
