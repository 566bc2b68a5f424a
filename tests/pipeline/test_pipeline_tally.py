"""Tallies: what is counted, and what cannot be."""

from __future__ import annotations

import collections
import json
import math
from typing import Any

import pytest

import brokerless as zmq
from brokerless import pipeline
from tests.conftest import PATIENCE


def test_tally_of_every_kind_of_key(collector: Any, push: Any) -> None:
    values = ["a", 1, True, 1.0, 0, None, False, 0.5, -0.0, 2**64, 2.0**64, 10**40, 1e40, 10**40, "1", "é", "\ud800"]
    values += [math.nan, math.inf, math.nan, -(2**63), 2**63]
    push(collector, *(json.dumps({"key": value}).encode() for value in values))
    tally = collector.tally("key", timeout=PATIENCE)
    expected = collections.Counter(json.loads(json.dumps(values)))
    assert list(map(repr, tally.items())) == list(map(repr, expected.items()))


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ([b'{"num": 1}'], "message 3 cannot be counted by 'key': it has no such key: {'num': 1}"),
        ([b"[1]"], "it is not an object but a list"),
        ([b"7"], "it is not an object but a number"),
        ([b'{"key": [1]}'], "its value is a list"),
        ([b'{"key": {}}'], "its value is a object"),
        ([b"key"], "message 3 is not JSON"),
        ([b""], "message 3 is empty"),
        ([b'{"key": 1}', b""], "message 3 has 2 frames"),
        ([b"[" * 100_000], "message 3 is not JSON"),
    ],
)
def test_results_that_cannot_be_counted(collector: Any, make_socket: Any, message: Any, problem: str) -> None:
    sock = make_socket(zmq.PUSH, connect=collector.endpoint)
    sock.linger = -1
    for frames in ([b'{"key": 1}'], [b'{"key": "a"}'], message, [b'{"key": 1}']):
        sock.send_multipart(frames)
    sock.close()
    with pytest.raises(pipeline.TallyError) as failed:
        collector.tally("key", timeout=PATIENCE)
    assert problem in str(failed.value)
    assert failed.value.counts == {1: 1, "a": 1}
    assert (failed.value.number, failed.value.frames) == (3, message)
    # The rest is still there.
    assert collector.tally("key", timeout=PATIENCE) == {1: 1}


def test_a_tally_whose_time_is_over(collector: Any, push: Any) -> None:
    push(collector, b'{"key": 1}')
    with pytest.raises(zmq.Again, match=r"1 of 2 results came to .* within 0\.1 s; 0 workers connected") as failed:
        collector.tally("key", 2, timeout=0.1)
    assert failed.value.counts == {1: 1}
    with pytest.raises(zmq.Again, match="0 results came"):
        collector.tally("key", timeout=0.01)


hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 3),
    st.integers(-(2**70), 2**70).map(lambda n: n << 60),
    st.floats(),
    st.integers(-(2**80), 2**80).map(float),
    st.text(st.characters(), max_size=3),
    st.sampled_from(["a", "b", "é", "\ud800", "key"]),
)
others = st.dictionaries(st.text(max_size=3), st.recursive(scalars, st.lists, max_leaves=3), max_size=2)


def as_json(result: Any, ascii_only: bool) -> bytes:
    try:
        return json.dumps(result, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can stand for
        return json.dumps(result).encode()


@hypothesis.settings(
    max_examples=60,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
@hypothesis.given(st.lists(st.tuples(scalars, others, st.booleans(), st.booleans()), max_size=30))
def test_a_tally_is_a_counter(collector: Any, push: Any, rows: Any) -> None:
    results = [({**rest, "key": value} if last else {"key": value, **rest}, ascii) for value, rest, last, ascii in rows]
    messages = [as_json(result, ascii_only) for result, ascii_only in results if not isinstance(result["key"], list)]
    push(collector, *messages)
    expected = collections.Counter(json.loads(message)["key"] for message in messages)
    tally = collector.tally("key", len(messages), timeout=PATIENCE)
    assert list(map(repr, tally.items())) == list(map(repr, expected.items()))
