"""What the roles open."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import Any, Iterator

from benches.case import Job

#: What follows the last message of a stream.
END = b"end"


@contextmanager
def opened(zmq: Any, *, sockets: int = 0, asynchronous: bool = False) -> Iterator[Any]:
    """A context with room for so many sockets, ended afterwards."""
    context = zmq.asyncio.Context() if asynchronous else zmq.Context()
    if sockets > 1000 and hasattr(zmq, "MAX_SOCKETS"):  # pyomq has no limit
        context.set(zmq.MAX_SOCKETS, sockets)
    yield context
    context.destroy()


def deliver(zmq: Any) -> None:
    """What a sender does when all is sent. With libzmq the end of the context waits until it has left.

    pyomq's does not always, whatever LINGER says: its senders stay until the runner ends them.
    """
    if zmq.__name__ == "pyomq":
        signal.pause()


def socket(context: Any, zmq: Any, kind: str, endpoint: str, job: Job) -> Any:
    """A socket that is connected to the endpoint, or bound to it if it begins with "@"."""
    made = context.socket(getattr(zmq, kind))
    made.setsockopt(zmq.SNDHWM, job.hwm)
    made.setsockopt(zmq.RCVHWM, job.hwm)
    if kind in ("PUSH", "XPUB"):
        made.setsockopt(zmq.LINGER, -1)  # pyomq's default loses what is still to be sent
    if endpoint.startswith("@"):
        made.bind(endpoint[1:])
    else:
        made.connect(endpoint)
    return made
