"""The pipeline's roles, alone, together, and each against the same role played by pyzmq with plain sockets."""

from __future__ import annotations

import collections
import gc
import json
import math
import os
import signal
import sys
import threading
import warnings
from typing import Any, Callable, Iterator

import pytest
from conftest import PATIENCE, wait_until

import brokerless as zmq
from brokerless import pipeline

ANYWHERE = "tcp://127.0.0.1:*"


@pytest.fixture
def make(ctx: Any) -> Iterator[Callable[..., Any]]:
    """Make roles in the test's context: make(pipeline.Worker, source, sink); closed after the test."""
    made = []

    def role(kind: Any, *args: Any, **kwargs: Any) -> Any:
        one = kind(*args, context=ctx, **kwargs)
        made.append(one)
        return one

    yield role
    for one in made:
        one.close()


@pytest.fixture
def producer(make: Callable[..., Any]) -> Any:
    return make(pipeline.Producer, ANYWHERE)


@pytest.fixture
def collector(make: Callable[..., Any]) -> Any:
    return make(pipeline.Collector, ANYWHERE)


@pytest.fixture
def work(make: Callable[..., Any]) -> Callable[..., Any]:
    """Start workers in the background: work(fn, producer, collector)."""

    def start(fn: Any, source: Any, sink: Any = None, **kwargs: Any) -> Any:
        to = None if sink is None else sink.endpoint
        return make(pipeline.Worker, source.endpoint, to, **kwargs).start(fn)

    return start


def push(make_socket: Callable[..., Any], collector: Any, *messages: bytes) -> None:
    """What a worker with a plain socket does: connects, sends, closes."""
    sock = make_socket(zmq.PUSH, connect=collector.endpoint)
    sock.linger = -1
    for message in messages:
        sock.send(message, timeout=PATIENCE)
    sock.close()


def same(job: Any) -> Any:
    return job


# All together


def test_twenty_thousand_numbers(producer: Any, collector: Any, work: Any, in_thread: Any) -> None:
    def keep_even(job: Any, consumer: str) -> Any:
        return {"consumer": consumer, "num": job["num"]} if job["num"] % 2 == 0 else None

    workers = [work(lambda job, consumer=consumer: keep_even(job, consumer), producer, collector) for consumer in "ab"]
    numbers = ({"num": number} for number in range(20_000))
    sending = in_thread(producer.send_all, numbers, workers=2)
    tally = collector.tally("consumer", timeout=PATIENCE)

    assert sending.result() == 20_000
    stats = [worker.join(PATIENCE) for worker in workers]
    assert sum(one.received for one in stats) == 20_000
    assert {name: one.sent for name, one in zip("ab", stats) if one.sent} == tally
    assert sum(tally.values()) == 10_000
    assert producer.closed and all(worker.closed for worker in workers)
    assert producer.stats == (20_000, producer.stats.bytes, 0)
    assert collector.stats == (10_000, collector.stats.bytes, 0)


@pytest.mark.parametrize("transport", ["ipc", "inproc"])
def test_other_transports(make: Any, work: Any, endpoint: Any, transport: str) -> None:
    collector = make(pipeline.Collector, endpoint(transport))
    producer = make(pipeline.Producer, endpoint(transport))
    workers = [work(same, producer, collector) for _ in range(2)]
    assert producer.send_all(range(500), workers=2, timeout=PATIENCE) == 500
    assert sorted(collector) == list(range(500))
    assert sum(worker.join(PATIENCE).received for worker in workers) == 500


def test_a_worker_of_several_producers(make: Any, collector: Any, in_thread: Any) -> None:
    producers = [make(pipeline.Producer, ANYWHERE) for _ in range(3)]
    worker = make(pipeline.Worker, [producer.endpoint for producer in producers], collector.endpoint).start(same)
    first, *others = producers
    assert first.send_all(range(10), timeout=PATIENCE) == 10
    assert collector.collect(10, PATIENCE) == list(range(10))
    # One stream has ended, the worker stays for the others.
    for producer in others:
        assert producer.send_all(range(5), timeout=PATIENCE) == 5
    assert len(collector.collect(timeout=PATIENCE)) == 10
    assert worker.join(PATIENCE).received == 20


