"""brokerless.eventloop: awaited sockets in tornado's loop, and the names that tornado's users know."""

from __future__ import annotations

import asyncio
import datetime
import importlib
from typing import Any, Iterator

import pytest

import brokerless as zmq
import brokerless.asyncio as zmq_asyncio
from tests.conftest import PATIENCE, owning

pytest.importorskip("tornado")
import tornado.gen
import tornado.ioloop

from brokerless.eventloop import IOLoop, future


@pytest.fixture
def ctx() -> Iterator[Any]:
    context = owning(future.Context)
    yield context
    context.destroy(linger=0)


@pytest.fixture
def io_loop() -> Iterator[Any]:
    loop = IOLoop(make_current=False)
    yield loop
    loop.close()


def test_its_sockets_are_awaited_in_tornados_loop(io_loop: Any, pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    assert type(push) is future.Socket and isinstance(push, zmq_asyncio.Socket) and isinstance(push, zmq.Socket)

    async def main() -> None:
        assert pull._get_loop() is IOLoop.current() is io_loop
        waiting = [pull.recv(), pull.recv_multipart(), pull.recv_json()]
        assert not any(received.done() for received in waiting)
        await push.send(b"1")
        await push.send_multipart([b"2", b"b"])
        await push.send_json([3])
        assert [await received for received in waiting] == [b"1", [b"2", b"b"], [3]]
        poller = future.Poller()
        poller.register(pull, zmq.POLLIN)
        assert await poller.poll(10) == []
        with pytest.raises(zmq.Again):
            await pull.recv(timeout=0.01)

    io_loop.run_sync(main, timeout=PATIENCE)


def test_what_is_cancelled_loses_nothing(io_loop: Any, pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)

    async def main() -> None:
        received = pull.recv()
        assert received.cancel()
        with pytest.raises(future.CancelledError):
            await received
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(pull.recv(), 0.01)
        await push.send(b"x")
        assert await tornado.gen.with_timeout(datetime.timedelta(seconds=PATIENCE), pull.recv()) == b"x"

    io_loop.run_sync(main, timeout=PATIENCE)


def test_a_loop_that_closes_all_its_descriptors_closes_the_sockets(pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    loop = IOLoop(make_current=False)

    async def main() -> None:
        await push.send(b"x")
        assert await pull.recv() == b"x"

    loop.run_sync(main, timeout=PATIENCE)
    assert len(loop.handlers) >= 2
    loop.close(all_fds=True)
    assert push.closed and pull.closed


def test_a_socket_that_is_closed_is_no_more_in_its_loops(pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    loops = [IOLoop(make_current=False) for _ in range(2)]

    async def main() -> None:
        await push.send(b"x")
        assert await pull.recv() == b"x"

    for loop in loops:
        before = len(loop.handlers)
        loop.run_sync(main, timeout=PATIENCE)
        assert len(loop.handlers) == before + 2
    push.close()
    pull.close()
    for loop in loops:
        assert len(loop.handlers) == before
        loop.close()


def test_each_sort_of_context_has_an_instance_of_its_own() -> None:
    contexts = [kind.instance() for kind in (future.Context, zmq_asyncio.Context, zmq.Context)]
    assert [type(context) for context in contexts] == [future.Context, zmq_asyncio.Context, zmq.Context]
    for context in contexts:
        context.term()


def test_io_loop_is_deprecated(io_loop: Any) -> None:
    with pytest.warns(DeprecationWarning, match="io_loop"):
        context = future.Context(io_loop=io_loop)
    with pytest.warns(DeprecationWarning, match="io_loop"):
        context.socket(zmq.PAIR, io_loop=io_loop).close()
    context.term()


def test_the_old_names_of_tornados_loop_are_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match="own loops"):
        # It may have been imported before, and says so each time.
        ioloop = importlib.reload(importlib.import_module("brokerless.eventloop.ioloop"))
    assert ioloop.IOLoop is ioloop.ZMQIOLoop is IOLoop is tornado.ioloop.IOLoop
    with pytest.warns(DeprecationWarning, match="own loops"):
        ioloop.install()
