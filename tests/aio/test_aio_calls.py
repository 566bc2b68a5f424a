"""The calls of asyncio sockets: done at once if they can be, else in order; their forms, limits and errors."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

import pytest

import brokerless as zmq
import brokerless.asyncio as zmq_asyncio
from tests.conftest import PATIENCE


def test_its_sockets_are_sockets(ctx: Any) -> None:
    sock = ctx.socket(zmq.PULL)
    assert isinstance(sock, zmq_asyncio.Socket) and isinstance(sock, zmq.Socket)
    assert sock.type is zmq.PULL


def test_each_sort_of_context_has_an_instance_of_its_own() -> None:
    own, plain = zmq_asyncio.Context.instance(), zmq.Context.instance()
    assert type(own) is zmq_asyncio.Context and type(plain) is zmq.Context
    assert zmq_asyncio.Context.instance() is own
    own.term()
    assert zmq_asyncio.Context.instance() is not own
    zmq_asyncio.Context.instance().term()
    plain.term()


def test_what_can_be_done_now_is_done_before_the_call_returns(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        for sent in [push.send(b"1"), push.send_multipart([b"2", b"b"]), push.send_string("é"), push.send_json([3])]:
            assert sent.done() and sent.result() is None
        assert await pull.recv() == b"1"
        assert await pull.poll(1000) == zmq.POLLIN
        received = pull.recv_multipart()
        assert received.done() and received.result() == [b"2", b"b"]
        assert await pull.recv_string() == "é"
        assert await pull.recv_json() == [3]

    run(main())


def test_every_form_can_wait(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        waiting = [
            pull.recv(),
            pull.recv(copy=False),
            pull.recv_multipart(),
            pull.recv_multipart(copy=False),
            pull.recv_string(),
            pull.recv_unicode(encoding="utf-16"),
            pull.recv_json(),
            pull.recv_json(parse_int=str),
            pull.recv_serialized(lambda frames: frames[::-1]),
            pull.recv_string(encoding="ascii"),
        ]
        assert not any(future.done() for future in waiting)
        await push.send(b"1")
        await push.send(bytearray(b"2"))
        await push.send_multipart(iter([b"3", memoryview(b"c")]))
        await push.send_multipart([zmq.Frame(b"4")])
        await push.send_string("é")
        await push.send_unicode("é", encoding="utf-16")
        await push.send_json({"a": [1, math.pi]})
        await push.send_json({"b": 2}, sort_keys=True)
        await push.send_serialized([b"x", b"y"], list)
        await push.send_string("é")
        first, second, third, fourth, *texts, undecodable = await asyncio.gather(*waiting, return_exceptions=True)
        assert first == b"1"
        assert isinstance(second, zmq.Frame) and second.bytes == b"2"
        assert third == [b"3", b"c"]
        assert isinstance(fourth[0], zmq.Frame) and fourth[0].bytes == b"4"
        assert texts == ["é", "é", {"a": [1, math.pi]}, {"b": "2"}, [b"y", b"x"]]
        assert isinstance(undecodable, UnicodeDecodeError)

    run(main())


@pytest.mark.parametrize("transport", ["tcp", "inproc"])
def test_receives_are_done_in_the_order_of_the_calls(run: Any, pair: Any, transport: str) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)

    async def main() -> None:
        waiting = [pull.recv() for _ in range(100)]
        for number in range(150):
            await push.send(b"%d" % number)
        later = [pull.recv() for _ in range(50)]
        assert await asyncio.gather(*waiting, *later) == [b"%d" % number for number in range(150)]

    run(main())


def test_sends_are_done_in_the_order_of_the_calls(run: Any, make_socket: Any, endpoint: Any) -> None:
    async def main() -> None:
        push = make_socket(zmq.PUSH)
        sent = [push.send_json(number) for number in range(100)]
        assert not any(future.done() for future in sent)
        pull = make_socket(zmq.PULL, bind=endpoint("tcp"))
        push.connect(pull.last_endpoint.decode())
        assert [await pull.recv_json() for _ in range(100)] == list(range(100))
        await asyncio.gather(*sent)

    run(main())


def test_receives_and_sends_do_not_wait_for_each_other(run: Any, make_socket: Any, endpoint: Any) -> None:
    async def main() -> None:
        a = make_socket(zmq.DEALER, bind=endpoint("tcp"))
        sent, received = a.send(b"from a"), a.recv()
        b = make_socket(zmq.DEALER, connect=a.last_endpoint.decode())
        await b.send(b"from b")
        assert await received == b"from b"
        await sent
        assert await b.recv() == b"from a"

    run(main())


def test_dontwait_fails_in_the_future(run: Any, make_socket: Any) -> None:
    async def main() -> None:
        pull, push = make_socket(zmq.PULL), make_socket(zmq.PUSH)
        for make in (
            lambda: pull.recv(zmq.DONTWAIT),
            lambda: pull.recv_multipart(flags=zmq.NOBLOCK),
            lambda: pull.recv_json(timeout=0),
            lambda: push.send(b"x", zmq.DONTWAIT),
            lambda: push.send_multipart([b"x"], flags=zmq.DONTWAIT),
            lambda: push.send_string("x", timeout=0.0),
        ):
            future = make()
            assert future.done()
            with pytest.raises(zmq.Again, match=r"socket: no (room|message)"):
                await future
        waiting = pull.recv()
        with pytest.raises(zmq.Again):
            await pull.recv(zmq.DONTWAIT)
        waiting.cancel()

    run(main())


def test_timeouts_end_in_again(run: Any, make_socket: Any) -> None:
    async def main() -> None:
        pull = make_socket(zmq.PULL, rcvtimeo=30)
        push = make_socket(zmq.PUSH, sndtimeo=30)
        for make, limit in (
            (lambda: pull.recv(), 0.03),
            (lambda: pull.recv_multipart(timeout=0.06), 0.06),
            (lambda: push.send(b"x"), 0.03),
            (lambda: push.send_json(1, timeout=0.06), 0.06),
        ):
            start = time.monotonic()
            with pytest.raises(zmq.Again, match=r"within .. ms; it is neither bound nor connected"):
                await make()
            assert limit - 0.002 <= time.monotonic() - start < limit + 1.0
        with pytest.raises(ValueError, match="seconds"):
            await pull.recv(timeout=-1)
        with pytest.raises(ValueError, match="seconds"):
            await pull.recv(timeout=math.nan)
        forever = pull.recv(timeout=math.inf)
        await asyncio.sleep(0.05)
        assert not forever.done()
        forever.cancel()

    run(main())


def test_errors_come_out_of_the_await(run: Any, make_socket: Any, pair: Any) -> None:
    async def main() -> None:
        push, pull = pair(zmq.PUSH, zmq.PULL)
        with pytest.raises(TypeError, match="str objects"):
            await push.send("x")
        with pytest.raises(zmq.ZMQError) as caught:
            await pull.send(b"x")
        assert caught.value.errno == zmq.ENOTSUP
        with pytest.raises(ValueError, match="not tracked"):
            await push.send(zmq.Frame(b"x"), track=True)
        with pytest.raises(zmq.ZMQError) as caught:
            await make_socket(zmq.REQ).recv()
        assert caught.value.errno == zmq.EFSM
        pull.close()
        for future in (pull.recv(), pull.poll(0), pull.poll()):
            with pytest.raises(zmq.SocketClosed):
                await future

    run(main())


def test_request_recovers(run: Any, make_socket: Any, endpoint: Any) -> None:
    async def main() -> None:
        server = make_socket(zmq.ROUTER, bind=endpoint("tcp"))
        client = make_socket(zmq.REQ, connect=server.last_endpoint.decode())
        asked = client.request([b"a", b"b"], timeout=0.1, retries=5)
        first, second = await server.recv_multipart(), await server.recv_multipart()
        assert first[-2:] == second[-2:] == [b"a", b"b"]
        await server.send_multipart([*first[:-2], b"late"])
        await server.send_multipart([*second[:-2], b"in", b"time"])
        assert await asked == [b"in", b"time"]
        with pytest.raises(zmq.Again, match=r"REQ socket connected to tcp.*2 tries of 0\.01 s"):
            await client.request(b"x", timeout=0.01, retries=1)
        with pytest.raises(zmq.ZMQError) as caught:
            await server.request(b"x", timeout=1)
        assert caught.value.errno == zmq.ENOTSUP

    run(main())


def test_a_socket_can_be_iterated_until_it_is_closed(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def consume(received: list[Any]) -> None:
        async for message in pull:
            received.append(message)

    async def main() -> None:
        received: list[Any] = []
        task = asyncio.ensure_future(consume(received))
        await push.send(b"x")
        await push.send_multipart([b"y", b"z"])
        while len(received) < 2:
            await asyncio.sleep(0.001)
        pull.close()
        await task
        assert received == [b"x", [b"y", b"z"]]
        with pytest.raises(TypeError, match="async for"):
            iter(pull)

    run(main())


def test_waiting_for_peers_leaves_the_loop_free(run: Any, make_socket: Any, endpoint: Any) -> None:
    async def main() -> None:
        pub = make_socket(zmq.PUB, bind=endpoint("tcp"))
        waiting = asyncio.ensure_future(pub.wait_for_subscribers(1, "to", timeout=PATIENCE))
        with pytest.raises(zmq.Again, match="0 of 1"):
            await pub.wait_for_peers(1, timeout=0.15)
        sub = make_socket(zmq.SUB, connect=pub.last_endpoint.decode(), subscribe="t")
        assert await sub.wait_for_peers(timeout=PATIENCE) == 1
        assert await waiting == 1
        given_up = asyncio.ensure_future(pub.wait_for_peers(2))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])

    run(main())
