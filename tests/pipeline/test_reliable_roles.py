"""Producer, Worker and Collector with reliable=True: what they do when nothing goes wrong, and what they refuse."""

from __future__ import annotations

import threading
from typing import Any

import numpy
import pytest

import brokerless as zmq
from brokerless import pipeline
from tests.conftest import PATIENCE, wait_until
from tests.pipeline.conftest import ANYWHERE
from tests.pipeline.reliable import QUICK, double, fail_at_three


@pytest.fixture
def roles(make: Any, in_thread: Any) -> Any:
    """Make a producer, a collector and started workers: roles(fn, 2, codec="json")."""

    def start(fn: Any, workers: int = 2, ordered: bool = True, codec: Any = "json", **options: Any) -> Any:
        collector = make(pipeline.Collector, ANYWHERE, reliable=True, ordered=ordered, codec=codec)
        producer = make(pipeline.Producer, ANYWHERE, reliable=True, codec=codec, **options)
        for _ in range(workers):
            make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True, codec=codec).start(fn)
        return producer, collector

    return start


def test_every_job_comes_back_once_and_everybody_ends(roles: Any, in_thread: Any) -> None:
    producer, collector = roles(double)
    sent = in_thread(producer.send_all, range(5000), workers=2, timeout=PATIENCE)
    assert collector.collect(timeout=PATIENCE) == [2 * number for number in range(5000)]
    assert sent.result() == 5000
    assert producer.closed
    stats = producer.stats
    assert (stats.sent, stats.done, stats.redelivered, stats.given_up, stats.lost) == (5000, 5000, 0, 0, 0)
    assert (collector.stats.received, collector.stats.duplicates) == (5000, 0)
    assert sum(worker.done for worker in producer.workers) == 5000
    with pytest.raises(zmq.Again):
        collector.recv(timeout=0)


def test_as_they_are_done(roles: Any, in_thread: Any) -> None:
    producer, collector = roles(double, ordered=False)
    sent = in_thread(producer.send_all, range(500), workers=2, timeout=PATIENCE)
    assert sorted(collector) == [2 * number for number in range(500)]
    sent.result()
    assert isinstance(producer, pipeline.ReliableProducer)
    assert isinstance(producer, pipeline.Producer)


def test_a_worker_ends_by_itself(make: Any, in_thread: Any) -> None:
    collector = make(pipeline.Collector, ANYWHERE, reliable=True)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True)
    worker = make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True)
    working = in_thread(worker.run, double)
    producer.send_all([1, 2, 3], timeout=PATIENCE)
    assert working.result() == (3, 3, 0, False)
    assert worker.closed
    assert sorted(collector.collect(timeout=PATIENCE)) == [2, 4, 6]
    with pytest.raises(RuntimeError, match="has ended"):
        worker.run(double)


def test_results_are_counted(roles: Any, in_thread: Any) -> None:
    producer, collector = roles(lambda job: {"even": job % 2 == 0} if job < 900 else None)
    assert collector._stream.tallied()[1] == 0
    sent = in_thread(producer.send_all, range(1000), timeout=PATIENCE)
    assert collector.tally("even", timeout=PATIENCE) == {True: 450, False: 450}
    sent.result()
    assert collector._stream.tallied()[1] == 900


def test_what_cannot_be_counted(roles: Any, in_thread: Any) -> None:
    producer, collector = roles(lambda job: {"n": job} if job != 2 else [], workers=1)
    sent = in_thread(producer.send_all, range(4), timeout=PATIENCE)
    with pytest.raises(pipeline.TallyError, match="not an object") as failed:
        collector.tally("n", timeout=PATIENCE)
    assert failed.value.counts == {0: 1, 1: 1}
    assert collector.tally("n", timeout=PATIENCE) == {3: 1}
    sent.result()


def test_a_failure_is_that_job_s_error(roles: Any, in_thread: Any) -> None:
    producer, collector = roles(fail_at_three, retries=2)
    sent = in_thread(producer.send_all, range(6), timeout=PATIENCE)
    results = collector.collect(3, timeout=PATIENCE)
    with pytest.raises(pipeline.JobError, match="ValueError: three is too many") as failed:
        collector.collect(timeout=PATIENCE)
    error = failed.value
    assert (error.number, error.job, error.attempts, error.type) == (3, 3, 3, "ValueError")
    assert "in fail_at_three" in error.traceback
    assert error.worker in {worker.name for worker in producer.workers}
    assert error.results == []
    results += collector.collect(timeout=PATIENCE)
    assert results == [0, 1, 2, 4, 5]
    sent.result()
    assert (producer.stats.retried, collector.stats.failed) == (2, 1)


