"""A bind or connect that another thread has begun is one step to Python: the end of the context comes after it."""

from __future__ import annotations

import sys
import threading
from typing import Any, Iterator

import pytest

import brokerless as zmq


@pytest.fixture
def undisturbed() -> Iterator[None]:
    """Threads give the GIL up where they wait, and nowhere else."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(10.0)
    yield
    sys.setswitchinterval(before)


def begin_and_end(call: str, endpoint: str, end: str) -> None:
    """Ends a context as soon as another thread, in the middle of a bind or connect, lets this one run."""
    context: Any = zmq.Context()
    begun, raised = threading.Event(), []

    def begin() -> None:
        with context.socket(zmq.ROUTER) as sock:
            sock.linger = 0
            begun.set()
            try:
                getattr(sock, call)(endpoint)
            except zmq.ZMQError as error:
                raised.append(error)

    thread = threading.Thread(target=begin)
    thread.start()
    begun.wait()
    getattr(context, end)()
    thread.join()
    context.term()
    assert raised == []


@pytest.mark.parametrize("end", ["term", "shutdown"])
@pytest.mark.parametrize(("call", "endpoint"), [("bind", "tcp://127.0.0.1:*"), ("connect", "tcp://127.0.0.1:9")])
def test_what_has_begun_goes_well(undisturbed: None, call: str, endpoint: str, end: str) -> None:
    for _ in range(50):
        begin_and_end(call, endpoint, end)


def test_what_begins_afterwards_does_not(make_socket: Any, ctx: Any) -> None:
    sock = make_socket(zmq.ROUTER)
    ctx.shutdown()
    with pytest.raises(zmq.ContextTerminated):
        sock.bind("tcp://127.0.0.1:*")
