"""pyzmq's name for what is below its Python classes: here, the Rust core.

Kept for programs that look for it. Use `brokerless` itself: its classes are made of these.
"""

from __future__ import annotations

from .._core import Context, Frame, Socket, curve_keypair, curve_public, has, strerror, zmq_errno, zmq_version_info
from .._version import IPC_PATH_MAX_LEN, PYZMQ_DRAFT_API
from ..device import proxy, proxy_steerable
from ..devices.monitoredqueue import monitored_queue as monitored_queue
from ..poll import zmq_poll

Message = Frame

__all__ = [
    "Context",
    "Frame",
    "IPC_PATH_MAX_LEN",
    "Message",
    "PYZMQ_DRAFT_API",
    "Socket",
    "curve_keypair",
    "curve_public",
    "has",
    "proxy",
    "proxy_steerable",
    "strerror",
    "zmq_errno",
    "zmq_poll",
    "zmq_version_info",
]