def test_a_worker_that_joins_late_finds_work_left(producer: Any, collector: Any, work: Any, in_thread: Any) -> None:
    start = threading.Event()

    def wait_then(job: Any) -> Any:
        start.wait(PATIENCE)
        return None

    def endless() -> Iterator[str]:
        number = 0
        while not start.is_set():
            yield "x" * 1000
            number += 1
        yield from ["y"] * 10

    early = work(wait_then, producer, collector)
    sending = in_thread(producer.send_all, endless(), workers=1)
    assert wait_until(lambda: early.stats.received > 0)
    late = work(lambda job: start.set(), producer, collector)
    total = sending.result()
    assert early.join(PATIENCE).received + late.join(PATIENCE).received == total
    assert late.stats.received > 0


def test_no_job_is_sent_to_a_worker_whose_collector_is_not_there(
    producer: Any, make: Any, work: Any, free_port: int
) -> None:
    place = f"tcp://127.0.0.1:{free_port}"
    worker = make(pipeline.Worker, producer.endpoint, place).start(same)
    with pytest.raises(zmq.Again, match="0 of 1"):
        producer.wait_for_workers(1, timeout=0.05)
    collector = make(pipeline.Collector, place)
    assert producer.send_all([1, 2], timeout=PATIENCE) == 2
    assert collector.collect(timeout=PATIENCE) == [1, 2]
    assert worker.join(PATIENCE).sent == 2


# Each role against pyzmq


def test_the_producer_with_pyzmq_workers(producer: Any, pyzmq: Any, pyzmq_ctx: Any, in_thread: Any) -> None:
    pulls = [pyzmq_ctx.socket(pyzmq.PULL) for _ in range(2)]
    for pull in pulls:
        pull.connect(producer.endpoint)
    assert producer.wait_for_workers(2, timeout=PATIENCE) == 2
    jobs = [{"num": number, "é": [None, 0.5]} for number in range(100)]
    assert producer.send_all(jobs, workers=2, timeout=PATIENCE) == 100
    # From the first message on they take turns, and nothing but the jobs goes over the wire.
    shares = [[pull.recv_multipart() for _ in range(50)] for pull in pulls]
    assert sorted(shares) == sorted([[[json.dumps(job).encode()] for job in jobs[start::2]] for start in (0, 1)])


def test_the_worker_between_pyzmq_peers(make: Any, pyzmq: Any, pyzmq_ctx: Any) -> None:
    source, sink = pyzmq_ctx.socket(pyzmq.PUSH), pyzmq_ctx.socket(pyzmq.PULL)
    ports = [sock.bind_to_random_port("tcp://127.0.0.1") for sock in (source, sink)]
    worker = make(pipeline.Worker, *(f"tcp://127.0.0.1:{port}" for port in ports))
    worker.start(lambda job: {"doubled": 2 * job["num"]} if job["num"] else None)
    for number in range(100):
        source.send_json({"num": number})
    source.close()
    sink.rcvtimeo = int(PATIENCE * 1000)
    assert [sink.recv_multipart() for _ in range(99)] == [[b'{"doubled": %d}' % (2 * n)] for n in range(1, 100)]
    assert worker.join(PATIENCE) == (100, 99, 0, False)


def test_the_collector_with_pyzmq_workers(collector: Any, pyzmq: Any, pyzmq_ctx: Any) -> None:
    pushes = [pyzmq_ctx.socket(pyzmq.PUSH) for _ in range(2)]
    for number, push in enumerate(pushes):
        push.connect(collector.endpoint)
        for _ in range(1000):
            push.send_json({"consumer": number, "data": "é"})
    for push in pushes:
        push.close()
    assert collector.tally("consumer", timeout=PATIENCE) == {0: 1000, 1: 1000}


# The producer


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


# The worker


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


def test_a_failure_that_nobody_asks_for_is_warned_of(producer: Any, ctx: Any) -> None:
    def run() -> None:
        worker = pipeline.Worker(producer.endpoint, context=ctx).start(lambda job: 1 / 0)
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


# The collector


def test_results_one_by_one(collector: Any, make_socket: Any) -> None:
    with pytest.raises(zmq.Again, match=r"no result came to .* within 0\.01 s; 0 workers connected"):
        collector.recv(timeout=0.01)
    push(make_socket, collector, b"1", b'{"a": "\\ud800"}')
    assert collector.recv(timeout=PATIENCE) == 1
    assert collector.recv() == {"a": "\ud800"}
    with pytest.raises(pipeline.EndOfStream, match="2 were received"):
        collector.recv(timeout=PATIENCE)
    # Another stream may come.
    push(make_socket, collector, b"2")
    assert list(collector) == [2]


