"""Two processes over tcp, 16 bytes a message: one call a message, and batches."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from benches.case import BROKERLESS, PYOMQ, PYTHON, PYZMQ, RATE, Case, Job, Target, c_tools, each, expect
from benches.cases._sockets import END, deliver, opened, socket

BATCH = 1000


def send(zmq: Any, job: Job) -> None:
    """One send() a message."""
    payload = b"x" * job.size
    with opened(zmq) as context:
        push = socket(context, zmq, "PUSH", job.endpoints[0], job)
        for _ in range(job.warmup + job.count):
            push.send(payload)
        push.send(END)
        deliver(zmq)


def receive(zmq: Any, job: Job) -> float:
    """One recv() a message; the clock runs from the first after the warm-up to the last."""
    with opened(zmq) as context:
        pull = socket(context, zmq, "PULL", f"@{job.endpoints[0]}", job)
        for _ in range(job.warmup):
            pull.recv()
        started = perf_counter()
        for _ in range(job.count):
            message = pull.recv()
        seconds = perf_counter() - started
        expect(message, b"x" * job.size)
        expect(pull.recv(), END)
    return seconds


def send_batches(zmq: Any, job: Job) -> None:
    """One send_many() for each thousand."""
    payload = b"x" * job.size
    with opened(zmq) as context:
        push = socket(context, zmq, "PUSH", job.endpoints[0], job)
        left = job.warmup + job.count
        while left:
            left -= push.send_many([payload] * min(BATCH, left))
        push.send(END)


def receive_batches(zmq: Any, job: Job) -> float:
    """recv_many() of a thousand at most."""
    with opened(zmq) as context:
        pull = socket(context, zmq, "PULL", f"@{job.endpoints[0]}", job)

        def take(left: int) -> None:
            while left:
                messages = pull.recv_many(min(BATCH, left))
                left -= len(messages)
            expect(messages[-1], b"x" * job.size)

        take(job.warmup)
        started = perf_counter()
        take(job.count)
        seconds = perf_counter() - started
        expect(pull.recv(), END)
    return seconds


JOB = Job(count=1_000_000, warmup=20_000)
LIMIT = c_tools(receive="receive @{0}", send="send {0}")

CASES = (
    Case(
        name="tcp",
        title="two processes, tcp, 16 B, one recv each",
        unit=RATE,
        job=JOB,
        contenders=(*each(PYTHON, {"receive": receive, "send": send}), LIMIT),
        targets=(Target(3), Target(1, "pyomq")),
        endpoints=1,
        servers=("send",),
    ),
    Case(
        name="tcp-batches",
        title="two processes, tcp, 16 B, send_many, recv_many",
        unit=RATE,
        job=JOB,
        contenders=(
            *each(BROKERLESS, {"receive": receive_batches, "send": send_batches}, needs=("send_many", "recv_many")),
            *each({**PYZMQ, **PYOMQ}, {"receive": receive, "send": send}),
            LIMIT,
        ),
        targets=(Target(4), Target(0.9, "C tools")),
        endpoints=1,
        servers=("send",),
    ),
)
