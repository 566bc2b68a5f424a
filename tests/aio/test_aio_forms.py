"""What asyncio sockets send and receive without a copy, into buffers and as pickles; names that pyzmq's users know."""

from __future__ import annotations

import array
import asyncio
import pickle
from typing import Any

import pytest

import brokerless as zmq
import brokerless.asyncio as zmq_asyncio
from brokerless._future import _AsyncPoller, _AsyncSocket


def test_a_send_without_a_copy_tells_when_libzmq_is_done(run: Any, pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, copy_threshold=1000)
    large, small = bytearray(b"x" * 1000), bytearray(b"x" * 999)

    async def main() -> None:
        assert await push.send(large) is None
        assert await push.send(large, copy=False) is None
        assert (await push.send(small, copy=False)).done
        frame = await pull.recv(copy=False)
        assert frame.tracker is None
        del frame
        await pull.recv(), await pull.recv()
        tracker = await push.send(large, copy=False, track=True)
        assert isinstance(tracker, zmq.MessageTracker)
        parts = await push.send_multipart([b"y", large], copy=False, track=True)
        assert isinstance(parts, zmq.MessageTracker)
        assert await pull.recv() == large
        assert await pull.recv_multipart() == [b"y", large]
        for done in (tracker, parts):
            await asyncio.get_running_loop().run_in_executor(None, done.wait, 10)
        assert (await push.send_string("x", copy=False, track=True)).done
        assert (await push.send_serialized([b"x"], list, copy=False, track=True)).done

    run(main())


def test_a_send_that_waits_tracks_its_message_too(run: Any, make_socket: Any, endpoint: Any) -> None:
    async def main() -> None:
        push = make_socket(zmq.PUSH, copy_threshold=0)
        data = bytearray(b"large")
        sent = [
            push.send(data, copy=False, track=True),
            push.send_multipart([data, data], copy=False, track=True),
            push.send(data, copy=False),
            push.send(zmq.Frame(b"x", track=True)),
            push.send(data),
        ]
        assert not any(future.done() for future in sent)
        pull = make_socket(zmq.PULL, bind=endpoint("inproc"))
        push.connect(pull.last_endpoint.decode())
        trackers = await asyncio.gather(*sent)
        assert [type(tracker) for tracker in trackers] == [zmq.MessageTracker] * 2 + [
            type(None),
            zmq.MessageTracker,
            type(None),
        ]
        assert not trackers[0].done and not trackers[1].done
        assert await pull.recv() == data
        assert await pull.recv_multipart() == [data, data]
        trackers[0].wait(10)
        trackers[1].wait(10)

    run(main())


