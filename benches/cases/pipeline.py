"""The course's pipeline: a producer, one or two consumers and a collector, each in a process, 20,000 jobs in JSON.

Plain sockets play it as it is taught: send_json, recv_json and a dict that counts. brokerless has roles of its own for it
(`brokerless.pipeline`), plain ones on the same sockets, and reliable ones, which lose nothing when a worker dies. The clock runs at the collector, from its first result to its last.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from time import perf_counter
from typing import Any, Dict, Optional

from benches.case import BROKERLESS, PYOMQ, PYZMQ, RATE, Case, Contender, Job, Role, Target, each, expect
from benches.cases._sockets import deliver, opened, socket

SOCKETS = {"brokerless sockets": "brokerless", **PYZMQ, **PYOMQ}


def produce(zmq: Any, job: Job) -> None:
    """Hands out numbers as soon as all consumers are there."""
    with opened(zmq) as context:
        jobs = socket(context, zmq, "PUSH", f"@{job.endpoints[0]}", job)
        here = socket(context, zmq, "PULL", f"@{job.endpoints[2]}", job)
        for _ in range(job.peers):
            here.recv()
        for number in range(job.count):
            jobs.send_json({"num": number})
        deliver(zmq)


def consume(me: int, zmq: Any, job: Job) -> None:
    """Passes on the even ones, and never ends."""
    with opened(zmq) as context:
        jobs = socket(context, zmq, "PULL", job.endpoints[0], job)
        results = socket(context, zmq, "PUSH", job.endpoints[1], job)
        socket(context, zmq, "PUSH", job.endpoints[2], job).send(b"")
        while True:
            number = jobs.recv_json()["num"]
            if number % 2 == 0:
                results.send_json({"consumer": me, "num": number})


def collect(zmq: Any, job: Job) -> float:
    """Counts each consumer's results."""
    with opened(zmq) as context:
        results = socket(context, zmq, "PULL", f"@{job.endpoints[1]}", job)
        tally: Dict[int, int] = {results.recv_json()["consumer"]: 1}
        started = perf_counter()
        for _ in range(job.count // 2 - 1):
            result = results.recv_json()
            tally[result["consumer"]] = tally.get(result["consumer"], 0) + 1
        seconds = perf_counter() - started
    expect(sum(tally.values()), job.count // 2)
    return seconds


def keep_even(me: int, job: Dict[str, int]) -> Optional[Dict[str, int]]:
    """What a worker does."""
    return {"consumer": me, "num": job["num"]} if job["num"] % 2 == 0 else None


def produce_with_role(zmq: Any, job: Job) -> None:
    """Waits for its workers, sends, ends the stream."""
    with import_module("brokerless.pipeline").Producer(f"{job.endpoints[0]}") as producer:
        producer.send_all(({"num": number} for number in range(job.count)), workers=job.peers)


def consume_with_role(me: int, zmq: Any, job: Job) -> None:
    """Works until the stream ends."""
    import_module("brokerless.pipeline").Worker(job.endpoints[0], job.endpoints[1]).run(partial(keep_even, me))


def collect_with_role(zmq: Any, job: Job) -> float:
    """Counts in Rust."""
    with import_module("brokerless.pipeline").Collector(job.endpoints[1]) as collector:
        first = collector.recv()
        started = perf_counter()
        tally = collector.tally("consumer", job.count // 2 - 1)
        seconds = perf_counter() - started
    expect(first["num"] % 2, 0)
    expect(sum(tally.values()), job.count // 2 - 1)
    return seconds


def produce_reliably(zmq: Any, job: Job) -> None:
    """Waits for its workers, and until each job is done."""
    with import_module("brokerless.pipeline").Producer(job.endpoints[0], reliable=True) as producer:
        producer.send_all(({"num": number} for number in range(job.count)), workers=job.peers)


def consume_reliably(me: int, zmq: Any, job: Job) -> None:
    """Works until it is told that all is done."""
    worker = import_module("brokerless.pipeline").Worker(job.endpoints[0], job.endpoints[1], reliable=True)
    worker.run(partial(keep_even, me))


def collect_reliably(zmq: Any, job: Job) -> float:
    """Counts in Rust, up to the end of the stream."""
    with import_module("brokerless.pipeline").Collector(job.endpoints[1], reliable=True) as collector:
        first = collector.recv()
        started = perf_counter()
        tally = collector.tally("consumer")
        seconds = perf_counter() - started
    expect(first["num"] % 2, 0)
    expect(sum(tally.values()), job.count // 2 - 1)
    return seconds


def _case(consumers: int) -> Case:
    names = [f"consumer {number + 1}" for number in range(consumers)]
    plain: Dict[str, Role] = {name: partial(consume, number) for number, name in enumerate(names)}
    ours: Dict[str, Role] = {name: partial(consume_with_role, number) for number, name in enumerate(names)}
    sure: Dict[str, Role] = {name: partial(consume_reliably, number) for number, name in enumerate(names)}
    return Case(
        name=f"pipeline-{consumers}",
        title=f"the course's pipeline, {consumers} consumer{'s' * (consumers > 1)}, 20,000 JSON jobs",
        unit=RATE,
        job=Job(count=20_000, peers=consumers),
        contenders=(
            Contender(
                "brokerless",
                BROKERLESS["brokerless"],
                {"collector": collect_with_role, **ours, "producer": produce_with_role},
            ),
            Contender(
                "brokerless reliable",
                BROKERLESS["brokerless"],
                {"collector": collect_reliably, **sure, "producer": produce_reliably},
            ),
            *each(SOCKETS, {"collector": collect, **plain, "producer": produce}),
        ),
        targets=(Target(3), Target(1, ours="brokerless reliable")),
        endpoints=3,
        servers=("producer", *names),
        shorter=False,
    )


CASES = (_case(1), _case(2))
