"""Heartbeats (ZMTP 3.1's PING): a peer that stopped without closing its connection is noticed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any, Iterator

import pytest
from conftest import wait_until
from monitor_events import receive

import brokerless as zmq

PEER = """
import sys
import brokerless as zmq

with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
    dealer.connect(sys.argv[1])
    while True:
        dealer.send(b"here")
        dealer.recv()
"""


@pytest.fixture
def peer() -> Iterator[Any]:
    """Starts a process that sends a word to an endpoint, and another for each answer."""
    started = []

    def start(endpoint: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", PEER, endpoint]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def quick(sock: Any) -> Any:
    """As the profile has them, in milliseconds instead of seconds."""
    sock.heartbeat_ivl, sock.heartbeat_timeout, sock.heartbeat_ttl = 50, 150, 200
    return sock


def test_a_peer_that_stopped_is_noticed_and_comes_back(peer: Any, make_socket: Any) -> None:
    router = quick(make_socket(zmq.ROUTER, linger=0))
    with router.get_monitor_socket(zmq.EVENT_DISCONNECTED) as gone:
        router.bind("tcp://127.0.0.1:*")
        process = peer(router.last_endpoint.decode())
        assert router.recv_multipart(timeout=20)[1] == b"here"
        # It keeps its connection, and the system answers for it: all that is missing is its voice.
        os.kill(process.pid, signal.SIGSTOP)
        assert receive(gone).event == zmq.EVENT_DISCONNECTED
        assert wait_until(lambda: router.peers == [])
        os.kill(process.pid, signal.SIGCONT)
        # It finds that it was given up, and connects again, under another name.
        assert router.wait_for_peers(1, timeout=20) == 1


def test_the_profile_turns_them_on() -> None:
    with zmq.Context(profile="classroom") as context, context.socket(zmq.ROUTER) as router:
        assert 0 < router.heartbeat_ivl < router.heartbeat_timeout
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        assert router.heartbeat_ivl == 0
