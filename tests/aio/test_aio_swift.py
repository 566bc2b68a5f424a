"""The way that asyncio's calls take when they need not wait: the futures, and whose loop they are of."""

from __future__ import annotations

import asyncio
import gc
import inspect
import weakref
from typing import Any, Callable

import pytest

import brokerless as zmq
import brokerless.asyncio as zmq_asyncio


def test_every_future_that_is_kept_is_another(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await push.send(b"0")
        sent = {push.send(b"%d" % number): number for number in range(1, 4)}
        sent[push.send_multipart([b"4"])] = 4
        assert len(sent) == 4
        told: list[Any] = []
        for future in sent:
            assert isinstance(future, asyncio.Future) and future.done() and future.get_loop() is loop
            future.add_done_callback(told.append)
        await push.send(b"5")
        assert await asyncio.gather(*sent) == [None] * 4
        assert told == list(sent)
        received = [pull.recv() for _ in range(6)]
        assert len(set(received)) == 6
        assert await asyncio.gather(*received) == [b"%d" % number for number in range(6)]

    run(main())


def test_a_future_is_of_the_loop_that_runs(new_loop: Callable[[], Any], push_pull: Any) -> None:
    push, pull = push_pull
    loops = [new_loop() for _ in range(2)]

    async def main() -> None:
        for _ in range(2):
            sent = push.send(b"x")
            assert sent.get_loop() is asyncio.get_running_loop()
            await sent
            received = pull.recv()
            assert received.get_loop() is asyncio.get_running_loop()
            assert await received == b"x"

    for _ in range(3):
        for loop in loops:
            loop.run_until_complete(main())
            loop.run_until_complete(main())
    for loop in loops:
        loop.close()


def test_a_socket_used_inside_and_outside_of_a_loop(push_pull: Any) -> None:
    """Futures made between two runs are of the current loop, though the last call was made in another."""
    push, pull = push_pull
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()

    async def main() -> None:
        await push.send(b"x")
        assert await pull.recv() == b"x"

    first.run_until_complete(main())
    asyncio.set_event_loop(second)
    try:
        sent = push.send(b"y")
        assert sent.get_loop() is second
        second.run_until_complete(sent)
        assert second.run_until_complete(pull.recv()) == b"y"
    finally:
        asyncio.set_event_loop(None)
        first.close()
        second.close()


def test_a_loop_that_knows_a_socket_is_collected_with_it() -> None:
    # One that nobody owns: the tests' own ones keep their sockets.
    context = zmq_asyncio.Context()

    class Loop(asyncio.SelectorEventLoop):
        known: Any

    async def main() -> None:
        sock = context.socket(zmq.PULL)
        asyncio.get_running_loop().known = sock
        with pytest.raises(zmq.Again):
            await sock.recv(zmq.DONTWAIT)
        with pytest.raises(zmq.Again):
            await sock.recv(zmq.DONTWAIT)
        sock.close()

    loop = Loop()
    loop.run_until_complete(main())
    loop.close()
    context.term()
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None


def test_what_does_not_wait_leaves_nothing_listening(run: Any, push_pull: Any) -> None:
    _, pull = push_pull

    async def main() -> None:
        with pytest.raises(zmq.Again):
            await pull.recv(timeout=0.001)
        lane = pull._lane()
        for call in (lambda: pull.recv(zmq.DONTWAIT), lambda: pull.recv(timeout=0), lambda: pull.recv(timeout=-1)):
            failed = call()
            assert lane._watched == 0
            with pytest.raises((zmq.Again, ValueError)):
                await failed
        waiting = pull.recv()
        assert lane._watched == zmq.POLLIN
        waiting.cancel()
        assert lane._watched == 0 and pull._recv_futures == []

    run(main())


def test_what_is_cancelled_lets_go_of_what_it_was_to_send(run: Any, make_socket: Any) -> None:
    class Data(bytearray):
        pass

    async def main() -> None:
        push = make_socket(zmq.PUSH)
        data = Data(b"x")
        gone = weakref.ref(data)
        waiting = push.send(data)
        del data
        assert gone() is not None
        assert waiting.cancel() and not waiting.cancel()
        assert gone() is None

    run(main())


def test_interruptions_are_no_results(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    class Stop(BaseException):
        pass

    def stop(_: Any) -> None:
        raise Stop

    async def main() -> None:
        await push.send(b"x")
        await push.send(b"y")
        await pull.poll()
        assert await pull.recv() == b"x"
        await pull.poll()
        with pytest.raises(Stop):
            pull.recv_serialized(stop)

    run(main())


def test_subclasses_may_have_calls_of_their_own(run: Any, ctx: Any) -> None:
    class Doubling(zmq_asyncio.Socket):
        async def recv(self, *args: Any, **kwargs: Any) -> Any:
            return 2 * await super().recv(*args, **kwargs)

        def send(self, data: Any, *args: Any, **kwargs: Any) -> Any:
            return super().send(data + b"!", *args, **kwargs)

    async def main() -> None:
        a, b = (ctx.socket(zmq.PAIR, socket_class=Doubling) for _ in range(2))
        a.bind("inproc://doubling")
        b.connect("inproc://doubling")
        for _ in range(2):
            await a.send(b"x")
            assert await b.recv() == b"x!x!"
            await a.send_string("y")
            assert await b.recv_string() == "y!"

    run(main())


def test_signatures_are_those_of_plain_sockets() -> None:
    for name in ("recv", "recv_multipart", "send", "send_multipart"):
        own, plain = (
            list(inspect.signature(getattr(cls, name)).parameters) for cls in (zmq_asyncio.Socket, zmq.Socket)
        )
        assert own == plain
