"""ZeroMQ for Python notebooks: pyzmq's interface on a Rust core that cannot hang or kill the kernel.

    import brokerless as zmq

Every line of a pyzmq program still works; README.md shows what is new.
"""

from __future__ import annotations

from . import constants, error
from ._core import (
    DeviceStats,
    Frame,
    Peer,
    SocketStats,
    curve_keypair,
    curve_public,
    has,
    strerror,
    zmq_errno,
    zmq_version_info,
)
from ._version import __version__, pyzmq_version, pyzmq_version_info, zmq_version
from .constants import *
from .context import Context
from .device import Forwarder, Queue, Streamer, device, proxy, proxy_steerable
from .error import *
from .poll import Poller, select
from .socket import Socket

Message = Frame

__all__ = [
    "Context",
    "DeviceStats",
    "Forwarder",
    "Frame",
    "Message",
    "Peer",
    "Poller",
    "Queue",
    "Socket",
    "SocketStats",
    "Streamer",
    "__version__",
    "curve_keypair",
    "curve_public",
    "device",
    "has",
    "proxy",
    "proxy_steerable",
    "pyzmq_version",
    "pyzmq_version_info",
    "select",
    "strerror",
    "zmq_errno",
    "zmq_version",
    "zmq_version_info",
    *constants.__all__,
    *error.__all__,
]