def test_iteration_goes_on_behind_what_is_wrong(collector: Any, make_socket: Any) -> None:
    push(make_socket, collector, b"1", b"nonsense", b"3")
    results: list[Any] = []
    with pytest.raises(pipeline.MessageError, match="message 2 is not JSON"):
        results.extend(collector)
    results.extend(collector)
    assert results == [1, 3]


def test_collect(collector: Any, make_socket: Any) -> None:
    push(make_socket, collector, *(b"%d" % number for number in range(500)))
    assert collector.collect(0) == []
    assert collector.collect(100, PATIENCE) == list(range(100))
    assert collector.collect(timeout=PATIENCE) == list(range(100, 500))
    push(make_socket, collector, b"1", b"2")
    with pytest.raises(zmq.Again, match="2 of 3 results came") as failed:
        collector.collect(3, 0.05)
    assert failed.value.results == [1, 2]
    with pytest.raises(ValueError, match="not -1"):
        collector.collect(-1)


def test_a_number_of_results_outlasts_those_who_leave(collector: Any, make_socket: Any, in_thread: Any) -> None:
    quick = pipeline.Collector(ANYWHERE, context=collector.socket.context, grace=0)
    with quick:
        push(make_socket, quick, b'{"n": 1}')
        counting = in_thread(quick.tally, "n", 2, PATIENCE)
        assert wait_until(lambda: quick.stats.received == 1 and quick.stats.workers == 0)
        push(make_socket, quick, b'{"n": 2}')
        assert counting.result() == {1: 1, 2: 1}


def test_tally_of_every_kind_of_key(collector: Any, make_socket: Any) -> None:
    values = ["a", 1, True, 1.0, 0, None, False, 0.5, -0.0, 2**64, 2.0**64, 10**40, 1e40, 10**40, "1", "é", "\ud800"]
    values += [math.nan, math.inf, math.nan, -(2**63), 2**63]
    push(make_socket, collector, *(json.dumps({"key": value}).encode() for value in values))
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


def test_a_tally_whose_time_is_over(collector: Any, make_socket: Any) -> None:
    push(make_socket, collector, b'{"key": 1}')
    with pytest.raises(zmq.Again, match=r"1 of 2 results came to .* within 0\.1 s; 0 workers connected") as failed:
        collector.tally("key", 2, timeout=0.1)
    assert failed.value.counts == {1: 1}
    with pytest.raises(zmq.Again, match="0 results came"):
        collector.tally("key", timeout=0.01)


def test_closing_a_collector_wakes_who_waits(collector: Any, in_thread: Any) -> None:
    waiting = [in_thread(collector.recv), in_thread(collector.tally, "key"), in_thread(list, collector)]
    collector.close()
    for one in waiting:
        assert isinstance(one.exception(), zmq.SocketClosed)


# What they have in common


def test_life(ctx: Any) -> None:
    for role in (pipeline.Producer, pipeline.Collector):
        with role(ANYWHERE, context=ctx) as one:
            assert one.endpoint.startswith("tcp://127.0.0.1:")
            assert one.endpoint in repr(one)
            assert "0 workers connected" in repr(one)
            place = one.endpoint
        one.close()
        assert one.closed
        assert "closed" in repr(one)
        role(place, context=ctx).close()
        with pytest.raises(zmq.ZMQError):
            role("tcp://nonsense", context=ctx)
    with pytest.raises(zmq.ZMQError):
        pipeline.Worker("tcp://127.0.0.1:9", "nonsense", context=ctx)
    with pytest.raises(ValueError, match="endpoint of a producer"):
        pipeline.Worker([], context=ctx)
    with pipeline.Worker("tcp://127.0.0.1:9", "tcp://127.0.0.1:10", context=ctx) as worker:
        assert "tcp://127.0.0.1:9 -> tcp://127.0.0.1:10: 0 jobs received" in repr(worker)
        assert "not started" in repr(worker)
    assert worker.closed


