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
    get_spin,
    has,
    set_spin,
    strerror,
    zmq_errno,
    zmq_version_info,
)
from ._version import (
    COPY_THRESHOLD,
    IPC_PATH_MAX_LEN,
    PYZMQ_DRAFT_API,
    __version__,
    get_includes,
    get_library_dirs,
    pyzmq_version,
    pyzmq_version_info,
    zmq_version,
)
from .constants import *
from .context import Context, SyncContext
from .device import Forwarder, Queue, Streamer, device, proxy, proxy_steerable
from .error import *
from .poll import Poller, select, zmq_poll
from .socket import Socket, SyncSocket
from .tracker import _FINISHED_TRACKER as _FINISHED_TRACKER
from .tracker import MessageTracker

Message = Frame
#: pyzmq's name for what its development versions are made from.
__revision__ = ""

# What few programs use, and where it is: imported when somebody asks for it, so that the package starts quickly.
_LATER = {
    "ANYONE": ".security",
    "Dashboard": "._dashboard",
    "Diagram": "._diagram",
    "Keys": ".security",
    "Stopwatch": ".sugar.stopwatch",
    "backend": ".backend",
    "devices": ".devices",
    "diagram": "._diagram",
    "doctor": "._doctor",
    "install_as_zmq": "._alias",
    "load_ipython_extension": ".jupyter",
    "secure": ".security",
    "sugar": ".sugar",
    "trace": "._trace",
    "unload_ipython_extension": ".jupyter",
}

__all__ = [
    "ANYONE",  # noqa: F405  see _LATER
    "COPY_THRESHOLD",
    "Context",
    "Dashboard",  # noqa: F405  see _LATER
    "DeviceStats",
    "Diagram",  # noqa: F405  see _LATER
    "Forwarder",
    "Frame",
    "IPC_PATH_MAX_LEN",
    "Keys",  # noqa: F405  see _LATER
    "Message",
    "MessageTracker",
    "PYZMQ_DRAFT_API",
    "Peer",
    "Poller",
    "Queue",
    "Socket",
    "SocketStats",
    "Stopwatch",  # noqa: F405  see _LATER
    "Streamer",
    "SyncContext",
    "SyncSocket",
    "__version__",
    "curve_keypair",
    "curve_public",
    "device",
    "diagram",  # noqa: F405  see _LATER
    "doctor",  # noqa: F405  see _LATER
    "get_includes",
    "get_library_dirs",
    "get_spin",
    "has",
    "install_as_zmq",  # noqa: F405  see _LATER
    "proxy",
    "proxy_steerable",
    "pyzmq_version",
    "pyzmq_version_info",
    "secure",  # noqa: F405  see _LATER
    "select",
    "set_spin",
    "strerror",
    "trace",  # noqa: F405  see _LATER
    "zmq_errno",
    "zmq_poll",
    "zmq_version",
    "zmq_version_info",
    *constants.__all__,
    *error.__all__,
]


def __getattr__(name: str) -> object:
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = import_module(module, __name__)
    if module != f".{name}":
        found = getattr(found, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
