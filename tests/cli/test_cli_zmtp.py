"""Who answers at a connection: what is read of every kind of answer, and that no answer breaks it."""

from __future__ import annotations

import socket as network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import brokerless as zmq
from brokerless._core import fitting_types
from brokerless.cli.zmtp import Silent, Stranger, Zmtp, look

SIGNATURE = b"\xff" + bytes(8) + b"\x7f"


def greeting(version=b"\x03\x01", mechanism=b"NULL"):
    return (SIGNATURE + version + mechanism).ljust(64, b"\0")


def command(name, body):
    content = bytes([len(name)]) + name + body
    return bytes([4, len(content)]) + content


def prop(name, value):
    return bytes([len(name)]) + name + len(value).to_bytes(4, "big") + value


def ask(answer, *, leaves=True):
    """What look() makes of somebody who says this, and leaves or stays silent."""
    others = []

    def connect():
        ours, theirs = network.socketpair()
        theirs.sendall(answer)
        if leaves:
            theirs.shutdown(network.SHUT_WR)
        others.append(theirs)
        return ours

    try:
        return look(connect, 20 if leaves else 0.05)
    finally:
        for other in others:
            other.close()


READY = command(b"READY", prop(b"Identity", b"") + prop(b"Socket-Type", b"REP"))


def test_a_socket_says_its_type():
    assert ask(greeting() + READY) == Zmtp((3, 1), "NULL", "REP", None)
    assert ask(greeting() + READY, leaves=False) == Zmtp((3, 1), "NULL", "REP", None)
    # Names of properties are in any case, and a large command has its size in 8 bytes.
    body = READY[2:].replace(b"Socket-Type", b"SOCKET-TYPE")
    assert ask(greeting() + b"\x06" + len(body).to_bytes(8, "big") + body).socket_type == "REP"


def test_a_socket_may_not_say_it():
    assert ask(greeting(mechanism=b"CURVE")) == Zmtp((3, 1), "CURVE", None, None)
    assert ask(greeting(), leaves=False) == Zmtp((3, 1), "NULL", None, None)
    assert ask(greeting() + command(b"ERROR", b"\x03400")) == Zmtp((3, 1), "NULL", None, "400")
    assert ask(greeting() + b"\x00\x05hello").socket_type is None


def test_an_old_socket():
    """ZMTP 2 has a revision and the number of the type after the signature."""
    assert ask(SIGNATURE + b"\x01\x04" + b"\0\0") == Zmtp((2, 0), "NULL", "REP", None)
    assert ask(SIGNATURE + b"\x01\x63") == Zmtp((2, 0), "NULL", None, None)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "an SSH server"),
        (b"\x15\x03\x03\x00\x02\x02\x32", "a TLS server"),
        (b"HTTP/1.1 400 Bad Request\r\n", "a web server"),
        (b"220 mail\r\n", "something that does not speak ZeroMQ"),
        (b"\xff\x00", "something"),
    ],
)
def test_strangers(said, name):
    answer = ask(said)
    if said[0] == 0xFF:
        assert answer == Silent(closed=True)
    else:
        assert isinstance(answer, Stranger)
        assert answer.name == name


def test_silence():
    assert ask(b"") == Silent(closed=True)
    assert ask(b"", leaves=False) == Silent(closed=False)


@given(
    st.binary(max_size=300), st.sampled_from([b"", SIGNATURE, greeting(), greeting() + READY[:2], greeting() + b"\x06"])
)
@example(b"\x04\x00", greeting())
@example(command(b"READY", b"\xff"), greeting())
@example(command(b"READY", b"\x0bSocket-Type\xff\xff\xff\xff"), greeting())
def test_no_answer_breaks_it(said, before):
    assert isinstance(ask(before + said), (Zmtp, Stranger, Silent))


FITS = fitting_types()


# DGRAM is for udp, where nobody shakes hands.
@pytest.mark.parametrize("kind", sorted(set(FITS) - {"DGRAM"}))
def test_what_fits_is_what_libzmq_lets_in(make_socket, kind):
    """Each type that fits connects; and what fits fits both ways."""
    for other in FITS[kind]:
        assert kind in FITS[other]
        if {kind, other} & {"RADIO", "DISH", "SERVER", "CLIENT"} and not zmq.has("draft"):
            continue
        one = make_socket(getattr(zmq, kind), bind="tcp://127.0.0.1:*")
        two = make_socket(getattr(zmq, other), connect=one.last_endpoint.decode())
        assert two.wait_for_peers(1, timeout=20) == 1
