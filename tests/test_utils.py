"""The small helpers of brokerless.utils are pyzmq's, name by name and answer by answer."""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings

import pytest

from brokerless.utils import interop, jsonapi, strtypes, win32

MODULES = ("interop", "jsonapi", "strtypes", "win32")


@pytest.mark.parametrize("module", MODULES)
def test_the_same_names_and_signatures_as_pyzmq(module, pyzmq):
    theirs = importlib.import_module(f"zmq.utils.{module}")
    ours = importlib.import_module(f"brokerless.utils.{module}")
    # Those that have no list of their own have imported nothing else that is worth having.
    names = getattr(theirs, "__all__", ours.__all__)
    assert set(names) == set(ours.__all__)
    for name in names:
        # bytes, unicode and basestring are Python's.
        if inspect.isfunction(getattr(theirs, name)):
            assert shape(getattr(ours, name)) == shape(getattr(theirs, name)), name


def shape(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def test_the_names_of_types():
    assert (strtypes.bytes, strtypes.unicode, strtypes.basestring) == (bytes, str, (str,))
    assert strtypes.b is strtypes.asbytes is strtypes.cast_bytes
    assert strtypes.u is strtypes.cast_unicode


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        ("cast_bytes", ("h\xe9",), b"h\xc3\xa9"),
        ("cast_bytes", (b"\xff",), b"\xff"),
        ("cast_bytes", ("h\xe9", "latin1"), b"h\xe9"),
        ("cast_bytes", ("h\xe9", "ascii", "replace"), b"h?"),
        ("cast_unicode", (b"h\xc3\xa9",), "h\xe9"),
        ("cast_unicode", ("h\xe9", "ascii"), "h\xe9"),
        ("cast_unicode", (b"\xe9", "latin1"), "\xe9"),
        ("cast_unicode", (b"\xff", "utf8", "replace"), "\ufffd"),
    ],
)
def test_casting_gives_what_pyzmq_gives(function, args, expected, pyzmq):
    from zmq.utils import strtypes as theirs

    for module in (strtypes, theirs):
        with pytest.warns(DeprecationWarning, match="deprecated") as told:
            assert getattr(module, function)(*args) == expected
        # It points at who calls.
        assert told[0].filename == __file__


@pytest.mark.parametrize("function", [strtypes.cast_bytes, strtypes.cast_unicode])
@pytest.mark.parametrize("wrong", [5, None, bytearray(b"x")])
def test_casting_refuses_what_is_no_text(function, wrong):
    with pytest.warns(DeprecationWarning, match="strtypes"), pytest.raises(TypeError, match="str or bytes"):
        function(wrong)


def test_casting_says_what_cannot_be_coded():
    with pytest.warns(DeprecationWarning, match="strtypes"), pytest.raises(UnicodeEncodeError):
        strtypes.cast_bytes("h\xe9", "ascii")
    with pytest.warns(DeprecationWarning, match="strtypes"), pytest.raises(UnicodeDecodeError):
        strtypes.cast_unicode(b"\xff")


def test_an_import_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        importlib.reload(strtypes)


def test_an_address_is_a_number():
    assert interop.cast_int_addr(2**63) == 2**63


@pytest.mark.parametrize("wrong", ["5", 5.0, None, b"5"])
def test_an_address_is_nothing_else(wrong, monkeypatch):
    with pytest.raises(ValueError, match="pointer of cffi"):
        interop.cast_int_addr(wrong)
    monkeypatch.delitem(sys.modules, "_cffi_backend", raising=False)
    with pytest.raises(ValueError, match="pointer of cffi"):
        interop.cast_int_addr(wrong)


def test_an_address_may_be_a_pointer_of_cffi():
    ffi = pytest.importorskip("cffi").FFI()
    memory = ffi.new("int[3]")
    assert interop.cast_int_addr(memory) == interop.cast_int_addr(ffi.cast("void *", memory))
    assert interop.cast_int_addr(ffi.cast("void *", 2**64 - 1)) == 2**64 - 1


def test_allow_interrupt_calls_nothing_and_hides_nothing():
    for guard in (win32.allow_interrupt(), win32.allow_interrupt(lambda: pytest.fail("it was called"))):
        with guard as target:
            assert target is None
    with pytest.raises(KeyError), win32.allow_interrupt(action=print):
        raise KeyError


def test_jsonmod_is_the_json_in_use():
    import json

    assert jsonapi.jsonmod is json
