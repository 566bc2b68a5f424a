"""Frames: their memory is read, written, shared, lent and given back; the properties of what was received."""

from __future__ import annotations

import array
import copy
import ctypes
import gc
import struct
import sys
import weakref

import pytest
from conftest import wait_until
from hypothesis import given
from hypothesis import strategies as st

import brokerless as zmq
from brokerless.utils.garbage import gc as zmq_gc

LARGE = 200_000


@pytest.fixture(autouse=True)
def nothing_lent():
    """Whatever a test lends to libzmq comes back."""
    yield
    gc.collect()
    assert wait_until(lambda: not zmq_gc.refs), zmq_gc.refs


# What a frame is


@given(st.binary(max_size=100))
def test_a_frame_is_its_bytes(data):
    frame = zmq.Frame(data)
    assert frame.bytes == bytes(frame) == data
    assert frame.bytes is frame.bytes
    assert len(frame) == len(data)
    view = frame.buffer
    assert view is frame.buffer
    assert (view.tobytes(), view.ndim, view.shape, view.itemsize) == (data, 1, (len(data),), 1)
    assert memoryview(frame) == data


def test_an_empty_frame():
    frame = zmq.Frame()
    assert (frame.bytes, len(frame), frame.more, frame.tracker) == (b"", 0, False, None)
    assert not bool(frame.group)


@pytest.mark.parametrize("data", ["text", 5, object(), [1]])
def test_what_no_frame_is_made_of(data):
    with pytest.raises(TypeError):
        zmq.Frame(data)
    with pytest.raises(TypeError):
        zmq.Frame(data, copy=False)


def test_a_buffer_with_gaps():
    for how in (True, False, None):
        with pytest.raises(BufferError, match="contiguous"):
            zmq.Frame(memoryview(bytearray(10))[::2], copy=how)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "<zmq.Frame(b'')>"),
        (16, "<zmq.Frame(b'xxxxxxxxxxxxxxxx')>"),
        (17, "<zmq.Frame(b'xxxxxxxxxxxx'...17B)>"),
        (1_999, "<zmq.Frame(b'xxxxxxxxxxxx'...1kB)>"),
        (2_000_000, "<zmq.Frame(b'xxxxxxxxxxxx'...2MB)>"),
    ],
)
def test_repr(size, shown):
    assert repr(zmq.Frame(b"x" * size)) == str(zmq.Frame(b"x" * size)) == shown


def test_a_subclass_has_its_own_name():
    class Mine(zmq.Frame):
        pass

    assert repr(Mine(b"a")).endswith(".Mine(b'a')>")
    assert isinstance(Mine(b"a"), zmq.Message)


def test_options_are_attributes_and_others_are_not():
    frame = zmq.Frame(b"a")
    assert frame.MORE == frame.get(zmq.MORE) == frame[zmq.MORE] == 0
    assert zmq.Frame(bytes(LARGE)).shared == 0
    with pytest.raises(AttributeError, match="NONSENSE"):
        frame.nonsense  # noqa: B018
    with pytest.raises(AttributeError):
        frame.nonsense = 1
    assert not hasattr(frame, "__array_interface__")


# Memory of libzmq's own


def test_a_received_frame_is_read_and_written_in_place(pair, transport):
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)
    data = bytes(range(256)) * 1000
    push.send_multipart([data, b"last"])
    frame = pull.recv(copy=False, timeout=10)
    assert isinstance(frame, zmq.Frame)
    assert frame.more and frame.get(zmq.MORE) == 1 and len(frame) == len(data)
    (last,) = pull.recv_multipart(copy=False)
    assert not last.more and last.bytes == bytes(last) == b"last"
    view = memoryview(frame)
    assert not view.readonly
    view[0] = 255
    assert memoryview(frame)[0] == 255 and frame.bytes[1:] == data[1:]
    # The view keeps the bytes, whatever becomes of the frame and the sockets.
    del frame
    push.close()
    pull.close()
    assert bytes(view[-256:]) == bytes(range(256))


