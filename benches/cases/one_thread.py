"""Send and receive in turn, on one thread over inproc: what the calls themselves cost."""

from __future__ import annotations

import dataclasses
from time import perf_counter
from typing import Any, Callable

from benches.case import INSTRUCTIONS, NANOSECONDS, PYTHON, Case, Job, Target, c_tools, each, expect
from benches.cases._sockets import opened, socket

DATA = {"id": 1234, "name": "sensor", "values": [1.5, 2.25, -3.0], "ok": True}
PARTS = [b"address", b"", b"x" * 16]


def timed(turns: Callable[[int], None], job: Job) -> float:
    """Seconds of the job's turns, after those for warming up."""
    turns(job.warmup)
    started = perf_counter()
    turns(job.count)
    return perf_counter() - started


def plain(zmq: Any, job: Job) -> float:
    """PUSH and PULL."""
    payload = b"x" * job.size
    with opened(zmq) as context:
        pull = socket(context, zmq, "PULL", "@inproc://loop", job)
        push = socket(context, zmq, "PUSH", "inproc://loop", job)

        def turns(count: int) -> None:
            for _ in range(count):
                push.send(payload)
                message = pull.recv()
            expect(message, payload)

        return timed(turns, job)


def multipart(zmq: Any, job: Job) -> float:
    """DEALER and ROUTER, three frames; the ROUTER puts the identity before them."""
    with opened(zmq) as context:
        router = socket(context, zmq, "ROUTER", "@inproc://loop", job)
        dealer = socket(context, zmq, "DEALER", "inproc://loop", job)

        def turns(count: int) -> None:
            for _ in range(count):
                dealer.send_multipart(PARTS)
                message = router.recv_multipart()
            expect(message[1:], PARTS)

        return timed(turns, job)


def json(zmq: Any, job: Job) -> float:
    """PUSH and PULL, a small dict."""
    with opened(zmq) as context:
        pull = socket(context, zmq, "PULL", "@inproc://loop", job)
        push = socket(context, zmq, "PUSH", "inproc://loop", job)

        def turns(count: int) -> None:
            for _ in range(count):
                push.send_json(DATA)
                message = pull.recv_json()
            expect(message, DATA)

        return timed(turns, job)


INPROC = Case(
    name="inproc",
    title="send + recv, 16 B, inproc, one thread",
    unit=NANOSECONDS,
    job=Job(count=500_000, warmup=5_000),
    contenders=(*each(PYTHON, {"loop": plain}), c_tools(loop="inproc")),
    targets=(Target(4),),
)

CASES = (
    INPROC,
    dataclasses.replace(
        INPROC,
        name="instructions",
        title="send + recv, 16 B, inproc, instructions",
        unit=INSTRUCTIONS,
        job=Job(count=5_000, warmup=500),
        instructions=True,
        rounds=1,
        shorter=False,
        limit=120,
    ),
    Case(
        name="multipart",
        title="DEALER to ROUTER, 3 frames, inproc, one thread",
        unit=NANOSECONDS,
        job=Job(count=60_000, warmup=2_000),
        contenders=each(PYTHON, {"loop": multipart}),
        targets=(Target(10), Target(1, "pyomq")),
    ),
    Case(
        name="json",
        title="send_json + recv_json, a small dict, inproc, one thread",
        unit=NANOSECONDS,
        job=Job(count=60_000, warmup=2_000),
        contenders=each(PYTHON, {"loop": json}),
        targets=(Target(8),),
    ),
)
