"""Many messages in one awaited call: the loop goes on meanwhile, and what is cancelled loses nothing."""

from __future__ import annotations

import asyncio
import random
import sys
from typing import Any

import pytest

import brokerless as zmq
from tests.conftest import PATIENCE


def numbers(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(start, start + count)]


async def receive(pull: Any, count: int) -> list[Any]:
    got: list[Any] = []
    while len(got) < count:
        got += await pull.recv_many()
    return got


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_batches_wait_for_each_other(run: Any, pair: Any, kind: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc", sndhwm=10, rcvhwm=10)
    messages = [[number, b"x"] if number.endswith(b"7") else number for number in numbers(3000)]

    async def main() -> None:
        sent, got = await asyncio.gather(push.send_many(kind(messages)), receive(pull, 3000))
        assert sent == 3000 and got == messages

    run(main())


def test_the_loop_goes_on_while_a_long_batch_is_sent(run: Any, push_pull: Any) -> None:
    push, pull = push_pull
    zmq._core.Socket.set(push, zmq.SNDHWM, 0)
    ticks = []

    async def tick() -> None:
        while True:
            ticks.append(1)
            await asyncio.sleep(0)

    async def main() -> None:
        ticking = asyncio.ensure_future(tick())
        got = asyncio.ensure_future(receive(pull, 20_000))
        assert await push.send_many(numbers(20_000)) == 20_000
        assert await got == numbers(20_000)
        ticking.cancel()
        assert len(ticks) > 20

    run(main())


def test_it_waits_for_as_many_as_are_wanted_and_in_turn(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        first = pull.recv()
        second = asyncio.ensure_future(pull.recv_many(3, min=3))
        await asyncio.sleep(0)
        await push.send_many(numbers(3))
        assert await first == b"0"
        assert not second.done()
        await push.send_many(numbers(2, 3))
        assert await second == numbers(3, 1)
        assert await pull.recv_many() == [b"4"]

    run(main())


def test_limits_and_errors_are_those_of_the_plain_calls(run: Any, pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc", sndhwm=3, rcvhwm=3)

    async def main() -> None:
        for options in ({"timeout": 0}, {"flags": zmq.DONTWAIT}, {"timeout": 0.01}):
            with pytest.raises(zmq.Again):
                await pull.recv_many(**options)
            with pytest.raises(zmq.Again) as full:
                await push.send_many(numbers(30), **options)
            sent = full.value.sent
            assert 0 < sent < 30 and full.value.unsent == numbers(30 - sent, sent)
            assert await pull.recv_many(30, min=30, **options) == numbers(sent)
        for options in ({"min": 0}, {"max": 0}, {"min": 4, "max": 3}, {"timeout": -1}, {"flags": 2}):
            with pytest.raises(ValueError):
                await pull.recv_many(**options)
        with pytest.raises(ValueError) as wrong:
            await push.send_many([b"x"], timeout=-1)
        assert (wrong.value.sent, wrong.value.unsent) == (0, [b"x"])
        for one in (b"one", "one", 5):
            with pytest.raises(TypeError) as wrong:
                await push.send_many(one)
            assert (wrong.value.sent, wrong.value.unsent) == (0, [])
        source = iter([b"a", b"b", "text", b"c"])
        with pytest.raises(TypeError, match=r"^message 2: ") as wrong:
            await push.send_many(source)
        assert (wrong.value.sent, wrong.value.unsent, list(source)) == (2, ["text", b"c"], [])
        assert await pull.recv_many(min=2) == [b"a", b"b"]

    run(main())


def test_what_an_iterator_raises_comes_when_the_rest_has_gone(run: Any, pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")

    def source() -> Any:
        yield from numbers(5)
        raise LookupError

    async def main() -> None:
        with pytest.raises(LookupError) as failed:
            await push.send_many(source())
        assert (failed.value.sent, failed.value.unsent) == (5, [])
        assert await pull.recv_many() == numbers(5)

    run(main())


def test_a_cancelled_receive_gives_back_what_it_took(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        await push.send_many(numbers(4))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(pull.recv_many(min=10), 0.05)
        await push.send_many([b"later"])
        assert await pull.recv_many(min=5) == [*numbers(4), b"later"]

    run(main())
    assert pull.stats.messages_received == 5


@pytest.mark.skipif(sys.version_info < (3, 9), reason="wait_for() of 3.8 drops what came as it gave up (bpo-37658)")
def test_cancelling_at_random_loses_nothing(run: Any, pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "tcp", sndhwm=20, rcvhwm=20)
    chance = random.Random(3)
    count = 4000

    async def send() -> None:
        rest = numbers(count)
        while rest:
            task = asyncio.ensure_future(push.send_many(rest))
            for _ in range(chance.randrange(8)):
                await asyncio.sleep(0)
            task.cancel()
            try:
                await task
                rest = []
            except asyncio.CancelledError as cancelled:
                # One that had not begun has sent nothing. Up to Python 3.10 the original is the last context.
                while cancelled.__context__ is not None and not hasattr(cancelled, "sent"):
                    cancelled = cancelled.__context__  # type: ignore[assignment]
                rest = getattr(cancelled, "unsent", rest)

    async def take() -> list[Any]:
        got: list[Any] = []
        while len(got) < count:
            least = min(chance.randrange(1, 30), count - len(got))
            try:
                got += await asyncio.wait_for(pull.recv_many(30, min=least), chance.random() / 500)
            except asyncio.TimeoutError:
                pass
        return got

    async def main() -> None:
        _, got = await asyncio.gather(send(), take())
        assert got == numbers(count)

    run(main())


def test_a_closed_socket_cancels_them(run: Any, pair: Any) -> None:
    push, _ = pair(zmq.PUSH, zmq.PULL, "inproc", sndhwm=2, rcvhwm=2)
    _, pull = pair(zmq.PUSH, zmq.PULL, "inproc")

    async def main() -> None:
        calls = [asyncio.ensure_future(push.send_many(numbers(50))), asyncio.ensure_future(pull.recv_many(99, min=99))]
        while not push.stats.messages_sent:
            await asyncio.sleep(0)
        for sock in (push, pull):
            sock.close()
        for call in calls:
            with pytest.raises(asyncio.CancelledError):
                await call
        with pytest.raises(zmq.SocketClosed) as closed:
            await push.send_many([b"x"])
        assert closed.value.unsent == [b"x"]

    run(main())


def test_json(run: Any, pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")

    async def main() -> None:
        objects = [1, {"a": [None]}, "x"]
        assert await push.send_json_many(iter(objects)) == 3
        assert await pull.recv_json_many() == objects
        with pytest.raises(TypeError, match=r"^message 1: .*JSON") as wrong:
            await push.send_json_many([1, {2}, 3])
        assert (wrong.value.sent, wrong.value.unsent) == (1, [{2}, 3])
        await push.send_many([b"2", b"{", b"3"])
        assert await pull.recv_json_many() == [1, 2]
        with pytest.raises(ValueError):
            await pull.recv_json_many()
        assert await pull.recv_json_many() == [3]

    run(main())


def test_records(run: Any, pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    memory = bytearray(6)
    records = memoryview(memory).cast("B", (3, 2))

    async def main() -> None:
        filled = asyncio.ensure_future(pull.recv_many_into(records, min=2, timeout=PATIENCE))
        await asyncio.sleep(0)
        await push.send_many([b"ab", b"cd", b"odd", b"ef"])
        assert await filled == 2 and memory == b"abcd\0\0"
        with pytest.raises(ValueError, match="a record is 1 frame of 2"):
            await pull.recv_many_into(records)
        assert await pull.recv_many(1) == [b"odd"]
        # What is no record ends the call, whatever it waits for.
        await push.send(b"odd")
        assert await pull.recv_many_into(records, min=3) == 1 and memory == b"efcd\0\0"
        for wrong, error in ((b"ro", BufferError), ("x", TypeError), (bytearray(), ValueError)):
            with pytest.raises(error):
                await pull.recv_many_into(wrong)

    run(main())