def test_received_frames_are_tracked_if_asked_for(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        waiting = pull.recv(copy=False, track=True)
        await push.send(b"1")
        frame = await waiting
        assert frame.bytes == b"1" and frame.tracker.done
        await push.send_multipart([b"2", b"3"])
        await pull.poll()
        frames = await pull.recv_multipart(copy=False, track=True)
        assert [frame.bytes for frame in frames] == [b"2", b"3"]
        assert [frame.more for frame in frames] == [True, False]
        assert all(frame.tracker.done for frame in frames)

    run(main())


def test_frames_come_into_a_buffer(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        small, numbers = bytearray(4), array.array("i", [0, 0, 0])
        waiting = [
            pull.recv_into(small),
            pull.recv_into(numbers, nbytes=4),
            pull.recv_into(memoryview(bytearray())),
            pull.recv_into(numbers),
        ]
        for message in (b"longer", array.array("i", [7, 8]), b"gone", array.array("i", [1, 2])):
            await push.send(message)
        assert await asyncio.gather(*waiting) == [6, 8, 4, 8]
        assert small == b"long"
        assert list(numbers) == [1, 2, 0]
        small.append(0)
        await push.send(b"ab")
        await pull.poll()
        done = pull.recv_into(small)
        assert done.done() and await done == 2
        assert small == b"abng\0"
        with pytest.raises(zmq.Again):
            await pull.recv_into(small, flags=zmq.DONTWAIT)
        with pytest.raises(zmq.Again):
            await pull.recv_into(small, timeout=0.01)

    run(main())


@pytest.mark.parametrize(
    ("buffer", "nbytes"),
    [(b"read-only", 0), (bytearray(3), 4), (bytearray(3), -1), ("text", 0), (memoryview(bytearray(9))[::3], 0)],
)
def test_a_buffer_that_will_not_do_is_refused_as_by_plain_sockets(
    run: Any, push_pull: Any, buffer: Any, nbytes: int
) -> None:
    push, pull = push_pull
    plain = zmq.Socket(pull)

    async def main() -> None:
        await push.send(b"x")
        await pull.poll()
        refused = pull.recv_into(buffer, nbytes=nbytes)
        with pytest.raises((TypeError, ValueError, BufferError)) as caught:
            await refused
        with pytest.raises(type(caught.value)):
            plain.recv_into(buffer, nbytes=nbytes)
        assert await pull.recv() == b"x"

    run(main())


def test_pickles(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        waiting = pull.recv_pyobj()
        await push.send_pyobj({"a": {1, 2}})
        assert await waiting == {"a": {1, 2}}
        await push.send_pyobj(3 + 4j, protocol=2)
        assert zmq.Socket(pull).recv_pyobj() == 3 + 4j
        await push.send(b"not a pickle")
        with pytest.raises(pickle.UnpicklingError):
            await pull.recv_pyobj()

    run(main())


def test_handles_of_both_sorts_share_a_socket(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        plain = zmq.Socket(pull)
        assert type(plain) is zmq.Socket and plain.underlying == pull.underlying
        handles = [
            zmq_asyncio.Socket(plain),
            zmq_asyncio.Socket(shadow=plain),
            zmq_asyncio.Socket(shadow=plain.underlying),
            zmq_asyncio.Socket.from_socket(plain),
            zmq_asyncio.Socket.shadow(plain.underlying),
        ]
        for handle in handles:
            assert type(handle) is zmq_asyncio.Socket and handle.type == zmq.PULL
            waiting = handle.recv()
            await push.send(b"x")
            assert await waiting == b"x"
        await push.send(b"y")
        assert plain.recv(timeout=10) == b"y"
        # Each has its own queue of calls, and all of them end with the socket.
        waiting = [handle.recv() for handle in handles]
        plain.close()
        assert all(handle.closed for handle in handles)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * len(handles)

    run(main())


def test_contexts_of_both_sorts_share_their_sockets_names(run: Any) -> None:
    async def main() -> None:
        with zmq.Context() as plain:
            context = zmq_asyncio.Context(plain)
            shadow = zmq_asyncio.Context(shadow=plain.underlying)
            with context.socket(zmq.PAIR) as a, plain.socket(zmq.PAIR) as b, shadow.socket(zmq.PAIR) as c:
                assert type(a) is type(c) is zmq_asyncio.Socket and type(b) is zmq.Socket
                a.bind("inproc://shared")
                b.connect("inproc://shared")
                waiting = a.recv()
                b.send(b"x")
                assert await waiting == b"x"

    run(main())


def test_a_plain_context_makes_asyncio_sockets_if_asked(run: Any) -> None:
    async def main() -> None:
        with zmq.Context() as plain, plain.socket(zmq.PAIR, socket_class=zmq_asyncio.Socket) as sock:
            assert type(sock) is zmq_asyncio.Socket
            with pytest.raises(zmq.Again):
                await sock.recv(zmq.DONTWAIT)

    run(main())


def test_private_names_that_other_packages_use(run: Any, push_pull: Any, make_socket: Any) -> None:
    push, pull = push_pull
    lonely = make_socket(zmq.PUSH)

    async def main() -> None:
        assert issubclass(zmq_asyncio.Socket, _AsyncSocket) and issubclass(zmq_asyncio.Poller, _AsyncPoller)
        assert pull._get_loop() is asyncio.get_running_loop()
        assert type(pull._shadow_sock) is zmq.Socket and pull._shadow_sock is pull._shadow_sock
        first, second, sent = pull.recv(), pull.recv(), lonely.send(b"x")
        assert pull._recv_futures == [first, second] and pull._send_futures == []
        assert lonely._recv_futures == [] and lonely._send_futures == [sent]
        second.cancel(), sent.cancel()
        await push.send(b"x")
        assert await first == b"x"
        assert pull._recv_futures == lonely._send_futures == []

    run(main())


def test_what_is_deprecated_says_so_and_works(run: Any, ctx: Any) -> None:
    with pytest.warns(DeprecationWarning, match="any loop"):
        zmq_asyncio.install()
    with pytest.warns(DeprecationWarning, match="any loop"):
        loop = zmq_asyncio.ZMQEventLoop()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    with pytest.warns(DeprecationWarning, match="io_loop"):
        zmq_asyncio.Socket(ctx, zmq.PAIR, io_loop=loop).close()
    assert set(zmq_asyncio.__all__) == {"Context", "Poller", "Socket", "ZMQEventLoop", "install"}