def test_a_result_that_has_no_words_is_that_job_s_error(roles: Any, in_thread: Any) -> None:
    producer, collector = roles(lambda job: {1, 2} if job else job, workers=1)
    sent = in_thread(producer.send_all, [0, 1, 2], timeout=PATIENCE)
    assert collector.recv(PATIENCE) == 0
    for _ in range(2):
        with pytest.raises(pipeline.JobError, match="TypeError"):
            collector.recv(PATIENCE)
    with pytest.raises(pipeline.EndOfStream):
        collector.recv(PATIENCE)
    sent.result()


class Reversed:
    name = "backwards"

    def encode(self, thing: Any) -> Any:
        return [part[::-1] for part in thing]

    def decode(self, data: Any) -> Any:
        return [part[::-1] for part in (data if isinstance(data, list) else [data])]


@pytest.mark.parametrize(
    ("codec", "jobs"),
    [
        ("json", [None, 0, "ü", {"a": [1.5]}, []]),
        ("bytes", [b"", b"x", bytes(1_000_000)]),
        ("multipart", [[b""], [b"", b"a", b""], [bytes([number]) for number in range(256)]]),
        ("pickle", [{1, 2}, None, 1j]),
        (Reversed(), [[b"abc"], [b"", b"12"]]),
        (("bytes", "json"), [b"abc", b""]),
    ],
)
def test_codecs(roles: Any, in_thread: Any, codec: Any, jobs: Any) -> None:
    def fn(job: Any) -> Any:
        return len(job) if isinstance(codec, tuple) else [job] if codec == "json" else job

    producer, collector = roles(fn, codec=codec)
    sent = in_thread(producer.send_all, jobs, timeout=PATIENCE)
    results = collector.collect(timeout=PATIENCE)
    expected = [job for job in map(fn, jobs) if job is not None]
    assert results == expected
    sent.result()


def test_msgpack(roles: Any, in_thread: Any) -> None:
    pytest.importorskip("msgpack")
    producer, collector = roles(double, codec="msgpack")
    sent = in_thread(producer.send_all, [1, "a", [b"x"]], timeout=PATIENCE)
    assert collector.collect(timeout=PATIENCE) == [2, "aa", [b"x", b"x"]]
    sent.result()


def test_arrays(roles: Any, in_thread: Any) -> None:
    frames = [numpy.arange(60_000, dtype="u2").reshape(200, 300) + number for number in range(5)]
    producer, collector = roles(lambda frame: frame[::2].T, codec="numpy")
    sent = in_thread(producer.send_all, frames, timeout=PATIENCE)
    results = collector.collect(timeout=PATIENCE)
    assert len(results) == len(frames)
    assert all((result == frame[::2].T).all() for result, frame in zip(results, frames))
    sent.result()


def test_arrays_in_one_process_are_each_one_s_own(make: Any, endpoint: Any, in_thread: Any) -> None:
    """Over inproc a message has one memory; what a function does to its array is not done to the job."""
    collector = make(pipeline.Collector, endpoint("inproc"), reliable=True, codec="numpy")
    producer = make(pipeline.Producer, endpoint("inproc"), reliable=True, codec="numpy", retries=1)
    tries = []

    def spoil(array: Any) -> Any:
        array += 1
        tries.append(array.sum())
        if len(tries) == 1:
            raise ValueError("once more")
        return array

    make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True, codec="numpy").start(spoil)
    sent = in_thread(producer.send_all, [numpy.zeros(1000, dtype="u1")], timeout=PATIENCE)
    (result,) = collector.collect(timeout=PATIENCE)
    assert tries == [1000, 1000]
    assert result.sum() == 1000
    sent.result()


def test_the_smallest_and_the_largest(roles: Any, in_thread: Any) -> None:
    large = bytes(100_000_000)
    producer, collector = roles(lambda job: job, codec="bytes")
    sent = in_thread(producer.send_all, [b"", large, b""], timeout=PATIENCE)
    assert [len(result) for result in collector.collect(timeout=PATIENCE)] == [0, 100_000_000, 0]
    sent.result()


