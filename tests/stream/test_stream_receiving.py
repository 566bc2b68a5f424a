"""What ZMQStream calls back when messages come, and in which turn of the loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import brokerless as zmq
from tests.conftest import PATIENCE
from tests.stream.conftest import Inbox, turns

pytest.importorskip("tornado")
from tornado.ioloop import IOLoop


@pytest.mark.parametrize("transport", ["tcp", "inproc"])
def test_each_message_is_called_back_for(run: Any, pair: Any, streams: Any, transport: str) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)

    async def main() -> None:
        push.send(b"before")
        stream, inbox = streams(pull), Inbox()
        assert not stream.receiving()
        stream.on_recv(inbox)
        assert stream.receiving() and inbox.got == []
        assert await inbox.have(1) == [[b"before"]]
        for number in range(100):
            push.send_multipart([b"%d" % number, b""])
        assert (await inbox.have(101))[1:] == [[b"%d" % number, b""] for number in range(100)]
        push.send(b"later")
        await inbox.have(102)

    run(main)


def test_frames_and_the_stream_itself_if_asked_for(run: Any, pair: Any, streams: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)

    async def main() -> None:
        stream, inbox = streams(pull), Inbox()
        stream.on_recv(inbox, copy=False)
        push.send_multipart([b"a", b"b"])
        (frames,) = await inbox.have(1)
        assert [frame.bytes for frame in frames] == [b"a", b"b"] and isinstance(frames[0], zmq.Frame)
        second = Inbox()
        stream.on_recv_stream(second)
        push.send(b"c")
        assert await second.have(1) == [(stream, [b"c"])]
        assert len(inbox.got) == 1
        for stop in (stream.stop_on_recv, lambda: stream.on_recv(None), lambda: stream.on_recv_stream(None)):
            stream.on_recv(inbox)
            stop()
            assert not stream.receiving()
        push.send(b"d")
        assert pull.poll(PATIENCE * 1000)
        await turns()
        assert pull.recv(timeout=0) == b"d"

    run(main)


def test_what_a_callback_schedules_comes_before_the_next_message(run: Any, pair: Any, streams: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")

    async def main() -> None:
        order: list[Any] = []

        def received(frames: list[bytes]) -> None:
            order.append(frames)
            loop.call_soon(order.append, "scheduled")

        loop = asyncio.get_running_loop()
        for message in (b"1", b"2", b"3"):
            push.send(message)
        streams(pull).on_recv(received)
        while len(order) < 6:
            await asyncio.sleep(0)
        assert order == [[b"1"], "scheduled", [b"2"], "scheduled", [b"3"], "scheduled"]

    run(main)


def test_a_loop_that_a_callback_stops_gets_one_message_only(pair: Any, streams: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    loop = IOLoop(make_current=False)
    got: list[Any] = []
    try:
        stream = streams(pull, io_loop=loop)
        stream.on_recv(lambda frames: (got.append(frames), loop.stop()))
        push.send(b"1")
        push.send(b"2")
        for count in (1, 2):
            loop.start()
            assert len(got) == count
    finally:
        loop.close()
    assert got == [[b"1"], [b"2"]]


def test_callbacks_may_be_coroutines(run: Any, pair: Any, streams: Any, logged: list[str]) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)

    async def main() -> None:
        stream, begun, inbox, go_on = streams(pull), Inbox(), Inbox(), asyncio.Event()

        async def received(frames: list[bytes]) -> None:
            begun(frames)
            await go_on.wait()
            inbox(frames)
            if frames == [b"2"]:
                raise RuntimeError("of the coroutine")

        stream.on_recv(received)
        for message in (b"1", b"2", b"3"):
            push.send(message)
        # Each of them waits: one that begins later would come before those that are woken.
        assert await begun.have(3) == [[b"1"], [b"2"], [b"3"]]
        assert len(stream._tasks) == 3
        go_on.set()
        assert await inbox.have(3) == [[b"1"], [b"2"], [b"3"]]
        await turns()
        assert not stream._tasks

    run(main)
    assert logged.pop() == "Uncaught exception in ZMQStream callback"


def test_what_a_callback_raises_goes_to_the_loop_and_the_next_message_comes(
    run: Any, pair: Any, streams: Any, logged: list[str]
) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    mistakes: list[Any] = []

    async def main() -> None:
        inbox = Inbox()

        def received(frames: list[bytes]) -> None:
            inbox(frames)
            if frames == [b"bad"]:
                raise RuntimeError("of the callback")

        push.send(b"bad")
        assert pull.poll(PATIENCE * 1000)
        stream = streams(pull)
        stream.on_recv(received)
        push.send(b"good")
        assert await inbox.have(2) == [[b"bad"], [b"good"]]

    run(main, mistakes)
    assert logged.pop(0) == "Uncaught exception in ZMQStream callback"
    # Tornado's own callbacks are logged by tornado, a descriptor's by asyncio.
    assert len(mistakes) + len(logged) == 1
    logged.clear()


def test_only_what_can_be_called_is_registered(run: Any, pair: Any, streams: Any) -> None:
    _, pull = pair(zmq.PUSH, zmq.PULL)

    async def main() -> None:
        stream = streams(pull)
        for register in (stream.on_recv, stream.on_send):
            with pytest.raises(AssertionError):
                register(1)

    run(main)


def test_flush_handles_what_is_there(run: Any, make_socket: Any, endpoint: Any, streams: Any) -> None:
    async def main() -> None:
        pull = make_socket(zmq.PULL, bind=endpoint("inproc"))
        push = make_socket(zmq.PUSH, connect=pull.last_endpoint.decode())
        stream, inbox = streams(pull), Inbox()
        for number in range(10):
            push.send(b"%d" % number)
        stream.on_recv(inbox)
        assert stream.flush(limit=3) == 3 == len(inbox.got)
        assert stream.flush(zmq.POLLOUT) == 0
        assert stream.flush(zmq.POLLIN) == 7
        assert inbox.got == [[b"%d" % number] for number in range(10)]
        assert stream.flush() == 0
        # A turn that was due before the flush hands over nothing more; one after it does.
        await turns()
        stream.on_recv(inbox)
        seen = Inbox()
        asyncio.get_running_loop().call_soon(lambda: seen(len(inbox.got)))
        push.send(b"a")
        assert stream.flush() == 1
        push.send(b"b")
        await inbox.have(12)
        assert seen.got == [11]
        stream.on_recv(None)
        push.send(b"dropped")
        assert stream.flush() == 1
        assert pull.poll(0) == 0 and len(inbox.got) == 12
        sender, sent = streams(push), Inbox()
        sender.on_send(sent)
        sender.send(b"1")
        sender.send(b"2")
        assert sender.flush(limit=1) == 1
        assert sender.flush(zmq.POLLOUT) == 1
        assert [message for message, _ in sent.got] == [[b"1"], [b"2"]]

    run(main)


def test_flush_ends_when_a_callback_closes_the_stream(run: Any, pair: Any, streams: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")

    async def main() -> None:
        stream = streams(pull)
        push.send(b"1")
        push.send(b"2")
        stream.on_recv(lambda _: stream.close())
        assert stream.flush() == 1
        with pytest.raises(OSError, match="closed"):
            stream.flush()
        await turns()

    run(main)
