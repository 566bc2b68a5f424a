"""Streams whose sockets others use too, streams in threads, and what they have besides."""

from __future__ import annotations

import threading
from typing import Any, Callable

import pytest

import brokerless as zmq
import brokerless.asyncio as zmq_asyncio
from tests.conftest import PATIENCE
from tests.stream.conftest import Inbox

pytest.importorskip("tornado")
from tornado.ioloop import IOLoop

from brokerless.eventloop.zmqstream import ZMQStream


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
