"""Arrays by awaited sockets: the same messages, in the order of the calls, and none is lost by a cancellation."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy
import pytest

import brokerless as zmq
from tests.conftest import PATIENCE

IMAGE = numpy.arange(300_000, dtype="u2").reshape(300, 1000)


def test_arrays_at_once_and_after_a_wait(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        waiting = [pull.recv_array(), pull.recv_array(copy=True), pull.recv()]
        for array in (IMAGE, IMAGE.T):
            assert await push.send_array(array) is None
        await push.send(b"end")
        first, second, end = await asyncio.gather(*waiting)
        assert (first == IMAGE).all() and isinstance(first.base, zmq.Frame)
        assert (second == IMAGE.T).all() and second.base is None
        assert end == b"end"
        await push.send_array(numpy.array(3), copy=True)
        assert await pull.poll(5000)
        received = pull.recv_array()
        assert received.done() and received.result() == 3

    run(main())


def test_a_tracker_follows_the_array(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        tracker = await push.send_array(IMAGE, track=True)
        await pull.recv_array()
        await asyncio.get_running_loop().run_in_executor(None, tracker.wait, PATIENCE)
        assert tracker.done
        for more in ({"copy": True}, {"flags": zmq.DONTWAIT}):
            tracker = await push.send_array(IMAGE[:2, :2], track=True, **more)
            assert tracker.done

    run(main())


def test_a_send_waits_for_room(run: Any, ctx: Any) -> None:
    push, pull = ctx.socket(zmq.PUSH), ctx.socket(zmq.PULL)
    push.bind("inproc://room")

    async def main() -> None:
        sent = push.send_array(IMAGE, track=True)
        assert not sent.done()
        with pytest.raises(zmq.Again):
            await push.send_array(IMAGE, timeout=0.01)
        pull.connect("inproc://room")
        assert (await pull.recv_array() == IMAGE).all()
        await sent

    run(main())


def test_errors_come_out_of_the_await(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        refused = push.send_array([1, 2])
        with pytest.raises(TypeError, match=r"numpy\.asarray"):
            await refused
        for flags in (zmq.DONTWAIT, 0):
            with pytest.raises(zmq.Again):
                await pull.recv_array(flags, timeout=0.01)
        waiting = pull.recv_array()
        await push.send_multipart([b'{"dtype": "O", "shape": [1]}', bytes(8)])
        with pytest.raises(ValueError, match="no dtype"):
            await waiting
        await push.send_array(IMAGE)
        assert (await pull.recv_array() == IMAGE).all()

    run(main())


def test_a_cancelled_receive_loses_no_array(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        waiting = asyncio.ensure_future(pull.recv_array())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await push.send_array(IMAGE)
        assert (await pull.recv_array() == IMAGE).all()

    run(main())
