"""Devices, with the C tools at both ends, so that the device is what differs; also while Python is busy beside it."""

from __future__ import annotations

import signal
import threading
from importlib import import_module
from typing import Any, Tuple

from benches.case import MICROSECONDS, RATE, Case, Contender, Job, Role, Target, Unit

#: The C tools' sides.
STREAM = {"receive": "receive {1}", "send": "send {0}"}
TRIP = {"reply": "reply {1}", "request": "request {0}"}


def beside(job: Job) -> None:
    """What the main thread does until the process is ended."""
    while job.busy:
        sum(number * number for number in range(1000))
    signal.pause()


def streamer(zmq: Any, job: Job) -> None:
    """Ours, on its native thread."""
    device = zmq.Streamer(job.endpoints[0], job.endpoints[1]).start()
    beside(job)
    device.stop()


def queue(zmq: Any, job: Job) -> None:
    """Ours, on its native thread."""
    device = zmq.Queue(job.endpoints[0], job.endpoints[1]).start()
    beside(job)
    device.stop()


def thread_device(kind: str, frontend: str, backend: str) -> Role:
    """pyzmq's: zmq_proxy in a thread of Python that waits without the GIL."""

    def role(zmq: Any, job: Job) -> None:
        devices = import_module(f"{zmq.__name__}.devices")
        device = devices.ThreadDevice(getattr(zmq, kind), getattr(zmq, frontend), getattr(zmq, backend))
        device.bind_in(job.endpoints[0])
        device.bind_out(job.endpoints[1])
        device.start()
        beside(job)

    return role


def proxy(frontend: str, backend: str) -> Role:
    """pyomq's proxy(), in a thread as well."""

    def role(zmq: Any, job: Job) -> None:
        context = zmq.Context()
        sockets = [context.socket(getattr(zmq, kind)) for kind in (frontend, backend)]
        for made, endpoint in zip(sockets, job.endpoints):
            made.bind(endpoint)
        threading.Thread(target=zmq.proxy, args=sockets, daemon=True).start()
        beside(job)

    return role


def _contenders(stream: bool) -> Tuple[Contender, ...]:
    ends = STREAM if stream else TRIP
    kinds = ("PULL", "PUSH") if stream else ("ROUTER", "DEALER")
    return (
        Contender("brokerless", "brokerless", {"device": streamer if stream else queue, **ends}),
        Contender("pyzmq", "zmq", {"device": thread_device("STREAMER" if stream else "QUEUE", *kinds), **ends}),
        Contender("pyomq", "pyomq", {"device": proxy(*kinds), **ends}),
    )


def _case(stream: bool, busy: bool) -> Case:
    name = "streamer" if stream else "queue"
    title = "Streamer device, PUSH/PULL, 128 B" if stream else "Queue device, REQ/REP round trip, 128 B"
    job = Job(count=400_000, warmup=5_000, size=128, busy=busy) if stream else Job(2_500, 200, size=128, busy=busy)
    unit: Unit = RATE if stream else MICROSECONDS
    return Case(
        name=f"{name}-busy" if busy else name,
        title=f"{title}, Python busy" if busy else title,
        unit=unit,
        job=job,
        contenders=_contenders(stream),
        targets=(Target(1.5), Target(1, "pyomq")),
        endpoints=2,
        servers=("device",),
    )


CASES = tuple(_case(stream, busy) for stream in (True, False) for busy in (False, True))
