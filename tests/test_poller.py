"""Poller and select wait for sockets and plain descriptors together, as pyzmq's do, and see what any thread does to them."""

from __future__ import annotations

import os
import socket as system_socket
import time

import pytest

import brokerless as zmq


@pytest.fixture
def pipe():
    """The two ends of a pipe."""
    read, write = os.pipe()
    yield read, write
    for end in (read, write):
        try:
            os.close(end)
        except OSError:
            pass  # the test has closed it


@pytest.fixture
def plain():
    """Two connected sockets of the system."""
    a, b = system_socket.socketpair()
    yield a, b
    a.close()
    b.close()


# Registering


def test_register_modify_unregister(make_socket):
    poller = zmq.Poller()
    a, b = make_socket(zmq.PAIR), make_socket(zmq.PAIR)
    assert a not in poller
    poller.register(a)
    poller.register(b, zmq.POLLIN)
    assert a in poller and b in poller
    assert poller.sockets == [(a, zmq.POLLIN | zmq.POLLOUT), (b, zmq.POLLIN)]
    poller.modify(b, zmq.POLLOUT)
    poller.register(a, zmq.POLLIN)
    assert poller.sockets == [(a, zmq.POLLIN), (b, zmq.POLLOUT)]
    poller.unregister(a)
    assert poller.sockets == [(b, zmq.POLLOUT)] and a not in poller
    with pytest.raises(KeyError):
        poller.unregister(a)
    # No flags: not registered.
    poller.register(b, 0)
    assert poller.sockets == [] and b not in poller
    poller.register(b, 0)
    with pytest.raises(KeyError):
        poller.unregister(b)


def test_order_is_kept_when_one_leaves(make_socket):
    poller = zmq.Poller()
    socks = [make_socket(zmq.PAIR) for _ in range(5)]
    for sock in socks:
        poller.register(sock, zmq.POLLIN)
    for gone in (1, 2, 0):
        poller.unregister(socks.pop(gone))
    for sock in socks:
        poller.modify(sock, zmq.POLLOUT)
    assert poller.sockets == [(sock, zmq.POLLOUT) for sock in socks]


@pytest.mark.parametrize("timeout", [None, -1, 0, 10_000])
def test_an_empty_poller_returns_at_once(timeout):
    assert zmq.Poller().poll(timeout) == []
    assert zmq.select([], [], [], None if timeout is None else timeout / 1000) == ([], [], [])


@pytest.mark.parametrize("what", ["text", 1.5, object(), None])
def test_what_cannot_be_polled(what):
    poller = zmq.Poller()
    poller.register(what, zmq.POLLIN)
    with pytest.raises(TypeError, match="neither"):
        poller.poll(0)


# Polling


def test_sockets(pair, transport):
    a, b = pair(zmq.PAIR, zmq.PAIR, transport)
    a.wait_for_peers(1, timeout=10)
    poller = zmq.Poller()
    poller.register(a, zmq.POLLIN)
    poller.register(b, zmq.POLLIN | zmq.POLLOUT)
    assert dict(poller.poll(10_000)) == {b: zmq.POLLOUT}
    b.send(b"x")
    assert a.poll(10_000)
    assert dict(poller.poll()) == {a: zmq.POLLIN, b: zmq.POLLOUT}
    # It is level-triggered: what was seen is seen again until it is taken.
    assert dict(poller.poll(0)) == {a: zmq.POLLIN, b: zmq.POLLOUT}
    a.send(b"y")
    assert b.poll(10_000)
    assert poller.poll(0) == [(a, zmq.POLLIN), (b, zmq.POLLIN | zmq.POLLOUT)]
    assert (a.recv(), b.recv()) == (b"x", b"y")
    poller.unregister(b)
    assert poller.poll(0) == []


def test_events_are_of_pyzmqs_type(pair):
    a, b = pair(zmq.PAIR, zmq.PAIR, "inproc")
    b.send(b"x")
    poller = zmq.Poller()
    poller.register(a, zmq.POLLIN)
    ((_, events),) = poller.poll()
    assert events & zmq.POLLIN and events == 1


def test_timeouts_are_in_milliseconds(make_socket):
    poller = zmq.Poller()
    poller.register(make_socket(zmq.PULL), zmq.POLLIN)
    for timeout in (30, 30.0):
        start = time.monotonic()
        assert poller.poll(timeout) == []
        assert 0.029 < time.monotonic() - start < 5
    with pytest.raises(ValueError):
        poller.poll(float("nan"))
    with pytest.raises(TypeError):
        poller.poll("soon")


def test_a_message_ends_the_wait(pair, waiting, transport):
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)
    poller = zmq.Poller()
    poller.register(pull, zmq.POLLIN)
    for timeout in (None, -1, 60_000):
        polled = waiting(lambda timeout=timeout: poller.poll(timeout))
        push.send(b"x")
        assert polled.result() == [(pull, zmq.POLLIN)]
        assert pull.recv(timeout=10) == b"x"


def test_descriptors(pipe, plain, waiting):
    read, write = pipe
    poller = zmq.Poller()
    poller.register(read, zmq.POLLIN)
    poller.register(plain[0], zmq.POLLIN)
    assert poller.poll(0) == []
    os.write(write, b"x")
    assert poller.poll() == [(read, zmq.POLLIN)]
    plain[1].send(b"x")
    # An object with fileno() is told by its descriptor, as pyzmq does.
    assert poller.poll() == [(read, zmq.POLLIN), (plain[0].fileno(), zmq.POLLIN)]
    os.read(read, 1)
    plain[0].recv(1)
    polled = waiting(poller.poll)
    plain[1].send(b"y")
    assert polled.result() == [(plain[0].fileno(), zmq.POLLIN)]


