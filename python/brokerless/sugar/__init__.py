"""pyzmq's name for its Python classes, with a module for each. Use `brokerless` itself, where all of them are."""

from __future__ import annotations

from .. import error
from ..constants import DeviceType as DeviceType
from ..device import device
from ..device import proxy as proxy
from ..error import *  # noqa: F403  its list is part of the one below
from . import attrsettr as attrsettr
from .context import Context, SyncContext
from .frame import Frame, Message
from .poll import Poller, select
from .socket import Socket, SyncSocket
from .stopwatch import Stopwatch
from .tracker import _FINISHED_TRACKER, MessageTracker
from .version import (
    __revision__,
    __version__,
    pyzmq_version,
    pyzmq_version_info,
    zmq_version,
    zmq_version_info,
)

__all__ = [
    "Context",
    "Frame",
    "Message",
    "MessageTracker",
    "Poller",
    "Socket",
    "Stopwatch",
    "SyncContext",
    "SyncSocket",
    "_FINISHED_TRACKER",
    "__revision__",
    "__version__",
    "device",
    "pyzmq_version",
    "pyzmq_version_info",
    "select",
    "zmq_version",
    "zmq_version_info",
    *error.__all__,
]
