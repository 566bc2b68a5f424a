"""Polling in an event loop: sockets of both sorts, and descriptors."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import pytest

import brokerless as zmq
import brokerless.asyncio as zmq_asyncio
from tests.aio.conftest import descriptors


def test_poller_polls_sockets_of_both_sorts_and_descriptors(run: Any, push_pull: Any) -> None:
    push, pull = push_pull
    plain_context = zmq.Context()
    plain = plain_context.socket(zmq.PAIR)
    peer = plain_context.socket(zmq.PAIR)
    plain.bind("inproc://plain")
    peer.connect("inproc://plain")
    reading, writing = os.pipe()

    async def main() -> None:
        poller = zmq_asyncio.Poller()
        assert await poller.poll(0) == []
        assert await poller.poll() == []
        poller.register(pull, zmq.POLLIN)
        poller.register(plain, zmq.POLLIN)
        poller.register(reading, zmq.POLLIN)
        assert await poller.poll(0) == []
        start = time.monotonic()
        assert await poller.poll(30) == []
        assert time.monotonic() - start > 0.028
        before = descriptors()
        for act, item in (
            (lambda: push.send(b""), pull),
            (lambda: peer.send(b""), plain),
            (lambda: os.write(writing, b"x"), reading),
        ):
            waiting = poller.poll()
            await asyncio.sleep(0.001)
            assert not waiting.done()
            act()
            assert await waiting == [(item, zmq.POLLIN)]
            assert descriptors() <= before
            if item is pull:
                await pull.recv()
            elif item is plain:
                plain.recv()
            else:
                os.read(reading, 1)
        poller.register(writing, zmq.POLLOUT)
        assert await poller.poll() == [(writing, zmq.POLLOUT)]
        poller.unregister(writing)
        for _ in range(20):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(poller.poll(), 0.001)
        assert await pull.poll(10) == 0
        assert await push.poll(10, zmq.POLLOUT) == zmq.POLLOUT
        await asyncio.sleep(0)
        assert descriptors() <= before

    try:
        run(main())
    finally:
        for fd in (reading, writing):
            os.close(fd)
        plain_context.destroy(linger=0)


def test_a_poll_and_a_receive_may_wait_together(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        polled, received, polled_too = pull.poll(), pull.recv(), pull.poll()
        await push.send(b"1")
        assert await received == b"1"
        await push.send(b"2")
        assert await polled == await polled_too == zmq.POLLIN
        assert await pull.recv() == b"2"

    run(main())
