"""A thousand peers: subscribers that all get everything, and clients that are only there."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from benches.case import MICROSECONDS, PYTHON, RATE, Case, Job, Target, each, expect
from benches.cases._sockets import END, deliver, opened, socket


def publish(zmq: Any, job: Job) -> None:
    """An XPUB, which hears of each subscriber's own topic, so that none misses a message."""
    payload = b"x" * job.size
    with opened(zmq) as context:
        xpub = socket(context, zmq, "XPUB", f"@{job.endpoints[0]}", job)
        go = socket(context, zmq, "PULL", f"@{job.endpoints[1]}", job)
        there = 0
        while there < job.peers:
            there += xpub.recv().startswith(b"\x01#")
        for _ in range(job.warmup):
            xpub.send(payload)
        go.recv()
        for _ in range(job.count // job.peers):
            xpub.send(payload)
        xpub.send(END)
        deliver(zmq)


def subscribe(zmq: Any, job: Job) -> float:
    """All subscribers, one after the other for each message; the clock runs from the word to go."""
    with opened(zmq, sockets=job.peers + 100) as context:
        subs = [socket(context, zmq, "SUB", job.endpoints[0], job) for _ in range(job.peers)]
        for number, sub in enumerate(subs):
            sub.setsockopt(zmq.SUBSCRIBE, b"")
            sub.setsockopt(zmq.SUBSCRIBE, b"#%d" % number)
        push = socket(context, zmq, "PUSH", job.endpoints[1], job)
        for _ in range(job.warmup):
            for sub in subs:
                sub.recv()
        started = perf_counter()
        push.send(b"go")
        for _ in range(job.count // job.peers):
            for sub in subs:
                message = sub.recv()
        seconds = perf_counter() - started
        expect(message, b"x" * job.size)
        for sub in subs:
            expect(sub.recv(), END)
    return seconds


def route(zmq: Any, job: Job) -> None:
    """A ROUTER that sends back what comes, and never ends."""
    with opened(zmq) as context:
        router = socket(context, zmq, "ROUTER", f"@{job.endpoints[0]}", job)
        while True:
            router.send_multipart(router.recv_multipart())


def ask(zmq: Any, job: Job) -> float:
    """One client works, the others have had one reply and wait."""
    payload = b"x" * job.size
    with opened(zmq, sockets=job.peers + 100) as context:
        clients = [socket(context, zmq, "REQ", job.endpoints[0], job) for _ in range(job.peers + 1)]

        def turns(client: Any, count: int) -> None:
            for _ in range(count):
                client.send(payload)
                expect(client.recv(), payload)

        for client in clients:
            turns(client, 1)
        turns(clients[-1], job.warmup)
        started = perf_counter()
        turns(clients[-1], job.count)
        return perf_counter() - started


CASES = (
    Case(
        name="fanout",
        title="fan-out to 1,000 SUB sockets, two processes, tcp, 16 B",
        unit=RATE,
        job=Job(count=200_000, warmup=5, peers=1000),
        contenders=each(PYTHON, {"subscribers": subscribe, "publisher": publish}),
        targets=(Target(1),),
        endpoints=2,
        servers=("publisher",),
    ),
    Case(
        name="idle",
        title="round trip to a ROUTER, beside 1,000 idle REQ clients",
        unit=MICROSECONDS,
        job=Job(count=4_000, warmup=200, peers=1000),
        contenders=each(PYTHON, {"clients": ask, "router": route}),
        targets=(Target(1),),
        endpoints=1,
        servers=("router",),
    ),
)
