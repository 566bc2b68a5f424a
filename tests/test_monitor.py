"""Users' monitors: what pyzmq's would be told, step by step, and what must not get in their way."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import re
import socket as sockets
import threading
import time
from collections import namedtuple

import pytest
from conftest import PATIENCE, wait_until

import brokerless as zmq
import brokerless.asyncio
from brokerless.utils.monitor import parse_monitor_message, recv_monitor_message

Told = namedtuple("Told", "event value endpoint")


def receive(reader, timeout=PATIENCE):
    """The next event; `reader` may be of either library."""
    assert reader.poll(timeout * 1000), "no event came"
    message = parse_monitor_message(reader.recv_multipart())
    return Told(zmq.Event(message["event"]), int(message["value"]), message["endpoint"].decode())


def told_until(reader, last):
    """The events up to one of this kind."""
    told = [receive(reader)]
    while told[-1].event != last:
        told.append(receive(reader))
    return told


def drained(reader):
    """What is there already."""
    told = []
    while reader.poll(0):
        told.append(receive(reader))
    return told


def names(told):
    return [one.event.name for one in told]


# The same steps in either library: each yields the events that a socket was told of since the last time.


class Stage:
    """Monitored sockets of one library."""

    def __init__(self, zmq, context, where):
        self.zmq, self.context, self.where = zmq, context, where
        self.script = []

    def open(self, kind, **options):
        sock = self.context.socket(kind)
        sock.linger = 0
        for name, value in options.items():
            setattr(sock, name, value)
        reader = self.context.socket(self.zmq.PAIR)
        name = f"inproc://monitor-{id(sock)}"
        sock.monitor(name)
        reader.connect(name)
        return sock, reader

    def hear(self, who, reader, last):
        """Adds what was told up to `last` to the script."""
        self.script += [(who, *one) for one in told_until(reader, last)]

    def bound(self, **options):
        server, ear = self.open(self.zmq.DEALER, **options)
        server.bind(self.where if self.where.startswith("tcp") else f"{self.where}-{len(self.script)}")
        return server, ear, server.last_endpoint.decode().rstrip("\0")


def come_and_go(stage):
    server, server_ear, at = stage.bound()
    stage.hear("server", server_ear, zmq.EVENT_LISTENING)
    for _ in range(2):
        client, client_ear = stage.open(stage.zmq.DEALER)
        client.connect(at)
        stage.hear("client", client_ear, zmq.EVENT_HANDSHAKE_SUCCEEDED)
        stage.hear("server", server_ear, zmq.EVENT_HANDSHAKE_SUCCEEDED)
        client.close()
        stage.hear("server", server_ear, zmq.EVENT_DISCONNECTED)
        stage.hear("client", client_ear, zmq.EVENT_MONITOR_STOPPED)
    server.unbind(at)
    stage.hear("server", server_ear, zmq.EVENT_CLOSED)
    server.close()
    stage.hear("server", server_ear, zmq.EVENT_MONITOR_STOPPED)


def server_goes_first(stage):
    server, server_ear, at = stage.bound()
    client, client_ear = stage.open(stage.zmq.DEALER, reconnect_ivl=60_000)
    client.connect(at)
    stage.hear("client", client_ear, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    stage.hear("server", server_ear, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    server.close()
    stage.hear("server", server_ear, zmq.EVENT_MONITOR_STOPPED)
    stage.hear("client", client_ear, zmq.EVENT_CONNECT_RETRIED)
    client.close()
    stage.hear("client", client_ear, zmq.EVENT_MONITOR_STOPPED)


def both_ways(stage):
    """A socket that is bound and connected: which end is its own differs from connection to connection."""
    _server, server_ear, at = stage.bound()
    stage.hear("server", server_ear, zmq.EVENT_LISTENING)
    both, both_ear, own = stage.bound()
    both.connect(at)
    stage.hear("both", both_ear, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    client, client_ear = stage.open(stage.zmq.DEALER)
    client.connect(own)
    stage.hear("client", client_ear, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    stage.hear("both", both_ear, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    client.close()
    stage.hear("both", both_ear, zmq.EVENT_DISCONNECTED)
    both.close()
    stage.hear("both", both_ear, zmq.EVENT_MONITOR_STOPPED)
    stage.hear("server", server_ear, zmq.EVENT_DISCONNECTED)


def nobody_there(stage):
    server, server_ear, at = stage.bound()
    server.close()
    stage.hear("server", server_ear, zmq.EVENT_MONITOR_STOPPED)
    client, ear = stage.open(stage.zmq.DEALER, reconnect_ivl=1)
    client.connect(at)
    for _ in range(3):
        stage.hear("client", ear, zmq.EVENT_CONNECT_RETRIED)


def taken(stage):
    """Events of binds that fail."""
    _first, _first_ear, at = stage.bound()
    second, ear = stage.open(stage.zmq.DEALER)
    nowhere = at if at.startswith("tcp") else f"{at}/no/such/folder"
    # bind() tries again if there was garbage to collect.
    gc.collect()
    for endpoint in (nowhere, "tcp://no-such-host.invalid:5555", "tcp://127.0.0.1"):
        with pytest.raises((zmq.ZMQError, stage.zmq.ZMQError)):
            second.bind(endpoint)
        stage.hear("second", ear, zmq.EVENT_BIND_FAILED)
    second.bind("inproc://taken")
    # What is no endpoint for a listener fails without an event.
    for endpoint in ("tcp", "tcp://", "sctp://127.0.0.1:5555", "udp://127.0.0.1:5555", "inproc://taken"):
        with pytest.raises((zmq.ZMQError, stage.zmq.ZMQError)):
            second.bind(endpoint)
    second.disable_monitor()
    stage.hear("second", ear, zmq.EVENT_MONITOR_STOPPED)


def wrong_key(stage):
    public, secret = zmq.curve_keypair()
    other, _ = zmq.curve_keypair()
    _server, server_ear, at = stage.bound(curve_server=1, curve_secretkey=secret)
    mine = {"curve_publickey": public, "curve_secretkey": secret}
    client, client_ear = stage.open(stage.zmq.DEALER, reconnect_ivl=60_000, curve_serverkey=other, **mine)
    client.connect(at)
    stage.hear("server", server_ear, zmq.EVENT_DISCONNECTED)
    stage.hear("client", client_ear, zmq.EVENT_CONNECT_RETRIED)


def not_admitted(stage):
    zap = stage.context.socket(stage.zmq.ROUTER)
    zap.bind("inproc://zeromq.zap.01")
    _server, server_ear, at = stage.bound(zap_domain=b"everybody")
    client, client_ear = stage.open(stage.zmq.DEALER, reconnect_ivl=60_000)
    client.connect(at)
    assert zap.poll(PATIENCE * 1000)
    who, empty, version, number, *_ = zap.recv_multipart()
    zap.send_multipart([who, empty, version, number, b"400", b"not today", b"", b""])
    stage.hear("server", server_ear, zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    stage.hear("client", client_ear, zmq.EVENT_HANDSHAKE_FAILED_AUTH)


def is_fd(event):
    told_with_fd = zmq.EVENT_CONNECTED | zmq.EVENT_LISTENING | zmq.EVENT_ACCEPTED | zmq.EVENT_CLOSED
    return bool(event & (told_with_fd | zmq.EVENT_DISCONNECTED))


def comparable(script):
    """The script with ports numbered in their order, and without the values that differ from run to run."""
    ports = {}
    told = []
    for who, event, value, endpoint in script:
        endpoint = re.sub(r"(?<=:)\d{4,5}$", lambda port: f"port {ports.setdefault(port[0], len(ports))}", endpoint)
        random = is_fd(event) or event == zmq.EVENT_CONNECT_RETRIED
        told.append((who, event.name, "any" if random else value, endpoint))
    return told


STEPS = [come_and_go, server_goes_first, both_ways, nobody_there, taken, wrong_key, not_admitted]


@pytest.mark.parametrize("kind", ["tcp", "ipc"])
@pytest.mark.parametrize("steps", STEPS, ids=lambda steps: steps.__name__)
def test_the_same_steps_tell_the_same_as_in_pyzmq(pyzmq, pyzmq_ctx, ctx, endpoint, steps, kind):
    where = endpoint(kind)
    scripts = []
    for library, context in ((pyzmq, pyzmq_ctx), (zmq, ctx)):
        stage = Stage(library, context, where)
        steps(stage)
        scripts.append(stage.script)
        for sock in list(context._sockets):
            sock.close(linger=0)
    theirs, ours = map(comparable, scripts)
    assert ours == theirs


def test_the_events_of_a_life(make_socket):
    """The order in full, for those who have no pyzmq at hand."""
    server = make_socket(zmq.PULL)
    ear = server.get_monitor_socket()
    server.bind("tcp://127.0.0.1:*")
    at = server.endpoints[0]
    client = make_socket(zmq.PUSH)
    client_ear = client.get_monitor_socket()
    client.connect(at)
    assert names(told_until(client_ear, zmq.EVENT_HANDSHAKE_SUCCEEDED)) == [
        "CONNECT_DELAYED",
        "CONNECTED",
        "HANDSHAKE_SUCCEEDED",
    ]
    told = told_until(ear, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    client.close()
    told += told_until(ear, zmq.EVENT_DISCONNECTED)
    server.close()
    told += told_until(ear, zmq.EVENT_MONITOR_STOPPED)
    expected = ["LISTENING", "ACCEPTED", "HANDSHAKE_SUCCEEDED", "DISCONNECTED", "CLOSED", "MONITOR_STOPPED"]
    assert names(told) == expected
    assert {one.endpoint for one in told[:-1]} == {at}
    assert told[-1].endpoint == ""
    for reader in (ear, client_ear):
        reader.close()


def test_what_the_values_are(make_socket, free_port):
    server = make_socket(zmq.PULL)
    ear = server.get_monitor_socket()
    server.bind("tcp://127.0.0.1:*")
    # bind() has told before it returned.
    (listening,) = drained(ear)
    port = int(listening.endpoint.rsplit(":", 1)[1])
    with sockets.socket(fileno=os.dup(listening.value)) as listener:
        assert listener.getsockname()[1] == port
    with sockets.create_connection(("127.0.0.1", port)) as raw:
        accepted = receive(ear)
        with sockets.socket(fileno=os.dup(accepted.value)) as other:
            assert other.getpeername() == raw.getsockname()
    failed, ended = told_until(ear, zmq.EVENT_DISCONNECTED)
    assert failed.event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    assert failed.value in (errno.EPIPE, errno.ECONNRESET)
    assert ended.value == accepted.value

    client = make_socket(zmq.PUSH, reconnect_ivl=50)
    client_ear = client.get_monitor_socket()
    client.connect(f"tcp://127.0.0.1:{free_port}")
    delayed, closed, retried = told_until(client_ear, zmq.EVENT_CONNECT_RETRIED)
    assert delayed.value == errno.EINPROGRESS
    assert closed.event == zmq.EVENT_CLOSED
    assert 50 <= retried.value < 100
    for reader in (ear, client_ear):
        reader.close()


def test_a_bind_that_fails_says_why_in_both_ways(make_socket):
    """libzmq's own report of it overwrites the errno of the bind."""
    first = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    second = make_socket(zmq.PULL)
    with second.get_monitor_socket(zmq.EVENT_BIND_FAILED) as ear:
        with pytest.raises(zmq.ZMQError) as caught:
            second.bind(first.endpoints[0])
        assert caught.value.errno == errno.EADDRINUSE
        assert drained(ear)[0] == (zmq.EVENT_BIND_FAILED, errno.EADDRINUSE, first.endpoints[0][len("tcp://") :])