def test_the_context_has_the_first_word(ctx: Any) -> None:
    ctx.sndhwm = 7
    with pipeline.Producer(ANYWHERE, context=ctx) as one:
        assert one.socket.sndhwm == 7
    del ctx.sndhwm
    with pipeline.Producer(ANYWHERE, context=ctx) as one:
        assert one.socket.sndhwm == 100


@pytest.mark.parametrize(
    "blocked",
    [
        "pipeline.Producer('tcp://127.0.0.1:*', context=ctx).wait_for_workers()",
        "pipeline.Producer('tcp://127.0.0.1:*', context=ctx).send(1)",
        "pipeline.Producer('tcp://127.0.0.1:*', context=ctx).send_all([1])",
        "pipeline.Worker('tcp://127.0.0.1:9', context=ctx).run(str)",
        "pipeline.Worker('tcp://127.0.0.1:9', 'tcp://127.0.0.1:10', context=ctx).run(str)",
        "pipeline.Worker('tcp://127.0.0.1:9', context=ctx).start(str).join()",
        "pipeline.Collector('tcp://127.0.0.1:*', context=ctx).recv()",
        "pipeline.Collector('tcp://127.0.0.1:*', context=ctx).collect()",
        "pipeline.Collector('tcp://127.0.0.1:*', context=ctx).tally('key')",
        "list(pipeline.Collector('tcp://127.0.0.1:*', context=ctx))",
    ],
)
def test_every_wait_can_be_interrupted(ctx: Any, blocked: str) -> None:
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    names = {"pipeline": pipeline, "ctx": ctx}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(KeyboardInterrupt):
            eval(blocked, names)
        ctx.destroy(linger=0)
    timer.join()


def test_a_worker_goes_on_after_an_interrupt(producer: Any, collector: Any, make: Any, in_thread: Any) -> None:
    worker = make(pipeline.Worker, producer.endpoint, collector.endpoint)

    def interrupt_at_ten(job: Any) -> Any:
        if job == 10:
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(PATIENCE)
        return job

    sending = in_thread(producer.send_all, range(20))
    with pytest.raises(KeyboardInterrupt) as failed:
        worker.run(interrupt_at_ten)
    if sys.version_info >= (3, 11):
        assert failed.value.__notes__ == ["this was job number 11 of this worker, 10"]
    assert worker.run(interrupt_at_ten) == (20, 19, 1, False)
    assert sending.result() == 20
    assert collector.collect(timeout=PATIENCE) == [*range(10), *range(11, 20)]


def test_a_process_that_ends_with_a_worker_at_work(run_python: Any) -> None:
    done = run_python(
        """
from brokerless import pipeline
producer = pipeline.Producer("tcp://127.0.0.1:*")
worker = pipeline.Worker(producer.endpoint).start(str)
producer.wait_for_workers(timeout=20)
producer.close()
print("end")
"""
    )
    assert done.stdout == "end\n"
    assert done.stderr == ""


def test_a_producers_process_may_end_after_send_all(make: Any, ctx: Any, run_python: Any, free_port: int) -> None:
    worker = make(pipeline.Worker, f"tcp://127.0.0.1:{free_port}").start(same)
    run_python(
        f"""
from brokerless import pipeline
sent = pipeline.Producer("tcp://127.0.0.1:{free_port}").send_all(range(20_000), timeout=20)
assert sent == 20_000
"""
    )
    assert worker.join(PATIENCE).received == 20_000


def test_whatever_is_public_says_what_it_does() -> None:
    assert pipeline.__doc__
    for name in pipeline.__all__:
        public = getattr(pipeline, name)
        assert public.__doc__, name
        for attribute, value in vars(public).items():
            if not attribute.startswith("_") and (callable(value) or isinstance(value, property)):
                assert value.__doc__, f"{name}.{attribute}"


# Against collections.Counter

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
def test_a_tally_is_a_counter(collector: Any, make_socket: Any, rows: Any) -> None:
    results = [({**rest, "key": value} if last else {"key": value, **rest}, ascii) for value, rest, last, ascii in rows]
    messages = [as_json(result, ascii_only) for result, ascii_only in results if not isinstance(result["key"], list)]
    push(make_socket, collector, *messages)
    expected = collections.Counter(json.loads(message)["key"] for message in messages)
    tally = collector.tally("key", len(messages), timeout=PATIENCE)
    assert list(map(repr, tally.items())) == list(map(repr, expected.items()))
