"""Carries a notebook's variables to a peer's process, each in the plainest form that gives back just what it was.

Plain values go as JSON, bytes as they are, numpy's arrays in numpy's file format: these another version of Python or numpy
understands as well. All else is pickled, over a pipe between two processes of the same user, and nowhere else.
"""

from __future__ import annotations

import io
import json
import pickle
import sys
from types import FunctionType
from typing import Any, Tuple


class CannotHandOver(Exception):
    """A value cannot go to another process, or it did not arrive there; says why."""


def pack(name: str, value: Any) -> bytes:
    """A variable as bytes. Raises CannotHandOver."""
    kind, data = _packed(name, value)
    return json.dumps([name, kind]).encode("ascii") + b"\n" + data


def unpack(data: bytes) -> Tuple[str, Any]:
    """The (name, value) of such bytes. Raises CannotHandOver."""
    head, _, body = data.partition(b"\n")
    name, kind = json.loads(head)
    try:
        return name, _unpacked(kind, body)
    except Exception as error:
        raise CannotHandOver(f"{name} did not arrive: {type(error).__name__}: {error}") from error


def _packed(name: str, value: Any) -> Tuple[str, bytes]:
    if type(value) is bytes:
        return "bytes", value
    if _is_plain(value, 0):
        return "json", json.dumps(value).encode("ascii")
    numpy = sys.modules.get("numpy")
    if numpy is not None and type(value) is numpy.ndarray and not value.dtype.hasobject:
        file = io.BytesIO()
        numpy.save(file, value, allow_pickle=False)
        return "numpy", file.getvalue()
    file = io.BytesIO()
    try:
        _Pickler(file, 4).dump(value)
    except Exception as error:
        raise CannotHandOver(
            f"{name} cannot be handed over: a {type(value).__name__} goes to no other process ({error})"
        ) from error
    return "pickle", file.getvalue()


def _unpacked(kind: str, data: bytes) -> Any:
    if kind == "json":
        return json.loads(data)
    if kind == "numpy":
        import numpy

        return numpy.load(io.BytesIO(data), allow_pickle=False)
    return data if kind == "bytes" else pickle.loads(data)


def _is_plain(value: Any, depth: int) -> bool:
    """Whether JSON gives back exactly this: no tuples, no keys but str, no subclasses; and no circle."""
    if value is None or type(value) in (bool, int, float, str):
        # Python 3.11 and later refuse to read longer ones.
        return type(value) is not int or value.bit_length() < 10_000
    if depth > 50:
        return False
    if type(value) is list:
        return all(_is_plain(item, depth + 1) for item in value)
    if type(value) is dict:
        return all(type(key) is str and _is_plain(item, depth + 1) for key, item in value.items())
    return False


class _Pickler(pickle.Pickler):
    """Refuses what pickle would take by its name in the notebook: the other process has no such name."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (type, FunctionType)) and value.__module__ == "__main__":
            kind = "class" if isinstance(value, type) else "function"
            raise pickle.PicklingError(
                f"the {kind} {value.__qualname__} is defined in the notebook: define it in the peer's cell, or in a file that both import"
            )
        return NotImplemented