# Where a monitor reports to, and what


@pytest.mark.parametrize(
    ("addr", "events", "number"),
    [
        ("tcp://127.0.0.1:*", zmq.EVENT_ALL, errno.EPROTONOSUPPORT),
        ("tcp://nonsense", zmq.EVENT_ALL, errno.EPROTONOSUPPORT),
        ("ipc:///tmp/x", zmq.EVENT_ALL, errno.EPROTONOSUPPORT),
        ("nonsense://x", zmq.EVENT_ALL, errno.EPROTONOSUPPORT),
        ("nonsense", zmq.EVENT_ALL, errno.EINVAL),
        ("inproc://", zmq.EVENT_ALL, errno.EINVAL),
        ("://x", zmq.EVENT_ALL, errno.EINVAL),
        ("tcp://", zmq.EVENT_ALL, errno.EINVAL),
        ("inproc://x", zmq.EVENT_PIPES_STATS, errno.EINVAL),
        ("inproc://x", zmq.EVENT_ALL_V2, errno.EINVAL),
        ("inproc://x", -1, errno.EINVAL),
        (None, 0x10000, errno.EINVAL),
    ],
)
def test_what_is_refused(pyzmq_ctx, make_socket, addr, events, number):
    for sock in (make_socket(zmq.PULL), pyzmq_ctx.socket(zmq.PULL)):
        with pytest.raises(Exception, match=r"\w") as caught:
            sock.monitor(addr, int(events))
        assert caught.value.errno == number


