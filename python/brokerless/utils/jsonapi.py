"""JSON objects as the bytes of a message, and back: what `Socket.send_json` and `recv_json` put on the wire.

The measure is Python's `json` with the arguments that pyzmq gives it. The Rust core does the ordinary case several times
faster, and says so when a case is not ordinary; then the standard library does it, and raises its own errors.
"""

from __future__ import annotations

import json
from typing import Any

from .. import _core

__all__ = ["dumps", "loads"]

jsonmod = json  # pyzmq has it under this name


def dumps(o: object, **kwargs: Any) -> bytes:
    """The object as JSON in UTF-8. Keyword arguments are those of `json.dumps`."""
    if not kwargs:
        data: bytes | None = _core.json_dumps(o)
        if data is not None:
            return data
    return json.dumps(o, **kwargs).encode("utf8")


def loads(s: bytes | str, **kwargs: Any) -> Any:
    """The object that JSON (UTF-8, if given as bytes) stands for. Keyword arguments are those of `json.loads`."""
    if isinstance(s, bytes):
        if not kwargs:
            value = _core.json_loads(s)
            if value is not NotImplemented:
                return value
        s = s.decode("utf8")
    return json.loads(s, **kwargs)