def test_the_end_of_a_pipe(pipe):
    read, write = pipe
    poller = zmq.Poller()
    poller.register(write, zmq.POLLOUT)
    assert poller.poll(0) == [(write, zmq.POLLOUT)]
    poller.unregister(write)
    poller.register(read, zmq.POLLIN)
    os.close(write)
    assert poller.poll() == [(read, zmq.POLLIN)]
    assert os.read(read, 1) == b""


def test_a_closed_descriptor(pipe):
    read, _ = pipe
    os.close(read)
    poller = zmq.Poller()
    poller.register(read, zmq.POLLIN)
    assert poller.poll(1000) == [(read, zmq.POLLERR)]


def test_both_at_once(pair, pipe, waiting):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    read, write = pipe
    poller = zmq.Poller()
    poller.register(pull, zmq.POLLIN)
    poller.register(read, zmq.POLLIN)
    polled = waiting(poller.poll)
    push.send(b"x")
    assert polled.result() == [(pull, zmq.POLLIN)]
    os.write(write, b"x")
    assert poller.poll() == [(pull, zmq.POLLIN), (read, zmq.POLLIN)]
    pull.recv()
    os.read(read, 1)
    polled = waiting(poller.poll)
    os.write(write, b"y")
    assert polled.result() == [(read, zmq.POLLIN)]


def test_many_sockets(make_socket, waiting):
    push = make_socket(zmq.PUSH)
    pulls = []
    for number in range(100):
        pulls.append(make_socket(zmq.PULL, bind=f"inproc://many-{number}"))
    push.connect("inproc://many-77")
    poller = zmq.Poller()
    for pull in pulls:
        poller.register(pull, zmq.POLLIN)
    polled = waiting(poller.poll)
    push.send(b"x")
    assert polled.result() == [(pulls[77], zmq.POLLIN)]


# Closed sockets, other threads


def test_a_closed_socket(make_socket):
    poller = zmq.Poller()
    sock, other = make_socket(zmq.PULL), make_socket(zmq.PULL)
    poller.register(other, zmq.POLLIN)
    poller.register(sock, zmq.POLLIN)
    sock.close()
    with pytest.raises(zmq.ZMQError) as caught:
        poller.poll(0)
    assert caught.value.errno == zmq.ENOTSOCK
    poller.unregister(sock)
    assert poller.poll(0) == []


def test_a_socket_closed_meanwhile(make_socket, waiting):
    socks = [make_socket(zmq.PULL, bind="tcp://127.0.0.1:*") for _ in range(3)]
    poller = zmq.Poller()
    for sock in socks:
        poller.register(sock, zmq.POLLIN)
    polled = waiting(poller.poll)
    socks[1].close()
    assert isinstance(polled.exception(), zmq.error.SocketClosed)


def test_another_thread_takes_the_message(pair, waiting, transport):
    """The poll may or may not see it; it must neither end with nothing in its hands nor miss the next message."""
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)
    poller = zmq.Poller()
    poller.register(pull, zmq.POLLIN)
    for number in range(50):
        polled, taken = waiting(poller.poll), waiting(pull.recv)
        push.send(b"%d" % number)
        assert taken.result() == b"%d" % number
        push.send(b"for the poll")
        assert polled.result() == [(pull, zmq.POLLIN)]
        assert pull.recv(timeout=10) == b"for the poll"


def test_two_pollers_on_one_socket(pair, waiting):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    pollers = [zmq.Poller(), zmq.Poller()]
    for poller in pollers:
        poller.register(pull, zmq.POLLIN)
    for _ in range(20):
        polled = [waiting(poller.poll) for poller in pollers]
        push.send(b"x")
        for future in polled:
            assert future.result() == [(pull, zmq.POLLIN)]
        assert pull.recv() == b"x"


# select


def test_select(pair, pipe, plain):
    a, b = pair(zmq.PAIR, zmq.PAIR, "inproc")
    read, write = pipe
    assert zmq.select([a, read], [], [], 0) == ([], [], [])
    b.send(b"x")
    os.write(write, b"x")
    readable, writable, failed = zmq.select([a, b, read, plain[0]], [a, write, plain[0]], [a, read], 10)
    assert (readable, writable, failed) == ([a, read], [a, write, plain[0]], [])
    start = time.monotonic()
    # In seconds, unlike everything else.
    assert zmq.select([b], [], [], 0.03) == ([], [], [])
    assert 0.029 < time.monotonic() - start < 5


def test_select_waits(pair, waiting):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    selected = waiting(lambda: zmq.select([pull], [], []))
    push.send(b"x")
    assert selected.result() == ([pull], [], [])


def test_as_pyzmq_does(pair, pyzmq, pyzmq_ctx, pipe):
    """The same steps give the same answers."""

    def steps(library, a, b):
        poller = library.Poller()
        poller.register(a, library.POLLIN)
        poller.register(b, library.POLLIN | library.POLLOUT)
        poller.register(pipe[0], library.POLLIN)
        names = {a: "a", b: "b", pipe[0]: "pipe"}
        answers = []

        def look():
            answers.append(sorted((names[what], int(events)) for what, events in poller.poll(100)))

        look()
        b.send(b"x")
        look()
        os.write(pipe[1], b"x")
        look()
        a.recv()
        os.read(pipe[0], 1)
        poller.modify(b, library.POLLIN)
        look()
        return answers

    a, b = pair(zmq.PAIR, zmq.PAIR, "inproc")
    theirs_a, theirs_b = pyzmq_ctx.socket(pyzmq.PAIR), pyzmq_ctx.socket(pyzmq.PAIR)
    theirs_a.bind("inproc://pair")
    theirs_b.connect("inproc://pair")
    assert steps(zmq, a, b) == steps(pyzmq, theirs_a, theirs_b)
