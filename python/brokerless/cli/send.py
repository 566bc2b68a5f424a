"""`brokerless send`: sends messages, so that nothing is lost on the way to whoever listens."""

from __future__ import annotations

import time
from typing import Any, Iterator, List

from ..constants import SocketType
from ..error import Again, ZMQError
from ._options import Options, number, parser, seconds
from ._shell import Failure, say, why
from ._sockets import add_place, kind, opened
from ._text import show, typed, typed_lines

__all__ = ["main"]

_SENDERS = ("PAIR", "PUB", "REQ", "PUSH", "DEALER", "ROUTER", "CLIENT", "CHANNEL", "SCATTER")
_OTHERS = {
    "SUB": "a SUB only receives: a PUB sends to it",
    "PULL": "a PULL only receives: a PUSH sends to it",
    "REP": "a REP answers what it receives: see brokerless recv REP --reply TEXT",
    "GATHER": "a GATHER only receives: a SCATTER sends to it",
    "DISH": "a DISH only receives",
}

#: Seconds that a PUB waits for further subscriptions once somebody has subscribed: those of one subscriber come together.
_GRACE = 0.25
#: Seconds that what was sent may take to leave, at least.
_LAST_WORDS = 1.0

_DESCRIPTION = "Send messages to a socket: each MESSAGE or, without one, each line of standard input."
_EPILOG = """\
examples:
  brokerless send PUSH tcp://127.0.0.1:5557 '{"num": 1}' '{"num": 2}'
  brokerless send REQ tcp://127.0.0.1:5556 Hello              prints the reply
  brokerless send PUB '@tcp://*:5556' "10001 72" --repeat 60 --every 1
  tail -f log | brokerless send PUB tcp://127.0.0.1:5559

It first waits for a peer (a PUB for a subscriber to the message), so that nothing is lost. The exit code is 1 if none
came, if no reply came, or if nobody had subscribed to any of the messages."""


def _options(argv: List[str]) -> Options:
    options = parser("send", _DESCRIPTION, _EPILOG)
    options.add_argument(
        "kind",
        metavar="TYPE",
        type=lambda name: kind(name, _SENDERS, _OTHERS),
        help=f"the type of this end's socket: {', '.join(_SENDERS)}",
    )
    add_place(options)
    options.add_argument("messages", metavar="MESSAGE", nargs="*", help="a message each; standard input without one")
    options.add_argument("--frames", action="store_true", help="the MESSAGEs are the frames of one message")
    options.add_argument("--hex", action="store_true", help="messages are typed in hexadecimal: 0a1bff")
    options.add_argument("--repeat", metavar="N", type=number, help="send the MESSAGEs N times")
    options.add_argument(
        "--every", metavar="SECONDS", type=seconds(zero=True), help="the time from one message to the next"
    )
    options.add_argument(
        "--wait", metavar="SECONDS", type=seconds(zero=True), default=5.0, help="wait for a peer so long (default: 5)"
    )
    options.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds(zero=True),
        default=5.0,
        help="REQ: wait for the reply so long (default: 5)",
    )
    chosen = options.parse_intermixed_args(argv)
    if not chosen.messages and (chosen.frames or chosen.repeat is not None):
        options.error(f"{'--frames' if chosen.frames else '--repeat'} is for MESSAGEs, not for lines of standard input")
    return chosen


def _messages(options: Options) -> Iterator[List[bytes]]:
    """The messages to send, each as its frames."""
    if not options.messages:
        for line in typed_lines(as_hex=options.hex):
            yield [line]
        return
    frames = [typed(text, as_hex=options.hex) for text in options.messages]
    messages = [frames] if options.frames else [[frame] for frame in frames]
    for _ in range(options.repeat or 1):
        yield from messages


def _paced(messages: Iterator[List[bytes]], every: float) -> Iterator[List[bytes]]:
    """The messages, each so many seconds after the one before, or later."""
    due = None
    for message in messages:
        if due is not None:
            time.sleep(max(0.0, due - time.monotonic()))
        due = time.monotonic() + every
        yield message


class _Sending:
    """Sends messages one by one, and knows which of them somebody gets."""

    def __init__(self, socket: Any, options: Options) -> None:
        self._socket = socket
        self._options = options
        self._deadline = time.monotonic() + options.wait
        self.sent = 0
        self.to_nobody = 0

    def wait_for_peer(self) -> None:
        """Wait for somebody to send to; a PUB does that before each message, for its subscribers."""
        if self._options.kind is not SocketType.PUB and self._options.wait > 0:
            self._socket.wait_for_peers(1, timeout=self._options.wait)

    def send(self, frames: List[bytes]) -> None:
        if self._options.kind is SocketType.PUB:
            self._wait_for_subscriber(frames[0])
        patience = max(self._options.wait, _LAST_WORDS)
        self._socket.send_multipart(frames, timeout=patience)
        self.sent += 1
        if self._options.kind is SocketType.REQ:
            show(self._socket.recv_multipart(timeout=self._options.timeout), "text")

    def _wait_for_subscriber(self, first: bytes) -> None:
        try:
            self._socket.wait_for_subscribers(1, first, timeout=max(0.0, self._deadline - time.monotonic()))
        except Again as error:
            if not self._socket.subscriptions and self._options.wait > 0:
                raise Failure(f"no subscriber came within {self._options.wait:g} s: {why(error)}") from None
            self.to_nobody += 1
        else:
            self._deadline = min(self._deadline, time.monotonic() + _GRACE)


def main(argv: List[str]) -> int:
    """Send what the arguments say; returns the exit code."""
    options = _options(argv)
    messages = _messages(options)
    if options.messages:
        # What cannot be read is told before anything is sent.
        messages = iter(list(messages))
    settings = {"router_mandatory": True} if options.kind is SocketType.ROUTER else {}
    with opened("send", options, max(options.wait, _LAST_WORDS), **settings) as socket:
        sending = _Sending(socket, options)
        sending.wait_for_peer()
        for frames in messages if options.every is None else _paced(messages, options.every):
            try:
                sending.send(frames)
            except ZMQError as error:
                raise Failure(f"message {sending.sent + 1}: {why(error)}" if sending.sent else why(error)) from None
    if sending.to_nobody:
        say(f"{sending.to_nobody} of {sending.sent} messages went to nobody: no subscription matches them", "send")
    return 1 if sending.sent and sending.to_nobody == sending.sent else 0
