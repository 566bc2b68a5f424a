"""Arrays: every kind of plain bytes and every layout arrives as it was, between ours and pyzmq's recipe, without a copy."""

from __future__ import annotations

import gc
import weakref
from typing import Any, Callable

import hypothesis.strategies as st
import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as npst

import brokerless as zmq
from brokerless import _core
from tests.conftest import PATIENCE, wait_until

SIMPLE = ["?", "i1", "u1", "i2", "u4", "i8", "u8", "f2", "f4", "f8", "g", "c8", "c16", "G", "S3", "U5", "V8"]
DATES = ["M8", "M8[ns]", "M8[25us]", "m8", "m8[D]"]
FOREIGN = [numpy.dtype(code).newbyteorder() for code in ("i2", "u8", "f8", "c16", "U3", "M8[s]")]
STRUCTURES = [
    [("a", "i4"), ("b", "f8", (2, 3)), ("\u00e9", [("x", "S2"), ("y", ">u2")], 2)],
    [("when", "M8[ns]"), ("what", "U7")],
    numpy.dtype([("a", "u1"), ("b", "f8")], align=True),
    numpy.dtype({"names": ["a"], "formats": ["i2"], "offsets": [3], "itemsize": 9}),
]
LARGE = 200_000


def random(dtype: Any, shape: Any = (3, 4)) -> Any:
    """An array of any dtype, of bytes that mean something in all of them."""
    dtype = numpy.dtype(dtype)
    count = int(numpy.prod(shape, dtype=int)) * dtype.itemsize
    # Zeros and ones: no NaN, no NaT, no character that does not exist.
    data = numpy.random.default_rng(1).integers(0, 2, count, dtype="u1")
    return numpy.ndarray(shape, dtype, data.tobytes()).copy()


def bytes_of(array: Any) -> bytes:
    """Its bytes; of structures those of the fields: numpy's own copies leave what is between them as memory had it."""
    names = array.dtype.names
    return array.tobytes() if names is None else b"".join(bytes_of(array[name]) for name in names)


def assert_same(got: Any, sent: Any) -> None:
    assert type(got) is numpy.ndarray
    assert (got.dtype, got.shape) == (sent.dtype, sent.shape)
    assert bytes_of(got) == bytes_of(sent)
    assert got.flags.aligned and got.flags.c_contiguous and got.flags.writeable


@pytest.fixture(params=["inproc", "tcp"])
def push_pull(request: Any, pair: Any) -> Any:
    return pair(zmq.PUSH, zmq.PULL, request.param, rcvtimeo=10_000, sndtimeo=10_000)


@pytest.fixture
def pyzmq_lends(pyzmq: Any, pyzmq_ctx: Any) -> None:
    """The threads that pyzmq starts for this run before those of a context of ours are counted."""
    a, b = pyzmq_ctx.socket(pyzmq.PAIR), pyzmq_ctx.socket(pyzmq.PAIR)
    a.bind("inproc://lends")
    b.connect("inproc://lends")
    a.send(bytes(LARGE), copy=False)
    b.recv()


@pytest.fixture
def theirs(pyzmq: Any, pyzmq_ctx: Any, pyzmq_lends: None, endpoint: Callable[[str], str], make_socket: Any) -> Any:
    """One of our sockets and one of pyzmq's, connected."""
    other = pyzmq_ctx.socket(pyzmq.PAIR)
    other.linger, other.rcvtimeo = 0, 10_000
    other.bind(endpoint("ipc"))
    return make_socket(zmq.PAIR, connect=other.last_endpoint.decode(), rcvtimeo=10_000), other


def recipe_send(socket: Any, array: Any, **kwargs: Any) -> None:
    socket.send_json({"dtype": str(array.dtype), "shape": array.shape, **kwargs}, zmq.SNDMORE)
    socket.send(array, copy=False)


