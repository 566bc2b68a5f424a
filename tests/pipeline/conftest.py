"""The roles of a pipeline, closed after the test, and a worker that somebody wrote by hand."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest

import brokerless as zmq
from brokerless import pipeline
from brokerless.jupyter.peer_start import in_lasting_thread
from tests.conftest import PATIENCE

ANYWHERE = "tcp://127.0.0.1:*"


@pytest.fixture(scope="session", autouse=True)
def starter() -> None:
    """The thread that starts processes lasts as long as this one: it is no test's."""
    in_lasting_thread(int)


@pytest.fixture
def make(ctx: Any) -> Iterator[Callable[..., Any]]:
    """Make roles in the test's context: make(pipeline.Worker, source, sink); closed after the test."""
    made = []

    def role(kind: Any, *args: Any, **kwargs: Any) -> Any:
        one = kind(*args, context=ctx, **kwargs)
        made.append(one)
        return one

    yield role
    # The last first: a worker says goodbye while somebody hears it.
    for one in reversed(made):
        one.close()


@pytest.fixture
def producer(make: Callable[..., Any]) -> Any:
    return make(pipeline.Producer, ANYWHERE)


@pytest.fixture
def collector(make: Callable[..., Any]) -> Any:
    return make(pipeline.Collector, ANYWHERE)


@pytest.fixture
def work(make: Callable[..., Any]) -> Callable[..., Any]:
    """Start workers in the background: work(fn, producer, collector)."""

    def start(fn: Any, source: Any, sink: Any = None, **kwargs: Any) -> Any:
        to = None if sink is None else sink.endpoint
        return make(pipeline.Worker, source.endpoint, to, **kwargs).start(fn)

    return start


@pytest.fixture
def push(make_socket: Any) -> Callable[..., None]:
    """What a worker with a plain socket does: push(collector, *messages) connects, sends, closes."""

    def send(collector: Any, *messages: bytes) -> None:
        sock = make_socket(zmq.PUSH, connect=collector.endpoint)
        sock.linger = -1
        for message in messages:
            sock.send(message, timeout=PATIENCE)
        sock.close()

    return send