def test_an_endless_iterator_is_taken_as_far_as_the_window(roles: Any, in_thread: Any) -> None:
    asked = []

    def jobs() -> Any:
        number = 0
        while True:
            asked.append(number)
            yield number
            number += 1

    producer, collector = roles(double, workers=1, window=20)
    sent = in_thread(producer.send_all, jobs(), timeout=None)
    assert collector.collect(50, timeout=PATIENCE) == [2 * number for number in range(50)]
    # Nobody takes more: up to the collector's window everything is done, and then no more is asked for.
    most = 4096 + 50 + 20 + 600 + 256
    assert wait_until(lambda: len(asked) > 1000)
    producer.close()
    with pytest.raises(zmq.SocketClosed):
        sent.result()
    assert len(asked) <= most
    with pytest.raises(pipeline.Incomplete):
        collector.collect(timeout=PATIENCE)


def test_workers_wait_for_a_program_that_takes_nothing(make: Any) -> None:
    collector = make(pipeline.Collector, ANYWHERE, reliable=True, window=10)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True, window=100)
    make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True).start(double)
    with pytest.raises(zmq.Again) as full:
        producer.send_all(range(10_000), timeout=0.3)
    taken = full.value.sent
    # What the collector holds, what is not acknowledged, what is not done.
    assert taken <= 10 + 2 * 512 + 16 + 100 + 256
    assert collector.collect(taken, timeout=PATIENCE) == [2 * number for number in range(taken)]


def test_shares_are_even_though_workers_come_one_after_the_other(make: Any, in_thread: Any) -> None:
    collector = make(pipeline.Collector, ANYWHERE, reliable=True)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True)
    sent = in_thread(producer.send_all, range(400), workers=2, timeout=PATIENCE)
    pause = threading.Event()
    for _ in range(2):
        worker = make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True)
        worker.start(lambda job: pause.wait(0.002) or job)
        pause.wait(0.3)
    assert len(collector.collect(timeout=PATIENCE)) == 400
    sent.result()
    shares = [worker.done for worker in producer.workers]
    assert sum(shares) == 400
    assert max(shares) - min(shares) <= 40, shares


def test_who_comes_late_gets_work_and_who_leaves_gives_it_back(make: Any, in_thread: Any) -> None:
    collector = make(pipeline.Collector, ANYWHERE, reliable=True, ordered=True)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True)
    pause = threading.Event()

    def work(job: Any) -> Any:
        pause.wait(0.001)
        return job

    first = make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True, name="first").start(work)
    sent = in_thread(producer.send_all, range(1000), timeout=PATIENCE)
    results = collector.collect(100, timeout=PATIENCE)
    make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True, name="second").start(work)
    results += collector.collect(200, timeout=PATIENCE)
    first.stop(PATIENCE)
    assert first.closed
    results += collector.collect(timeout=PATIENCE)
    assert results == list(range(1000))
    sent.result()
    tallies = {worker.name: worker for worker in producer.workers}
    assert min(tallies["first"].done, tallies["second"].done) > 50
    assert tallies["first"].done == first.stats.sent
    assert producer.stats.lost == 0


def test_several_producers_one_after_the_other(make: Any, in_thread: Any) -> None:
    collector = make(pipeline.Collector, ANYWHERE, reliable=True, ordered=True)
    for _ in range(2):
        producer = make(pipeline.Producer, ANYWHERE, reliable=True)
        make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True).start(double)
        producer.send_all([1, 2], timeout=PATIENCE)
        assert collector.collect(timeout=PATIENCE) == [2, 4]


def test_send_and_wait(roles: Any, make: Any) -> None:
    producer, collector = roles(double)
    assert producer.wait_for_workers(2, timeout=PATIENCE) == 2
    for number in range(10):
        producer.send(number)
    producer.wait(timeout=PATIENCE)
    assert collector.collect(timeout=PATIENCE) == list(range(0, 20, 2))
    with pytest.raises(zmq.SocketClosed):
        producer.send(1)


