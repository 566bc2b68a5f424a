"""A loop of each sort for streams to live in, and what their tests look at."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Callable, Iterator

import pytest

from tests.aio.conftest import LOOPS, uvloop
from tests.conftest import PATIENCE

if TYPE_CHECKING:
    from brokerless.eventloop.zmqstream import ZMQStream

Main = Callable[[], Any]


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Main], Any]:
    """Run a coroutine to its end in a loop of its own; what goes wrong beside it fails the test."""
    new_loop = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run(main: Main, mistakes: list[Any] | None = None) -> Any:
        loop = new_loop()
        seen: list[Any] = []
        loop.set_exception_handler(lambda _, context: (seen if mistakes is None else mistakes).append(context))
        try:
            return loop.run_until_complete(asyncio.wait_for(main(), PATIENCE))
        finally:
            loop.close()
            assert seen == []

    return run


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What tornado's log says; the test takes out what it expects, and the rest fails it."""
    texts: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(record.getMessage())

    handler = Handler()
    logging.getLogger("tornado").addHandler(handler)
    yield texts
    logging.getLogger("tornado").removeHandler(handler)
    assert texts == []


@pytest.fixture
def streams() -> Iterator[Callable[..., ZMQStream]]:
    """Make a stream in the loop that runs; closed after the test."""
    from brokerless.eventloop.zmqstream import ZMQStream

    made: list[ZMQStream] = []

    def make(socket: Any, **options: Any) -> ZMQStream:
        stream = ZMQStream(socket, **options)
        made.append(stream)
        return stream

    yield make
    for stream in made:
        if stream.socket is not None:
            stream._ear.close(0)


class Inbox:
    """A callback that keeps what it gets, and can be waited for."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    def __call__(self, *args: Any) -> None:
        self.got.append(args[0] if len(args) == 1 else args)

    async def have(self, count: int) -> list[Any]:
        while len(self.got) < count:
            await asyncio.sleep(0.0005)
        return self.got


async def until_closed(stream: ZMQStream) -> None:
    while stream.socket is not None:
        await asyncio.sleep(0.001)


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def count_turns(stream: ZMQStream) -> list[None]:
    """Counts how often the stream is busy."""
    counted: list[None] = []
    turn = stream._turn

    def count() -> None:
        counted.append(None)
        turn()

    stream._turn = count  # type: ignore[method-assign]
    return counted
