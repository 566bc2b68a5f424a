"""Messages as people type them, and as they are shown to people and programs."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentTypeError
from typing import Iterator, List, Optional, Sequence

from ._shell import Failure

__all__ = ["from_hex", "show", "size", "typed", "typed_lines"]

#: What stands between the frames of a message, where they are shown in one line.
_BETWEEN = " | "


def from_hex(text: str) -> bytes:
    """The bytes that pairs of hexadecimal digits stand for; "0x" before them and spaces between them are welcome."""
    digits = text[2:] if text[:2] in ("0x", "0X") else text
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not hexadecimal: write pairs of digits, such as 0a1bff") from None


def typed(text: str, *, as_hex: bool) -> bytes:
    """An argument of the command line as bytes: just those that were typed."""
    if not as_hex:
        return os.fsencode(text)
    try:
        return from_hex(text)
    except ArgumentTypeError as error:
        raise Failure(str(error), code=2) from None


def typed_lines(*, as_hex: bool) -> Iterator[bytes]:
    """The lines of standard input as bytes, each as soon as it is there, without their ends."""
    while True:
        line = sys.stdin.buffer.readline()
        if not line:
            return
        line = line[:-1] if line.endswith(b"\n") else line
        yield typed(os.fsdecode(line), as_hex=True) if as_hex else line


def size(count: float) -> str:
    """A number of bytes as people read it: 999 B, 1.0 kB, 12.3 MB."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        # What would be rounded to 1000.0 is 1.0 of the next.
        if count < 999.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"


def _as_text(frame: bytes) -> Optional[str]:
    """The text that a frame is, if it is one that a terminal can show; others have control codes in them."""
    try:
        text = frame.decode("utf8")
    except UnicodeDecodeError:
        return None
    return text if all(letter.isprintable() or letter in "\t\n" for letter in text) else None


def _line(frames: Sequence[bytes], *, as_hex: bool) -> str:
    shown = []
    for frame in frames:
        text = None if as_hex else _as_text(frame)
        shown.append(f"0x{frame.hex()}" if text is None else text)
    return _BETWEEN.join(shown)


def _json(frames: Sequence[bytes]) -> str:
    shown: List[object] = []
    for frame in frames:
        try:
            shown.append(frame.decode("utf8"))
        except UnicodeDecodeError:
            shown.append({"hex": frame.hex()})
    return json.dumps({"frames": shown, "size": sum(map(len, frames))})


def show(frames: Sequence[bytes], form: str) -> None:
    """Print a message on standard output.

    `form` is "text" (what is no text is shown in hexadecimal), "hex", "json" (an object a line) or "raw" (the bytes alone).
    """
    if form == "raw":
        for frame in frames:
            sys.stdout.buffer.write(frame)
        sys.stdout.buffer.flush()
    elif form == "json":
        print(_json(frames))
    else:
        print(_line(frames, as_hex=form == "hex"))