def test_what_is_no_address_and_no_number(make_socket):
    sock = make_socket(zmq.PULL)
    for arguments in ((3,), ("inproc://x", "all"), ("inproc://x", 1.5), ()):
        with pytest.raises(TypeError):
            sock.monitor(*arguments)
    with pytest.raises(OverflowError):
        sock.monitor("inproc://x", 1 << 40)


def test_a_name_that_is_taken(make_socket, endpoint):
    where = endpoint("inproc")
    make_socket(zmq.PAIR, bind=where)
    sock = make_socket(zmq.PULL)
    with pytest.raises(zmq.ZMQError, match="already") as caught:
        sock.monitor(where)
    assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(zmq.ZMQError):
        sock.get_monitor_socket(addr=where)
    sock.get_monitor_socket().close()


def test_a_closed_socket_and_an_ended_context(make_socket, loose_ctx):
    closed = make_socket(zmq.PULL)
    closed.close()
    sock = loose_ctx.socket(zmq.PULL)
    with sock, sock.get_monitor_socket() as reader:
        loose_ctx.shutdown()
        for use, expected in (
            (lambda: closed.monitor("inproc://x"), zmq.error.SocketClosed),
            (closed.get_monitor_socket, zmq.error.SocketClosed),
            (closed.disable_monitor, zmq.error.SocketClosed),
            (lambda: sock.monitor("inproc://x"), zmq.ContextTerminated),
            (sock.disable_monitor, zmq.ContextTerminated),
            (reader.recv, zmq.ContextTerminated),
        ):
            with pytest.raises(expected):
                use()


