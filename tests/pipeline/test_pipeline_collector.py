"""The collector: results one by one, as a list, and the end of their stream."""

from __future__ import annotations

from typing import Any

import pytest

import brokerless as zmq
from brokerless import pipeline
from tests.conftest import PATIENCE, wait_until
from tests.pipeline.conftest import ANYWHERE


def test_results_one_by_one(collector: Any, push: Any) -> None:
    with pytest.raises(zmq.Again, match=r"no result came to .* within 0\.01 s; 0 workers connected"):
        collector.recv(timeout=0.01)
    push(collector, b"1", b'{"a": "\\ud800"}')
    assert collector.recv(timeout=PATIENCE) == 1
    assert collector.recv() == {"a": "\ud800"}
    with pytest.raises(pipeline.EndOfStream, match="2 were received"):
        collector.recv(timeout=PATIENCE)
    # Another stream may come.
    push(collector, b"2")
    assert list(collector) == [2]


def test_iteration_goes_on_behind_what_is_wrong(collector: Any, push: Any) -> None:
    push(collector, b"1", b"nonsense", b"3")
    results: list[Any] = []
    with pytest.raises(pipeline.MessageError, match="message 2 is not JSON"):
        results.extend(collector)
    results.extend(collector)
    assert results == [1, 3]


def test_collect(collector: Any, push: Any) -> None:
    push(collector, *(b"%d" % number for number in range(500)))
    assert collector.collect(0) == []
    assert collector.collect(100, PATIENCE) == list(range(100))
    assert collector.collect(timeout=PATIENCE) == list(range(100, 500))
    push(collector, b"1", b"2")
    with pytest.raises(zmq.Again, match="2 of 3 results came") as failed:
        collector.collect(3, 0.05)
    assert failed.value.results == [1, 2]
    with pytest.raises(ValueError, match="not -1"):
        collector.collect(-1)


def test_a_number_of_results_outlasts_those_who_leave(collector: Any, push: Any, in_thread: Any) -> None:
    quick = pipeline.Collector(ANYWHERE, context=collector.socket.context, grace=0)
    with quick:
        push(quick, b'{"n": 1}')
        counting = in_thread(quick.tally, "n", 2, PATIENCE)
        assert wait_until(lambda: quick.stats.received == 1 and quick.stats.workers == 0)
        push(quick, b'{"n": 2}')
        assert counting.result() == {1: 1, 2: 1}


def test_closing_a_collector_wakes_who_waits(collector: Any, in_thread: Any) -> None:
    waiting = [in_thread(collector.recv), in_thread(collector.tally, "key"), in_thread(list, collector)]
    collector.close()
    for one in waiting:
        assert isinstance(one.exception(), zmq.SocketClosed)
