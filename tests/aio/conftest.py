"""A loop of each sort to run a test's coroutine in, and sockets to await."""

from __future__ import annotations

import asyncio
import os
from typing import Any, Callable, Iterator

import pytest

import brokerless as zmq
import brokerless.asyncio as zmq_asyncio
from tests.conftest import PATIENCE, owning

try:
    import uvloop
except ImportError:
    uvloop = None

LOOPS = ["asyncio", pytest.param("uvloop", marks=pytest.mark.skipif(uvloop is None, reason="uvloop is not installed"))]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(params=LOOPS)
def new_loop(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    return asyncio.new_event_loop if request.param == "asyncio" else uvloop.new_event_loop


@pytest.fixture
def run(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Callable[..., Any]:
    """Run a coroutine to its end in a new loop; what it takes too long for, or leaves behind, fails the test."""

    def run(main: Any) -> Any:
        loop = new_loop()
        mistakes: list[Any] = []
        loop.set_exception_handler(lambda _, context: mistakes.append(context))
        try:
            result = loop.run_until_complete(asyncio.wait_for(main, PATIENCE))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()
        assert mistakes == []
        return result

    return run


@pytest.fixture
def ctx() -> Iterator[Any]:
    context = owning(zmq_asyncio.Context)
    yield context
    context.destroy(linger=0)


@pytest.fixture
def push_pull(pair: Callable[..., Any]) -> Any:
    """Over tcp, where messages come at any time; the connection stands."""
    sockets = pair(zmq.PUSH, zmq.PULL)
    for sock in sockets:
        zmq._core.Socket.wait_for_peers(sock, 1, PATIENCE)
    return sockets
