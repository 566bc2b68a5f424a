"""What ends a wait early: a cancelled await loses no message, a closed socket leaves nobody waiting."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import Any

import pytest

import brokerless as zmq
from tests.aio.conftest import descriptors


def test_cancelling_loses_nothing(run: Any, push_pull: Any, in_thread: Any) -> None:
    push, pull = push_pull
    chance = random.Random(1)
    count = 2000
    done = threading.Event()

    def produce() -> None:
        for number in range(count):
            zmq._core.Socket.send(push, b"%d" % number)
            if number % 5 == 0:
                done.wait(chance.random() / 2000)

    async def one(limit: float) -> bytes:
        return await asyncio.wait_for(pull.recv(), limit)

    async def main() -> None:
        in_thread(produce)
        received, cancelled, given_up = [], 0, 0
        while len(received) < count or cancelled + given_up < 300:
            if chance.random() < 0.5:
                try:
                    received.append(await one(chance.random() / 1000))
                except asyncio.TimeoutError:
                    given_up += 1
                continue
            task = asyncio.ensure_future(one(5.0))
            for _ in range(chance.randrange(5)):
                await asyncio.sleep(0)
            task.cancel()
            try:
                received.append(await task)
            except asyncio.CancelledError:
                cancelled += 1
        assert received == [b"%d" % number for number in range(count)]

    run(main())
    done.set()


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
