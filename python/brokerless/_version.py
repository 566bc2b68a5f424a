"""Which versions meet here: ours, libzmq's, and the pyzmq whose interface this is."""

from __future__ import annotations

from typing import List, Tuple, Union

from . import _core
from .constants import DRAFT_API

__version__: str = _core.__version__

#: The release of pyzmq that names, signatures and behaviour follow.
_PYZMQ = (27, 3, 0)


def zmq_version() -> str:
    """The version of libzmq in use, such as "4.3.5"."""
    return "{}.{}.{}".format(*_core.zmq_version_info())


def pyzmq_version() -> str:
    """The release of pyzmq whose interface this is, such as "27.3.0". brokerless's own version is `__version__`."""
    return "{}.{}.{}".format(*_PYZMQ)


def pyzmq_version_info() -> Tuple[Union[int, float], ...]:
    """The release of pyzmq whose interface this is, as (major, minor, patch), to be compared with other tuples."""
    return _PYZMQ


#: The longest path of an ipc endpoint, in bytes.
IPC_PATH_MAX_LEN: int = _core.IPC_PATH_MAX_LEN
#: Whether the draft parts of the interface are there; in pyzmq that is a matter of its build.
PYZMQ_DRAFT_API: bool = DRAFT_API
#: In bytes: what is smaller is copied, whatever copy=False says. Set it, and it counts for the sockets and frames made later.
COPY_THRESHOLD: int = 65536


def get_includes() -> List[str]:
    """Where pyzmq keeps the headers for Cython. brokerless has none: raises NotImplementedError."""
    raise NotImplementedError(
        "brokerless has no C headers: libzmq is built into its extension module, and hidden there"
    )


def get_library_dirs() -> List[str]:
    """Where pyzmq keeps libzmq, to link against. brokerless has it inside: raises NotImplementedError."""
    raise NotImplementedError("brokerless has no libzmq to link against: it is built into its extension module")