def test_only_what_was_asked_for(make_socket):
    server = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    ear = server.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
    for _ in range(3):
        make_socket(zmq.PUSH, connect=server.endpoints[0]).close()
    told = [receive(ear) for _ in range(6)]
    assert sorted(names(told)) == ["ACCEPTED"] * 3 + ["DISCONNECTED"] * 3
    # Its end was not asked for either.
    server.disable_monitor()
    assert drained(ear) == []
    server.monitor("inproc://nothing", 0)
    reader = make_socket(zmq.PAIR, connect="inproc://nothing")
    server.bind("tcp://127.0.0.1:*")
    server.close()
    assert reader.poll(20) == 0
    ear.close()


def test_what_happened_before_is_not_told(make_socket):
    server = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    client = make_socket(zmq.PUSH, connect=server.endpoints[0])
    assert client.wait_for_peers(timeout=10) == server.wait_for_peers(timeout=10) == 1
    with server.get_monitor_socket() as ear, client.get_monitor_socket() as client_ear:
        server.unbind(server.endpoints[0])
        assert names(drained(ear)) == ["CLOSED"]
        # Which end is its own is known all the same.
        make_socket(zmq.PUSH, connect=server.bind("tcp://127.0.0.1:*").addr)
        assert names(told_until(ear, zmq.EVENT_HANDSHAKE_SUCCEEDED)) == ["LISTENING", "ACCEPTED", "HANDSHAKE_SUCCEEDED"]
        assert wait_until(lambda: server.poll(0) == 0 and client.peers == [])
        assert client_ear.poll(PATIENCE * 1000)
        assert receive(client_ear).event == zmq.EVENT_DISCONNECTED


def test_an_end_of_a_connection_from_before_the_monitor(make_socket):
    server = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    client = make_socket(zmq.PUSH, connect=server.endpoints[0])
    assert server.wait_for_peers(timeout=10) == 1
    with server.get_monitor_socket() as ear:
        client.close()
        assert receive(ear)[::2] == (zmq.EVENT_DISCONNECTED, server.endpoints[0])


