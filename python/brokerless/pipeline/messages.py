"""The messages that the Rust core leaves to Python: those that its JSON reader is not certain about, and wrong ones.

The core calls these; each returns what Python's own `json` finds, or raises an error that says what came.
"""

from __future__ import annotations

from typing import Any, List, Type

from ..utils import jsonapi
from .errors import MessageError, TallyError

__all__ = ["label", "read"]

# How much of a message an error shows.
_SHOWN = 120


def read(frames: List[bytes], number: int) -> Any:
    """The object in a message."""
    return _read(frames, number, MessageError)


def label(frames: List[bytes], number: int, key: str) -> Any:
    """What a tally counts of a message."""
    result = _read(frames, number, TallyError)

    def refuse(problem: str) -> TallyError:
        return TallyError(f"message {number} cannot be counted by {key!r}: {problem}: {_shown(result)}", number, frames)

    if not isinstance(result, dict):
        raise refuse(f"it is not an object but a {_kind(result)}")
    if key not in result:
        raise refuse("it has no such key")
    value = result[key]
    if isinstance(value, (list, dict)):
        raise refuse(f"its value is a {_kind(value)}")
    return value


def _read(frames: List[bytes], number: int, error: Type[MessageError]) -> Any:
    if len(frames) != 1:
        raise error(
            f"message {number} has {len(frames)} frames, and a pipeline's messages have one: {_shown(frames)}",
            number,
            frames,
        )
    try:
        return jsonapi.loads(frames[0])
    except (ValueError, RecursionError) as problem:
        what = "empty" if not frames[0] else "not JSON"
        raise error(f"message {number} is {what} ({problem}): {_shown(frames[0])}", number, frames) from problem


def _kind(value: Any) -> str:
    return {dict: "object", list: "list", str: "string", bool: "truth value", type(None): "null"}.get(
        type(value), "number"
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
