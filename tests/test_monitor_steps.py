"""Users' monitors are told what pyzmq's would be, step by step."""

from __future__ import annotations

import errno
import gc
import os
import re
import socket as sockets

import pytest
from conftest import PATIENCE
from monitor_events import drained, names, receive, told_until

import brokerless as zmq
import brokerless.asyncio

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


def comparable(stage):
    """What was told, with ports numbered in their order, and without the values that differ from run to run."""
    ports = {}
    told = []
    path = stage.where.split("://")[1]
    for who, event, value, endpoint in stage.script:
        endpoint = endpoint.replace(path, "/path")
        endpoint = re.sub(r"(?<=:)\d{4,5}$", lambda port: f"port {ports.setdefault(port[0], len(ports))}", endpoint)
        random = is_fd(event) or event == zmq.EVENT_CONNECT_RETRIED
        told.append((who, event.name, "any" if random else value, endpoint))
    return told


STEPS = [come_and_go, server_goes_first, both_ways, nobody_there, taken, wrong_key, not_admitted]


@pytest.mark.parametrize("kind", ["tcp", "ipc"])
@pytest.mark.parametrize("steps", STEPS, ids=lambda steps: steps.__name__)
def test_the_same_steps_tell_the_same_as_in_pyzmq(pyzmq, pyzmq_ctx, ctx, endpoint, steps, kind):
    theirs, ours = Stage(pyzmq, pyzmq_ctx, endpoint(kind)), Stage(zmq, ctx, endpoint(kind))
    for stage in (theirs, ours):
        steps(stage)
    assert comparable(ours) == comparable(theirs)


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
