"""Very many sockets, one after the other."""

from __future__ import annotations

import errno
import gc
import os
import time
from pathlib import Path
from typing import Any, Tuple

from benches.battery.fault import ALL, Fault, Outcome
from benches.battery.scene import Scene

_KINDS = ("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH")
#: Growth that is none: allocators keep what they have been given.
_MIB = 2.0
#: Sockets before the first look, in which all that is kept for good has been made.
_WARM_UP = 2_000
#: Of so many sockets, one is bound and connected to over tcp.
_TALKS = 100


def _figures() -> Tuple[float, int]:
    """Resident memory in MiB, and open descriptors."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir("/proc/self/fd"))


def _open(zmq: Any, context: Any, kind: str) -> Tuple[Any, int]:
    """A socket, and how often there was no room for one: what has been closed counts until it is gone."""
    refused = 0
    while True:
        try:
            return context.socket(getattr(zmq, kind)), refused
        except zmq.ZMQError as error:
            if error.errno != errno.EMFILE or refused > 1_000:
                raise
        refused += 1
        time.sleep(0.001)


def _open_and_close(zmq: Any, context: Any, number: int) -> int:
    """How often there was no room."""
    sock, refused = _open(zmq, context, _KINDS[number % len(_KINDS)])
    if number % _TALKS == 0:
        one, once = _open(zmq, context, "PAIR")
        other, twice = _open(zmq, context, "PAIR")
        one.bind("tcp://127.0.0.1:*")
        other.connect(one.get(zmq.LAST_ENDPOINT).decode().rstrip("\0"))
        other.send(b"x")
        one.recv()
        one.close()
        other.close(linger=0)
        refused += once + twice
    sock.close(linger=0)
    return refused


def many(scene: Scene) -> Outcome:
    """Opens and closes so many, after some more that do not count."""
    zmq = scene.zmq
    with zmq.Context() as context:
        refused = sum(_open_and_close(zmq, context, number) for number in range(_WARM_UP))
        memory, descriptors = _figures()
        for number in range(scene.times):
            refused += _open_and_close(zmq, context, number)
            if number % 100 == 99:
                scene.done(100)
        more_memory, more_descriptors = _figures()
        grown, left = more_memory - memory, more_descriptors - descriptors
    wrong = [f"{refused:,} times no socket was to be had, when 1,023 had been closed a moment ago"] if refused else []
    if grown > _MIB:
        wrong.append(f"{grown:.1f} MiB more memory")
    if left > 0:
        wrong.append(f"{left} more descriptors")
    happened = f"{memory:.1f} MiB and {descriptors} descriptors before, {more_memory:.1f} and {more_descriptors} after"
    return Outcome(scene.times, happened, tuple(wrong))


FAULTS = (
    Fault(
        name="sockets-100000",
        title="100,000 sockets of all types, opened and closed; one of 100 has a peer over tcp",
        promised="no memory and no descriptor is left",
        play=many,
        times=100_000,
        limit=100,
        contenders=ALL,
    ),
)
