"""`brokerless --version`: what is installed here, one line each."""

from __future__ import annotations

import os
import sys
from typing import List

from .. import _core
from .._version import __version__, pyzmq_version, zmq_version

__all__ = ["lines"]

#: What libzmq may have been built with, as zmq_has() knows it.
_FEATURES = ("ipc", "tipc", "vmci", "pgm", "norm", "curve", "gssapi", "draft")


def lines() -> List[str]:
    """The lines that `brokerless --version` prints."""
    there = [feature for feature in _FEATURES if _core.has(feature)]
    system = os.uname()
    python = ".".join(str(part) for part in sys.version_info[:3])
    return [
        f"brokerless {__version__} (the interface of pyzmq {pyzmq_version()})",
        f"libzmq {zmq_version()}",
        f"features: {', '.join(there)}",
        f"Python {python} ({sys.implementation.name}, {sys.executable})",
        f"platform: {system.sysname} {system.release}, {system.machine}",
    ]
