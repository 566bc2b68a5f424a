"""What a notebook hands over to a peer's process arrives as it was, or it is said why not."""

from __future__ import annotations

import collections
import datetime
import enum
import math
import sys
from typing import Any, Dict, List

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given
from hypothesis import strategies as st

import brokerless as zmq
from brokerless.jupyter.peer_values import CannotHandOver, _packed, pack, unpack

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


@given(plain)
def test_plain_values_arrive(value: Any) -> None:
    name, arrived = unpack(pack("name", value))
    assert name == "name" and arrived == value and repr(arrived) == repr(value)


class Colour(enum.IntEnum):
    RED = 1


@pytest.mark.parametrize(
    "value",
    [
        Colour.RED,
        True,
        pytest.param(2**100_000, id="a long number"),
        collections.OrderedDict(a=1),
        datetime.date(2020, 2, 29),
        math.sqrt,
        pytest.param("\ud800", id="half a character"),
        math.inf,
        {"a": (1, [{2: b"3"}])},
        bytearray(b"abc"),
        range(3),
        frozenset("ab"),
    ],
)
def test_others_arrive_with_their_types(value: Any) -> None:
    arrived = unpack(pack("x", value))[1]
    assert arrived == value and type(arrived) is type(value)


def test_a_circle_arrives() -> None:
    circle: List[Any] = []
    circle.append(circle)
    arrived = unpack(pack("x", circle))[1]
    assert arrived[0] is arrived


@pytest.mark.parametrize("kind", ["float32", "int8", "complex128", "datetime64[s]", "U3", "i4,f8", "object"])
def test_arrays_arrive(kind: str) -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.zeros((2, 3), kind)
    arrived = unpack(pack("x", array))[1]
    assert arrived.dtype == array.dtype and arrived.shape == (2, 3) and (arrived == array).all()
    assert _packed("x", array)[0] == ("pickle" if kind == "object" else "numpy")


def test_what_other_versions_of_python_understand_goes_plainly() -> None:
    assert _packed("x", {"port": 5555, "names": ["a", None, 1.5]})[0] == "json"
    assert _packed("x", b"abc") == ("bytes", b"abc")
    assert _packed("x", (1, 2))[0] == "pickle"


def test_what_cannot_go_is_told() -> None:
    with zmq.Context() as context, context.socket(zmq.REP) as socket:
        with pytest.raises(CannotHandOver, match="sock cannot be handed over: a Socket"):
            pack("sock", socket)
    for thing in (lambda: 1, (n for n in "ab"), sys.stdout):
        with pytest.raises(CannotHandOver, match="x cannot be handed over"):
            pack("x", thing)


def test_what_the_notebook_defines_is_not_pickled_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    main: Dict[str, Any] = {"__name__": "__main__"}
    exec("class Job: pass\ndef work(): pass", main)
    monkeypatch.setattr(sys.modules["__main__"], "Job", main["Job"], raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "work", main["work"], raising=False)
    with pytest.raises(CannotHandOver, match="the class Job is defined in the notebook: define it in the peer's cell"):
        pack("job", [main["Job"]()])
    with pytest.raises(CannotHandOver, match="the function work is defined in the notebook"):
        pack("work", main["work"])


def test_what_does_not_arrive_is_told() -> None:
    gone = pack("x", Colour.RED).replace(b"Colour", b"Xolour")
    with pytest.raises(CannotHandOver, match="x did not arrive: AttributeError"):
        unpack(gone)
