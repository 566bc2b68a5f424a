"""Z85 (RFC 32)."""

from __future__ import annotations

import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokerless.utils import z85

GROUPS = st.lists(st.binary(min_size=4, max_size=4), max_size=20).map(b"".join)


def test_the_rfcs_example():
    raw = bytes([0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B])
    assert z85.encode(raw) == b"HelloWorld"
    assert z85.decode(b"HelloWorld") == z85.decode("HelloWorld") == raw


@given(raw=GROUPS)
def test_there_and_back(raw):
    text = z85.encode(raw)
    assert len(text) == len(raw) // 4 * 5
    assert set(text) <= set(z85.Z85CHARS)
    assert z85.decode(text) == z85.decode(text.decode("ascii")) == raw


@given(raw=GROUPS)
def test_it_is_pyzmqs(raw):
    from zmq.utils import z85 as theirs

    assert z85.encode(raw) == theirs.encode(raw)
    assert (z85.Z85CHARS, z85.Z85MAP) == (theirs.Z85CHARS, theirs.Z85MAP)


@given(text=st.binary(max_size=15))
def test_bytes_that_are_no_z85_are_refused(text):
    try:
        raw = z85.decode(text)
    except ValueError:
        return
    assert z85.encode(raw) == text


@pytest.mark.parametrize("size", [1, 2, 3, 5, 33])
def test_a_length_that_does_not_fit(size):
    with pytest.raises(ValueError, match=f"{size} is not a multiple of 4"):
        z85.encode(bytes(size))
    with pytest.raises(ValueError, match=r"not a multiple of 5"):
        z85.decode("0" * (size * 5 + 1))


@pytest.mark.parametrize("text", [b"00 00", b"0000\0", b"000\xff0", "000\xe90", "0000,", b"#####", "%nSc1"])
def test_what_is_no_z85(text):
    with pytest.raises(ValueError, match=r"Z85|32 bits"):
        z85.decode(text)


def test_any_buffer():
    raw = b"\x86\x4f\xd2\x6f"
    for data in (bytearray(raw), memoryview(raw), array.array("B", raw)):
        assert z85.encode(data) == b"Hello"
    assert z85.decode(bytearray(b"Hello")) == z85.decode(memoryview(b"Hello")) == raw


@pytest.mark.parametrize("wrong", [None, 4, ["Hello"]])
def test_what_is_no_bytes(wrong):
    with pytest.raises(TypeError):
        z85.encode(wrong)
    with pytest.raises(TypeError):
        z85.decode(wrong)
    with pytest.raises(TypeError, match="not <class 'str'>"):
        z85.encode("Hell")
