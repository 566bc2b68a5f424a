"""pyzmq's name for the module of versions. `__version__` is that of the pyzmq whose interface this is."""

from __future__ import annotations

from .._core import zmq_version_info
from .._version import _PYZMQ, pyzmq_version, pyzmq_version_info, zmq_version

__version__: str = pyzmq_version()
__revision__: str = ""
VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH = _PYZMQ
VERSION_EXTRA: str = ""
version_info = pyzmq_version_info()

__all__ = [
    "__revision__",
    "__version__",
    "pyzmq_version",
    "pyzmq_version_info",
    "zmq_version",
    "zmq_version_info",
]
