"""Which versions meet here: ours, libzmq's, and the pyzmq whose interface this is."""

from __future__ import annotations

from typing import Tuple, Union

from . import _core

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
