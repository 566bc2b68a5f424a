"""ZMQStream: what it calls back, in which turn of the loop, and what it does with a socket that others use too."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any, Callable, Iterator

import pytest

import brokerless as zmq
import brokerless.asyncio as zmq_asyncio
from tests.aio.conftest import LOOPS, uvloop
from tests.conftest import PATIENCE

pytest.importorskip("tornado")
from tornado.ioloop import IOLoop

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
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
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


# Receiving


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
        stream, inbox, go_on = streams(pull), Inbox(), asyncio.Event()

        async def received(frames: list[bytes]) -> None:
            await go_on.wait()
            inbox(frames)
            if frames == [b"2"]:
                raise RuntimeError("of the coroutine")

        stream.on_recv(received)
        for message in (b"1", b"2", b"3"):
            push.send(message)
        while len(stream._tasks) < 3:
            await asyncio.sleep(0.001)
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


# Sending


def test_what_can_be_sent_is_sent_at_once(run: Any, pair: Any, streams: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    push.wait_for_peers(1, PATIENCE)

    async def main() -> None:
        stream = streams(push)
        stream.send(b"1")
        stream.send_multipart((b"2", b"3"))
        stream.send_multipart(iter([b"4"]))
        stream.send_string("é")
        stream.send_unicode("é", encoding="utf-16")
        stream.send_json([5])
        stream.send_pyobj({6})
        # The loop has had no turn yet.
        assert pull.recv(timeout=PATIENCE) == b"1"
        assert pull.recv_multipart(timeout=PATIENCE) == [b"2", b"3"]
        assert pull.recv(timeout=PATIENCE) == b"4"
        assert pull.recv_string(timeout=PATIENCE) == "é"
        assert pull.recv_string(encoding="utf-16", timeout=PATIENCE) == "é"
        assert pull.recv_json(timeout=PATIENCE) == [5]
        assert pull.recv_pyobj(timeout=PATIENCE) == {6}
        assert stream.sending()
        while stream.sending():
            await asyncio.sleep(0)
        for wrong in (lambda: stream.send("text"), lambda: stream.send_string(b"bytes"), lambda: stream.send(1)):
            with pytest.raises(TypeError):
                wrong()
        with pytest.raises(TypeError, match="one frame"):
            stream.send_multipart([b"a", b"b"], routing_id=1)
        assert not stream.sending()

    run(main)


def test_each_send_is_called_back_for_in_the_loop(run: Any, pair: Any, streams: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, copy_threshold=0)

    async def main() -> None:
        stream, inbox, second = streams(push), Inbox(), Inbox()
        stream.on_send(inbox)
        parts = [b"1", b"2"]
        stream.send_multipart(parts)
        assert inbox.got == []
        assert await inbox.have(1) == [(parts, None)] and inbox.got[0][0] is parts
        stream.send(b"3", copy=False, track=True, callback=second)
        ((message, tracker),) = await second.have(1)
        assert message == [b"3"] and isinstance(tracker, zmq.MessageTracker)
        # A callback given to a send stays.
        stream.send(b"4")
        await second.have(2)
        third = Inbox()
        stream.on_send_stream(third)
        stream.send(b"5")
        assert await third.have(1) == [(stream, [b"5"], None)]
        stream.on_send_stream(None)
        stream.on_send(inbox)
        stream.stop_on_send()
        stream.send(b"6")
        for count in (2, 1, 1, 1, 1):
            assert len(pull.recv_multipart(timeout=PATIENCE)) == count
        await turns()
        assert (len(inbox.got), len(second.got), len(third.got)) == (1, 2, 1)

    run(main)


def test_what_has_no_room_waits_in_order_without_keeping_the_loop_busy(
    run: Any, make_socket: Any, endpoint: Any, streams: Any
) -> None:
    async def main() -> None:
        push = make_socket(zmq.PUSH, bind=endpoint("tcp"))
        stream, inbox = streams(push), Inbox()
        handled = count_turns(stream)
        stream.on_send(inbox)
        for number in range(10):
            stream.send(b"%d" % number)
        await asyncio.sleep(0.05)
        assert stream.sending() and inbox.got == [] and len(handled) < 15
        assert stream._send_queue.qsize() == 10 and not stream._send_queue.empty()
        pull = make_socket(zmq.PULL, connect=push.last_endpoint.decode())
        assert [message for message, _ in await inbox.have(10)] == [[b"%d" % number] for number in range(10)]
        assert [pull.recv(timeout=PATIENCE) for _ in range(10)] == [b"%d" % number for number in range(10)]
        assert not stream.sending() and stream._send_queue.empty()

    run(main)


def count_turns(stream: ZMQStream) -> list[None]:
    """Counts how often the stream is busy."""
    counted: list[None] = []
    turn = stream._turn

    def count() -> None:
        counted.append(None)
        turn()

    stream._turn = count  # type: ignore[method-assign]
    return counted


def test_a_router_that_waits_for_one_peer_does_not_keep_the_loop_busy(
    run: Any, make_socket: Any, endpoint: Any, streams: Any
) -> None:
    async def main() -> None:
        router = make_socket(zmq.ROUTER, bind=endpoint("inproc"), sndhwm=1, router_mandatory=1)
        peer = make_socket(zmq.DEALER, connect=router.last_endpoint.decode(), routing_id=b"p", rcvhwm=1)
        peer.send(b"")
        router.recv_multipart(timeout=PATIENCE)
        stream = streams(router)
        handled = count_turns(stream)
        for number in range(10):
            stream.send_multipart([b"p", b"%d" % number])
        await asyncio.sleep(0.05)
        assert stream.sending() and len(handled) < 15
        got = []
        while len(got) < 10:
            await turns()
            got += peer.recv_many(10, timeout=0) if hasattr(peer, "recv_many") else [peer.recv(timeout=0.001)]
        assert got == [b"%d" % number for number in range(10)]

    run(main)


def test_what_cannot_be_sent_is_logged_and_told(
    run: Any, make_socket: Any, endpoint: Any, streams: Any, logged: list[str]
) -> None:
    async def main() -> None:
        router = make_socket(zmq.ROUTER, bind=endpoint("inproc"), router_mandatory=1)
        stream, inbox = streams(router), Inbox()
        stream.on_send(inbox)
        stream.send_multipart([b"nobody", b"x"])
        ((message, error),) = await inbox.have(1)
        assert message == [b"nobody", b"x"] and error.errno == zmq.EHOSTUNREACH
        assert "SEND Error" in logged.pop()
        lonely = streams(make_socket(zmq.PUSH))
        lonely.on_send(inbox)
        lonely.send(b"x", zmq.NOBLOCK)
        assert isinstance((await inbox.have(2))[1][1], zmq.Again)
        assert "SEND Error" in logged.pop()

    run(main)


def test_a_bad_message_that_had_to_wait_does_not_hold_up_the_others(
    run: Any, make_socket: Any, endpoint: Any, streams: Any, logged: list[str]
) -> None:
    mistakes: list[Any] = []

    async def main() -> None:
        push = make_socket(zmq.PUSH, bind=endpoint("tcp"))
        stream = streams(push)
        for message in (b"1", "not bytes", b"2"):
            stream.send(message)
        pull = make_socket(zmq.PULL, connect=push.last_endpoint.decode())
        while stream.sending():
            await asyncio.sleep(0.001)
        assert pull.recv(timeout=PATIENCE) + pull.recv(timeout=PATIENCE) == b"12"

    run(main, mistakes)
    assert len(mistakes) + len(logged) == 1
    logged.clear()


def test_a_req_sends_when_it_is_its_turn(run: Any, pair: Any, streams: Any, logged: list[str]) -> None:
    rep, req = pair(zmq.REP, zmq.REQ)

    async def main() -> None:
        client, server, inbox = streams(req), streams(rep), Inbox()
        client.on_recv(inbox)
        server.on_recv(server.send_multipart)
        await turns()
        for number in range(3):
            client.send(b"%d" % number)
        assert await inbox.have(3) == [[b"0"], [b"1"], [b"2"]]

    run(main)
    assert logged == []


def test_registering_for_what_a_type_never_does_is_harmless(
    run: Any, pair: Any, streams: Any, logged: list[str]
) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    pub = pair(zmq.PUB, zmq.SUB)[0]

    async def main() -> None:
        inbox = Inbox()
        for sock in (push, pub):
            stream = streams(sock)
            stream.on_recv(inbox)
            stream.send(b"x")
        await asyncio.sleep(0.01)
        assert inbox.got == []
        assert pull.recv(timeout=PATIENCE) == b"x"

    run(main)
    assert logged == []


# Flushing


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


# Life


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
        push.send(b"x", zmq.NOBLOCK) if push.poll(0, zmq.POLLOUT) else None
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


# With others


def test_an_asyncio_socket_is_taken_as_a_plain_one(run: Any, streams: Any) -> None:
    async def main() -> None:
        with zmq_asyncio.Context() as context, context.socket(zmq.PAIR) as sock, context.socket(zmq.PAIR) as peer:
            sock.bind("inproc://awaited")
            peer.connect("inproc://awaited")
            with pytest.warns(RuntimeWarning, match="plain socket"):
                stream = streams(sock)
            assert type(stream.socket) is zmq.Socket and stream.socket.underlying == sock.underlying
            inbox = Inbox()
            stream.on_recv(inbox)
            await peer.send(b"x")
            assert await inbox.have(1) == [[b"x"]]
            stream.close()

    run(main)


def test_a_socket_that_other_threads_use_loses_nothing_for_the_stream(
    run: Any, pair: Any, streams: Any, in_thread: Any
) -> None:
    """They use up the edges of the descriptor that pyzmq's stream depends on."""
    a, b = pair(zmq.DEALER, zmq.DEALER)
    over = threading.Event()

    def disturb() -> None:
        while not over.is_set():
            a.get(zmq.EVENTS)
            b.get(zmq.EVENTS)

    async def main() -> None:
        in_thread(disturb)
        left, right, inbox = streams(a), streams(b), Inbox()
        left.on_recv(inbox)
        right.on_recv(right.send_multipart)
        for number in range(200):
            left.send(b"%d" % number)
            assert (await inbox.have(number + 1))[-1] == [b"%d" % number]

    try:
        run(main)
    finally:
        over.set()


