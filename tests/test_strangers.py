"""Who connects to a socket and is no peer of it: what is not ZMTP gets no message, and whoever is refused leaves nothing behind."""

from __future__ import annotations

import socket
from typing import Any, Iterator

import pytest
from conftest import wait_until

import brokerless as zmq
from benches.battery.crowd import address
from benches.battery.measure import descriptors
from benches.battery.zmtp import frame, peer


@pytest.fixture
def push(make_socket: Any) -> Any:
    return make_socket(zmq.PUSH, bind="tcp://127.0.0.1:*", linger=0)


@pytest.fixture
def strangers() -> Iterator[Any]:
    made = []

    def come(sock: Any, words: bytes) -> socket.socket:
        stranger = socket.create_connection(address(sock.last_endpoint.decode()))
        made.append(stranger)
        stranger.settimeout(20)
        stranger.sendall(words)
        return stranger

    yield come
    for stranger in made:
        stranger.close()


def let_in(stranger: socket.socket) -> socket.socket:
    """Waits for the end of the handshake."""
    told = b""
    while b"READY" not in told:
        more = stranger.recv(1000)
        assert more, "turned out"
        told += more
    return stranger


def all_of(stranger: socket.socket) -> bytes:
    """What it is told until it is turned out."""
    told = b""
    try:
        while True:
            more = stranger.recv(4096)
            if not more:
                return told
            told += more
    except ConnectionResetError:
        return told


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\nHost: board\r\n\r\n",
        b"\x16\x03\x01\x00\xc8\x01",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        # A length of 0; flags that ZMTP 1 does not have; the same in a long header.
        b"\x00\x00",
        b"\x01\x02",
        b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x02",
    ],
)
def test_what_is_no_greeting_is_turned_out(push: Any, strangers: Any, words: bytes) -> None:
    # Ten bytes of a signature is all that anybody hears at first.
    assert len(all_of(strangers(push, words))) <= 11
    assert push.peers == []
    with pytest.raises(zmq.Again):
        push.send(b"a job", zmq.DONTWAIT)


def test_a_peer_of_zmtp_1_is_welcome(push: Any, strangers: Any) -> None:
    # Nobody's name in one byte and then another: it may come so.
    peer = strangers(push, b"\x01")
    peer.sendall(b"\x00")
    push.send(b"a job", timeout=20)
    told = b""
    while not told.endswith(b"\x06\x00a job"):
        told += peer.recv(100)
    # libzmq tries ZMTP 2 first, whose signature a peer of ZMTP 1 takes for an empty name.
    assert told == b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f" + b"\x06\x00a job"


def test_a_peer_of_zmtp_2_is_welcome(push: Any, strangers: Any) -> None:
    pull = strangers(push, b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x01\x07" + frame(b""))
    push.send(b"a job", timeout=20)
    told = b""
    while not told.endswith(b"\x00\x05a job"):
        told += pull.recv(100)


@pytest.fixture
def pair(make_socket: Any) -> Any:
    return make_socket(zmq.PAIR, bind="tcp://127.0.0.1:*", linger=0)


@pytest.fixture
def friend(pair: Any, make_socket: Any) -> Any:
    """Its peer, who was there first."""
    made = make_socket(zmq.PAIR, connect=pair.last_endpoint.decode(), linger=0)
    talk(made, pair)
    return made


def talk(one: Any, other: Any) -> None:
    """Both can. Whom a socket refuses it does in such calls."""
    for source, sink in ((one, other), (other, one)):
        source.send(b"here")
        assert sink.recv(timeout=20) == b"here"


@pytest.mark.parametrize("frames", [3, 3000], ids=["a few", "more than a queue holds"])
def test_whoever_a_pair_has_refused_leaves_no_descriptor(pair: Any, friend: Any, strangers: Any, frames: int) -> None:
    before = descriptors(kind="socket")
    for _ in range(10):
        stranger = let_in(strangers(pair, peer("PAIR")))
        stranger.sendall(frame(b"may I?") * frames)
        stranger.close()
    talk(friend, pair)
    assert wait_until(lambda: descriptors(kind="socket") <= before)
    talk(friend, pair)
    assert not pair.poll(0)


def test_whoever_a_pair_has_refused_may_stay_and_talk(pair: Any, friend: Any, strangers: Any) -> None:
    stranger = let_in(strangers(pair, peer("PAIR")))
    # More than queues and buffers hold: all of it is read, and goes nowhere.
    for _ in range(200):
        talk(friend, pair)
        stranger.sendall(frame(bytes(100_000)))
    assert not pair.poll(0)
