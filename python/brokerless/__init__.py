"""ZeroMQ for Python notebooks: pyzmq's interface on a Rust core that cannot hang or kill the kernel.

    import brokerless as zmq

Every line of a pyzmq program still works; README.md shows what is new.
"""

from __future__ import annotations

from . import constants, error
from ._core import Frame, Peer, SocketStats, curve_keypair, curve_public, has, strerror, zmq_errno, zmq_version_info
from ._version import __version__, pyzmq_version, pyzmq_version_info, zmq_version
from .constants import *
from .context import Context
from .error import *
from .poll import Poller, select
from .socket import Socket

Message = Frame

__all__ = [
    "Context",
    "Frame",
    "Message",
    "Peer",
    "Poller",
    "Socket",
    "SocketStats",
    "__version__",
    "curve_keypair",
    "curve_public",
    "has",
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
