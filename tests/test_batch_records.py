"""Messages straight into the records of an array."""

from __future__ import annotations

import array
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import brokerless as zmq
from tests.conftest import PATIENCE
from tools.interrupting import interrupt


@pytest.fixture
def push_pull(pair):
    return pair(zmq.PUSH, zmq.PULL, "inproc")


def test_each_message_fills_a_record(pair, transport):
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)
    expected = np.arange(60, dtype=np.float32).reshape(5, 3, 4)
    push.send_many(expected[:4])
    got = np.zeros_like(expected)
    assert pull.recv_many_into(got, min=4, timeout=PATIENCE) == 4
    assert (got[:4] == expected[:4]).all() and (got[4] == 0).all()
    assert pull.stats.messages_received == 4 and pull.stats.bytes_received == 4 * 48


@given(
    hnp.arrays(
        st.sampled_from(["u1", "<i2", ">f8", "c16", [("a", "<i4"), ("b", "S3")]]),
        hnp.array_shapes(min_dims=1, max_dims=3, max_side=6),
        elements=None,
    )
)
def test_any_array_comes_out_as_it_was(sent):
    with zmq.Context() as context, context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as other:
        one.bind("inproc://arrays")
        other.connect("inproc://arrays")
        one.send_many([sent[at : at + 1].tobytes() for at in range(len(sent))])
        got = np.zeros_like(sent)
        assert other.recv_many_into(got, min=len(sent)) == len(sent)
    assert got.tobytes() == sent.tobytes()


def test_other_buffers_do_too(push_pull):
    push, pull = push_pull
    push.send_many(struct.pack("=d", number) for number in range(3))
    numbers = array.array("d", [9.0] * 4)
    assert pull.recv_many_into(numbers) == 3
    assert list(numbers) == [0.0, 1.0, 2.0, 9.0]
    push.send_many([b"ab", b"cd"])
    memory = bytearray(4)
    assert pull.recv_many_into(memoryview(memory).cast("B", (2, 2))) == 2
    assert memory == b"abcd"
    push.send_many([b"x", b"y"])
    memory.append(0)
    assert pull.recv_many_into(memory) == 2
    assert memory == b"xycd\0"


def test_what_does_not_fit_any_more_stays(push_pull):
    push, pull = push_pull
    push.send_many([b"1", b"2", b"3"])
    memory = bytearray(2)
    assert pull.recv_many_into(memory, min=2) == 2 and memory == b"12"
    assert pull.recv_many() == [b"3"]


def test_large_records(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    frames = np.random.default_rng(1).integers(0, 255, (5, 300, 400, 3), dtype=np.uint8)
    assert push.send_many(frames) == 5
    got = np.empty_like(frames)
    assert pull.recv_many_into(got, min=5, timeout=PATIENCE) == 5
    assert (got == frames).all()


@pytest.mark.parametrize("odd", [b"12345", b"123", b"", [b"1234", b"1234"], [b"12", b"34"]])
def test_a_message_that_is_no_record_stays(push_pull, odd):
    push, pull = push_pull
    push.send_many([b"abcd", b"efgh", odd, b"ijkl"])
    got = np.zeros(10, "<u4")
    assert pull.recv_many_into(got, min=4) == 2
    assert got.tobytes()[:12] == b"abcdefgh\0\0\0\0"
    assert pull.stats.messages_received == 2
    for _ in range(2):
        with pytest.raises(ValueError, match="a record is 1 frame of 4"):
            pull.recv_many_into(got)
    assert pull.recv_many(1) == [odd]
    assert pull.recv_many_into(got) == 1 and got.tobytes()[:4] == b"ijkl"


def test_it_waits_and_gives_up_as_recv_many_does(push_pull, waiting):
    push, pull = push_pull
    got = bytearray(4)
    for options in ({"timeout": 0.01}, {"timeout": 0}, {"flags": zmq.DONTWAIT}):
        with pytest.raises(zmq.Again):
            pull.recv_many_into(got, **options)
    filled = waiting(lambda: pull.recv_many_into(got, min=2, timeout=PATIENCE))
    push.send_many([b"1", b"2"])
    assert filled.result() == 2
    push.send(b"3")
    assert pull.recv_many_into(got, min=4, timeout=0.01) == 1 and got[:2] == b"32"


def test_a_signal_gives_everything_back(push_pull):
    push, pull = push_pull
    push.send_many([b"1", b"2"])
    got = bytearray(4)
    interrupt(lambda: pull.recv_many_into(got, min=3))
    assert pull.stats.messages_received == 0
    assert pull.recv_many() == [b"1", b"2"]


@pytest.mark.parametrize(
    ("buffer", "error"),
    [
        (b"read-only", BufferError),
        (np.zeros((4, 4))[:, :2], BufferError),
        ("text", TypeError),
        (np.zeros((3, 0)), ValueError),
        (np.zeros((0, 3)), ValueError),
        (np.zeros(()), (BufferError, ValueError)),
        (bytearray(), ValueError),
    ],
)
def test_bad_buffers_are_refused(push_pull, buffer, error):
    push, pull = push_pull
    push.send(b"x")
    with pytest.raises(error):
        pull.recv_many_into(buffer)
    assert pull.recv_many() == [b"x"]


def test_limits_are_checked(push_pull):
    _, pull = push_pull
    for options in ({"min": 0}, {"min": 5}, {"min": -1}, {"timeout": -1}, {"flags": zmq.SNDMORE}):
        with pytest.raises(ValueError):
            pull.recv_many_into(bytearray(4), **options)
