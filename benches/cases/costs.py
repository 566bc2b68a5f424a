"""What there is to pay before the first message: the import, and the memory of a context and of a socket."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from typing import Any

from benches.case import KIBIBYTES, MILLISECONDS, PYTHON, Case, Job, Target, each, expect
from benches.cases._sockets import opened, socket
from benches.cases.many import route

PROGRAM = "from time import perf_counter; started = perf_counter(); import {}; print(perf_counter() - started)"


def fastest_import(zmq: Any, job: Job) -> float:
    """The best of many fresh interpreters."""
    words = [sys.executable, "-c", PROGRAM.format(zmq.__name__)]
    return min(float(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout) for _ in range(job.peers))


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memory(zmq: Any, job: Job) -> float:
    """What so many sockets add, each of them connected, and used once."""
    with opened(zmq, sockets=job.count + 100) as context:

        def make(count: int) -> Any:
            made = [socket(context, zmq, "DEALER", job.endpoints[0], job) for _ in range(count)]
            for dealer in made:
                dealer.send(b"hello")
            for dealer in made:
                expect(dealer.recv(), b"hello")
            gc.collect()
            return made

        first = make(10)
        before = resident()
        made = make(job.count)
        grown = resident() - before
        expect(len(first) + len(made), job.count + 10)
    return float(grown)


def memory_of_contexts(zmq: Any, job: Job) -> float:
    """What so many contexts add, each with its threads, which the first socket starts."""

    def make(count: int) -> Any:
        made = [zmq.Context() for _ in range(count)]
        return made, [context.socket(zmq.PAIR) for context in made]

    first, _ = make(2)
    gc.collect()
    before = resident()
    made, _ = make(job.count)
    grown = resident() - before
    for context in [*first, *made]:
        context.destroy(linger=0)
    return float(grown)


CASES = (
    Case(
        name="import",
        title="import, fresh interpreter, best of 10",
        unit=MILLISECONDS,
        job=Job(count=1, peers=10),
        contenders=each(PYTHON, {"importer": fastest_import}),
        targets=(Target(1),),
        shorter=False,
    ),
    Case(
        name="memory",
        title="resident memory of a connected socket (of 1,000)",
        unit=KIBIBYTES,
        job=Job(count=1000),
        contenders=each(PYTHON, {"sockets": memory, "router": route}),
        targets=(Target(1),),
        endpoints=1,
        servers=("router",),
        shorter=False,
        rounds=3,
    ),
    Case(
        name="context memory",
        title="resident memory of a context with one socket (of 50)",
        unit=KIBIBYTES,
        job=Job(count=50),
        contenders=each(PYTHON, {"contexts": memory_of_contexts}),
        targets=(),
        shorter=False,
        rounds=3,
    ),
)
