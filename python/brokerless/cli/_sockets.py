"""What the commands with sockets have in common: types, endpoints, and an end at which everything has left."""

from __future__ import annotations

import argparse
import errno
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Sequence, Tuple

from ..constants import Errno, SocketType
from ..context import Context
from ..error import Again, ZMQError
from ._options import Options
from ._shell import Failure, say, why

__all__ = ["add_place", "kind", "not_a_place", "opened"]

#: What is wrong with an endpoint, rather than with the world.
_MISTYPED = (errno.EINVAL, errno.ENAMETOOLONG, Errno.EPROTONOSUPPORT, Errno.ENOCOMPATPROTO)


def kind(name: str, offered: Sequence[str], others: Dict[str, str]) -> SocketType:
    """The socket type of this name, in any case, for a parser: one of those `offered`, while `others` say why they are not."""
    upper = name.upper()
    if upper in offered:
        return SocketType[upper]
    listed = ", ".join(offered)
    if upper in others:
        raise argparse.ArgumentTypeError(others[upper])
    if upper in SocketType.__members__:
        raise argparse.ArgumentTypeError(f"{upper} sockets need a program; here are {listed}")
    raise argparse.ArgumentTypeError(f"there is no socket type {name}; here are {listed}")


def add_place(parser: argparse.ArgumentParser) -> None:
    """The arguments that say where: ENDPOINT and --bind."""
    parser.add_argument("endpoint", metavar="ENDPOINT", help="where to: tcp://host:port or ipc://path")
    parser.add_argument("--bind", action="store_true", help='bind to it, as "@" before ENDPOINT does; else connect')


def not_a_place(error: ZMQError) -> Failure:
    """What to raise when a bind or connect has failed."""
    return Failure(why(error), code=2 if error.errno in _MISTYPED else 1)


def _place(options: Options) -> Tuple[str, bool]:
    """The endpoint without its prefix, and whether to bind to it."""
    endpoint: str = options.endpoint
    bind: bool = options.bind or endpoint.startswith("@")
    if endpoint.startswith(">") and options.bind:
        raise Failure(f'"{endpoint}" says connect, and --bind says bind: which of them?', code=2)
    if endpoint[:1] in ("@", ">"):
        endpoint = endpoint[1:]
    if endpoint.startswith("inproc://"):
        raise Failure(f"nobody else can reach {endpoint}: inproc is within one process; take ipc or tcp", code=2)
    if endpoint.startswith("tcp://") and endpoint.endswith(":0") and not bind:
        raise Failure(f"nobody listens on port 0: it is for binding ({endpoint})", code=2)
    return endpoint, bind


@contextmanager
def opened(command: str, options: Options, patience: float, **settings: Any) -> Iterator[Any]:
    """A socket of `options.kind` at its place, for a `with`, at whose end what was sent has left.

    `settings` are socket options. What has not left within `patience` seconds is dropped, and a Failure says so. With 0, and
    after an exception, nothing is waited for.
    """
    endpoint, bind = _place(options)
    context = Context()
    socket: Any = context.socket(options.kind)
    try:
        for name, value in settings.items():
            setattr(socket, name, value)
        try:
            if bind:
                socket.bind(endpoint)
                say(f"{options.kind.name} is bound to {socket.last_endpoint.decode()}", command)
            else:
                socket.connect(endpoint)
        except ZMQError as error:
            raise not_a_place(error) from None
        yield socket
    except BaseException:
        socket.close(0)
        context.term()
        raise
    if patience <= 0:
        socket.close(0)
        context.term()
        return
    # A little longer than is waited: who does not see it end in time knows that something was left.
    socket.close(int(patience * 1000) + 50)
    try:
        context.term(timeout=patience)
    except Again:
        context.term()
        raise Failure(f"not everything could be delivered within {patience:g} s; the rest is dropped") from None
