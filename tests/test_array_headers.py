"""Headers of arrays come from whoever can reach the socket: one that lies is refused, whatever it says, and its message is gone."""

from __future__ import annotations

import json
import math
from typing import Any

import hypothesis.strategies as st
import numpy
import pytest
from hypothesis import HealthCheck, example, given, settings

import brokerless as zmq
from brokerless import _core

GOOD = {"dtype": "float64", "shape": [2]}
DATA = bytes(16)


def array_of(header: bytes, data: bytes = DATA) -> Any:
    return _core.array_from_frames([zmq.Frame(header), zmq.Frame(data)])


def header(dtype: Any = "float64", shape: Any = (2,), **more: Any) -> bytes:
    return json.dumps({"dtype": dtype, "shape": shape, **more}).encode()


MESSAGES = {
    "no header": [b"hello"],
    "a header alone": [header()],
    "three frames": [header(), DATA, b""],
    "many frames": [header()] + [DATA] * 20,
    "no JSON": [b"{", DATA],
    "not an object": [b"[]", DATA],
    "too little data": [header(shape=[3, 4]), bytes(80)],
    "too much data": [header(shape=[1]), DATA],
    "objects": [header("O"), DATA],
    "a huge header": [header(more=" " * 70_000), DATA],
    "a huge shape": [header(shape=[2**40, 2**40]), DATA],
}


@pytest.mark.parametrize("what", MESSAGES)
def test_a_message_that_is_no_array_is_gone_and_the_socket_is_not(pair: Any, what: str) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "tcp", rcvtimeo=10_000)
    push.send_multipart(MESSAGES[what])
    push.send_multipart([header(), DATA])
    with pytest.raises(ValueError):
        pull.recv_array()
    assert pull.recv_array().tolist() == [0.0, 0.0]
    assert pull.poll(0) == 0


def test_the_lie_is_named() -> None:
    with pytest.raises(ValueError, match="the header announces 3x4 float64, 96 bytes, and the frame has 80"):
        array_of(header(shape=[3, 4]), bytes(80))
    with pytest.raises(ValueError, match="two frames, a header and the data, and this one had 1"):
        _core.array_from_frames([zmq.Frame(header())])


SHAPES = [
    None, 2, "2", {}, [2.0], [True, 2], ["2"], [None], [[2]], [-2], [-1, -2], [math.nan], [math.inf], [1e30], [2**63],
    [2**64], [2**64 + 2], [1] * 65 + [2], [2**62, 2**62, 0], [2, 2**63],
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: repr(shape)[:30])
def test_shapes_that_are_none(shape: Any) -> None:
    with pytest.raises(ValueError):
        array_of(header(shape=shape))


@pytest.mark.parametrize("dimensions", [32, 33, 64])
def test_as_many_dimensions_as_numpy_has(dimensions: int) -> None:
    shape = [1] * (dimensions - 1) + [2]
    try:
        expected = numpy.zeros(shape)
    except ValueError:
        with pytest.raises(ValueError):
            array_of(header(shape=shape))
    else:
        assert array_of(header(shape=shape)).shape == expected.shape


DTYPES = [
    "", "O", "object", "|O", "O8", "|O8", "object_", "i4,O", "i4,i4", "f4,f4", "2f8", "(2,)f4", "T", "T16", "a8", "f8,", "S0",
    "U0", "V0", "f8\0", " f8", "V" * 100_000, "V" + "1" * 1000, "V99999999999999999999", "float80", "bfloat16", "é",
    "__import__('os')", "[('a', '<f8')]", "{'names': ['a'], 'formats': ['O']}", "numpy.float64", "datetime64[x]",
    None, 8, 8.0, True, {}, [], {"names": ["a"], "formats": ["O"]}, ["f8"], [["a"]], [["a", "O"]], [["a", "f8", "f8"]],
    [["a", "f8", 2]], [["a", "f8", [-1]]], [["a", "f8", [2**63]]], [["a", "f4"], ["a", "f4"]], [["", "f8"]], [[1, "f8"]],
    [[["title", "a"], "f8"]], [["a", [["b", [["c", "object"]]]]]],
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: repr(dtype)[:30])
def test_dtypes_that_are_not_plain_bytes(dtype: Any) -> None:
    for shape in ([2], [1], [0], []):
        with pytest.raises(ValueError):
            array_of(header(dtype, shape))


@pytest.mark.parametrize("levels", [9, 100, 5000])
def test_structures_in_structures(levels: int) -> None:
    with pytest.raises(ValueError):
        array_of(b'{"dtype": ' + b'[["a", ' * levels + b'"f8"' + b"]]" * levels + b', "shape": [2]}')


def test_a_dtype_of_another_machine_is_refused_clearly() -> None:
    for name, size in [("float96", 12), ("float128", 16), ("complex192", 24), ("complex256", 32)]:
        try:
            numpy.dtype(name)
        except TypeError:
            with pytest.raises(ValueError, match="this numpy cannot"):
                array_of(header(name), bytes(2 * size))
        else:
            assert array_of(header(name), bytes(2 * size)).dtype == name


@pytest.mark.parametrize("twice", ['"dtype": "O"', '"shape": [2]', '"sh\\u0061pe": [2]'])
def test_nothing_is_said_twice(twice: str) -> None:
    text = json.dumps(GOOD)
    with pytest.raises(ValueError, match="twice"):
        array_of(f"{text[:-1]}, {twice}}}".encode())


def test_more_than_dtype_and_shape_means_nothing() -> None:
    assert array_of(header(frame=3, camera={"dtype": "O"}, a=[[1e300]])).shape == (2,)
    assert array_of(b' { "shape" : [ 2 ] ,\n"dtype":"float64"} ').shape == (2,)


@pytest.mark.parametrize("dtype", ["f8", "<f8", "=f8", ">f8", "|u1", "c16", "float16", "m8[ns]", "U1"])
def test_headers_that_others_may_write(dtype: str) -> None:
    itemsize = numpy.dtype(dtype).itemsize
    assert array_of(header(dtype), bytes(2 * itemsize)).dtype == numpy.dtype(dtype)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["f8", "u1", "O", "V16", "S4"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
SIZES = st.integers(-2, 20) | st.integers()
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": JSON
        | st.text("biufcmMSUVO0123456789<>=|,()[]ns", max_size=6)
        | st.lists(st.tuples(st.text(max_size=2), st.sampled_from(["u1", "i4", "O", "V3", "U2"])), max_size=3),
        "shape": JSON | st.lists(SIZES, max_size=4),
    }
)
HEADERS = st.binary(max_size=60) | JSON.map(json.dumps).map(str.encode) | ENTRIES.map(json.dumps).map(str.encode)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(HEADERS, st.binary(max_size=40))
@example(header("V16", [1]), DATA)
@example(header([["a", "u1"], ["", "V3"], ["b", "f4"]], [2]), DATA)
def test_an_array_accounts_for_every_byte_or_is_none(header: bytes, data: bytes) -> None:
    try:
        array = array_of(header, data)
    except ValueError:
        return
    assert array.nbytes == len(data)
    assert not array.dtype.hasobject
    assert array.tobytes() == data
    said = json.loads(header)
    assert list(array.shape) == said["shape"]


@settings(max_examples=200)
@given(st.integers(0, 60), st.integers(0, 255))
def test_a_byte_that_fell_over(place: int, byte: int) -> None:
    spoilt = bytearray(header([["a", "<i4"], ["b", "V4"]], [2]))
    spoilt[place % len(spoilt)] = byte
    try:
        assert array_of(bytes(spoilt)).nbytes == len(DATA)
    except ValueError:
        pass
