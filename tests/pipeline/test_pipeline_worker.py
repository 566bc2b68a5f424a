"""The worker: in the foreground, in the background, stopped, and with a function that fails."""

from __future__ import annotations

import gc
import re
import sys
from typing import Any

import pytest

import brokerless as zmq
from brokerless import pipeline
from tests.conftest import PATIENCE, wait_until
from tests.pipeline.conftest import ANYWHERE


def same(job: Any) -> Any:
    return job


def test_a_function_that_raises(producer: Any, work: Any) -> None:
    worker = work(lambda job: 1 / job["num"], producer)
    producer.wait_for_workers(timeout=PATIENCE)
    producer.send({"num": 1})
    producer.send({"num": 0})
    for _ in range(2):
        with pytest.raises(ZeroDivisionError) as failed:
            worker.join(PATIENCE)
    if sys.version_info >= (3, 11):
        assert failed.value.__notes__ == ["this was job number 2 of this worker, {'num': 0}"]
    assert worker.stats == (2, 0, 1, False)
    assert worker.closed
    assert "ended by ZeroDivisionError" in repr(worker)


def test_a_result_that_json_has_no_words_for(producer: Any, collector: Any, work: Any) -> None:
    worker = work(lambda job: {job}, producer, collector)
    producer.send_all([1], timeout=PATIENCE)
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        worker.join(PATIENCE)
    assert worker.stats.failed == 1


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ([b"{"], "message 2 is not JSON .*: b'{'"),
        ([b""], "message 2 is empty"),
        ([b"\xff"], "message 2 is not JSON"),
        ([b"1", b"2"], "message 2 has 2 frames"),
    ],
)
def test_a_job_that_is_no_json(make: Any, make_socket: Any, message: Any, problem: str) -> None:
    source = make_socket(zmq.PUSH, bind=ANYWHERE)
    worker = make(pipeline.Worker, source.endpoints[0]).start(same)
    source.send_json(1, timeout=PATIENCE)
    source.send_multipart(message)
    with pytest.raises(pipeline.MessageError, match=problem) as failed:
        worker.join(PATIENCE)
    assert (failed.value.number, failed.value.frames) == (2, message)
    assert worker.stats == (2, 0, 1, False)


def test_nobody_comes(make: Any, free_port: int) -> None:
    place = f"tcp://127.0.0.1:{free_port}"
    worker = make(pipeline.Worker, place)
    for _ in range(2):
        with pytest.raises(zmq.Again, match="nothing arrived within"):
            worker.run(same, timeout=0.05)
    assert not worker.closed
    alone = make(pipeline.Worker, place, f"tcp://127.0.0.1:{free_port}")
    with pytest.raises(zmq.Again, match="0 of 1 peers are connected"):
        alone.run(same, timeout=0.05)
    background = make(pipeline.Worker, place).start(same, timeout=0.05)
    with pytest.raises(zmq.Again):
        background.join(PATIENCE)
    assert background.closed


def test_stop(producer: Any, collector: Any, work: Any) -> None:
    waiting = work(same, producer, collector)
    producer.wait_for_workers(timeout=PATIENCE)
    with pytest.raises(zmq.Again, match=r"still at work after 0\.01 s"):
        waiting.join(0.01)
    assert waiting.running
    waiting.stop(PATIENCE)
    waiting.stop()
    assert waiting.join() == (0, 0, 0, False)
    assert waiting.closed


def test_stop_of_a_worker_that_waits_for_its_collector(producer: Any, make: Any, free_port: int) -> None:
    worker = make(pipeline.Worker, producer.endpoint, f"tcp://127.0.0.1:{free_port}").start(same)
    worker.stop(PATIENCE)
    assert worker.closed


def test_stop_of_a_worker_whose_collector_takes_nothing(
    producer: Any, make: Any, make_socket: Any, in_thread: Any
) -> None:
    sink = make_socket(zmq.PULL, bind=ANYWHERE, rcvhwm=1)
    worker = make(pipeline.Worker, producer.endpoint, sink.endpoints[0]).start(lambda job: job * 1000)
    endless = ("x" * 1000 for _ in range(1_000_000))
    sending = in_thread(producer.send_all, endless, timeout=0.2)
    assert isinstance(sending.exception(), zmq.Again)
    worker.stop(PATIENCE)
    assert worker.closed
    assert worker.stats.received >= worker.stats.sent > 0
    # What it had passed on goes on being delivered.
    for _ in range(worker.stats.sent):
        sink.recv(timeout=PATIENCE)


