"""Sending through ZMQStream: at once, when there is room, in order, and what it tells of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import brokerless as zmq
from tests.conftest import PATIENCE
from tests.stream.conftest import Inbox, count_turns, turns

pytest.importorskip("tornado")


def test_what_can_be_sent_is_sent_at_once(run: Any, pair: Any, streams: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    push.wait_for_peers(1, PATIENCE)

    async def main() -> None:
        stream = streams(push)
        stream.send(b"1")
        stream.send_multipart((b"2", b"3"))
        stream.send_multipart(iter([b"4"]))
        stream.send_string("é")
        stream.send_unicode("é", encoding="utf-16")
        stream.send_json([5])
        stream.send_pyobj({6})
        # The loop has had no turn yet.
        assert pull.recv(timeout=PATIENCE) == b"1"
        assert pull.recv_multipart(timeout=PATIENCE) == [b"2", b"3"]
        assert pull.recv(timeout=PATIENCE) == b"4"
        assert pull.recv_string(timeout=PATIENCE) == "é"
        assert pull.recv_string(encoding="utf-16", timeout=PATIENCE) == "é"
        assert pull.recv_json(timeout=PATIENCE) == [5]
        assert pull.recv_pyobj(timeout=PATIENCE) == {6}
        assert stream.sending()
        while stream.sending():
            await asyncio.sleep(0)
        with pytest.raises(TypeError):
            stream.send_string(b"bytes")
        with pytest.raises(TypeError, match="one frame"):
            stream.send_multipart([b"a", b"b"], routing_id=1)
        assert not stream.sending()

    run(main)


def test_each_send_is_called_back_for_in_the_loop(run: Any, pair: Any, streams: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, copy_threshold=0)

    async def main() -> None:
        stream, inbox, second = streams(push), Inbox(), Inbox()
        stream.on_send(inbox)
        parts = [b"1", b"2"]
        stream.send_multipart(parts)
        assert inbox.got == []
        assert await inbox.have(1) == [(parts, None)] and inbox.got[0][0] is parts
        stream.send(b"3", copy=False, track=True, callback=second)
        ((message, tracker),) = await second.have(1)
        assert message == [b"3"] and isinstance(tracker, zmq.MessageTracker)
        # A callback given to a send stays.
        stream.send(b"4")
        await second.have(2)
        third = Inbox()
        stream.on_send_stream(third)
        stream.send(b"5")
        assert await third.have(1) == [(stream, [b"5"], None)]
        stream.on_send_stream(None)
        stream.on_send(inbox)
        stream.stop_on_send()
        stream.send(b"6")
        for count in (2, 1, 1, 1, 1):
            assert len(pull.recv_multipart(timeout=PATIENCE)) == count
        await turns()
        assert (len(inbox.got), len(second.got), len(third.got)) == (1, 2, 1)

    run(main)


def test_what_has_no_room_waits_in_order_without_keeping_the_loop_busy(
    run: Any, make_socket: Any, endpoint: Any, streams: Any
) -> None:
    async def main() -> None:
        push = make_socket(zmq.PUSH, bind=endpoint("tcp"))
        stream, inbox = streams(push), Inbox()
        handled = count_turns(stream)
        stream.on_send(inbox)
        for number in range(10):
            stream.send(b"%d" % number)
        await asyncio.sleep(0.05)
        assert stream.sending() and inbox.got == [] and len(handled) < 15
        assert stream._send_queue.qsize() == 10 and not stream._send_queue.empty()
        pull = make_socket(zmq.PULL, connect=push.last_endpoint.decode())
        assert [message for message, _ in await inbox.have(10)] == [[b"%d" % number] for number in range(10)]
        assert [pull.recv(timeout=PATIENCE) for _ in range(10)] == [b"%d" % number for number in range(10)]
        assert not stream.sending() and stream._send_queue.empty()

    run(main)


def test_a_router_that_waits_for_one_peer_does_not_keep_the_loop_busy(
    run: Any, make_socket: Any, endpoint: Any, streams: Any
) -> None:
    async def main() -> None:
        router = make_socket(zmq.ROUTER, bind=endpoint("inproc"), sndhwm=1, router_mandatory=1)
        peer = make_socket(zmq.DEALER, connect=router.last_endpoint.decode(), routing_id=b"p", rcvhwm=1)
        peer.send(b"")
        router.recv_multipart(timeout=PATIENCE)
        stream = streams(router)
        handled = count_turns(stream)
        for number in range(10):
            stream.send_multipart([b"p", b"%d" % number])
        await asyncio.sleep(0.05)
        assert stream.sending() and len(handled) < 15
        got = []
        while len(got) < 10:
            await turns()
            got += peer.recv_many(10, timeout=0) if hasattr(peer, "recv_many") else [peer.recv(timeout=0.001)]
        assert got == [b"%d" % number for number in range(10)]

    run(main)


def test_what_cannot_be_sent_is_logged_and_told(
    run: Any, make_socket: Any, endpoint: Any, streams: Any, logged: list[str]
) -> None:
    async def main() -> None:
        router = make_socket(zmq.ROUTER, bind=endpoint("inproc"), router_mandatory=1)
        stream, inbox = streams(router), Inbox()
        stream.on_send(inbox)
        stream.send_multipart([b"nobody", b"x"])
        ((message, error),) = await inbox.have(1)
        assert message == [b"nobody", b"x"] and error.errno == zmq.EHOSTUNREACH
        assert "SEND Error" in logged.pop()
        lonely = streams(make_socket(zmq.PUSH))
        lonely.on_send(inbox)
        lonely.send(b"x", zmq.NOBLOCK)
        assert isinstance((await inbox.have(2))[1][1], zmq.Again)
        assert "SEND Error" in logged.pop()

    run(main)


def test_what_is_no_message_is_reported_by_the_loop(run: Any, pair: Any, streams: Any, logged: list[str]) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    push.wait_for_peers(1, PATIENCE)

    async def main() -> None:
        stream, inbox = streams(push), Inbox()
        stream.on_send(inbox)
        # The caller goes on: in pyzmq nothing is looked at before the loop's turn.
        stream.send("text")
        stream.send_multipart([b"part", 1])
        stream.send(b"bytes")
        assert stream.sending()
        assert await inbox.have(1) == [([b"bytes"], None)]
        assert pull.recv(timeout=PATIENCE) == b"bytes"
        # flush() takes the loop's place.
        stream.send({})
        with pytest.raises(TypeError, match="buffer"):
            stream.flush()
        assert not stream.sending()

    run(main)
    assert len(logged) == 2 and all("Exception in callback" in text for text in logged)
    logged.clear()


def test_a_bad_message_that_had_to_wait_does_not_hold_up_the_others(
    run: Any, make_socket: Any, endpoint: Any, streams: Any, logged: list[str]
) -> None:
    mistakes: list[Any] = []

    async def main() -> None:
        push = make_socket(zmq.PUSH, bind=endpoint("tcp"))
        stream = streams(push)
        for message in (b"1", "not bytes", b"2"):
            stream.send(message)
        pull = make_socket(zmq.PULL, connect=push.last_endpoint.decode())
        while stream.sending():
            await asyncio.sleep(0.001)
        assert pull.recv(timeout=PATIENCE) + pull.recv(timeout=PATIENCE) == b"12"

    run(main, mistakes)
    assert len(mistakes) + len(logged) == 1
    logged.clear()


def test_a_req_sends_when_it_is_its_turn(run: Any, pair: Any, streams: Any, logged: list[str]) -> None:
    rep, req = pair(zmq.REP, zmq.REQ)

    async def main() -> None:
        client, server, inbox = streams(req), streams(rep), Inbox()
        client.on_recv(inbox)
        server.on_recv(server.send_multipart)
        await turns()
        for number in range(3):
            client.send(b"%d" % number)
        assert await inbox.have(3) == [[b"0"], [b"1"], [b"2"]]

    run(main)
    assert logged == []


def test_registering_for_what_a_type_never_does_is_harmless(
    run: Any, pair: Any, streams: Any, logged: list[str]
) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    pub = pair(zmq.PUB, zmq.SUB)[0]

    async def main() -> None:
        inbox = Inbox()
        for sock in (push, pub):
            stream = streams(sock)
            stream.on_recv(inbox)
            stream.send(b"x")
        await asyncio.sleep(0.01)
        assert inbox.got == []
        assert pull.recv(timeout=PATIENCE) == b"x"

    run(main)
    assert logged == []