def test_a_frame_can_be_sent_on_and_again(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    for data in (b"small", bytes(LARGE)):
        push.send(data)
        frame = pull.recv(copy=False)
        for how in (True, False, True):
            push.send(frame, copy=how)
            assert pull.recv() == data
        assert frame.bytes == data


def test_a_copy_shares_what_is_large():
    frame = zmq.Frame(bytearray(LARGE), copy=True)
    other = copy.copy(frame)
    other.buffer[7] = 7
    assert frame.buffer[7] == 7
    assert frame.get(zmq.SHARED) == other.get(zmq.SHARED) == 1
    assert type(frame.fast_copy()) is zmq.Frame


def test_where_a_frame_comes_from(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "tcp")
    push.send(b"x")
    frame = pull.recv(copy=False, timeout=10)
    assert frame["Peer-Address"] == frame.get(b"Peer-Address") == "127.0.0.1"
    assert frame.get("Socket-Type") == "PUSH"
    for absent in ("User-Id", "No-Such-Property"):
        with pytest.raises(zmq.ZMQError, match=absent) as caught:
            frame.get(absent)
        assert caught.value.errno == zmq.EINVAL
    with pytest.raises(zmq.ZMQError):
        frame.get(999)
    with pytest.raises(zmq.ZMQError):
        frame.set(zmq.MORE, 1)
    with pytest.raises(TypeError):
        frame.get(None)
    with pytest.raises(ValueError):
        frame.get("NUL\0")


# Memory of Python's, lent


def test_what_is_not_copied_is_the_callers_memory():
    data = bytearray(b"before")
    frame = zmq.Frame(data, copy=False)
    data[:] = b"after!"
    assert bytes(frame.buffer) == b"after!"
    frame.buffer[0] = ord("A")
    assert data == b"After!"
    with pytest.raises(BufferError):
        data.append(1)  # it must stay where it is


def test_bytes_that_are_lent_cannot_be_changed(pair):
    data = bytes(LARGE)
    frame = zmq.Frame(data, copy=False)
    assert frame.buffer.readonly
    with pytest.raises(TypeError):
        frame.buffer[0] = 1
    # Nor by who receives this very memory.
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    push.send(data, copy=False)
    received = pull.recv(copy=False)
    assert received.buffer.readonly and received.buffer.nbytes == LARGE
    del frame, received


@pytest.mark.parametrize("size", [0, 1, 30, 100, LARGE])
def test_references_are_held_while_libzmq_has_the_memory(size):
    data = bytearray(size)
    before = sys.getrefcount(data)
    frame = zmq.Frame(data, copy=False)
    (key,) = zmq_gc.refs
    assert sys.getrefcount(data) == before + 2
    other = copy.copy(frame)
    assert sys.getrefcount(data) == before + 3
    del frame
    assert sys.getrefcount(data) == before + 2 and key in zmq_gc.refs
    del other
    assert wait_until(lambda: key not in zmq_gc.refs)
    assert sys.getrefcount(data) == before


def test_by_default_the_threshold_decides():
    copied, lent = bytearray(65_535), bytearray(65_536)
    frames = [zmq.Frame(copied), zmq.Frame(lent), zmq.Frame(copied, copy_threshold=10), zmq.Frame(lent, copy=True)]
    for data in (copied, lent):
        data[0] = 1
    assert [frame.buffer[0] for frame in frames] == [0, 1, 1, 0]


def test_programs_may_set_the_threshold(ctx, monkeypatch):
    monkeypatch.setattr(zmq, "COPY_THRESHOLD", 10)
    data = bytearray(10)
    frame = zmq.Frame(data)
    data[0] = 1
    assert frame.buffer[0] == 1
    with ctx.socket(zmq.PUSH) as sock, ctx.socket(zmq.PUSH, copy_threshold=5) as other:
        assert (sock.copy_threshold, other.copy_threshold) == (10, 5)


def test_a_frame_in_a_garbage_cycle_is_collected():
    class Mine(zmq.Frame):
        pass

    frame = Mine(bytearray(LARGE), copy=False)
    frame.itself = frame
    gone = weakref.ref(frame)
    del frame
    gc.collect()
    assert gone() is None


# Sending without a copy, and following it


def test_large_bytes_are_never_copied_and_live_until_they_are_sent(make_socket, free_port):
    push = make_socket(zmq.PUSH)
    push.connect(f"tcp://127.0.0.1:{free_port}")
    data = bytes(LARGE)
    before = sys.getrefcount(data)
    push.send(data)
    push.send_multipart([b"first", data])
    assert sys.getrefcount(data) == before + 2
    pull = make_socket(zmq.PULL, bind=f"tcp://127.0.0.1:{free_port}")
    assert pull.recv(timeout=10) == data and pull.recv_multipart(timeout=10) == [b"first", data]
    wait_until(lambda: sys.getrefcount(data) == before)


@pytest.mark.parametrize("kind", [bytes, bytearray, lambda size: array.array("B", bytes(size))])
def test_a_large_buffer_goes_without_a_copy(pair, transport, kind):
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)
    data = kind(LARGE)
    assert push.send(data, copy=False) is None
    tracker = push.send(data, copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    assert [pull.recv(timeout=10) for _ in range(2)] == [bytes(LARGE)] * 2
    tracker.wait(10)
    assert tracker.done


def test_a_small_one_is_copied_and_its_tracker_is_done(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    assert push.copy_threshold == zmq.COPY_THRESHOLD == 65536
    tracker = push.send(b"small", copy=False, track=True)
    assert tracker is zmq._FINISHED_TRACKER and tracker.done and tracker.wait() is None
    assert push.send(b"small", copy=False) is zmq._FINISHED_TRACKER
    assert push.send(b"small", copy=True, track=True) is None
    push.copy_threshold = 0
    tracker = push.send(b"small", copy=False, track=True)
    assert not tracker.done
    for _ in range(4):
        assert pull.recv() == b"small"
    tracker.wait(10)


def test_a_tracker_follows_every_frame_of_a_message(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    tracker = push.send_multipart([bytes(LARGE), b"small", bytes(LARGE)], copy=False, track=True)
    first, _, last = pull.recv_multipart(copy=False)
    assert not tracker.done
    del last
    with pytest.raises(zmq.NotDone):
        tracker.wait(0.05)
    del first
    tracker.wait(10)
    assert push.send_multipart([b"a", b"b"], copy=False, track=True).done
    assert push.send_multipart([b"a", b"b"]) is None


def test_a_tracked_frame_is_tracked_wherever_it_goes(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    frame = zmq.Frame(b"again", copy=False, track=True)
    trackers = [push.send(frame, copy=False), push.send(frame), zmq.MessageTracker(frame), frame.tracker]
    assert pull.recv() == pull.recv() == b"again"
    assert not any(tracker.done for tracker in trackers)
    del frame
    for tracker in trackers:
        tracker.wait(10)
    untracked = zmq.Frame(b"x", copy=False)
    assert untracked.tracker is None and push.send(untracked) is None
    for refused in (lambda: push.send(untracked, track=True), lambda: zmq.MessageTracker(untracked)):
        with pytest.raises(ValueError, match="track"):
            refused()
    assert pull.recv() == b"x" and pull.poll(0) == 0


def test_what_is_received_needs_no_tracking(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    for _ in range(2):
        push.send_multipart([b"a", b"b"])
    assert pull.recv(copy=False, track=True).tracker.done
    assert pull.recv(copy=False).tracker is None
    assert all(frame.tracker.done for frame in pull.recv_multipart(copy=False, track=True))


def test_what_is_lent_untracked_has_no_tracker_that_would_say_it_is_done(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    for parts in ([b"small", bytes(LARGE)], [bytes(LARGE), b"small"]):
        assert push.send_multipart(parts, copy=False) is None
        assert pull.recv_multipart(timeout=10) == parts


def test_scalars_have_buffers_without_dimensions(numpy, pair):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    for scalar in (numpy.array(2.5), numpy.float64(2.5), ctypes.c_double(2.5)):
        push.send(scalar)
        push.send_multipart([scalar, scalar])
        assert pull.recv(timeout=10) == struct.pack("d", 2.5)
        assert pull.recv_multipart(timeout=10) == [struct.pack("d", 2.5)] * 2
    target = numpy.array(0.0)
    push.send(scalar)
    assert pull.recv_into(target, timeout=10) == 8 and target == 2.5


def test_trackers_of_other_things(in_thread):
    import threading

    event = threading.Event()
    tracker = zmq.MessageTracker(event, zmq.MessageTracker())
    assert not tracker.done
    with pytest.raises(zmq.NotDone):
        tracker.wait(0)
    waiting = in_thread(tracker.wait)
    event.set()
    assert waiting.result() is None and tracker.done
    with pytest.raises(TypeError):
        zmq.MessageTracker(object())


def test_what_could_not_be_sent_comes_back(make_socket):
    push = make_socket(zmq.PUSH)
    data = bytearray(LARGE)
    with pytest.raises(zmq.Again):
        push.send(data, zmq.DONTWAIT, copy=False)
    with pytest.raises(zmq.Again):
        push.send_multipart([data, data], copy=False, timeout=0.01)
    assert wait_until(lambda: not zmq_gc.refs)
    data.append(1)  # nobody holds it any more


def test_lent_memory_outlives_its_socket(make_socket, endpoint):
    push = make_socket(zmq.PUSH, bind=endpoint("tcp"), linger=10_000)
    pull = make_socket(zmq.PULL, connect=push.last_endpoint.decode())
    push.send(bytes(LARGE) + b"end", copy=False)
    push.close(10_000)
    assert pull.recv(timeout=10)[-3:] == b"end"


# Receiving into memory that is there


def test_recv_into(pair, transport):
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)
    for data in (b"hello", b"there world", b"part 3", b"discarded", bytes(LARGE)):
        push.send(data)
    words = array.array("Q", [0])
    assert pull.recv_into(words, timeout=10) == 5 and words.tobytes()[:5] == b"hello"
    short = bytearray(4)
    assert pull.recv_into(short, timeout=10) == 11 and short == b"ther"
    part = bytearray(10)
    assert pull.recv_into(part, nbytes=4, timeout=10) == 6 and part == b"part" + bytes(6)
    assert pull.recv_into(memoryview(part)[:0], timeout=10) == 9 and part == b"part" + bytes(6)
    large = bytearray(b"x" * LARGE)
    assert pull.recv_into(large, timeout=10) == LARGE and large == bytes(LARGE)
    with pytest.raises(zmq.Again):
        pull.recv_into(large, flags=zmq.DONTWAIT)
    with pytest.raises(zmq.Again):
        pull.recv_into(large, timeout=0.01)


@pytest.mark.parametrize(
    ("buffer", "options", "error"),
    [
        (bytearray(4), {"nbytes": -1}, ValueError),
        (bytearray(4), {"nbytes": 5}, ValueError),
        (b"read-only", {}, BufferError),
        (memoryview(bytearray(10))[::2], {}, BufferError),
        (pytest, {}, TypeError),
        (None, {}, TypeError),
    ],
)
def test_recv_into_what_cannot_be_written(pair, buffer, options, error):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    push.send(b"still here")
    with pytest.raises(error):
        pull.recv_into(buffer, **options)
    assert pull.recv() == b"still here"


@pytest.fixture
def numpy():
    """Imported before the test counts threads: it starts some."""
    return pytest.importorskip("numpy")


def test_recv_into_a_numpy_array(numpy, pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "tcp")
    image = numpy.arange(48, dtype=">i4").reshape(4, 4, 3)
    push.send(image, copy=False)
    got = numpy.empty_like(image)
    assert pull.recv_into(got, timeout=10) == image.nbytes
    assert (got == image).all()


# Objects by pickle


def test_pyobj(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    thing = {"a": (1, {2}), "b": range(3)}
    push.send_pyobj(thing)
    push.send_pyobj(thing, protocol=0)
    assert pull.recv_pyobj() == pull.recv_pyobj() == thing
    with pytest.raises((TypeError, AttributeError)):
        push.send_pyobj(lambda: None)
    assert pull.poll(0) == 0
