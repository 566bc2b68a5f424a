"""What waited in vain says why, in the doctor's words; and what cannot be an endpoint is refused."""

from __future__ import annotations

import errno
from typing import Any

import pytest

import brokerless as zmq
import brokerless.asyncio
from tests.conftest import wait_until

#: Seconds: long enough for a look at the other sockets of the process.
WAIT = 0.06


def has(kind: str, sock: Any) -> bool:
    return any(one["kind"] == kind for one in sock._survey()["trouble"])


def test_nobody_is_bound(make_socket: Any, free_port: int) -> None:
    at = f"tcp://127.0.0.1:{free_port}"
    calls = {
        zmq.PULL: lambda sock: sock.recv(timeout=WAIT),
        zmq.REQ: lambda sock: sock.request(b"x", timeout=WAIT),
        zmq.PUSH: lambda sock: sock.wait_for_peers(timeout=WAIT),
        zmq.SUB: lambda sock: sock.recv_many(2, timeout=WAIT),
    }
    for kind, call in calls.items():
        sock = make_socket(kind, connect=at, reconnect_ivl=1)
        if kind == zmq.SUB:
            sock.subscribe(b"")
        assert wait_until(lambda sock=sock: has("refused", sock))
        with pytest.raises(zmq.Again, match=rf"nobody is bound to {at} \(refused \d+ times in "):
            call(sock)
        sock.close()


def test_another_socket_of_the_process_is_named(make_socket: Any, free_port: int) -> None:
    pull = make_socket(zmq.PULL, connect=f"tcp://127.0.0.1:{free_port}", reconnect_ivl=1)
    push = make_socket(zmq.PUSH, bind="tcp://127.0.0.1:*")
    assert wait_until(lambda: has("refused", pull))
    near = f"connect to {push.last_endpoint.decode()}, where a PUSH of this process is bound"
    with pytest.raises(zmq.Again, match=near):
        pull.recv(timeout=WAIT)
    with pytest.raises(zmq.Again) as brief:
        pull.recv(timeout=0)
    # Who only looks in now and then does not pay for a look around.
    assert "start the other side, or check the address" in str(brief.value)


def test_types_that_do_not_go_together(pair: Any) -> None:
    pull, sub = pair(zmq.PULL, zmq.SUB)
    sub.subscribe(b"")
    assert wait_until(lambda: has("mismatch", sub) and has("mismatch", pull))
    with pytest.raises(
        zmq.Again, match=r"a PULL is bound to tcp://.*, to which SUB does not talk .*; SUB talks to PUB"
    ):
        sub.recv(timeout=WAIT)
    with pytest.raises(zmq.Again, match=r"who connected to tcp://.* is of a type that PULL does not talk to"):
        pull.recv(timeout=WAIT)


def test_no_subscriber(make_socket: Any, pair: Any) -> None:
    pub = make_socket(zmq.PUB, bind="tcp://127.0.0.1:*")
    with pytest.raises(zmq.Again, match=r"0 of 1 subscriptions have come so far; nobody has connected"):
        pub.wait_for_subscribers(timeout=0.01)
    pub, _ = pair(zmq.PUB, zmq.SUB)
    pub.wait_for_peers(timeout=10)
    with pytest.raises(zmq.Again, match=r"0 of 1 subscriptions to \"x\" .* is every subscriber connected"):
        pub.wait_for_subscribers(topic="x", timeout=0.01)


def test_no_subscription(pair: Any) -> None:
    _, sub = pair(zmq.PUB, zmq.SUB)
    with pytest.raises(zmq.Again, match=r"it has subscribed to nothing"):
        sub.recv(timeout=0.001)


def test_a_topic_that_nothing_matched(pair: Any) -> None:
    pub, sub = pair(zmq.PUB, zmq.SUB)
    sub.subscribe("wether")
    pub.wait_for_subscribers(timeout=10)
    pub.send(b"weather 20")
    with pytest.raises(zmq.Again, match=r'subscribed to b"wether", but what is published begins with b"weather 20"'):
        sub.recv(timeout=WAIT)


def test_an_awaited_receive(make_socket: Any, free_port: int) -> None:
    import asyncio

    sock = make_socket(zmq.PULL, connect=f"tcp://127.0.0.1:{free_port}", reconnect_ivl=1)
    assert wait_until(lambda: has("refused", sock))

    async def wait_in_vain() -> None:
        await brokerless.asyncio.Socket.shadow(sock).recv(timeout=WAIT)

    with pytest.raises(zmq.Again, match=r"nobody is bound to tcp://"):
        asyncio.run(wait_in_vain())


def test_what_was_cured_is_said_no_more(make_socket: Any, free_port: int) -> None:
    pull = make_socket(zmq.PULL, connect=f"tcp://127.0.0.1:{free_port}", reconnect_ivl=1)
    assert wait_until(lambda: has("refused", pull))
    make_socket(zmq.PUSH, bind=f"tcp://127.0.0.1:{free_port}")
    pull.wait_for_peers(timeout=10)
    with pytest.raises(zmq.Again, match=r"1 peer is connected, but sent nothing"):
        pull.recv(timeout=WAIT)


# Endpoints


@pytest.mark.parametrize("how", ["bind", "connect", "unbind", "disconnect"])
@pytest.mark.parametrize(
    "port", ["65536", "99999", "4294967297", "99999999999999999999", "-1", "+1", "http", "", "0x50"]
)
def test_a_port_that_is_none(make_socket: Any, how: str, port: str) -> None:
    sock = make_socket(zmq.REP)
    with pytest.raises(zmq.ZMQError, match=r"ports (go|are numbers) from 1 to 65535") as refused:
        getattr(sock, how)(f"tcp://127.0.0.1:{port}")
    assert refused.value.errno == errno.EINVAL
    assert sock.endpoints == []


def test_a_port_that_is_missing(make_socket: Any) -> None:
    for how in (make_socket(zmq.REP).bind, make_socket(zmq.REP).connect):
        with pytest.raises(zmq.ZMQError, match=r"the port is missing") as refused:
            how("tcp://127.0.0.1")
        assert refused.value.errno == errno.EINVAL


def test_port_0_is_for_binding(make_socket: Any) -> None:
    rep = make_socket(zmq.REP, bind="tcp://127.0.0.1:0")
    with pytest.raises(zmq.ZMQError, match=r"nobody listens at port 0") as refused:
        rep.connect("tcp://127.0.0.1:0")
    assert refused.value.errno == errno.EINVAL
    for endpoint in ("tcp://*:5555", "tcp://127.0.0.1:*"):
        with pytest.raises(zmq.ZMQError, match=r"connect to (one address|the port)") as refused:
            rep.connect(endpoint)
        assert refused.value.errno == errno.EINVAL
    make_socket(zmq.REQ, connect=f"tcp://127.0.0.1:0;{rep.last_endpoint.decode()[6:]}").wait_for_peers(timeout=10)
