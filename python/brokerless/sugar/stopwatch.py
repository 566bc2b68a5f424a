"""The stopwatch that pyzmq has kept from its first days."""

from __future__ import annotations

import time
import warnings

__all__ = ["Stopwatch"]


class Stopwatch:
    """Measures time; deprecated in pyzmq, in favour of time.monotonic()."""

    def __init__(self) -> None:
        warnings.warn(
            "zmq.Stopwatch is deprecated: use time.monotonic() or time.perf_counter()", DeprecationWarning, stacklevel=2
        )
        self._start = 0.0

    def start(self) -> None:
        """Starts, or starts again."""
        self._start = time.monotonic()

    def stop(self) -> int:
        """Microseconds since start()."""
        return int((time.monotonic() - self._start) * 1e6)
