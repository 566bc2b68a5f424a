"""The roles together, and each against the same role played by pyzmq with plain sockets."""

from __future__ import annotations

import json
import threading
from typing import Any, Iterator

import pytest

import brokerless as zmq
from brokerless import pipeline
from tests.conftest import PATIENCE, wait_until
from tests.pipeline.conftest import ANYWHERE


def same(job: Any) -> Any:
    return job


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


def test_the_end_of_a_stream_may_be_said(make: Any, collector: Any, make_socket: Any, in_thread: Any) -> None:
    producer = make(pipeline.Producer, ANYWHERE, end_message=True)
    # Without the message it would not end for an hour.
    worker = make(pipeline.Worker, producer.endpoint, collector.endpoint, grace=3600).start(same)
    plain = make_socket(zmq.PULL, connect=producer.endpoint)

    def by_hand() -> int:
        jobs = 0
        while plain.recv_json(timeout=PATIENCE) != {"brokerless": "end"}:
            jobs += 1
        plain.close()
        return jobs

    working = in_thread(by_hand)
    assert producer.send_all(range(1000), workers=2, timeout=PATIENCE) == 1000
    assert producer.stats.sent == 1000 and producer.stats.bytes == sum(len(str(job)) for job in range(1000))
    received = worker.join(PATIENCE).received
    assert received + working.result(PATIENCE) == 1000
    # What the worker passes on is no result.
    assert len(list(collector)) == received == collector.stats.received


def test_a_plain_collector_hears_of_the_end(make: Any, make_socket: Any) -> None:
    producer = make(pipeline.Producer, ANYWHERE, end_message=True)
    pull = make_socket(zmq.PULL, bind=ANYWHERE)
    worker = make(pipeline.Worker, producer.endpoint, pull.endpoints[0]).start(same)
    producer.send_all([1, 2], timeout=PATIENCE)
    worker.join(PATIENCE)
    assert [pull.recv(timeout=PATIENCE) for _ in range(3)] == [b"1", b"2", b'{"brokerless":"end"}']


def test_one_of_several_producers_speaks_for_itself(make: Any, producer: Any) -> None:
    talking = make(pipeline.Producer, ANYWHERE, end_message=True)
    worker = make(pipeline.Worker, [talking.endpoint, producer.endpoint]).start(same)
    assert talking.send_all(range(5), timeout=PATIENCE) == 5
    assert producer.send_all(range(7), timeout=PATIENCE) == 7
    assert worker.join(PATIENCE).received == 12


def test_a_close_says_the_end_without_waiting(make: Any, make_socket: Any) -> None:
    with make(pipeline.Producer, ANYWHERE, end_message=True) as producer:
        pull = make_socket(zmq.PULL, connect=producer.endpoint)
        producer.wait_for_workers(timeout=PATIENCE)
        producer.send("job")
    assert pull.recv_json(timeout=PATIENCE) == "job"
    assert pull.recv_json(timeout=PATIENCE) == {"brokerless": "end"}
    # Nobody is there to be told.
    make(pipeline.Producer, ANYWHERE, end_message=True).close()


def test_only_a_plain_producer_says_the_end_so(make: Any) -> None:
    with pytest.raises(TypeError, match="end_message"):
        make(pipeline.Producer, ANYWHERE, reliable=True, end_message=True)
