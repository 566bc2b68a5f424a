"""How cost grows: with the size of messages, with peers, with sockets that are polled. Only when asked for.

The names are "growth-WHAT-HOW MANY": the plot makes a curve of each WHAT.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Iterator

from benches.case import BROKERLESS, MICROSECONDS, PYZMQ, Case, Job, each, expect
from benches.cases._sockets import END, opened, socket
from benches.cases.throughput import receive, send

SIZES = tuple(10**power for power in range(9))
NUMBERS = (1, 3, 10, 30, 100, 300, 1000)
BOTH = {**BROKERLESS, **PYZMQ}
#: Bytes that one curve's point may move, and that may wait at either side.
MOVED, WAITING = 400_000_000, 64_000_000


def send_from_many(zmq: Any, job: Job) -> None:
    """So many PUSH sockets, in turn, once all of them are connected."""
    payload = b"x" * job.size
    with opened(zmq, sockets=job.peers + 100) as context:
        pushes = [socket(context, zmq, "PUSH", job.endpoints[0], job) for _ in range(job.peers)]
        go = socket(context, zmq, "PULL", f"@{job.endpoints[1]}", job)
        for push in pushes:
            push.send(payload)
        go.recv()
        for number in range(job.count):
            pushes[number % job.peers].send(payload)


def receive_from_many(zmq: Any, job: Job) -> float:
    """One PULL socket for all of them; the clock runs from the word to go."""
    with opened(zmq) as context:
        pull = socket(context, zmq, "PULL", f"@{job.endpoints[0]}", job)
        push = socket(context, zmq, "PUSH", job.endpoints[1], job)
        for _ in range(job.peers):
            pull.recv()
        started = perf_counter()
        push.send(b"go")
        for _ in range(job.count):
            message = pull.recv()
        seconds = perf_counter() - started
        expect(message, b"x" * job.size)
    return seconds


def poll_many(zmq: Any, job: Job) -> float:
    """A Poller with so many PULL sockets over inproc, one of which gets a message each time."""
    with opened(zmq, sockets=2 * job.peers + 100) as context:
        poller = zmq.Poller()
        pulls = [socket(context, zmq, "PULL", f"@inproc://{number}", job) for number in range(job.peers)]
        for pull in pulls:
            poller.register(pull, zmq.POLLIN)
        push = socket(context, zmq, "PUSH", f"inproc://{job.peers - 1}", job)

        def turns(count: int) -> None:
            for _ in range(count):
                push.send(END)
                [(ready, _)] = poller.poll()
                expect(ready.recv(), END)

        turns(job.warmup)
        started = perf_counter()
        turns(job.count)
        return perf_counter() - started


def _sizes() -> Iterator[Case]:
    for size in SIZES:
        count = min(200_000, max(8, MOVED // size))
        yield Case(
            name=f"growth-size-{size}",
            title=f"message of {size:,} B, two processes, tcp",
            unit=MICROSECONDS,
            job=Job(count, warmup=max(1, count // 50), size=size, hwm=min(1000, max(2, WAITING // size))),
            contenders=each(BOTH, {"receive": receive, "send": send}),
            endpoints=1,
            default=False,
        )


def _peers() -> Iterator[Case]:
    for number in NUMBERS:
        yield Case(
            name=f"growth-peers-{number}",
            title=f"{number:,} PUSH to one PULL, two processes, tcp, 16 B",
            unit=MICROSECONDS,
            job=Job(count=200_000, peers=number),
            contenders=each(BOTH, {"receive": receive_from_many, "send": send_from_many}),
            endpoints=2,
            default=False,
        )


def _polled() -> Iterator[Case]:
    for number in NUMBERS:
        yield Case(
            name=f"growth-polled-{number}",
            title=f"send, poll {number:,} sockets, recv, inproc",
            unit=MICROSECONDS,
            job=Job(count=max(500, 20_000 // number), warmup=50, peers=number),
            contenders=each(BOTH, {"loop": poll_many}),
            default=False,
        )


CASES = (*_sizes(), *_peers(), *_polled())
