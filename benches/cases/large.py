"""Two processes over tcp, large messages: what copying costs."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Tuple

from benches.case import BANDWIDTH, PYTHON, Case, Job, Target, c_tools, each, expect
from benches.cases._sockets import END, opened, socket
from benches.cases.throughput import receive, send

UNCOPIED = {"brokerless copy=False": "brokerless", "pyzmq copy=False": "zmq"}


def send_uncopied(zmq: Any, job: Job) -> None:
    """Lends the payload to libzmq."""
    payload = b"x" * job.size
    with opened(zmq) as context:
        push = socket(context, zmq, "PUSH", job.endpoints[0], job)
        for _ in range(job.warmup + job.count):
            push.send(payload, copy=False)
        push.send(END)


def receive_uncopied(zmq: Any, job: Job) -> float:
    """Takes messages as frames, which are libzmq's memory."""
    with opened(zmq) as context:
        pull = socket(context, zmq, "PULL", f"@{job.endpoints[0]}", job)
        for _ in range(job.warmup):
            pull.recv(copy=False)
        started = perf_counter()
        for _ in range(job.count):
            frame = pull.recv(copy=False)
        seconds = perf_counter() - started
        expect(bytes(frame.buffer), b"x" * job.size)
        expect(pull.recv(), END)
        del frame
    return seconds


def _case(name: str, title: str, job: Job) -> Case:
    return Case(
        name=name,
        title=title,
        unit=BANDWIDTH,
        job=job,
        contenders=(
            *each(PYTHON, {"receive": receive, "send": send}),
            *each(UNCOPIED, {"receive": receive_uncopied, "send": send_uncopied}),
            c_tools(receive="receive @{0}", send="send {0}"),
        ),
        targets=(Target(1.2), Target(1.2, "pyzmq copy=False", ours="brokerless copy=False")),
        endpoints=1,
        servers=("send",),
    )


CASES: Tuple[Case, ...] = (
    _case("64k", "two processes, tcp, 64 KiB", Job(count=15_000, warmup=300, size=64 * 1024)),
    # No more than 64 MiB wait at either side.
    _case("1m", "two processes, tcp, 1 MiB", Job(count=1_200, warmup=50, size=1024 * 1024, hwm=64)),
)
