"""doctor(): somebody is connected, and still nothing arrives; real sockets again."""

from __future__ import annotations

import re
from typing import Any, List

import pytest

import brokerless as zmq
from tests.conftest import wait_until


def kinds(*sockets: Any) -> List[str]:
    return [found.kind for found in zmq.doctor(*sockets)]


def the(kind: str, *sockets: Any) -> Any:
    """The finding of this kind, once there is one."""
    assert wait_until(lambda: kind in kinds(*sockets)), f"only {kinds(*sockets)}"
    return next(found for found in zmq.doctor(*sockets) if found.kind == kind)


def test_no_subscription(pair: Any) -> None:
    pub, sub = pair(zmq.PUB, zmq.SUB)
    sub.wait_for_peers(timeout=10)
    one = the("no subscription", sub)
    assert one.severity == "problem"
    sub.subscribe(b"")
    pub.wait_for_subscribers(timeout=10)
    assert "no subscription" not in kinds(sub)


def test_a_topic_that_nothing_matched(pair: Any, transport: str) -> None:
    pub, sub = pair(zmq.PUB, zmq.SUB, transport)
    sub.subscribe("wether")
    pub.wait_for_subscribers(timeout=10)
    for number in range(20, 26):
        pub.send_string(f"weather {number}")
    one = the("no match", sub)
    assert one.what == "it has subscribed to b'wether', which nothing matched"
    assert one.why == "the publisher sends b'weather 25', b'weather 24', b'weather 23', ..."
    assert "a slip of the pen?" in one.cure
    sub.subscribe("weather")
    pub.wait_for_subscribers(topic="weather", timeout=10)
    pub.send_string("weather 26")
    assert sub.recv_string(timeout=10) == "weather 26"
    assert "no match" not in kinds(sub)


def test_a_topic_longer_than_what_is_known_of_messages(pair: Any) -> None:
    pub, sub = pair(zmq.PUB, zmq.SUB)
    sub.subscribe(b"x" * 40)
    pub.wait_for_subscribers(timeout=10)
    pub.send(b"x" * 50)
    # It came, and is not taken yet.
    assert sub.poll(10_000)
    assert "no match" not in kinds(sub)
    pub.send_multipart([b"y" * 50, b"x"])
    assert pub._survey()["beginnings"] == ["y" * 32, "x" * 32]


@pytest.mark.parametrize("send", ["send", "send_multipart", "send_many", "Frame"])
def test_sent_to_nobody(make_socket: Any, send: str) -> None:
    pub = make_socket(zmq.PUB, bind="tcp://127.0.0.1:*")
    for number in range(4):
        data = b"%d" % number
        if send == "Frame":
            pub.send(zmq.Frame(data))
        else:
            getattr(pub, send)(data if send == "send" else [data])
    one = the("unheard", pub)
    assert one.severity == "problem"
    assert one.what == "4 of its 4 messages went to nobody, and nobody has subscribed now"
    assert pub._survey()["beginnings"] == ["3", "2", "1", "0"]
    sub = make_socket(zmq.SUB, connect=pub.last_endpoint.decode(), subscribe=b"")
    pub.wait_for_subscribers(timeout=10)
    pub.send(b"heard")
    assert sub.recv(timeout=10) == b"heard"
    one = the("unheard", pub)
    assert (one.severity, one.what) == ("hint", "4 of its 5 messages went to nobody")


def test_a_request_without_a_reply(pair: Any) -> None:
    rep, req = pair(zmq.REP, zmq.REQ)
    req.send(b"hello")
    assert rep.recv(timeout=10) == b"hello"
    one = the("waits for a reply", req)
    assert one.cure == "a REP has a request and has not replied: send() there"
    other = the("owes a reply", rep)
    assert other.severity == "problem"
    assert re.fullmatch(r"it owes the reply to a request that it received \d+\.\d s ago", other.what)
    rep.send(b"world")
    assert req.recv(timeout=10) == b"world"
    assert kinds(req, rep) == ["fine", "fine"]


def test_a_full_queue(pair: Any, waiting: Any) -> None:
    pull, push = pair(zmq.PULL, zmq.PUSH, "inproc", sndhwm=1, rcvhwm=1)
    push.send(b"x")
    push.send(b"x")
    assert kinds(push) == ["fine"]
    with pytest.raises(zmq.Again):
        push.send(b"x", zmq.DONTWAIT)
    one = the("full", push)
    assert (one.severity, one.why.partition(",")[0]) == ("hint", "1 send found no room")
    sending = waiting(lambda: push.send(b"x"))
    one = the("full", push)
    assert one.severity == "problem"
    assert one.what.startswith("its queue is full (SNDHWM is 1)")
    assert one.cure == "let a PULL receive"
    assert [pull.recv(timeout=10) for _ in range(3)] == [b"x"] * 3
    sending.result()


def test_a_send_to_nobody(make_socket: Any, endpoint: Any, waiting: Any) -> None:
    push = make_socket(zmq.PUSH, bind="tcp://127.0.0.1:*")
    sending = waiting(lambda: push.send(b"x"))
    one = the("nobody came", push)
    assert (one.severity, one.cure) == ("problem", "connect PULL to it")
    pull = make_socket(zmq.PULL, connect=push.last_endpoint.decode())
    assert pull.recv(timeout=10) == b"x"
    sending.result()


def test_a_subscriber_that_is_too_slow(pair: Any) -> None:
    pub, sub = pair(zmq.PUB, zmq.SUB, "inproc", sndhwm=5, rcvhwm=5)
    sub.subscribe(b"")
    pub.wait_for_subscribers(timeout=10)
    for _ in range(10):
        pub.send(b"x")
    assert "slow" not in kinds(sub)
    for _ in range(10):
        pub.send(b"x")
    one = the("slow", sub)
    assert one.severity == "hint"
    assert one.what.startswith("it is 20 messages behind a PUB")


def test_a_router_that_sends_to_strangers(pair: Any) -> None:
    router, dealer = pair(zmq.ROUTER, zmq.DEALER)
    router.wait_for_peers(timeout=10)
    router.send_multipart([b"nobody's", b"x"])
    assert "ROUTER_MANDATORY" in the("to strangers", router).cure
    dealer.send(b"hello")
    name, _ = router.recv_multipart(timeout=10)
    router.send_multipart([name, b"x"])
    assert dealer.recv(timeout=10) == b"x"
    assert kinds(router) == ["fine"]


def test_who_waits_for_one_who_is_silent(pair: Any, waiting: Any) -> None:
    pull, push = pair(zmq.PULL, zmq.PUSH)
    pull.wait_for_peers(timeout=10)
    received = waiting(pull.recv)
    one = the("quiet", pull)
    assert one.why == "a PUSH is connected, but has sent nothing yet"
    push.send(b"x")
    assert received.result() == b"x"
    assert kinds(pull) == ["fine"]
    assert next(iter(zmq.doctor(pull))).what == "1 peer is connected, 1 received, 0 sent"