def test_threads_may_send(run: Any, pair: Any, streams: Any, in_thread: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, sndhwm=5, rcvhwm=5)
    count = 2000

    async def main() -> None:
        sender, receiver, inbox = streams(push), streams(pull), Inbox()
        receiver.on_recv(inbox)

        def send(name: int) -> None:
            for number in range(count):
                sender.send_json([name, number])

        for name in range(3):
            in_thread(send, name)
        got = [tuple(map(int, frames[0].strip(b"[]").split(b","))) for frames in await inbox.have(3 * count)]
        for name in range(3):
            assert [number for sender, number in got if sender == name] == list(range(count))

    run(main)


def test_a_loop_in_a_thread_is_woken_over_inproc(ctx: Any, make_socket: Any, in_thread: Any, endpoint: Any) -> None:
    """As ipykernel's thread for its outputs is: the stream is made here, and runs there."""
    pull = make_socket(zmq.PULL, bind=endpoint("inproc"))
    loop = IOLoop(make_current=False)
    todo: list[Callable[[], None]] = []
    done: list[int] = []
    ended = threading.Event()

    def handle(_: Any) -> None:
        for _ in range(len(todo)):
            todo.pop(0)()

    stream = ZMQStream(pull, loop)
    stream.on_recv(handle)

    def serve() -> None:
        loop.start()
        loop.close(all_fds=True)

    running = in_thread(serve)
    push = make_socket(zmq.PUSH, connect=pull.last_endpoint.decode())
    for number in range(300):
        todo.append(lambda number=number: done.append(number))
        push.send(b"")
    todo.append(ended.set)
    push.send(b"")
    assert ended.wait(PATIENCE)
    loop.add_callback(loop.stop)
    running.result()
    assert done == list(range(300)) and pull.closed


