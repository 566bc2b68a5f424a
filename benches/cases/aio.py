"""asyncio, PUSH and PULL over inproc, on one event loop."""

from __future__ import annotations

import asyncio
from importlib import import_module
from time import perf_counter
from typing import Any

from benches.case import MICROSECONDS, PYTHON, Case, Job, Target, each, expect
from benches.cases._sockets import END, opened, socket


def in_turn(zmq: Any, job: Job) -> float:
    """One task awaits send(), then recv()."""
    import_module(f"{zmq.__name__}.asyncio")
    payload = b"x" * job.size

    async def main(context: Any) -> float:
        pull = socket(context, zmq, "PULL", "@inproc://loop", job)
        push = socket(context, zmq, "PUSH", "inproc://loop", job)

        async def turns(count: int) -> None:
            for _ in range(count):
                await push.send(payload)
                message = await pull.recv()
            expect(message, payload)

        await turns(job.warmup)
        started = perf_counter()
        await turns(job.count)
        return perf_counter() - started

    with opened(zmq, asynchronous=True) as context:
        return asyncio.run(main(context))


def two_tasks(zmq: Any, job: Job) -> float:
    """One task sends, another one receives."""
    import_module(f"{zmq.__name__}.asyncio")
    payload = b"x" * job.size

    async def main(context: Any) -> float:
        pull = socket(context, zmq, "PULL", "@inproc://loop", job)
        push = socket(context, zmq, "PUSH", "inproc://loop", job)

        async def send() -> None:
            for _ in range(job.warmup + job.count):
                await push.send(payload)
            await push.send(END)

        sending = asyncio.ensure_future(send())
        for _ in range(job.warmup):
            await pull.recv()
        started = perf_counter()
        for _ in range(job.count):
            message = await pull.recv()
        seconds = perf_counter() - started
        expect(message, payload)
        expect(await pull.recv(), END)
        await sending
        return seconds

    with opened(zmq, asynchronous=True) as context:
        return asyncio.run(main(context))


CASES = (
    Case(
        name="asyncio",
        title="asyncio, PUSH/PULL inproc, await send then recv",
        unit=MICROSECONDS,
        job=Job(count=15_000, warmup=500),
        contenders=each(PYTHON, {"loop": in_turn}),
        targets=(Target(10), Target(1, "pyomq")),
    ),
    Case(
        name="asyncio-tasks",
        title="asyncio, PUSH/PULL inproc, a task at each end",
        unit=MICROSECONDS,
        job=Job(count=15_000, warmup=500),
        contenders=each(PYTHON, {"loop": two_tasks}),
        targets=(Target(10), Target(1, "pyomq")),
    ),
)
