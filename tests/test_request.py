"""A request that recovers: no server, a late one, one that comes back."""

from __future__ import annotations

import errno

import pytest

import brokerless as zmq


def echo(rep):
    for message in rep:
        rep.send_multipart(message) if isinstance(message, list) else rep.send(message.upper())


def test_request(pair, transport, in_thread):
    rep, req = pair(zmq.REP, zmq.REQ, transport)
    served = in_thread(echo, rep)
    assert req.request(b"hello") == b"HELLO"
    assert req.request(b"hello", timeout=10, retries=3) == b"HELLO"
    assert req.request([b"two", b"frames"], timeout=10) == [b"two", b"frames"]
    assert req.stats.messages_sent == 3
    rep.close()
    served.result()


def test_a_request_to_a_dead_server(make_socket, endpoint):
    req = make_socket(zmq.REQ, connect=endpoint("ipc"))
    with pytest.raises(zmq.Again, match=r"no reply to 3 tries of 0.01 s each; nobody is ") as caught:
        req.request(b"hello", timeout=0.01, retries=2)
    assert caught.value.errno == errno.EAGAIN
    with pytest.raises(zmq.Again, match=r"no reply within 0.01 s; nobody is "):
        req.request(b"hello", timeout=0.01)


def test_a_late_reply_is_dropped(make_socket, endpoint, in_thread):
    """The reply to the first try comes when the second try is already there, and must not be taken for its reply."""
    router = make_socket(zmq.ROUTER, bind=endpoint("tcp"))
    req = make_socket(zmq.REQ, connect=router.last_endpoint.decode())

    def late_server():
        *first, _hello = router.recv_multipart()
        late = first
        for *envelope, _hello in router:
            if late:
                router.send_multipart([*late, b"late"])
                late = None
            router.send_multipart([*envelope, b"in time"])

    served = in_thread(late_server)
    assert req.request(b"hello", timeout=0.1, retries=100) == b"in time"
    assert req.request(b"hello", timeout=10) == b"in time"
    assert req.poll(0) == 0
    router.close()
    served.result()


def test_the_server_comes_back(make_socket, endpoint, in_thread):
    where = endpoint("ipc")
    req = make_socket(zmq.REQ, connect=where, reconnect_ivl=5)
    for _ in range(3):
        rep = make_socket(zmq.REP, bind=where)
        served = in_thread(echo, rep)
        assert req.request(b"hello", timeout=0.2, retries=50) == b"HELLO"
        rep.close()
        served.result()


def test_request_is_for_req(make_socket):
    with pytest.raises(zmq.ZMQError, match=r"request\(\) is for REQ sockets, not for DEALER") as caught:
        make_socket(zmq.DEALER).request(b"")
    assert caught.value.errno == zmq.ENOTSUP
