"""`brokerless recv`: prints what comes to a socket, for people or for the next program of a pipe."""

from __future__ import annotations

from typing import Any, List

from ..constants import SocketType
from ..error import Again
from ._options import Options, number, parser, seconds
from ._shell import Failure, why
from ._sockets import add_place, kind, opened
from ._text import show, typed

__all__ = ["main"]

_RECEIVERS = ("PAIR", "SUB", "REP", "PULL", "DEALER", "ROUTER", "XPUB", "SERVER", "CHANNEL", "GATHER")
_OTHERS = {
    "PUB": "a PUB only sends: a SUB receives from it",
    "PUSH": "a PUSH only sends: a PULL receives from it",
    "REQ": "a REQ asks before it receives: see brokerless send REQ, which prints the reply",
    "CLIENT": "a CLIENT sends before it receives: see brokerless send CLIENT",
    "SCATTER": "a SCATTER only sends: a GATHER receives from it",
    "RADIO": "a RADIO only sends",
}

#: Seconds that a REP's last reply may take to leave.
_LAST_WORDS = 1.0

_DESCRIPTION = "Print the messages that come to a socket, until Ctrl-C or as many as -n says."
_EPILOG = """\
examples:
  brokerless recv SUB tcp://127.0.0.1:5556 --subscribe 10001
  brokerless recv PULL '@tcp://*:5558' -n 100 --json
  brokerless recv REP '@tcp://*:5555' --reply World

Frames are shown as text, with | between them, or in hexadecimal (0x00ff) if they are none. The exit code is 1 if
nothing came within the --timeout, or fewer messages than -n asks for."""


def _options(argv: List[str]) -> Options:
    options = parser("recv", _DESCRIPTION, _EPILOG)
    options.add_argument(
        "kind",
        metavar="TYPE",
        type=lambda name: kind(name, _RECEIVERS, _OTHERS),
        help=f"the type of this end's socket: {', '.join(_RECEIVERS)}",
    )
    add_place(options)
    options.add_argument("-n", "--count", metavar="COUNT", type=number, help="end after so many messages")
    options.add_argument(
        "--timeout", metavar="SECONDS", type=seconds(zero=True), help="end when nothing comes for so long"
    )
    options.add_argument(
        "--subscribe",
        metavar="TOPIC",
        action="append",
        help="SUB: what messages begin with (several times; default: all)",
    )
    options.add_argument("--reply", metavar="TEXT", help="REP: the reply to each request (default: the request)")
    form = options.add_mutually_exclusive_group()
    form.add_argument("--raw", dest="form", action="store_const", const="raw", help="write the bytes, and nothing else")
    form.add_argument("--hex", dest="form", action="store_const", const="hex", help="show all frames in hexadecimal")
    form.add_argument(
        "--json", dest="form", action="store_const", const="json", help="a JSON object a line, with frames and size"
    )
    options.set_defaults(form="text")
    chosen = options.parse_args(argv)
    for option, owner in (("subscribe", SocketType.SUB), ("reply", SocketType.REP)):
        if getattr(chosen, option) is not None and chosen.kind is not owner:
            options.error(f"--{option} is for {owner.name} sockets, not for {chosen.kind.name}")
    return chosen


def _receive(socket: Any, options: Options) -> None:
    received = 0
    while options.count is None or received < options.count:
        try:
            frames = socket.recv_multipart(timeout=options.timeout)
        except Again as error:
            if options.count is None and received:
                return
            before = f"{received} of {options.count} messages came: " if received else ""
            raise Failure(before + why(error)) from None
        received += 1
        show(frames, options.form)
        if options.kind is SocketType.REP:
            socket.send_multipart(frames if options.reply is None else [typed(options.reply, as_hex=False)])


def main(argv: List[str]) -> int:
    """Print what comes to the socket that the arguments describe; returns the exit code."""
    options = _options(argv)
    # Only a reply has to leave: what a SUB says of its topics would keep the end waiting where nobody is any more.
    patience = _LAST_WORDS if options.kind is SocketType.REP else 0.0
    with opened("recv", options, patience) as socket:
        if options.kind is SocketType.SUB:
            for topic in options.subscribe if options.subscribe is not None else [""]:
                socket.subscribe(typed(topic, as_hex=False))
        _receive(socket, options)
    return 0
