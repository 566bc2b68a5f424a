"""Shows the log records that a PUBHandler publishes: python -m brokerless.log tcp://127.0.0.1:5558. Ctrl-C ends it."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime
from typing import Dict, List, Optional, Sequence

from ..constants import SocketType
from ..context import Context
from ..error import ZMQError

_RESET = "\x1b[39m"
_COLORS = {
    "DEBUG": "\x1b[96m",
    "INFO": "\x1b[97m",
    "WARNING": "\x1b[33m",
    "ERROR": "\x1b[91m",
    "CRITICAL": "\x1b[91m",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m brokerless.log", description="Show the log records that a PUBHandler publishes."
    )
    parser.add_argument("zmq_pub_url", help="where the handler's socket is bound, such as tcp://127.0.0.1:5558")
    parser.add_argument("-t", "--topic", default="", help="only topics that begin with this (all of them otherwise)")
    parser.add_argument("--timestamp", action="store_true", help="begin each line with the local time of its arrival")
    parser.add_argument("--separator", default=" | ", help="what stands between topic and text: '%(default)s'")
    parser.add_argument("--dateformat", default="%Y-%d-%m %H:%M", help="the timestamp, for strftime: '%(default)s'")
    parser.add_argument("--align", action="store_true", help="align the parts of the topics in columns")
    parser.add_argument("--color", action="store_true", help="a colour for each level")
    return parser


class _Printer:
    """Makes lines of messages, as the options say."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._widths: Dict[int, int] = {}

    def line(self, message: Sequence[bytes]) -> str:
        """A message of the handler as a line. Bytes that are no UTF-8 are shown as such, and nothing stops the watch."""
        topic, *rest = (part.decode("utf8", "backslashreplace").strip() for part in message)
        parts = topic.split(".")
        stamp = datetime.now().strftime(self._options.dateformat) + " " if self._options.timestamp else ""
        shown = self._aligned(parts) if self._options.align else topic
        line = f"{shown}{self._options.separator}{' '.join(rest)}"
        if self._options.color:
            # A root topic comes before the level, a topic of the message after it.
            level = next((part for part in parts if part in _COLORS), "")
            line = f"{_COLORS.get(level, '')}{line}{_RESET}"
        return stamp + line

    def _aligned(self, parts: List[str]) -> str:
        """The parts, each as wide as the widest that was seen in its place; lines grow wider as topics do."""
        for place, part in enumerate(parts):
            self._widths[place] = max(len(part), self._widths.get(place, 0))
        padded = [*parts, *[" "] * (len(self._widths) - len(parts))]
        return ".".join(part.ljust(self._widths[place]) for place, part in enumerate(padded))


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Print records until Ctrl-C, or until nobody reads them. `argv` are the options; sys.argv without it."""
    parser = _parser()
    options = parser.parse_args(argv)
    printer = _Printer(options)
    with Context() as context, context.socket(SocketType.SUB) as subscriber:
        subscriber.subscribe(options.topic)
        try:
            subscriber.connect(options.zmq_pub_url)
        except ZMQError as error:
            parser.error(str(error))
        try:
            while True:
                print(printer.line(subscriber.recv_multipart()), flush=True)
        except KeyboardInterrupt:
            return
        except BrokenPipeError:
            # `| head` has seen enough. Python would complain once more as it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
