"""A call waits as long as it was told to, and says what it waited for: timeouts, options, polls."""

from __future__ import annotations

import errno
import threading

import pytest

import brokerless as zmq


@pytest.mark.parametrize("name", ["recv", "recv_multipart", "recv_string", "recv_json"])
def test_a_receive_that_does_not_wait(pair, name):
    pull, push = pair(zmq.PULL, zmq.PUSH)
    pull.wait_for_peers(1, timeout=10)
    for options in ({"flags": zmq.NOBLOCK}, {"timeout": 0}, {"timeout": 0.01}):
        with pytest.raises(zmq.Again) as caught:
            getattr(pull, name)(**options)
        assert caught.value.errno == errno.EAGAIN
        assert "this PULL socket bound to tcp://127.0.0.1:" in str(caught.value)
    assert "1 peer is connected" in str(caught.value)
    pull.rcvtimeo = 10
    with pytest.raises(zmq.Again, match=r"nothing arrived within \d+ ms"):
        getattr(pull, name)()
    push.send_json("there")
    assert getattr(pull, name)(timeout=10) in (b'"there"', '"there"', [b'"there"'], "there")


@pytest.mark.parametrize("name", ["send", "send_multipart", "send_string", "send_json"])
def test_a_send_that_does_not_wait(make_socket, endpoint, name):
    push = make_socket(zmq.PUSH, bind=endpoint("tcp"))
    data = {"send": b"x", "send_multipart": [b"x", b"y"], "send_string": "x", "send_json": {"x": 1}}[name]
    for options in ({"flags": zmq.NOBLOCK}, {"timeout": 0}, {"timeout": 0.01}):
        with pytest.raises(zmq.Again, match=r"this PUSH socket bound to tcp://127.0.0.1:"):
            getattr(push, name)(data, **options)
    push.sndtimeo = 10
    with pytest.raises(zmq.Again, match=r"within \d+ ms; nobody has connected: start the other side"):
        getattr(push, name)(data)
    assert push.stats.messages_sent == 0


def test_a_timeout_takes_the_place_of_the_option(pair):
    pull, push = pair(zmq.PULL, zmq.PUSH, "inproc")
    pull.rcvtimeo = 60_000
    with pytest.raises(zmq.Again):
        pull.recv(timeout=0.01)
    pull.rcvtimeo = 0
    timer = threading.Timer(0.02, push.send, [b"later"])
    timer.start()
    assert pull.recv(timeout=10) == b"later"
    timer.join()
    with pytest.raises(zmq.Again):
        pull.recv()


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan")])
def test_a_timeout_that_makes_no_sense(pair, timeout):
    pull, push = pair(zmq.PULL, zmq.PUSH, "inproc")
    for call in (lambda: pull.recv(timeout=timeout), lambda: push.wait_for_peers(2, timeout=timeout)):
        with pytest.raises(ValueError, match=r"timeout"):
            call()


def test_poll(pair):
    a, b = pair(zmq.PAIR, zmq.PAIR, "inproc")
    assert a.poll(0) == 0 and a.poll(1) == 0
    assert a.poll(0, zmq.POLLOUT) == zmq.POLLOUT
    b.send(b"x")
    assert a.poll() == a.poll(-1) == a.poll(10_000) == zmq.POLLIN
    assert a.poll(0, zmq.POLLIN | zmq.POLLOUT) == zmq.POLLIN | zmq.POLLOUT
    assert isinstance(a.poll(0), zmq.PollEvent)


def test_who_is_connected_is_said(make_socket, endpoint):
    alone = make_socket(zmq.PULL)
    with pytest.raises(zmq.Again, match=r"neither bound nor connected: bind\(\) or connect\(\) it first"):
        alone.recv(timeout=0.001)
    calling = make_socket(zmq.PULL, connect=endpoint("ipc"))
    with pytest.raises(zmq.Again, match=r"nobody is (connected: is the other side bound|bound to ipc://)"):
        calling.recv(timeout=0.001)
    bound = make_socket(zmq.PUSH, bind=endpoint("inproc"), sndhwm=1)
    make_socket(zmq.PULL, connect=bound.last_endpoint.decode(), rcvhwm=1)
    bound.send(b"x")
    bound.send(b"x")
    with pytest.raises(zmq.Again, match=r"1 connected, but the queue is full"):
        bound.send(b"x", timeout=0.001)


@pytest.fixture
def spin():
    """set_spin(), which ends with the test."""
    yield zmq.set_spin
    zmq.set_spin(0)


def test_a_spin_changes_nothing_but_the_time_of_the_sleep(spin, pair, in_thread):
    spin(0.02)
    assert zmq.get_spin() == pytest.approx(0.02)
    one, other = pair(zmq.PAIR, zmq.PAIR)
    with pytest.raises(zmq.Again):
        one.recv(timeout=0.05)
    assert one.poll(30) == 0
    waiting = in_thread(one.recv, timeout=10)
    other.send(b"found")
    assert waiting.result() == b"found"


@pytest.mark.parametrize("wrong", [-1e-6, 1.1, float("nan"), float("inf")])
def test_a_spin_is_a_short_time(spin, wrong):
    with pytest.raises(ValueError, match="a spin is 0 to 1 second"):
        spin(wrong)
    assert zmq.get_spin() == 0
