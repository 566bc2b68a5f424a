"""Those who come and go: each is a process, and keeps its record in files that outlive it.

A record of what came is a file of pairs (who sent it, its number); of what was sent, a `Counter`, raised before each send.
"""

from __future__ import annotations

import os
import random
import select
import struct
import sys
import time
from pathlib import Path
from typing import Any, Iterator, List, Tuple

from benches.battery.part import Link
from benches.battery.scene import Counter

PAIR = struct.Struct("=II")
#: Messages of publishers are long enough for a slow subscriber's buffers to be full soon.
_PADDING = bytes(1_000)
#: A subscriber that is slow takes so many seconds for each message.
_SLOW = 0.05


def read_record(path: Path, start: int = 0) -> List[Tuple[int, int]]:
    """The pairs of a record from byte `start` on; one that is not whole yet is left for the next time."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(start)
        data = file.read()
    return list(PAIR.iter_unpack(data[: len(data) - len(data) % PAIR.size]))


def _told() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def _numbers(path: str, rate: float, burst: int) -> Iterator[int]:
    """0, 1, 2, ... at so many a second, until told to stop; each is in the file before it is used."""
    counter = Counter(Path(path))
    dice = random.Random(path)
    number = 0
    started = time.monotonic()
    while not _told():
        # At an average of `rate`, in bursts; who was held up does not hurry.
        for _ in range(dice.randint(1, burst)):
            counter.value = number + 1
            yield number
            number += 1
        ahead = started + number / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        else:
            started -= ahead


def _parse(message: bytes) -> Tuple[int, int]:
    source, number = message.split(b" ", 2)[:2]
    return int(source), int(number)


class _Record:
    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, source: int, number: int) -> None:
        """At once: not in a buffer that is killed with its process."""
        os.write(self._file, PAIR.pack(source, number))


def produce(zmq: Any, link: Link, endpoint: str, me: int, path: str, rate: float) -> None:
    """PUSHes until told to stop, and leaves when all is delivered."""
    with zmq.Context() as context:
        push = context.socket(zmq.PUSH)
        push.connect(endpoint)
        link.say("here")
        for number in _numbers(path, rate, 20):
            push.send(b"%d %d" % (me, number))
        push.close()
        context.term()
    link.say("gone")


def work(zmq: Any, link: Link, endpoint: str, path: str) -> None:
    """PULLs and writes down, until told to stop."""
    _take(zmq, link, zmq.PULL, endpoint, path, 0.0)


def subscribe(zmq: Any, link: Link, endpoint: str, path: str, slow: bool) -> None:
    """Subscribes to all and writes down, until told to stop; a slow one has room for little."""
    _take(zmq, link, zmq.SUB, endpoint, path, _SLOW if slow else 0.0)


def _take(zmq: Any, link: Link, kind: Any, endpoint: str, path: str, pause: float) -> None:
    record = _Record(path)
    with zmq.Context() as context, context.socket(kind) as sock:
        if kind == zmq.SUB:
            sock.subscribe(b"")
        if pause:
            sock.rcvhwm, sock.rcvbuf = 10, 10_000
        else:
            # Only who is slow drops anything.
            sock.rcvhwm = 0
        sock.reconnect_ivl = 50
        sock.connect(endpoint)
        link.say("here")
        while not _told():
            if not sock.poll(100):
                continue
            record.note(*_parse(sock.recv()))
            time.sleep(pause)
        sock.close(linger=0)
    link.say("gone")


def publish(zmq: Any, link: Link, endpoint: str, me: int, path: str, rate: float) -> None:
    """Publishes when a subscription has come, until told to stop."""
    with zmq.Context() as context:
        pub = context.socket(zmq.PUB)
        pub.sndhwm = 0
        pub.connect(endpoint)
        link.say("here")
        pub.wait_for_subscribers(1)
        for number in _numbers(path, rate, 10):
            pub.send(b"%d %d " % (me, number) + _PADDING)
        pub.close()
        context.term()
    link.say("gone")


def ask(zmq: Any, link: Link, endpoint: str, me: int, path: str, rate: float) -> None:
    """Sends requests, again when no reply comes, and writes down each that was answered, until told to stop."""
    record = _Record(f"{path}-answers")
    with zmq.Context() as context, context.socket(zmq.REQ) as req:
        req.reconnect_ivl = 50
        req.connect(endpoint)
        link.say("here")
        for number in _numbers(path, rate, 3):
            words = b"%d %d" % (me, number)
            record.note(*_parse(req.request(words, timeout=1.0, retries=60)))
        req.close(linger=0)
    link.say("gone")


def answer(zmq: Any, link: Link, endpoint: str) -> None:
    """Answers each request with its own words, until told to stop."""
    with zmq.Context() as context, context.socket(zmq.REP) as rep:
        rep.reconnect_ivl = 50
        rep.connect(endpoint)
        link.say("here")
        while not _told():
            if rep.poll(100):
                rep.send(rep.recv())
        rep.close(linger=100)
    link.say("gone")


def labour(zmq: Any, link: Link, jobs: str, results: str) -> None:
    """A worker of the reliable pipeline; when told to stop it gives back what it has."""
    from brokerless import pipeline

    with pipeline.Worker(jobs, results, reliable=True) as worker:
        worker.start(_labour)
        link.say("here")
        link.hear()
        worker.stop()
    link.say("gone")


def _labour(job: int) -> int:
    time.sleep(0.001)
    return job
