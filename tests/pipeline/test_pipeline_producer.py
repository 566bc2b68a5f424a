"""The producer: it waits for who shall work, and its stream has arrived when it is over."""

from __future__ import annotations

import json
import math
import sys
from typing import Any, Iterator

import pytest

import brokerless as zmq
from tests.conftest import PATIENCE


def same(job: Any) -> Any:
    return job


def test_send_waits_for_a_worker_and_room(producer: Any, make_socket: Any) -> None:
    with pytest.raises(zmq.Again, match="nobody has connected"):
        producer.send({"num": 1}, timeout=0.02)
    pull = make_socket(zmq.PULL, connect=producer.endpoint)
    producer.send({"num": 2}, timeout=PATIENCE)
    assert pull.recv_json(timeout=PATIENCE) == {"num": 2}
    assert producer.stats == (1, len('{"num": 2}'), 1)


def test_workers_that_do_not_come(producer: Any) -> None:
    with pytest.raises(zmq.Again, match="0 of 2 peers are connected") as failed:
        producer.send_all([1], workers=2, timeout=0.02)
    assert failed.value.sent == 0
    assert not producer.closed


def test_send_all_says_how_far_it_came(producer: Any, make_socket: Any) -> None:
    pull = make_socket(zmq.PULL, connect=producer.endpoint)

    def jobs() -> Iterator[Any]:
        yield from range(3)
        raise LookupError("no more")

    with pytest.raises(LookupError) as failed:
        producer.send_all(jobs(), timeout=PATIENCE)
    assert failed.value.sent == 3
    with pytest.raises(TypeError, match="not JSON serializable") as failed:
        producer.send_all([3, {4}], timeout=PATIENCE)
    assert failed.value.sent == 1
    if sys.version_info >= (3, 11):
        assert failed.value.__notes__ == ["this was job number 2, {4}"]
    assert [pull.recv_json(timeout=PATIENCE) for _ in range(4)] == [0, 1, 2, 3]
    assert not producer.closed


def test_a_worker_that_stops_taking(producer: Any, make_socket: Any) -> None:
    make_socket(zmq.PULL, connect=producer.endpoint, rcvhwm=1)
    with pytest.raises(zmq.Again, match="the queue is full") as failed:
        producer.send_all(("x" * 100_000 for _ in range(100_000)), timeout=0.1)
    assert 0 < failed.value.sent < 100_000
    assert failed.value.sent == producer.stats.sent


def test_send_all_returns_when_everything_has_left(producer: Any, make_socket: Any, in_thread: Any) -> None:
    pull = make_socket(zmq.PULL, connect=producer.endpoint, rcvhwm=1)
    jobs = ["x" * 500_000] * 50
    with pytest.raises(zmq.Again, match="some have not left for their worker") as failed:
        producer.send_all(jobs, timeout=0.1)
    assert failed.value.sent == 50
    assert producer.closed
    # What was sent goes on being delivered.
    assert sum(pull.recv_json(timeout=PATIENCE) == jobs[0] for _ in range(50)) == 50


@pytest.mark.parametrize("value", [math.nan, 10**30, {"a": (1, 2)}, {1: None}, "\ud800", True])
def test_jobs_that_need_pythons_own_json(producer: Any, work: Any, collector: Any, value: Any) -> None:
    work(lambda job: [job], producer, collector)
    producer.send_all([value], timeout=PATIENCE)
    (result,) = collector.collect(timeout=PATIENCE)
    assert json.dumps(result) == json.dumps([json.loads(json.dumps(value))])


def test_progress(producer: Any, work: Any, capsys: Any, monkeypatch: Any) -> None:
    # Without the thread that it would leave behind.
    monkeypatch.setattr(pytest.importorskip("tqdm").tqdm, "monitor_interval", 0)
    work(same, producer)
    assert producer.send_all([1, 2, 3], progress=True, timeout=PATIENCE) == 3
    assert "3/3" in capsys.readouterr().err.replace(".00", "")


def test_progress_without_tqdm(producer: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="pip install tqdm"):
        producer.send_all([1], progress=True)
