"""zmq.trace of sockets that are awaited."""

from __future__ import annotations

import asyncio

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


def test_a_cancelled_receive_that_gives_its_message_back_shows_it_once(run, push_pull):
    push, pull = push_pull

    async def main():
        with zmq.trace(pull) as t:
            for number in range(50):
                receiving = asyncio.ensure_future(pull.recv())
                await asyncio.sleep(0)
                await push.send(b"%d" % number)
                # At some time in between it has the message and is told that nobody wants it.
                for _ in range(number % 5):
                    await asyncio.sleep(0)
                receiving.cancel()
                try:
                    got = await receiving
                except asyncio.CancelledError:
                    got = await pull.recv(timeout=PATIENCE)
                assert got == b"%d" % number
        return t

    assert frames(run(main()), "received") == [[b"%d" % number] for number in range(50)]
