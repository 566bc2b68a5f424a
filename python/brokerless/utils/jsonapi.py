"""JSON objects as the bytes of a message, and back: what `Socket.send_json` and `recv_json` put on the wire.

The measure is Python's `json` with the arguments that pyzmq gives it. The Rust core does the ordinary case several times
faster, and says so when a case is not ordinary; then the standard library does it, and raises its own errors.
"""

from __future__ import annotations

from typing import Any

from .. import _core

__all__ = ["dumps", "loads"]


def __getattr__(name: str) -> Any:
    # pyzmq has the standard library's module under this name. It is imported when it is needed, which it rarely is.
    if name == "jsonmod":
        import json

        return json
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def dumps(o: object, **kwargs: Any) -> bytes:
    """The object as JSON in UTF-8. Keyword arguments are those of `json.dumps`."""
    if not kwargs:
        data: bytes | None = _core.json_dumps(o)
        if data is not None:
            return data
    import json

    return json.dumps(o, **kwargs).encode("utf8")


def loads(s: bytes | str, **kwargs: Any) -> Any:
    """The object that JSON (UTF-8, if given as bytes) stands for. Keyword arguments are those of `json.loads`."""
    if isinstance(s, bytes):
        if not kwargs:
            value = _core.json_loads(s)
            if value is not NotImplemented:
                return value
        s = s.decode("utf8")
    import json

    return json.loads(s, **kwargs)