def test_waits_have_an_end(make: Any) -> None:
    producer = make(pipeline.Producer, ANYWHERE, reliable=True, window=2)
    with pytest.raises(zmq.Again, match="0 workers of 1 came") as failed:
        producer.send_all([1], timeout=0.01)
    assert failed.value.sent == 0
    producer.send(1)
    producer.send(2)
    with pytest.raises(zmq.Again, match="none of those before it was done"):
        producer.send(3, timeout=0.01)
    collector = make(pipeline.Collector, ANYWHERE, reliable=True)
    with pytest.raises(zmq.Again, match="no result came"):
        collector.recv(timeout=0.01)
    worker = make(pipeline.Worker, "tcp://127.0.0.1:9", collector.endpoint, reliable=True)
    with pytest.raises(zmq.Again, match="no producer answers at tcp://127"):
        worker.run(double, timeout=0.3)
    worker = make(pipeline.Worker, producer.endpoint, "tcp://127.0.0.1:9", reliable=True)
    with pytest.raises(zmq.Again, match="no collector answers"):
        worker.run(double, timeout=0.05)


def test_what_does_not_go_together_is_refused(make: Any) -> None:
    collector = make(pipeline.Collector, ANYWHERE, reliable=True)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True)
    with pytest.raises(pipeline.RoleError, match="a producer is there"):
        make(pipeline.Worker, collector.endpoint, producer.endpoint, reliable=True).run(double, timeout=PATIENCE)
    with pytest.raises(pipeline.RoleError, match="codec"):
        make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True, codec="bytes").run(
            double, timeout=PATIENCE
        )


@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        ("Producer", {"retries": -1}, ValueError),
        ("Producer", {"max_deliveries": 0}, ValueError),
        ("Producer", {"window": 0}, ValueError),
        ("Producer", {"heartbeat": 0}, ValueError),
        ("Producer", {"heartbeat_timeout": 1.0}, ValueError),
        ("Producer", {"job_timeout": 0}, ValueError),
        ("Producer", {"codec": "xml"}, ValueError),
        ("Producer", {"codec": object()}, TypeError),
        ("Producer", {"unknown": 1}, TypeError),
        ("Collector", {"window": 0}, ValueError),
        ("Collector", {"codec": 7}, TypeError),
    ],
)
def test_wrong_options(ctx: Any, kind: str, options: Any, error: Any) -> None:
    with pytest.raises(error):
        getattr(pipeline, kind)(ANYWHERE, context=ctx, reliable=True, **options)


def test_a_plain_role_has_no_options_of_a_reliable_one(ctx: Any) -> None:
    for kind in (pipeline.Producer, pipeline.Collector):
        with pytest.raises(TypeError, match="reliable=True"):
            kind(ANYWHERE, context=ctx, retries=1)
    with pytest.raises(TypeError, match="name= is for a reliable role"):
        pipeline.Worker("tcp://127.0.0.1:9", name="x", context=ctx)

    class Own(pipeline.Producer):
        pass

    with pytest.raises(TypeError, match="derive it from ReliableProducer"):
        Own(ANYWHERE, context=ctx, reliable=True)
    for kind in (pipeline.ReliableProducer, pipeline.ReliableCollector):
        with pytest.raises(ValueError, match="plain"):
            kind(ANYWHERE, context=ctx, reliable=False)
    with pytest.raises(ValueError, match="one producer"):
        pipeline.Worker(["a", "b"], "c", reliable=True, context=ctx)
    with pytest.raises(ValueError, match="collector"):
        pipeline.Worker("tcp://127.0.0.1:9", reliable=True, context=ctx)


def test_what_they_say_of_themselves(roles: Any, make: Any) -> None:
    producer, collector = roles(double, workers=1)
    producer.wait_for_workers(1, PATIENCE)
    assert repr(producer).startswith(f"<Producer at {producer.endpoint}: 0 of 0 jobs done, 1 worker")
    assert "0 results received" in repr(collector)
    for one in (producer, collector):
        assert f"Reliable{type(one).__name__[8:]}" in one._repr_html_()
    dashboard = producer.dashboard(live=False)
    try:
        assert "jobs done" in dashboard.text()
    finally:
        dashboard.stop()


def test_silent_workers_are_seen_by_both(make: Any) -> None:
    producer = make(pipeline.Producer, ANYWHERE, reliable=True, **QUICK)
    collector = make(pipeline.Collector, ANYWHERE, reliable=True, **QUICK)
    make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True).start(double)
    producer.wait_for_workers(1, PATIENCE)
    # Beats go both ways, or somebody would be lost by now.
    threading.Event().wait(1.0)
    assert (producer.stats.workers, producer.stats.lost) == (1, 0)
    assert (collector.stats.workers, collector.stats.lost) == (1, 0)
