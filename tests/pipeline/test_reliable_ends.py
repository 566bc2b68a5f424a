"""How reliable roles end: nobody is left waiting for one that has closed, was forgotten, or whose script is over."""

from __future__ import annotations

import gc
import subprocess
import sys
from typing import Any

import pytest

from brokerless import pipeline
from tests.conftest import PATIENCE, wait_until
from tests.pipeline.conftest import ANYWHERE
from tests.pipeline.reliable import HandMadeWorker, double


def test_a_collector_that_closes_hears_its_workers_out(make: Any, pyzmq: Any, pyzmq_ctx: Any, in_thread: Any) -> None:
    """Results are acknowledged before BYE; results that come later are another collector's; who answers is not waited for."""
    collector = make(pipeline.Collector, ANYWHERE, reliable=True)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True)
    by_hand = HandMadeWorker(pyzmq, pyzmq_ctx, producer.endpoint, collector.endpoint)
    try:
        by_hand.hello()
        producer.send(1)
        producer.send(2)
        by_hand.want(2)
        jobs = by_hand.take()
        if len(jobs) < 2:
            jobs += by_hand.take()
        by_hand.give((0, 1, [b"10"]))
        assert collector.recv(PATIENCE) == 10
        closing = in_thread(collector.close)
        assert by_hand.acknowledged() == (0,)
        assert by_hand.next(by_hand.results, 6) == [b"BP\x01\x06\x01"]
        by_hand.give((0, 1, [b"10"]), (1, 1, [b"20"]))
        assert by_hand.acknowledged() == (0,)
        by_hand.results.send(b"BP\x01\x05")
        assert by_hand.next(by_hand.results, 6) == [b"BP\x01\x06\x02"]
        closing.result()
    finally:
        by_hand.close()


def test_everybody_ends_though_the_collector_closes_at_once(make: Any, in_thread: Any) -> None:
    for _ in range(10):
        collector = make(pipeline.Collector, ANYWHERE, reliable=True, window=1)
        producer = make(pipeline.Producer, ANYWHERE, reliable=True)
        worker = make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True)
        working = in_thread(worker.run, double)
        sending = in_thread(producer.send_all, range(300), timeout=PATIENCE)
        assert sum(1 for _ in collector) == 300
        collector.close()
        assert sending.result() == 300
        assert working.result().sent == 300


SCRIPT = """
import sys
from brokerless import pipeline

def results():
    collector = pipeline.Collector("tcp://127.0.0.1:*", reliable=True, window=1)
    print(collector.endpoint, flush=True)
    return sum(1 for _ in collector), collector

number, collector = results()
if sys.argv[1] == "function":
    del collector
print(number, flush=True)
if sys.argv[1] == "function":
    sys.stdin.read()
"""


@pytest.mark.parametrize("over", ["script", "function"])
def test_everybody_ends_though_nobody_closes_the_collector(make: Any, in_thread: Any, over: str) -> None:
    """A script ends behind its last result; or a function returns, and its process goes on."""
    for _ in range(5):
        script = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, over], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with script:
            assert script.stdin is not None and script.stdout is not None
            producer = make(pipeline.Producer, ANYWHERE, reliable=True)
            worker = make(pipeline.Worker, producer.endpoint, script.stdout.readline().strip(), reliable=True)
            working = in_thread(worker.run, double)
            assert producer.send_all(range(300), timeout=PATIENCE) == 300
            assert working.result().sent == 300
            script.stdin.close()
            assert script.stdout.read() == "300\n"
        assert script.returncode == 0


@pytest.mark.parametrize("kind", [pipeline.Producer, pipeline.Collector])
def test_who_is_forgotten_says_goodbye(ctx: Any, pyzmq: Any, pyzmq_ctx: Any, kind: Any) -> None:
    roles = {one: one(ANYWHERE, reliable=True, context=ctx) for one in (pipeline.Producer, pipeline.Collector)}
    endpoints = [role.endpoint for role in roles.values()]
    by_hand = HandMadeWorker(pyzmq, pyzmq_ctx, *endpoints)
    try:
        by_hand.hello()
        socket = roles.pop(kind).socket
        gc.collect()
        speaks = by_hand.jobs if kind is pipeline.Producer else by_hand.results
        assert by_hand.next(speaks, 6) == [b"BP\x01\x06\x01"]
        speaks.send(b"BP\x01\x05")
        assert by_hand.next(speaks, 6) == [b"BP\x01\x06\x02"]
        assert wait_until(lambda: socket.closed)
    finally:
        by_hand.close()
        for role in roles.values():
            role.close()