def test_the_sockets_own_methods_are_there(run: Any, make_socket: Any, streams: Any) -> None:
    async def main() -> None:
        stream = streams(make_socket(zmq.PULL))
        assert stream.bind == stream.socket.bind and stream.connect == stream.socket.connect
        assert stream.bind_to_random_port("tcp://127.0.0.1") > 0
        stream.setsockopt(zmq.LINGER, 7)
        assert stream.getsockopt(zmq.LINGER) == 7
        stream.setsockopt_string(zmq.IDENTITY, "me")
        assert stream.getsockopt_string(zmq.IDENTITY) == stream.getsockopt_unicode(zmq.IDENTITY) == "me"
        assert stream.io_loop is IOLoop.current() and isinstance(stream.poller, zmq.Poller)
        # Jupyter's server hangs names of its own on it.
        stream.channel = "shell"

    run(main)


def test_what_is_deprecated_says_so(run: Any, pair: Any, streams: Any, logged: list[str]) -> None:
    _, pull = pair(zmq.PUSH, zmq.PULL)

    async def main() -> None:
        stream = streams(pull)
        stream.on_err(print)
        stream.stop_on_err()

    run(main)
    assert [text for text in logged if "on_err" in text] == logged and len(logged) == 2
    logged.clear()


def test_without_tornado_the_error_says_what_to_install(run_python: Any) -> None:
    run_python("""
import sys
sys.modules["tornado"] = sys.modules["tornado.ioloop"] = None
for name in ("eventloop", "eventloop.zmqstream", "eventloop.future", "eventloop.ioloop"):
    try:
        __import__("brokerless." + name)
    except ImportError as error:
        assert "pip install tornado" in str(error), error
        assert error.name == "tornado"
    else:
        raise AssertionError(name)
""")
