"""zmq.trace of sockets that are awaited."""

from __future__ import annotations

import asyncio

import pytest

import brokerless as zmq
from tests.conftest import PATIENCE


def frames(trace, direction):
    return [list(record.frames) for record in trace if record.direction == direction]


def test_awaited_calls_are_recorded(run, push_pull):
    push, pull = push_pull

    async def main():
        with zmq.trace(push, pull) as t:
            receiving = asyncio.ensure_future(pull.recv_multipart())
            await asyncio.sleep(0)
            await push.send_multipart([b"a", b"b"])
            await receiving
            await push.send_json({"n": 1})
            assert await pull.recv_json() == {"n": 1}
            await push.send_many([b"1", b"2"])
            assert await pull.recv_many(2, min=2, timeout=PATIENCE) == [b"1", b"2"]
        return t

    t = run(main())
    assert frames(t, "sent") == frames(t, "received") == [[b"a", b"b"], [b'{"n": 1}'], [b"1"], [b"2"]]
    assert {record.socket for record in t} == {"PUSH", "PULL"}


@pytest.mark.parametrize("multipart", [False, True])
def test_a_message_that_came_for_a_cancelled_await_is_received_once(run, push_pull, multipart):
    push, pull = push_pull

    async def main():
        with zmq.trace(pull) as t:
            delivery = pull.recv_multipart() if multipart else pull.recv()

            async def wait():
                return await delivery

            # When the message has come, and its task has not run yet.
            delivery.add_done_callback(lambda _: task.cancel())
            task = asyncio.ensure_future(wait())
            await asyncio.sleep(0)
            await push.send_multipart([b"a", b"b"])
            with pytest.raises(asyncio.CancelledError):
                await task
            assert delivery.result() == ([b"a", b"b"] if multipart else b"a")
            assert len(t) == 0
            assert await pull.recv_multipart() == [b"a", b"b"]
        return t

    assert frames(run(main()), "received") == [[b"a", b"b"]]
