"""How the commands meet a shell: their options, their one line when something fails, and how their output flows."""

from __future__ import annotations

import argparse
import sys
from typing import Callable, NoReturn, Optional

from ..error import Again, ZMQError

__all__ = ["INTERRUPTED", "Failure", "Options", "line_by_line", "number", "parser", "say", "seconds", "why"]

#: The exit code of a program that Ctrl-C has ended, as shells have it: 128 and the signal's number.
INTERRUPTED = 130

Options = argparse.Namespace


class Failure(Exception):
    """Ends the command, with one line on standard error and this exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line: the usage of a command is long, and --help has it."""

    def error(self, message: str) -> NoReturn:
        raise Failure(f"{message} (see {self.prog} --help)", code=2)


def parser(command: str, description: str, epilog: Optional[str] = None) -> argparse.ArgumentParser:
    """A parser for `brokerless COMMAND`; the texts are shown as they are laid out."""
    return _Parser(
        prog=f"brokerless {command}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # An option that is cut short means another one as soon as a release adds that.
        allow_abbrev=False,
    )


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


def seconds(*, zero: bool) -> Callable[[str], float]:
    """For an option that is a time in seconds; whether 0 is one."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        # A comparison that NaN fails, and no more than waits can take: a year.
        if not 0 <= value <= 366 * 86400 or (value == 0 and not zero):
            raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
        return value

    return read


def number(text: str) -> int:
    """For an option that counts: 1 or more."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return int(text)