def test_nothing_happens_over_inproc(make_socket, endpoint):
    server = make_socket(zmq.PAIR)
    with server.get_monitor_socket() as ear:
        server.bind(endpoint("inproc"))
        client = make_socket(zmq.PAIR, connect=server.endpoints[0])
        client.send(b"hello")
        assert server.recv(timeout=10) == b"hello"
        client.close()
        server.close()
        assert receive(ear) == (zmq.EVENT_MONITOR_STOPPED, 0, "")


# One monitor at a time


def test_a_monitor_takes_the_place_of_another(make_socket):
    sock = make_socket(zmq.PULL)
    sock.monitor("inproc://first")
    first = make_socket(zmq.PAIR, connect="inproc://first")
    sock.bind("tcp://127.0.0.1:*")
    sock.monitor(b"inproc://second")
    # Earlier or later than the monitor makes no difference.
    second = make_socket(zmq.PAIR, connect="inproc://second")
    sock.bind("tcp://127.0.0.1:*")
    assert [one[::2] for one in drained(first)] == [
        (zmq.EVENT_LISTENING, sock.endpoints[0]),
        (zmq.EVENT_MONITOR_STOPPED, ""),
    ]
    assert [one[::2] for one in drained(second)] == [(zmq.EVENT_LISTENING, sock.endpoints[1])]
    # At once under the same name, which libzmq frees only a moment later.
    sock.monitor("inproc://second")
    assert names(drained(second)) == ["MONITOR_STOPPED"]


def test_a_monitor_that_cannot_be_ends_the_former_one(make_socket, endpoint):
    """As in libzmq, unless it is refused before that."""
    where = endpoint("inproc")
    make_socket(zmq.PAIR, bind=where)
    sock = make_socket(zmq.PULL)
    with sock.get_monitor_socket() as ear:
        for bad in ("tcp://127.0.0.1:*", "nonsense"):
            with pytest.raises(zmq.ZMQError):
                sock.monitor(bad)
        assert drained(ear) == []
        with pytest.raises(zmq.ZMQError):
            sock.monitor(where)
        assert names(drained(ear)) == ["MONITOR_STOPPED"]


def test_the_reader_may_come_first_or_late(make_socket):
    sock = make_socket(zmq.PULL)
    early = make_socket(zmq.PAIR, connect="inproc://early")
    sock.monitor("inproc://early")
    sock.bind("tcp://127.0.0.1:*")
    assert names(drained(early)) == ["LISTENING"]
    sock.monitor("inproc://late")
    for _ in range(3):
        sock.bind("tcp://127.0.0.1:*")
    late = make_socket(zmq.PAIR, connect="inproc://late")
    assert [receive(late).endpoint for _ in range(3)] == sock.endpoints[1:]


def test_get_monitor_socket(ctx, make_socket):
    sock = make_socket(zmq.PULL)
    assert sock._monitor_socket is None
    reader = sock.get_monitor_socket()
    assert type(reader) is type(sock)
    assert reader.type == zmq.PAIR
    assert sock.get_monitor_socket() is sock._monitor_socket is reader
    # Again, after a close: a new one.
    reader.close()
    again = sock.get_monitor_socket(addr="inproc://mine")
    assert again is not reader and not again.closed
    sock.bind("tcp://127.0.0.1:*")
    assert names(drained(again)) == ["LISTENING"]
    sock.disable_monitor()
    assert sock._monitor_socket is None
    assert names(drained(again)) == ["MONITOR_STOPPED"]
    sock.disable_monitor()
    with sock.get_monitor_socket(zmq.EVENT_LISTENING, "inproc://mine") as third:
        assert third is not again
        sock.bind("tcp://127.0.0.1:*")
        sock.close()
        assert names([receive(third)]) == ["LISTENING"]
    again.close()


class Loud(zmq.Socket):
    """A class of somebody's own."""


def test_the_reader_is_of_the_sockets_own_class(ctx):
    with ctx.socket(zmq.PULL, socket_class=Loud) as sock, sock.get_monitor_socket() as reader:
        assert type(reader) is Loud


def test_no_reader_to_be_had(loose_ctx):
    loose_ctx.max_sockets = 1
    with loose_ctx.socket(zmq.PULL) as sock:
        with pytest.raises(zmq.ZMQError) as caught:
            sock.get_monitor_socket()
        assert caught.value.errno == errno.EMFILE
        assert sock._monitor_socket is None


