"""How the commands read their options. Apart from the rest, as the shortest commands need no argparse."""

from __future__ import annotations

import argparse
from typing import Callable, NoReturn, Optional

from ._shell import Failure

__all__ = ["Options", "number", "parser", "seconds"]

Options = argparse.Namespace


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
