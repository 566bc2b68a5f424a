"""`brokerless device`: a device in the foreground, with what it moves before one's eyes."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Tuple, Type, Union

from ..context import Context
from ..device import Forwarder, Queue, Streamer
from ..error import Again, ZMQError
from ._options import Options, parser, seconds
from ._shell import say
from ._sockets import not_a_place
from ._text import size

__all__ = ["main"]

_Device = Union[Queue, Forwarder, Streamer]

#: The devices, what goes through them, and what comes back.
_DEVICES: Dict[str, Tuple[Type[Any], str, str]] = {
    "queue": (Queue, "requests", "replies"),
    "forwarder": (Forwarder, "messages", "subscriptions"),
    "streamer": (Streamer, "jobs", ""),
}
#: Who connects to the two sides.
_SIDES = {
    "queue": ("clients (REQ)", "servers (REP)"),
    "forwarder": ("publishers (PUB)", "subscribers (SUB)"),
    "streamer": ("producers (PUSH)", "workers (PULL)"),
}

#: Seconds from one look at the counts to the next: on a terminal, where a line is written over, and elsewhere.
_EVERY_ON_A_TERMINAL = 0.5
_EVERY = 10.0
#: Seconds that messages may take to leave at the end.
_LAST_WORDS = 2.0

_DESCRIPTION = "Run a device until Ctrl-C (or SIGTERM), and show what it moves."
_EPILOG = """\
An endpoint is bound to; ">" before it connects instead (in quotes: a shell takes > and * for itself).

examples:
  brokerless device queue 'tcp://*:5559' 'tcp://*:5560'
  brokerless device forwarder 'tcp://*:5559' 'tcp://*:5560' --capture tcp://127.0.0.1:5561
  brokerless device streamer '>tcp://192.168.1.20:5557' ipc:///tmp/workers

It ends with what it has taken in delivered, its totals, and the exit code 0."""


class _Ended(BaseException):
    """SIGTERM has come."""


def _options(argv: List[str]) -> Options:
    options = parser("device", _DESCRIPTION, _EPILOG)
    options.add_argument("device", metavar="DEVICE", choices=sorted(_DEVICES), help="queue, forwarder or streamer")
    options.add_argument("front", metavar="FRONT", help="where clients, publishers or producers connect")
    options.add_argument("back", metavar="BACK", help="where servers, subscribers or workers connect")
    options.add_argument("--capture", metavar="ENDPOINT", help="publish a copy of each message there, for SUB sockets")
    options.add_argument(
        "--every",
        metavar="SECONDS",
        type=seconds(zero=False),
        help=f"the time between two counts (default: {_EVERY_ON_A_TERMINAL:g} on a terminal, else {_EVERY:g})",
    )
    chosen = options.parse_args(argv)
    bound = [place.lstrip("@") for place in (chosen.front, chosen.back) if not place.startswith(">")]
    if len(bound) == 2 and bound[0] == bound[1] and not bound[0].endswith(":*"):
        options.error(f"FRONT and BACK are both {bound[0]}: a device has two sides, each with an address of its own")
    return chosen


class _Counts:
    """What a device has moved, as a line, with the rates since the line before."""

    def __init__(self, device: _Device, forth: str, back: str) -> None:
        self._device = device
        self._names = [name for name in (forth, back) if name]
        self._began = self._before = time.monotonic()
        self._counted = [0, 0]

    def _now(self) -> List[Tuple[int, int]]:
        stats = self._device.stats
        return [(stats.frontend_messages, stats.frontend_bytes), (stats.backend_messages, stats.backend_bytes)]

    def line(self) -> str:
        now = time.monotonic()
        passed = max(now - self._before, 1e-6)
        counts = self._now()
        parts = [
            f"{messages:,} {name} ({size(count)}), {(messages - before) / passed:,.0f}/s"
            for name, (messages, count), before in zip(self._names, counts, self._counted)
        ]
        self._before, self._counted = now, [messages for messages, _ in counts]
        return "; ".join(parts)

    def total(self) -> str:
        passed = time.monotonic() - self._began
        parts = [f"{messages:,} {name} ({size(count)})" for name, (messages, count) in zip(self._names, self._now())]
        return f"{' and '.join(parts)} in {passed:,.1f} s"


def _watch(device: _Device, counts: _Counts, every: float, terminal: bool) -> None:
    """Show the counts until something ends the wait; returns if the device ends by itself."""
    while not device.join(every):
        if terminal:
            # Back to the line's begin, over what was there.
            print(f"\r\x1b[K{counts.line()}", end="", flush=True)
        else:
            print(counts.line())


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    def end(*_: object) -> None:
        raise _Ended

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(device: _Device) -> None:
    """End the device; it passes on what it has. A second Ctrl-C ends that, too."""
    try:
        device.stop()
    except (KeyboardInterrupt, _Ended):
        device.stop(timeout=0)


def _announce(options: Options, device: _Device) -> None:
    front, back = _SIDES[options.device]
    print(f"{type(device).__name__}: {front} at {', '.join(device.frontend_endpoints)}", end="")
    print(f", {back} at {', '.join(device.backend_endpoints)}", end="")
    print("" if device.capture is None else f", copies at {', '.join(device.capture.endpoints)}", end="")
    print("; Ctrl-C ends it")


def _run(options: Options, context: Context) -> None:
    cls, forth, back = _DEVICES[options.device]
    try:
        device: _Device = cls(options.front, options.back, capture=options.capture, context=context)
    except ZMQError as error:
        raise not_a_place(error) from None
    terminal = sys.stdout.isatty()
    every = options.every or (_EVERY_ON_A_TERMINAL if terminal else _EVERY)
    counts = _Counts(device, forth, back)
    try:
        device.start()
        _announce(options, device)
        _watch(device, counts, every, terminal)
    except (KeyboardInterrupt, _Ended):
        pass
    finally:
        _stop(device)
        print(f"\r\x1b[KEnded: {counts.total()}" if terminal else f"Ended: {counts.total()}")


def _end(context: Context) -> None:
    """Wait for what the device has sent to leave."""
    try:
        context.term(timeout=_LAST_WORDS)
    except Again:
        # The sockets' LINGER, which is a little longer, ends this.
        context.term()
        say("what could not be delivered is dropped", "device")


def main(argv: List[str]) -> int:
    """Run the device that the arguments describe until a signal ends it; returns the exit code."""
    options = _options(argv)
    context = Context()
    context.linger = int(_LAST_WORDS * 1000) + 50
    with _ended_by_sigterm():
        try:
            _run(options, context)
        except _Ended:
            # Again, or before anything ran.
            pass
        finally:
            _end(context)
    return 0