def test_stop_from_the_function_itself(producer: Any, work: Any) -> None:
    workers: list[Any] = []
    workers.append(work(lambda job: workers[0].stop(), producer))
    producer.send_all([1], timeout=PATIENCE)
    assert workers[0].join(PATIENCE) == (1, 0, 0, False)


def test_run_in_the_foreground(producer: Any, collector: Any, make: Any, in_thread: Any) -> None:
    worker = make(pipeline.Worker, producer.endpoint, collector.endpoint)
    sending = in_thread(producer.send_all, range(1000))
    assert worker.run(str) == (1000, 1000, 0, False)
    assert sending.result() == 1000
    assert collector.collect(timeout=PATIENCE) == [str(number) for number in range(1000)]
    with pytest.raises(RuntimeError, match="has ended"):
        worker.run(str)
    with pytest.raises(RuntimeError, match="was not started"):
        worker.join()


def test_a_worker_works_once_at_a_time(producer: Any, work: Any) -> None:
    worker = work(same, producer)
    with pytest.raises(RuntimeError, match="at work already"):
        worker.start(same)


def test_a_failure_is_heard_at_the_end_of_a_with(producer: Any, ctx: Any) -> None:
    def run() -> None:
        with pipeline.Worker(producer.endpoint, context=ctx) as worker:
            worker.start(lambda job: 1 / 0)
            producer.send_all([1], timeout=PATIENCE)
            assert wait_until(lambda: not worker.running)

    with pytest.raises(ZeroDivisionError):
        run()


def fail(job: Any) -> None:
    raise ValueError(f"no {job}")


def test_a_failure_that_nobody_waits_for_is_told_at_once(producer: Any, ctx: Any, capfd: Any) -> None:
    def run() -> None:
        worker = pipeline.Worker(producer.endpoint, context=ctx).start(fail)
        producer.send_all([1], timeout=PATIENCE)
        assert wait_until(lambda: not worker.running)
        said = capfd.readouterr().err
        told = rf"worker {worker.id} failed: ValueError: no 1 \(line \d+, in fail\); join\(\) raises it\n"
        assert re.fullmatch(told, said), said

    run()
    # It has been said, and is not again.
    gc.collect()
    assert capfd.readouterr().err == ""


def test_a_failure_that_was_told_is_raised_all_the_same(producer: Any, make: Any) -> None:
    worker = make(pipeline.Worker, producer.endpoint).start(fail)
    producer.send_all([1], timeout=PATIENCE)
    assert wait_until(lambda: not worker.running)
    with pytest.raises(ValueError, match="no 1"):
        worker.join(PATIENCE)


def test_who_waits_for_the_end_hears_of_a_failure_there_alone(
    producer: Any, make: Any, in_thread: Any, capfd: Any
) -> None:
    worker = make(pipeline.Worker, producer.endpoint).start(fail)
    joining = in_thread(worker.join, PATIENCE)
    assert wait_until(lambda: worker._joining == 1)
    producer.send_all([1], timeout=PATIENCE)
    assert isinstance(joining.exception(PATIENCE), ValueError)
    assert capfd.readouterr().err == ""


def test_a_failure_that_nobody_has_heard_of_is_warned_of(producer: Any, ctx: Any, capfd: Any) -> None:
    def run() -> None:
        worker = pipeline.Worker(producer.endpoint, context=ctx).start(fail)
        # As if somebody waited who then gave up.
        worker._joining += 1
        producer.send_all([1], timeout=PATIENCE)
        thread = worker._thread
        assert thread is not None
        thread.join(PATIENCE)

    run()
    with pytest.warns(RuntimeWarning, match="nobody called join"):
        gc.collect()


def test_ids_are_different(make: Any) -> None:
    ids = {make(pipeline.Worker, "tcp://127.0.0.1:9").id for _ in range(3)}
    assert len(ids) == 3
    assert all(isinstance(one, str) for one in ids)


def test_a_busy_worker_leaves_time_for_other_threads(producer: Any, make: Any, in_thread: Any) -> None:
    # A function without Python code never lets another thread in by itself.
    worker = make(pipeline.Worker, producer.endpoint).start(len)
    sending = in_thread(producer.send_all, ([] for _ in range(50_000)))
    looks = 0
    while not sending.done():
        looks += 1
    assert worker.join(PATIENCE).received == 50_000
    assert looks > 10
