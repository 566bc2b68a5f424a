"""What ends a wait early: a cancelled await loses no message, a closed socket leaves nobody waiting."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from concurrent.futures import Future
from typing import Any, Callable

import pytest

import brokerless as zmq
from tests.aio.conftest import descriptors

Call = Callable[[], Any]


async def wait_for(call: Call, chance: random.Random) -> Any:
    return await asyncio.wait_for(call(), chance.random() / 1000)


async def wait_for_a_coroutine(call: Call, chance: random.Random) -> Any:
    async def wait() -> Any:
        return await call()

    return await asyncio.wait_for(wait(), chance.random() / 1000)


async def timeout(call: Call, chance: random.Random) -> Any:
    async with asyncio.timeout(chance.random() / 1000):
        return await call()


async def cancelled_task(call: Call, chance: random.Random) -> Any:
    async def wait() -> Any:
        return await call()

    task = asyncio.ensure_future(wait())
    for _ in range(chance.randrange(5)):
        await asyncio.sleep(0)
    task.cancel()
    return await task


#: Ways to give up. The last is new in Python 3.11.
GIVING_UP = [wait_for, wait_for_a_coroutine, cancelled_task] + ([timeout] if hasattr(asyncio, "timeout") else [])


async def receive_while_giving_up(calls: list[Call], over: threading.Event, sent: Future[int]) -> list[Any]:
    """What arrives while 3,000 receives are given up at random."""
    chance = random.Random(1)
    received: list[Any] = []
    given_up = 0
    while given_up < 3000:
        try:
            received.append(await chance.choice(GIVING_UP)(chance.choice(calls), chance))
        except (asyncio.TimeoutError, asyncio.CancelledError, zmq.Again):
            given_up += 1
    over.set()
    count = await asyncio.get_running_loop().run_in_executor(None, sent.result)
    while len(received) < count:
        received.append(await calls[0]())
    return received


def producer(in_thread: Any, push: Any, frames: int, over: threading.Event) -> Future[int]:
    """A thread that sends numbers until it is over, and says how many."""
    chance = random.Random(2)

    def produce() -> int:
        for number in itertools.count():
            if over.is_set():
                return number
            zmq.Socket(push).send_multipart([b"%d" % number] * frames)
            if number % 5 == 0:
                over.wait(chance.random() / 1000)
        raise AssertionError

    return in_thread(produce)


def test_receives_that_are_given_up_lose_no_frame(run: Any, push_pull: Any, in_thread: Any) -> None:
    push, pull = push_pull
    over = threading.Event()
    memory = bytearray(20)

    async def into_memory() -> int:
        return int(memory[: await pull.recv_into(memory)])

    async def frame() -> int:
        return int((await pull.recv(copy=False)).bytes)

    async def text() -> int:
        return int(await pull.recv_string())

    calls = [pull.recv, pull.recv_json, frame, text, into_memory, lambda: pull.recv(timeout=0.0005)]

    async def main() -> None:
        sent = producer(in_thread, push, 1, over)
        received = await receive_while_giving_up(calls, over, sent)
        assert [int(number) for number in received] == list(range(sent.result()))

    try:
        run(main())
    finally:
        over.set()


def test_receives_that_are_given_up_lose_no_message_and_tear_none(run: Any, push_pull: Any, in_thread: Any) -> None:
    push, pull = push_pull
    over = threading.Event()

    async def frames() -> list[bytes]:
        return [frame.bytes for frame in await pull.recv_multipart(copy=False)]

    calls = [pull.recv_multipart, frames, lambda: pull.recv_serialized(list)]

    async def main() -> None:
        sent = producer(in_thread, push, 3, over)
        received = await receive_while_giving_up(calls, over, sent)
        assert received == [[b"%d" % number] * 3 for number in range(sent.result())]

    try:
        run(main())
    finally:
        over.set()


def test_a_send_that_is_given_up_went_once_or_not_at_all(run: Any, make_socket: Any, endpoint: Any) -> None:
    """What the future says is true: it went, or it was cancelled and did not."""
    chance = random.Random(3)
    pull = make_socket(zmq.PULL, bind=endpoint("inproc"), rcvhwm=1)
    push = make_socket(zmq.PUSH, connect=pull.last_endpoint.decode(), sndhwm=1)
    count = 3000

    async def give_up(number: int) -> bool:
        """Whether it went."""
        message = b"%d" % number
        sent = push.send_multipart([message, b""]) if number % 2 else push.send(message, copy=number % 4 == 0)

        async def wait() -> None:
            await sent

        task = asyncio.ensure_future(wait())
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return not sent.cancelled()

    async def consume(received: list[int]) -> None:
        while True:
            received.append(int((await pull.recv_multipart())[0]))
            if chance.random() < 0.2:
                await asyncio.sleep(chance.random() / 1000)

    async def main() -> None:
        received: list[int] = []
        consumer = asyncio.ensure_future(consume(received))
        went = [number for number in range(count) if await give_up(number)]
        await push.send(b"-1")
        while not received or received[-1] != -1:
            await asyncio.sleep(0.001)
        consumer.cancel()
        assert received == [*went, -1]
        assert 0 < len(went) < count
        assert push.stats.messages_sent == len(received)

    run(main())


def cancelled_on_delivery(delivery: Any) -> Any:
    """A task that awaits this, and is cancelled when the message has come but the task has not run yet."""

    async def wait() -> Any:
        return await delivery

    delivery.add_done_callback(lambda _: task.cancel())
    task = asyncio.ensure_future(wait())
    return task


@pytest.mark.parametrize("multipart", [False, True])
def test_a_message_that_came_for_a_cancelled_await_is_the_next_one(run: Any, push_pull: Any, multipart: bool) -> None:
    push, pull = push_pull
    receive = pull.recv_multipart if multipart else pull.recv
    messages = [[b"1", b"", b"one"], [b"2"]] if multipart else [b"1", b"2"]

    async def main() -> None:
        delivery = receive()
        task = cancelled_on_delivery(delivery)
        await asyncio.sleep(0)
        for message in messages:
            await (push.send_multipart(message) if multipart else push.send(message))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert delivery.result() == messages[0]
        assert pull.stats.messages_received == 0
        assert await pull.poll(1000) == zmq.POLLIN
        assert zmq._core.Socket.get(pull, zmq.EVENTS) & zmq.POLLIN
        for message in messages:
            assert await receive() == message
        assert pull.stats.messages_received == 2

    run(main())


def test_a_message_given_back_goes_to_who_waits(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        first, second = cancelled_on_delivery(pull.recv()), pull.recv()
        await asyncio.sleep(0)
        await push.send(b"x")
        assert await second == b"x"
        assert first.cancelled()

    run(main())


def test_a_late_reply_that_was_given_back_is_dropped_by_the_next_request(run: Any, pair: Any) -> None:
    rep, req = pair(zmq.REP, zmq.REQ)

    async def main() -> None:
        await req.send(b"first")
        await rep.recv()
        task = cancelled_on_delivery(req.recv())
        await asyncio.sleep(0)
        await rep.send(b"reply to the first")
        with pytest.raises(asyncio.CancelledError):
            await task
        await req.send(b"second")
        assert await rep.recv() == b"second"
        await rep.send(b"reply to the second")
        assert await req.recv() == b"reply to the second"

    run(main())


def test_closing_cancels_what_waits(run: Any, make_socket: Any, push_pull: Any) -> None:
    _, pull = push_pull
    push = make_socket(zmq.PUSH)

    async def main() -> None:
        before = descriptors()
        waiting = [pull.recv(), pull.recv_json(), pull.poll(), push.send(b"x"), push.poll(flags=zmq.POLLOUT)]
        await asyncio.sleep(0.001)
        pull.close()
        push.close()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * 5
        assert pull._lanes[asyncio.get_running_loop()]._watched == 0
        await asyncio.sleep(0.001)
        assert descriptors() <= before

    run(main())


def test_closing_in_another_thread_ends_what_waits(run: Any, push_pull: Any, in_thread: Any) -> None:
    _, pull = push_pull

    async def main() -> None:
        waiting = [pull.recv(), pull.recv(), pull.poll()]
        await asyncio.sleep(0.001)
        in_thread(pull.close)
        for future in waiting:
            with pytest.raises(asyncio.CancelledError):
                await future
        assert pull._lanes[asyncio.get_running_loop()]._watched == 0

    run(main())


def test_the_end_of_the_context_ends_what_waits(run: Any, ctx: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        waiting = pull.recv()
        ctx.shutdown()
        with pytest.raises(zmq.ContextTerminated):
            await waiting
        with pytest.raises(zmq.ContextTerminated):
            await pull.recv()
        with pytest.raises(zmq.ContextTerminated):
            await push.send(b"x")

    run(main())
