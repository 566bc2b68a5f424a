"""How streams end, by themselves and by others, and that none keeps its loop busy."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

import brokerless as zmq
from tests.stream.conftest import Inbox, turns, until_closed

pytest.importorskip("tornado")
from tornado.ioloop import IOLoop

from brokerless.eventloop.zmqstream import ZMQStream


def test_a_closed_stream_says_so(run: Any, pair: Any, streams: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)

    async def main() -> None:
        loop = IOLoop.current()
        before = len(loop.handlers)
        stream, inbox, closed = streams(pull), Inbox(), Inbox()
        stream.set_close_callback(lambda: closed(stream))
        stream.on_recv(inbox)
        assert len(loop.handlers) == before + 1 and not stream.closed()
        stream.close(0)
        assert stream.closed() and stream.socket is None and pull.closed and closed.got == [stream]
        stream.close()
        assert len(loop.handlers) == before and len(closed.got) == 1
        for use in (
            lambda: stream.send(b"x"),
            lambda: stream.on_recv(inbox),
            lambda: stream.on_send(inbox),
            stream.flush,
        ):
            with pytest.raises(OSError, match="closed"):
                use()
        # There is room until the connection is known to have ended.
        with contextlib.suppress(zmq.Again):
            push.send(b"x", zmq.NOBLOCK)
        await turns()
        assert inbox.got == []

    run(main)


def test_a_callback_may_close_its_stream(run: Any, pair: Any, streams: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")

    async def main() -> None:
        stream, inbox = streams(pull), Inbox()

        def received(frames: list[bytes]) -> None:
            inbox(frames)
            stream.close()

        stream.on_recv(received)
        push.send(b"1")
        push.send(b"2")
        await inbox.have(1)
        await turns()
        assert inbox.got == [[b"1"]]

    run(main)


def test_a_socket_that_others_close_takes_its_stream_with_it(
    run: Any, pair: Any, streams: Any, logged: list[str], in_thread: Any
) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)

    async def main() -> None:
        receiving, idle, closed = streams(pull), streams(push), Inbox()
        receiving.set_close_callback(lambda: closed(None))
        receiving.on_recv(closed)
        await turns()
        in_thread(pull.close).result()
        with pytest.warns(UserWarning, match=r"stream.close\(\)"):
            await until_closed(receiving)
        assert "closed socket" in logged.pop()
        assert closed.got == [None]
        push.close()
        with pytest.warns(UserWarning, match="after closing socket"):
            assert idle.closed()

    run(main)


def test_a_loop_that_closes_all_its_descriptors_closes_the_sockets(pair: Any, streams: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    loop = IOLoop(make_current=False)
    receiving, idle = streams(pull, io_loop=loop), streams(push, io_loop=loop)
    receiving.on_recv(print)
    loop.close(all_fds=True)
    assert push.closed and pull.closed
    assert receiving.closed() and idle.closed()


def test_the_loop_holds_a_stream_until_it_is_closed(run: Any, pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)

    async def main() -> None:
        inbox = Inbox()
        ZMQStream(pull).on_recv_stream(inbox)
        push.send(b"x")
        ((stream, _),) = await inbox.have(1)
        stream.close()

    run(main)


def test_the_end_of_the_context_is_logged_and_does_not_keep_the_loop_busy(
    run: Any, ctx: Any, pair: Any, streams: Any, logged: list[str], monkeypatch: Any
) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")

    async def main() -> None:
        called = count_events(monkeypatch)
        stream = streams(pull)
        stream.on_recv(print)
        ctx.shutdown()
        while not logged:
            await asyncio.sleep(0.001)
        # libzmq tells the socket so, but a socket whose context ends does not listen any more.
        push.close()
        await asyncio.sleep(0.02)
        assert len(called) < 10 and not stream.closed()

    run(main)
    assert all("after terminating context" in text for text in logged)
    logged.clear()


def count_events(monkeypatch: Any) -> list[None]:
    """Counts how often the loop calls streams."""
    counted: list[None] = []
    handle = ZMQStream._handle_events

    def count(self: Any, *args: Any) -> None:
        counted.append(None)
        handle(self, *args)

    monkeypatch.setattr(ZMQStream, "_handle_events", count)
    return counted


def test_an_idle_stream_does_not_keep_the_loop_busy(run: Any, pair: Any, streams: Any, monkeypatch: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)

    async def main() -> None:
        called = count_events(monkeypatch)
        stream, inbox = streams(pull), Inbox()
        for _ in range(10):
            push.send(b"x")
        await asyncio.sleep(0.05)
        assert len(called) < 15
        stream.on_recv(inbox)
        await inbox.have(10)
        called.clear()
        await asyncio.sleep(0.05)
        push.send(b"x")
        await inbox.have(11)
        await asyncio.sleep(0.05)
        assert len(called) < 15

    run(main)
