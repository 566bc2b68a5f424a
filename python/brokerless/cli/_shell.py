"""How the commands meet a shell: how they fail, in one line, and how their output flows."""

from __future__ import annotations

import sys
from typing import Optional

from ..error import Again, ZMQError

__all__ = ["INTERRUPTED", "Failure", "line_by_line", "say", "why"]

#: The exit code of a program that Ctrl-C has ended, as shells have it: 128 and the signal's number.
INTERRUPTED = 130


class Failure(Exception):
    """Ends the command, with one line on standard error and this exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def line_by_line() -> None:
    """Print each line at once, into pipes too, and show what the terminal's encoding lacks as an escape."""
    for stream in (sys.stdout, sys.stderr):
        # What stands in for them, in a test say, is somebody else's.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True, errors="backslashreplace")


def say(text: str, command: Optional[str] = None) -> None:
    """A line on standard error, with the command's name before it."""
    shown = " ".join(text.split())
    print(f"{'brokerless' if command is None else f'brokerless {command}'}: {shown}", file=sys.stderr)


def why(error: BaseException) -> str:
    """What an error says to people."""
    if isinstance(error, ZMQError):
        # "Resource temporarily unavailable" is what programs go by.
        return error.detail if isinstance(error, Again) and error.detail is not None else str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return str(error)