def recipe_recv(socket: Any) -> Any:
    header = socket.recv_json()
    data = memoryview(socket.recv(copy=False))
    return numpy.frombuffer(data, dtype=header["dtype"]).reshape(header["shape"])


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("dtype", [*SIMPLE, *DATES, *FOREIGN, *STRUCTURES], ids=str)
def test_every_dtype_of_plain_bytes(push_pull: Any, dtype: Any, copy: bool) -> None:
    push, pull = push_pull
    for shape in [(), (1,), (3, 4), (0,), (2, 0, 3), (LARGE // 10,)]:
        sent = random(dtype, shape)
        assert push.send_array(sent, copy=copy) is None
        assert_same(pull.recv_array(copy=copy), sent)


LAYOUTS = {
    "every other": lambda array: array[::2, ::3],
    "backwards": lambda array: array[::-1],
    "transposed": lambda array: array.T,
    "columns first": numpy.asfortranarray,
    "one column": lambda array: array[:, 1],
    "an item often": lambda array: numpy.broadcast_to(array[0, 0], (50, 2000)),
    "behind the start": lambda array: array[5:],
    "read-only": lambda array: numpy.frombuffer(array.tobytes(), array.dtype),
}


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rows", [8, 8000])
def test_every_layout(pair: Any, layout: str, rows: int, copy: bool) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "tcp", rcvtimeo=10_000)
    for dtype in ["i4", "M8[s]", STRUCTURES[0]]:
        sent = LAYOUTS[layout](random(dtype, (rows, 7)))
        push.send_array(sent, copy=copy)
        assert_same(pull.recv_array(), sent)


def test_no_byte_of_other_memory_is_sent(pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "tcp", rcvtimeo=10_000)
    sent = numpy.zeros(20_000, numpy.dtype([("a", "u1"), ("b", "f8")], align=True))
    # What the copy may get from the allocator.
    numpy.full(sent.nbytes // 2, 7, "u1")
    push.send_array(sent[::2])
    assert not any(pull.recv_multipart()[1])


def has_bytes(dtype: Any) -> bool:
    if dtype.subdtype is not None:
        return has_bytes(dtype.base)
    titled = len(dtype.fields or ()) > len(dtype.names or ())
    return bool(dtype.itemsize) and not titled and all(has_bytes(dtype[name]) for name in dtype.names or ())


ARRAYS = npst.arrays(
    dtype=st.one_of(npst.scalar_dtypes(), npst.array_dtypes(allow_subarrays=True)).filter(
        lambda dtype: has_bytes(dtype) and dtype.subdtype is None
    ),
    shape=npst.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5),
    fill=st.nothing(),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(array=ARRAYS, order=st.sampled_from("CF"), copy=st.booleans(), data=st.data())
def test_whatever_numpy_has_arrives(push_pull: Any, array: Any, order: str, copy: bool, data: Any) -> None:
    push, pull = push_pull
    sent = numpy.asarray(array, order=order)
    if sent.ndim and sent.size:
        sent = sent[data.draw(npst.basic_indices(sent.shape))]
    sent = numpy.asarray(sent, dtype=array.dtype)
    push.send_array(sent, copy=copy)
    assert_same(pull.recv_array(), sent)


@pytest.mark.parametrize("dtype", [*SIMPLE, *DATES, *FOREIGN], ids=str)
def test_the_recipe_and_ours_send_the_same(pair: Any, dtype: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc", rcvtimeo=10_000)
    array = random(dtype)
    push.send_array(array)
    header, data = pull.recv_multipart()
    assert header == b'{"dtype": "%s", "shape": [3, 4]}' % str(array.dtype).encode()
    assert data == array.tobytes()


@pytest.mark.parametrize("size", [12, LARGE])
@pytest.mark.parametrize("dtype", [*SIMPLE, ">f8", ">U3"])
def test_ours_to_the_recipe_and_back(theirs: Any, dtype: str, size: int) -> None:
    ours, other = theirs
    sent = random(dtype, (2, size))
    ours.send_array(sent)
    got = recipe_recv(other)
    assert (got.dtype, got.shape, got.tobytes()) == (sent.dtype, sent.shape, sent.tobytes())
    recipe_send(other, sent, frame=7)
    assert_same(ours.recv_array(), sent)


def test_the_recipe_receives_dates(theirs: Any) -> None:
    """It cannot send them: numpy lends no buffer of dates."""
    ours, other = theirs
    sent = numpy.array(["2024-02-29", "1970-01-01"], "M8[ms]")
    ours.send_array(sent)
    assert (recipe_recv(other) == sent).all()


def test_the_array_is_the_message(pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "tcp", rcvtimeo=10_000)
    sent = numpy.arange(LARGE)
    push.send_array(sent)
    got = pull.recv_array()
    assert isinstance(got.base, zmq.Frame)
    view = got[10:20].reshape(2, 5)
    got[:] += 1
    del got
    gc.collect()
    pull.close()
    assert (view.ravel() == numpy.arange(11, 21)).all()


def test_the_memory_goes_with_the_last_view(pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "tcp", rcvtimeo=10_000)
    push.send_array(numpy.arange(LARGE))
    got = pull.recv_array()
    frame = weakref.ref(got.base)
    view = got[::2]
    del got
    assert frame() is not None
    del view
    assert frame() is None


def test_a_private_copy(pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc", rcvtimeo=10_000)
    sent = numpy.zeros(LARGE, "u1")
    push.send_array(sent)
    got = pull.recv_array(copy=True)
    assert got.base is None
    got[:] = 1
    assert not sent.any()


def test_over_inproc_the_memory_is_shared_unless_it_is_copied(pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc", rcvtimeo=10_000)
    sent = numpy.zeros(LARGE, "u1")
    push.send_array(sent)
    assert numpy.shares_memory(pull.recv_array(), sent)
    push.send_array(sent, copy=True)
    assert not numpy.shares_memory(pull.recv_array(), sent)
    sent.flags.writeable = False
    push.send_array(sent)
    assert not pull.recv_array().flags.writeable


def test_the_threshold_says_what_is_lent(pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc", rcvtimeo=10_000)
    for size, lent in [(zmq.COPY_THRESHOLD - 1, False), (zmq.COPY_THRESHOLD, True)]:
        sent = numpy.zeros(size, "u1")
        push.send_array(sent)
        assert numpy.shares_memory(pull.recv_array(), sent) is lent
    push.copy_threshold = 0
    sent = numpy.zeros(100, "u1")
    push.send_array(sent)
    assert numpy.shares_memory(pull.recv_array(), sent)
    push.send_array(numpy.zeros((0, 2)))
    assert pull.recv_array().shape == (0, 2)


@pytest.mark.parametrize("layout", ["as it is", "transposed"])
def test_a_tracker_tells_when_the_array_may_change(pair: Any, layout: str) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc", rcvtimeo=10_000)
    sent = numpy.zeros((LARGE, 2), "u1")
    tracker = push.send_array(sent.T if layout == "transposed" else sent, track=True)
    assert not tracker.done
    pull.recv_array(copy=True)
    tracker.wait(PATIENCE)
    assert tracker.done
    assert push.send_array(sent, copy=True, track=True).done
    assert push.send_array(sent[:3], track=True).done
    assert push.send_array(sent) is None


def test_a_lent_array_is_held_and_then_let_go(make_socket: Any, endpoint: Any) -> None:
    push = make_socket(zmq.PUSH, bind=endpoint("tcp"))
    before = set(_core.loans())
    with pytest.raises(zmq.Again):
        push.send_array(numpy.zeros(LARGE), zmq.DONTWAIT)
    assert wait_until(lambda: set(_core.loans()) == before)
    pull = make_socket(zmq.PULL, rcvtimeo=10_000)
    pull.connect(push.last_endpoint)

    class Array(numpy.ndarray):
        pass

    sent = numpy.arange(LARGE).view(Array)
    gone = weakref.ref(sent)
    push.send_array(sent)
    del sent
    assert (pull.recv_array() == numpy.arange(LARGE)).all()
    assert wait_until(lambda: gone() is None)


def test_an_array_can_be_a_part_of_a_longer_message(pair: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "tcp", rcvtimeo=10_000)
    push.send(b"camera", zmq.SNDMORE)
    push.send_array(numpy.arange(3), zmq.SNDMORE)
    push.send(b"end")
    push.send(b"camera", zmq.SNDMORE)
    push.send_array(numpy.arange(3))
    assert len(pull.recv_multipart()) == 4
    assert pull.recv() == b"camera"
    assert (pull.recv_array() == numpy.arange(3)).all()
    assert pull.stats.messages_received == 2


def test_limits_of_time(pair: Any, make_socket: Any) -> None:
    _, pull = pair(zmq.PUSH, zmq.PULL, "tcp")
    for options in [{"timeout": 0}, {"timeout": 0.01}, {"flags": zmq.DONTWAIT}]:
        with pytest.raises(zmq.Again):
            pull.recv_array(**options)
        with pytest.raises(zmq.Again):
            make_socket(zmq.PUSH).send_array(numpy.zeros(3), **options)
    with pytest.raises(ValueError, match="seconds"):
        pull.recv_array(timeout=-1)
    pull.close()
    with pytest.raises(zmq.ZMQError):
        pull.recv_array()


class Loud(numpy.ndarray):
    """Code of a subclass is not run: it may be anything."""

    shape = property(lambda self: pytest.fail("looked at"))  # type: ignore[assignment]


def test_subclasses_are_sent_as_plain_arrays(push_pull: Any) -> None:
    push, pull = push_pull
    records = numpy.rec.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")])
    push.send_array(records)
    got = pull.recv_array()
    assert type(got) is numpy.ndarray
    assert got.tobytes() == records.tobytes()
    push.send_array(numpy.arange(4).view(Loud))
    assert (pull.recv_array() == numpy.arange(4)).all()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ([1, 2, 3], "numpy.asarray"),
        (b"bytes", "numpy.asarray"),
        (numpy.float64(3), "numpy.asarray"),
        (None, "numpy.asarray"),
        (numpy.ma.masked_array([1, 2], [True, False]), "mask"),
        (numpy.array([{}, None]), "plain bytes"),
        (numpy.zeros(2, "S0"), None),
        (numpy.zeros(2, [("a", "i4"), ("b", "O")]), "no dtype"),
        (numpy.zeros(2, [("a", [("b", "O", 2)])]), "no dtype"),
        (numpy.zeros(2, [(("title", "a"), "i4")]), "field"),
        (numpy.zeros(2, {"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 2]}), "overlapping"),
        (numpy.zeros(2, []), "no bytes"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_sent(pair: Any, what: Any, says: str | None) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc", rcvtimeo=10_000)
    if says is None:
        what = numpy.zeros(2, [("a", "S0"), ("b", "u1")])["a"]
        says = "plain bytes"
    with pytest.raises(TypeError, match=says):
        push.send_array(what)
    push.send_array(numpy.arange(3))
    assert (pull.recv_array() == numpy.arange(3)).all()
    assert pull.poll(0) == 0


@pytest.mark.skipif(not hasattr(numpy, "dtypes") or not hasattr(numpy.dtypes, "StringDType"), reason="new in numpy 2")
def test_text_of_any_length_is_pointers(pair: Any) -> None:
    push, _ = pair(zmq.PUSH, zmq.PULL, "inproc")
    with pytest.raises(TypeError, match="plain bytes"):
        push.send_array(numpy.array(["a", "b" * 100], numpy.dtypes.StringDType()))


def test_without_numpy_nothing_is_received(run_python: Any) -> None:
    done = run_python(
        """
import sys
sys.modules["numpy"] = None
import brokerless as zmq

with zmq.Context() as ctx, ctx.socket(zmq.PAIR) as a, ctx.socket(zmq.PAIR) as b:
    a.bind("inproc://x")
    b.connect("inproc://x")
    a.send(b"still here")
    for call in (b.recv_array, lambda: a.send_array([1])):
        try:
            call()
        except ImportError as error:
            print(error)
    print(b.recv(timeout=5))
"""
    )
    need = "send_array() and recv_array() need numpy: pip install 'brokerless[numpy]'\n"
    assert done.stdout == 2 * need + "b'still here'\n"


def test_the_package_does_not_import_numpy(run_python: Any) -> None:
    assert run_python("import sys, brokerless, brokerless.asyncio; print('numpy' in sys.modules)").stdout == "False\n"
