"""Those who read monitors late, slowly or never, and the ends of all concerned, get in nobody's way."""

from __future__ import annotations

import itertools
import os
import threading
import time

import pytest
from conftest import PATIENCE, wait_until
from monitor_events import drained, names, receive, told_until

import brokerless as zmq
import brokerless.asyncio

# Readers that are slow, or gone


def flood(sock, count):
    """Events as many as wanted, two for each bind that fails; the paths."""
    for number in range(count):
        path = f"/no/such/folder/{number}"
        with pytest.raises(zmq.ZMQError):
            sock.bind(f"ipc://{path}")
        yield path


def test_a_slow_reader_misses_nothing(make_socket):
    sock = make_socket(zmq.PULL)
    sock.monitor("inproc://slow")
    reader = make_socket(zmq.PAIR)
    reader.rcvhwm = 10
    reader.connect("inproc://slow")
    # More than libzmq's own queues hold here, which is about a thousand.
    paths = list(flood(sock, 1500))
    sock.disable_monitor()
    told = told_until(reader, zmq.EVENT_MONITOR_STOPPED)
    assert [one.endpoint for one in told[:-1:2]] == [f"ipc://{path}" for path in paths]
    assert [one.endpoint for one in told[1::2]] == paths
    assert names(told[:2]) == ["CLOSED", "BIND_FAILED"]


def test_nobody_reads_and_nobody_waits(make_socket):
    """Where libzmq would wait for ever: in bind(), or in the thread that serves every socket."""
    sock = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    sock.monitor("inproc://nobody")
    list(flood(sock, 600))
    push = make_socket(zmq.PUSH, connect=sock.endpoints[0])
    push.send(b"hello")
    assert sock.recv(timeout=10) == b"hello"
    sock.close()


def test_a_reader_that_leaves_and_one_that_takes_its_place(make_socket):
    sock = make_socket(zmq.PULL)
    sock.monitor("inproc://chair")
    first = make_socket(zmq.PAIR, connect="inproc://chair")
    sock.bind("tcp://127.0.0.1:*")
    assert names(drained(first)) == ["LISTENING"]
    first.close()

    def another_hears():
        """libzmq notices a moment later that a reader has gone, and turns others away until then."""
        at = sock.bind("tcp://127.0.0.1:*").addr
        with make_socket(zmq.PAIR, connect="inproc://chair") as second:
            return second.poll(10) != 0 and drained(second)[-1].endpoint == at

    assert wait_until(another_hears)


def test_a_reader_that_leaves_with_events_unread(make_socket):
    sock = make_socket(zmq.PULL)
    reader = sock.get_monitor_socket()
    list(flood(sock, 1100))
    reader.close()
    sock.disable_monitor()
    with sock.get_monitor_socket() as again:
        sock.bind("tcp://127.0.0.1:*")
        assert drained(again)[-1].endpoint == sock.endpoints[0]


# Ends


def test_the_end_of_the_socket_is_told(make_socket):
    sock = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    with sock.get_monitor_socket() as reader:
        sock.close()
        assert names(told_until(reader, zmq.EVENT_MONITOR_STOPPED)) == ["CLOSED", "MONITOR_STOPPED"]


def test_a_socket_that_is_collected(loose_ctx):
    sock = loose_ctx.socket(zmq.PULL)
    with sock.get_monitor_socket() as reader:
        sock.bind("tcp://127.0.0.1:*")
        with pytest.warns(ResourceWarning, match="Unclosed socket"):
            del sock
        expected = ["LISTENING", "CLOSED", "MONITOR_STOPPED"]
        assert names(told_until(reader, zmq.EVENT_MONITOR_STOPPED)) == expected


@pytest.mark.parametrize("how", ["destroy", "term", "abandon"])
def test_a_context_that_ends_with_its_monitors_open(how):
    context = zmq.Context()
    opened = []
    for number in range(3):
        sock = context.socket(zmq.PULL)
        sock.monitor(f"inproc://{number}")
        reader = context.socket(zmq.PAIR)
        # One monitor has a reader, one has one with its queue full, one has none.
        if number:
            reader.connect(f"inproc://{number}")
        list(flood(sock, 1200 if number == 1 else 3))
        opened += [sock, reader]
    start = time.monotonic()
    if how == "term":
        with pytest.raises(zmq.Again):
            context.term(timeout=0.05)
        for sock in opened:
            sock.close()
        context.term(timeout=PATIENCE)
    elif how == "destroy":
        context.destroy()
    else:
        with pytest.warns(ResourceWarning):
            del sock, reader, opened, context
    assert time.monotonic() - start < 5


