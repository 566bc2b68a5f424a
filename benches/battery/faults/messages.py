"""Messages that are too big for comfort."""

from __future__ import annotations

import functools
import resource
from typing import Any

from benches.battery.fault import ALL, Fault, Outcome
from benches.battery.part import Link
from benches.battery.scene import Scene

_GIBIBYTE = 1024**3
_TAIL = b"the end"


def send_large(zmq: Any, link: Link, endpoint: str, size: int, copy: bool) -> None:
    """PUSHes one message of this size, and says what memory that took at most."""
    with zmq.Context() as context:
        push = context.socket(zmq.PUSH)
        push.connect(endpoint)
        message = bytearray(size)
        message[-len(_TAIL) :] = _TAIL
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        push.send(message, copy=copy)
        push.close()
        context.term()
        link.say((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)


def large(scene: Scene, copy: bool) -> Outcome:
    """A message of 1 GiB from one process to another, and the memory that it takes at both ends."""
    zmq, wrong = scene.zmq, []
    context = zmq.Context()
    pull = context.socket(zmq.PULL)
    endpoint = scene.endpoint()
    pull.bind(endpoint)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sender = scene.start(send_large, endpoint, _GIBIBYTE, copy)
    message = pull.recv(copy=copy)
    taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    view = memoryview(message if copy else message.buffer)
    arrived = len(view) == _GIBIBYTE and bytes(view[-len(_TAIL) :]) == _TAIL
    scene.done()
    sent = sender.hear(30)
    if not arrived:
        wrong.append("another message arrived")
    # A bytes object beside the message that it was copied from.
    if taken > (2.1 if copy else 1.1) * _GIBIBYTE or sent > 1.1 * _GIBIBYTE:
        wrong.append("more than twice the message in memory")
    # The sender's own copy was there before.
    happened = f"its receiver took {taken / _GIBIBYTE:.2f} GiB for it, its sender {1 + sent / _GIBIBYTE:.2f}"
    pull.close()
    context.term()
    return Outcome(1, happened, tuple(wrong), lost=0 if arrived else 1, duplicated=0)


FAULTS = (
    Fault(
        name="message-1gib",
        title="a message of 1 GiB",
        promised="it arrives, and no end takes more than twice its size",
        play=functools.partial(large, copy=False),
        times=1,
        limit=30,
        contenders=ALL,
        shorter=False,
    ),
    Fault(
        name="message-copied",
        title="a message of 1 GiB, copied at both ends",
        promised="it arrives, and no end takes more than twice its size",
        play=functools.partial(large, copy=True),
        times=1,
        limit=60,
        contenders=ALL,
        shorter=False,
    ),
)