# Readers that are slow, or gone


def flood(sock, count):
    """Events as many as wanted: two for each address."""
    for _ in range(count):
        at = sock.bind("tcp://127.0.0.1:*").addr
        sock.unbind(at)
        yield at


def test_a_slow_reader_misses_nothing(make_socket):
    sock = make_socket(zmq.PULL)
    sock.monitor("inproc://slow")
    reader = make_socket(zmq.PAIR)
    reader.rcvhwm = 10
    reader.connect("inproc://slow")
    # More than libzmq's own queues hold here, which is about a thousand.
    addresses = list(flood(sock, 1500))
    sock.disable_monitor()
    told = told_until(reader, zmq.EVENT_MONITOR_STOPPED)
    assert [one.endpoint for one in told[:-1]] == [at for at in addresses for _ in range(2)]
    assert names(told[:2]) == ["LISTENING", "CLOSED"]


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
    """Every monitor hears a run of what happens, in order, and its own end."""
    sock = make_socket(zmq.PULL)
    done = threading.Event()

    def bind_on():
        bound = list(flood(sock, 300))
        done.set()
        return bound

    bound = in_thread(bind_on)
    heard = []
    while not done.is_set():
        with sock.get_monitor_socket(zmq.EVENT_LISTENING | zmq.EVENT_MONITOR_STOPPED) as reader:
            reader.poll(10)
            sock.disable_monitor()
            told = told_until(reader, zmq.EVENT_MONITOR_STOPPED)
            heard.append([one.endpoint for one in told[:-1]])
    order = bound.result()
    assert any(heard)
    position = 0
    for run in heard:
        for endpoint in run:
            position = order.index(endpoint, position) + 1


# Messages


def test_a_message_is_taken_apart(pyzmq):
    from zmq.utils import monitor as theirs

    frames = [b"\x00\x20\x02\x00\x00\x11", b"tcp://127.0.0.1:5555"]
    ours = parse_monitor_message(frames)
    assert ours == theirs.parse_monitor_message(frames)
    assert ours == {
        "event": zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        "value": zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH,
        "endpoint": b"tcp://127.0.0.1:5555",
    }
    assert isinstance(ours["event"], zmq.Event) and isinstance(ours["value"], zmq.Event)


@pytest.mark.parametrize("frames", [[], [b"123456"], [b"12345", b""], [b"1234567", b""], [b"123456", b"", b""]])
def test_what_is_no_message_of_a_monitor(frames):
    with pytest.raises(RuntimeError, match="not the message of a monitor"):
        parse_monitor_message(frames)


def test_receiving_a_message(make_socket):
    sock = make_socket(zmq.PULL)
    with sock.get_monitor_socket() as reader:
        with pytest.raises(zmq.Again):
            recv_monitor_message(reader, zmq.DONTWAIT)
        sock.bind("tcp://127.0.0.1:*")
        message = recv_monitor_message(reader)
        assert sorted(message) == ["endpoint", "event", "value"]
        assert message["event"] == zmq.EVENT_LISTENING
        assert message["endpoint"] == sock.last_endpoint


def test_asyncio():
    async def main():
        with brokerless.asyncio.Context() as context, context.socket(zmq.PULL) as sock:
            with sock.get_monitor_socket() as reader:
                assert isinstance(reader, brokerless.asyncio.Socket)
                waiting = asyncio.ensure_future(recv_monitor_message(reader))
                await asyncio.sleep(0)
                sock.bind("tcp://127.0.0.1:*")
                message = await asyncio.wait_for(waiting, PATIENCE)
                assert message["event"] == zmq.EVENT_LISTENING
                with context.socket(zmq.PUSH) as client:
                    client.connect(sock.endpoints[0])
                    told = [(await recv_monitor_message(reader))["event"] for _ in range(2)]
                    assert told == [zmq.EVENT_ACCEPTED, zmq.EVENT_HANDSHAKE_SUCCEEDED]
                sock.disable_monitor()
                while message["event"] != zmq.EVENT_MONITOR_STOPPED:
                    message = await asyncio.wait_for(recv_monitor_message(reader), PATIENCE)
                with pytest.raises(zmq.Again):
                    await recv_monitor_message(reader, zmq.DONTWAIT)

    asyncio.run(main())