def test_it_leaves_no_descriptors(make_socket):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    sock = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    sock.get_monitor_socket().close()
    before = descriptors()
    for number in range(50):
        sock.get_monitor_socket(addr=f"inproc://{number}").close()
        sock.monitor(f"inproc://nobody-{number}")
    sock.disable_monitor()
    assert wait_until(lambda: descriptors() <= before)


# With everything else


def test_peers_are_known_beside_a_monitor(make_socket, in_thread):
    server = make_socket(zmq.PULL)
    with server.get_monitor_socket() as ear:
        server.bind("tcp://127.0.0.1:*")
        waited = in_thread(server.wait_for_peers, 5, timeout=20)
        clients = [make_socket(zmq.PUSH, connect=server.endpoints[0]) for _ in range(5)]
        assert waited.result() == 5
        told = drained(ear)
        while sum(one.event == zmq.EVENT_HANDSHAKE_SUCCEEDED for one in told) < 5:
            told.append(receive(ear))
        server.disable_monitor()
        clients.pop().close()
        assert wait_until(lambda: len(server.peers) == 4)
        assert names(drained(ear)) == ["MONITOR_STOPPED"]


def test_a_hundred_monitors(make_socket):
    """More than are watched anyway, and each set after its socket was bound."""
    servers = [make_socket(zmq.PULL, bind="tcp://127.0.0.1:*") for _ in range(100)]
    readers = [server.get_monitor_socket() for server in servers]
    clients = [make_socket(zmq.PUSH, connect=server.endpoints[0]) for server in servers]
    for server, reader in zip(servers, readers):
        told = told_until(reader, zmq.EVENT_HANDSHAKE_SUCCEEDED)
        assert names(told) == ["ACCEPTED", "HANDSHAKE_SUCCEEDED"]
        assert {one.endpoint for one in told} == {server.endpoints[0]}
    # Who might have been there before is not known: not of a socket that was bound unwatched.
    assert len(servers[0].peers) == 1
    with pytest.raises(zmq.ZMQError, match=r"call watch\(\) before bind"):
        assert servers[-1].peers is None
    for client in clients:
        client.close()
    for server, reader in zip(servers, readers):
        assert receive(reader)[::2] == (zmq.EVENT_DISCONNECTED, server.endpoints[0])
    server = servers.pop()
    server.unbind(server.endpoints[0])
    server.bind("tcp://127.0.0.1:*")
    assert server.peers == []
    for reader in readers:
        reader.close()


def test_threads_that_all_want_the_monitor(make_socket, in_thread):
    sock = make_socket(zmq.PULL)
    start = threading.Barrier(4)

    def get():
        start.wait(PATIENCE)
        return sock.get_monitor_socket()

    for _ in range(20):
        readers = {future.result() for future in [in_thread(get) for _ in range(4)]}
        assert len(readers) == 1
        at = sock.bind("tcp://127.0.0.1:*").addr
        with readers.pop() as reader:
            assert receive(reader).endpoint == at


def test_monitors_come_and_go_while_others_bind(make_socket, in_thread):
    """Every monitor hears what happens meanwhile, once and in order, and its own end."""
    sock = make_socket(zmq.PULL)
    enough = threading.Event()

    def bind_on():
        return list(itertools.takewhile(lambda _: not enough.is_set(), flood(sock, 1_000_000)))

    bound = in_thread(bind_on)
    heard = []
    for _ in range(30):
        with sock.get_monitor_socket(zmq.EVENT_BIND_FAILED | zmq.EVENT_MONITOR_STOPPED) as reader:
            first = receive(reader)
            sock.disable_monitor()
            told = [first, *told_until(reader, zmq.EVENT_MONITOR_STOPPED)]
            heard += [one.endpoint for one in told[:-1]]
    enough.set()
    numbers = [int(path.rsplit("/", 1)[1]) for path in heard]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] <= len(bound.result())


def test_nobody_is_kept_busy_by_a_context_that_is_shut_down_but_not_ended(ctx, pair):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    assert push.wait_for_peers(1, timeout=10) == pull.wait_for_peers(1, timeout=10) == 1
    push.get_monitor_socket()
    ctx.shutdown()

    def idle():
        """Whether the process needs next to nothing for a while."""
        before = time.process_time()
        threading.Event().wait(0.2)
        return time.process_time() - before < 0.02

    assert wait_until(idle, timeout=5.0)
