"""Messages that are too big for comfort."""

from __future__ import annotations

import resource
from typing import Any

from benches.battery.fault import ALL, Fault, Outcome
from benches.battery.part import Link
from benches.battery.scene import Scene

_GIBIBYTE = 1024**3
_TAIL = b"the end"


def send_large(zmq: Any, link: Link, endpoint: str, size: int) -> None:
    """PUSHes one message of this size, and says what memory that took at most."""
    with zmq.Context() as context:
        push = context.socket(zmq.PUSH)
        push.connect(endpoint)
        message = bytearray(size)
        message[-len(_TAIL) :] = _TAIL
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        push.send(message, copy=False)
        push.close()
        context.term()
        link.say((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)


def large(scene: Scene) -> Outcome:
    """A message of 1 GiB from one process to another, and the memory that it takes at both ends."""
    zmq, wrong = scene.zmq, []
    context = zmq.Context()
    pull = context.socket(zmq.PULL)
    endpoint = scene.endpoint()
    pull.bind(endpoint)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sender = scene.start(send_large, endpoint, _GIBIBYTE)
    message = pull.recv(copy=False)
    taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    view = memoryview(message.buffer)
    arrived = len(view) == _GIBIBYTE and bytes(view[-len(_TAIL) :]) == _TAIL
    scene.done()
    sent = sender.hear(30)
    if not arrived:
        wrong.append("another message arrived")
    if taken > 1.1 * _GIBIBYTE or sent > 1.1 * _GIBIBYTE:
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
        play=large,
        times=1,
        limit=60,
        contenders=ALL,
        shorter=False,
    ),
)
