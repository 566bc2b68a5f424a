"""What can be sent arrives as it was: bytes of any size and origin, strings, JSON, frames; what cannot is refused whole."""

from __future__ import annotations

import array

import pytest

import brokerless as zmq


@pytest.mark.parametrize("size", [0, 1, 29, 30, 33, 34, 255, 256, 65_535, 65_536, 3_000_000])
def test_any_size(pair, size, transport):
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)
    data = bytes(range(256)) * (size // 256 + 1)
    push.send(data[:size])
    push.send_multipart([data[:size], b"", data[:size]])
    assert pull.recv(timeout=10) == data[:size]
    assert pull.recv_multipart(timeout=10) == [data[:size], b"", data[:size]]


@pytest.mark.parametrize(
    "data",
    [
        b"abcd",
        bytearray(b"abcd"),
        memoryview(b"abcd"),
        memoryview(b"..abcd")[2:],
        array.array("B", b"abcd"),
        zmq.Frame(b"abcd"),
    ],
    ids=lambda data: type(data).__name__,
)
@pytest.mark.parametrize("copy", [True, False])
def test_any_bytes_like_object(pair, data, copy):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    push.send(data, copy=copy)
    push.send_multipart([data, data], copy=copy)
    assert pull.recv() == b"abcd"
    assert pull.recv_multipart() == [b"abcd", b"abcd"]
    # It is still the caller's.
    assert bytes(data) == b"abcd"


@pytest.mark.parametrize("data", ["text", 1, None, [b"a"], {}])
def test_what_is_not_bytes_like(pair, data):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    with pytest.raises(TypeError):
        push.send(data)
    with pytest.raises(TypeError, match="Frame 1"):
        push.send_multipart([b"fine", data])
    # None of it went.
    assert pull.poll(0) == 0
    push.send(b"next")
    assert pull.recv_multipart() == [b"next"]


def test_a_buffer_with_gaps(pair):
    push, _ = pair(zmq.PUSH, zmq.PULL, "inproc")
    with pytest.raises(BufferError, match="contiguous"):
        push.send(memoryview(b"abcdef")[::2])


def test_str_is_refused_with_the_cure(pair):
    push, _ = pair(zmq.PUSH, zmq.PULL, "inproc")
    with pytest.raises(TypeError, match="send_string"):
        push.send("text")


def test_strings(pair, transport):
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)
    push.send_string("gr\u00fc\u00df dich \U0001f44b")
    assert pull.recv_string(timeout=10) == "gr\u00fc\u00df dich \U0001f44b"
    push.send_string("\u00e9", encoding="latin-1")
    assert pull.recv(timeout=10) == b"\xe9"
    push.send_unicode("\u00e9", encoding="utf-16")
    assert pull.recv_unicode(encoding="utf-16", timeout=10) == "\u00e9"
    with pytest.raises(TypeError):
        push.send_string(b"bytes")
    push.send(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        pull.recv_string(timeout=10)


def test_json(pair, transport):
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)
    job = {"num": 7, "text": "\u00e9", "list": [1.5, None, True, {"big": 2**70}]}
    push.send_json(job)
    push.send_json(job, sort_keys=True)
    assert pull.recv_json(timeout=10) == job
    assert pull.recv_json(timeout=10, parse_float=str)["list"][0] == "1.5"
    push.send(b"no json")
    with pytest.raises(ValueError):
        pull.recv_json(timeout=10)
    with pytest.raises(TypeError):
        push.send_json(object())
    assert pull.poll(0) == 0


def test_json_by_all_its_ways(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    for send in (
        lambda obj: push.send_json(obj),
        lambda obj: push.send_json(obj=obj),
        lambda obj: push.send_json(obj, zmq.DONTWAIT),
        lambda obj: push.send_json(obj, flags=0, timeout=1),
        lambda obj: push.send_json(obj, separators=(",", ":")),
    ):
        for obj in ({"a": [1, 2]}, {"big": 2**70}, ["x" * 100_000]):
            assert send(obj) is None
            assert pull.poll(10_000)
            receive = [pull.recv_json, lambda: pull.recv_json(zmq.DONTWAIT), lambda: pull.recv_json(parse_float=str)]
            assert receive[len(str(obj)) % 3]() == obj
    for wrong in (lambda: push.send_json(), lambda: push.send_json(1, 0, None), lambda: pull.recv_json(0, 1)):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(zmq.Again):
        pull.recv_json(zmq.DONTWAIT)
    with pytest.raises(zmq.ZMQError):
        push.send_json(1, routing_id=7)


def test_json_goes_by_a_socket_of_ones_own_where_python_does_it(ctx):
    calls = []

    class Mine(zmq.Socket):
        def send(self, data, *args, **kwargs):
            calls.append(data)
            return super().send(data, *args, **kwargs)

        def recv(self, *args, **kwargs):
            calls.append("recv")
            return super().recv(*args, **kwargs)

    with Mine(ctx, zmq.PUSH) as push, Mine(ctx, zmq.PULL) as pull:
        pull.bind("inproc://mine")
        push.connect("inproc://mine")
        push.send_json([1])
        push.send_json([1], indent=None)
        assert pull.recv_json() == pull.recv_json(parse_int=int) == [1]
        push.send_json([2**70])
        assert pull.recv_json() == [2**70]
    assert calls == [b"[1]", "recv", b"[%d]" % 2**70]


def test_json_that_finds_no_room_waits(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    number = 0
    try:
        while True:
            push.send_json(number, timeout=0)
            number += 1
    except zmq.Again:
        pass
    push.sndtimeo = 10
    with pytest.raises(zmq.Again):
        push.send_json(-1)
    for expected in range(number):
        assert pull.recv_json() == expected
    assert pull.poll(0) == 0


def test_serialized(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    push.send_serialized("a b c", lambda text: text.encode().split())
    assert pull.recv_serialized(lambda frames: b"+".join(frames)) == b"a+b+c"


def test_multipart_frame_by_frame(pair, transport):
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)
    push.send(b"one", zmq.SNDMORE)
    push.send_string("two", zmq.SNDMORE)
    push.send_json(3)
    more = []
    for expected in (b"one", b"two", b"3"):
        assert pull.recv(timeout=10) == expected
        more.append(bool(pull.rcvmore))
    assert more == [True, True, False]
    push.send_multipart([b"a", b"b"], zmq.SNDMORE)
    push.send_multipart([b"c"])
    assert pull.recv_multipart(timeout=10) == [b"a", b"b", b"c"]


def test_the_rest_of_a_message(pair):
    """recv_multipart() after recv() takes what is left of that message, as in pyzmq."""
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    push.send_multipart([b"a", b"b", b"c"])
    push.send(b"next")
    assert pull.recv() == b"a"
    assert pull.recv_multipart() == [b"b", b"c"]
    assert pull.recv_multipart() == [b"next"]


def test_a_message_without_frames(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    with pytest.raises(ValueError):
        push.send_multipart([])
    assert pull.poll(0) == 0


def test_a_generator_of_frames(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    push.send_multipart(b"%d" % number for number in range(3))
    assert pull.recv_multipart() == [b"0", b"1", b"2"]

    def failing():
        yield b"first"
        raise LookupError

    with pytest.raises(LookupError):
        push.send_multipart(failing())
    assert pull.poll(0) == 0
