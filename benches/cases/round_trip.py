"""REQ and REP in two processes over tcp: what a wake-up costs."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from benches.case import MICROSECONDS, PYTHON, Case, Job, Target, c_tools, each, expect
from benches.cases._sockets import opened, socket


def request(zmq: Any, job: Job) -> float:
    """Asks, waits for the reply, asks again."""
    payload = b"x" * job.size
    with opened(zmq) as context:
        req = socket(context, zmq, "REQ", job.endpoints[0], job)

        def turns(count: int) -> None:
            for _ in range(count):
                req.send(payload)
                message = req.recv()
            expect(message, payload)

        turns(job.warmup)
        started = perf_counter()
        turns(job.count)
        return perf_counter() - started


def reply(zmq: Any, job: Job) -> None:
    """Sends back what comes."""
    with opened(zmq) as context:
        rep = socket(context, zmq, "REP", f"@{job.endpoints[0]}", job)
        for _ in range(job.warmup + job.count):
            rep.send(rep.recv())


CASES = (
    Case(
        name="reqrep",
        title="REQ/REP round trip, two processes, tcp, 16 B",
        unit=MICROSECONDS,
        job=Job(count=6_000, warmup=300),
        contenders=(
            *each(PYTHON, {"request": request, "reply": reply}),
            c_tools(request="request {0}", reply="reply @{0}"),
        ),
        targets=(Target(1), Target(1 / 1.1, "C tools")),
        endpoints=1,
    ),
)
