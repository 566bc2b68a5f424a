"""What a reliable pipeline is for: workers that are killed, stopped or cut off, jobs that kill, and strangers at the ports."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket as sockets
import subprocess
import sys
import threading
from typing import Any, Iterator

import pytest

import brokerless as zmq
from brokerless import pipeline
from tests.conftest import PATIENCE, wait_until
from tests.pipeline.conftest import ANYWHERE
from tests.pipeline.reliable import QUICK, HandMadeWorker, die_at_three, double, hang_at_three, slow_double

JOBS = int(os.environ.get("PIPELINE_KILL_JOBS", "3000"))
ROUNDS = int(os.environ.get("PIPELINE_KILL_ROUNDS", "3"))


@pytest.mark.timeout(60 + 30 * ROUNDS)
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_kill_9(ctx: Any, seed: int) -> None:
    """Of four workers, some are killed at moments that nobody has chosen: nothing is lost, and nothing comes twice."""
    dice = random.Random(seed)
    moments = {dice.randrange(JOBS) for _ in range(dice.randint(1, 4))}
    results, killed = [], 0
    with pipeline.Pipeline(double, workers=4, context=ctx) as whole:
        whole.wait_for_workers(4, timeout=PATIENCE)
        for number, result in enumerate(whole.map(range(JOBS), ordered=seed % 2 == 0, timeout=PATIENCE)):
            results.append(result)
            if number in moments:
                os.kill(dice.choice(whole.pids), signal.SIGKILL)
                killed += 1
        stats = whole.stats
    if seed % 2:
        results.sort()
    assert results == [2 * number for number in range(JOBS)]
    assert stats.done == JOBS
    assert killed == len(moments)


def test_a_worker_that_is_stopped_is_replaced(ctx: Any) -> None:
    with pipeline.Pipeline(slow_double, workers=2, context=ctx, **QUICK) as whole:
        whole.wait_for_workers(2, timeout=PATIENCE)
        frozen = None
        results = []
        for number, result in enumerate(whole.map(range(1000), timeout=PATIENCE)):
            results.append(result)
            if number == 100:
                frozen = whole.pids[0]
                os.kill(frozen, signal.SIGSTOP)
        assert results == [2 * number for number in range(1000)]
        assert whole.stats.lost >= 1
        assert wait_until(lambda: frozen not in whole.pids)


def test_a_worker_that_comes_back_is_welcome(make: Any, in_thread: Any) -> None:
    """Stopped and continued, as a laptop that was closed: what it has by then is done by others, and it works on."""
    collector = make(pipeline.Collector, ANYWHERE, reliable=True, ordered=True, **QUICK)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True, **QUICK)
    program = (
        "import sys, time\nfrom brokerless import pipeline\n"
        "def work(job):\n    time.sleep(0.002)\n    return job\n"
        "pipeline.Worker(sys.argv[1], sys.argv[2], reliable=True, name=sys.argv[3]).run(work)\n"
    )
    ran = [
        subprocess.Popen([sys.executable, "-c", program, producer.endpoint, collector.endpoint, name])
        for name in ("one", "two")
    ]
    try:
        sent = in_thread(producer.send_all, range(2000), workers=2, timeout=PATIENCE)
        results = collector.collect(100, timeout=PATIENCE)
        os.kill(ran[0].pid, signal.SIGSTOP)
        assert wait_until(lambda: producer.stats.lost == 1)
        os.kill(ran[0].pid, signal.SIGCONT)
        assert wait_until(lambda: producer.stats.workers == 2)
        results += collector.collect(timeout=PATIENCE)
        assert results == list(range(2000))
        sent.result()
        assert [process.wait(PATIENCE) for process in ran] == [0, 0]
    finally:
        for process in ran:
            process.kill()
            process.wait()


def test_a_job_that_kills_is_given_up(ctx: Any) -> None:
    with pipeline.Pipeline(die_at_three, workers=2, context=ctx, max_deliveries=2) as whole:
        results = list(whole.map(range(10), errors="return", timeout=PATIENCE))
        error = results.pop(3)
        assert results == [0, 1, 2, 4, 5, 6, 7, 8, 9]
        assert isinstance(error, pipeline.JobError)
        assert (error.number, error.job, error.type) == (3, 3, "WorkerLost")
        assert "was given to 2 workers" in str(error)
        assert whole.stats.lost >= 2


def test_a_job_that_hangs_is_given_up(ctx: Any) -> None:
    with pipeline.Pipeline(hang_at_three, workers=2, context=ctx, max_deliveries=1, job_timeout=0.3, **QUICK) as whole:
        results = list(whole.map(range(6), errors="return", timeout=PATIENCE))
        assert isinstance(results.pop(3), pipeline.JobError)
        assert results == [0, 1, 2, 4, 5]


def test_strangers_at_both_ports(make: Any, pyzmq: Any, pyzmq_ctx: Any, in_thread: Any) -> None:
    """Counted and refused, while the work goes on."""
    collector = make(pipeline.Collector, ANYWHERE, reliable=True, ordered=True)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True)
    make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True).start(slow_double)
    sent = in_thread(producer.send_all, range(500), timeout=PATIENCE)
    dice = random.Random(1)

    def noise(size: int) -> bytes:
        return bytes(dice.randrange(256) for _ in range(size))

    for role in (producer, collector):
        stranger = pyzmq_ctx.socket(pyzmq.DEALER)
        stranger.linger = 1000
        stranger.connect(role.endpoint)
        frames = [b"", b"x", b"BP", b"BP\x01", b"BP\x01\xfe", b"BP\x01\x09" + bytes(20), b'{"num": 1}', bytes(100_000)]
        for kind in range(1, 14):
            frames.append(b"BP\x01" + bytes([kind]) + noise(dice.randrange(60)))
        for frame in frames:
            stranger.send(frame)
            stranger.send_multipart([frame, b"", frame])
        stranger.close()
        with sockets.create_connection(("127.0.0.1", int(role.endpoint.rpartition(":")[2]))) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n" + noise(500))
    assert collector.collect(timeout=PATIENCE) == [2 * number for number in range(500)]
    sent.result()
    assert producer.stats.refused > 10
    assert collector.stats.refused > 10


def test_a_collector_that_is_closed_has_a_successor(make: Any, free_port: int, in_thread: Any) -> None:
    endpoint = f"tcp://127.0.0.1:{free_port}"
    first = make(pipeline.Collector, endpoint, reliable=True, **QUICK)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True, **QUICK)
    make(pipeline.Worker, producer.endpoint, endpoint, reliable=True).start(slow_double)
    sent = in_thread(producer.send_all, range(1000), timeout=PATIENCE)
    seen = set(first.collect(100, timeout=PATIENCE))
    first.close()
    second = make(pipeline.Collector, endpoint, reliable=True, **QUICK)
    # What the first had acknowledged and not handed over has gone with it; of all others nothing is missing.
    while not sent.done() or second._stream.counts["waiting"]:
        try:
            seen.add(second.recv(timeout=0.2))
        except (zmq.Again, pipeline.EndOfStream):
            continue
    assert max(seen) == 1998
    assert sent.result() == 1000


def test_a_producer_that_dies_has_a_successor(make: Any, free_port: int) -> None:
    endpoint = f"tcp://127.0.0.1:{free_port}"
    collector = make(pipeline.Collector, ANYWHERE, reliable=True, **QUICK)
    program = (
        "import sys, time\nfrom brokerless import pipeline\n"
        "producer = pipeline.Producer(sys.argv[1], reliable=True, heartbeat=0.1, heartbeat_timeout=0.6)\n"
        "for number in range(10**9):\n    producer.send(number)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, endpoint])
    try:
        make(pipeline.Worker, endpoint, collector.endpoint, reliable=True).start(double)
        collector.collect(200, timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    producer = make(pipeline.Producer, endpoint, reliable=True, **QUICK)
    assert producer.send_all([-1, -2], timeout=PATIENCE) == 2
    negative = []
    while len(negative) < 2:
        result = collector.recv(PATIENCE)
        negative += [result] if result < 0 else []
    assert sorted(negative) == [-4, -2]


@pytest.mark.parametrize(
    "blocked", ["producer.send_all(endless())", "collector.recv()", "list(collector)", "producer.wait()"]
)
def test_an_interrupt_loses_nothing(make: Any, blocked: str) -> None:
    collector = make(pipeline.Collector, ANYWHERE, reliable=True, ordered=True)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True, window=10)
    for number in range(3):
        producer.send(number)

    def endless() -> Iterator[int]:
        yield from range(3, 10**9)

    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    if "send_all" in blocked:
        # It waits for a worker that has room, after some jobs.
        make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True).start(
            lambda job: threading.Event().wait(0.01) or job
        )
    with pytest.raises(KeyboardInterrupt):
        eval(blocked, {"producer": producer, "collector": collector, "endless": endless})
    timer.join()
    make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True).start(lambda job: job)
    producer.wait(timeout=PATIENCE)
    assert collector.collect(timeout=PATIENCE) == list(range(producer.stats.sent))


def test_a_worker_in_the_foreground_gives_the_job_back_when_it_is_interrupted(make: Any, in_thread: Any) -> None:
    collector = make(pipeline.Collector, ANYWHERE, reliable=True, ordered=True)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True)
    worker = make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True)
    sent = in_thread(producer.send_all, range(10), timeout=PATIENCE)
    seen = []

    def interrupt_at_five(job: int) -> int:
        seen.append(job)
        if seen.count(5) == 1 and job == 5:
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(PATIENCE)
        return job

    with pytest.raises(KeyboardInterrupt):
        worker.run(interrupt_at_five)
    assert worker.run(interrupt_at_five).sent == 10
    assert collector.collect(timeout=PATIENCE) == list(range(10))
    assert seen.count(5) == 2
    sent.result()


class Cut:
    """A link that can be cut without anybody being told, as a cable is: two network namespaces, or a proxy that stops."""

    def __init__(self) -> None:
        self.namespaces = os.geteuid() == 0 and shutil.which("ip") is not None and self._make()

    def _make(self) -> bool:
        self.name = f"brokerless{os.getpid()}"
        steps = [
            f"ip netns add {self.name}",
            f"ip link add bl0 type veth peer name bl1 netns {self.name}",
            "ip addr add 10.213.7.1/30 dev bl0",
            "ip link set bl0 up",
            f"ip -n {self.name} addr add 10.213.7.2/30 dev bl1",
            f"ip -n {self.name} link set bl1 up",
            f"ip -n {self.name} link set lo up",
        ]
        for step in steps:
            if subprocess.run(step.split(), capture_output=True).returncode:
                subprocess.run(["ip", "netns", "del", self.name], capture_output=True)
                return False
        return True

    def link(self, state: str) -> None:
        subprocess.run(f"ip -n {self.name} link set bl1 {state}".split(), check=True)

    def end(self) -> None:
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)


def test_a_link_that_is_cut_and_healed(make: Any, in_thread: Any) -> None:
    cut = Cut()
    if not cut.namespaces:
        pytest.skip("network namespaces are not to be had here; a proxy that stops is tested beside this")
    try:
        collector = make(pipeline.Collector, "tcp://10.213.7.1:*", reliable=True, ordered=True, **QUICK)
        producer = make(pipeline.Producer, "tcp://10.213.7.1:*", reliable=True, **QUICK)
        make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True).start(slow_double)
        program = (
            "import sys, time\nfrom brokerless import pipeline\n"
            "def work(job):\n    time.sleep(0.002)\n    return job * 2\n"
            "pipeline.Worker(sys.argv[1], sys.argv[2], reliable=True, name='far').run(work)\n"
        )
        far = subprocess.Popen(
            ["ip", "netns", "exec", cut.name, sys.executable, "-c", program, producer.endpoint, collector.endpoint]
        )
        try:
            sent = in_thread(producer.send_all, range(4000), workers=2, timeout=PATIENCE)
            results = collector.collect(100, timeout=PATIENCE)
            cut.link("down")
            assert wait_until(lambda: producer.stats.lost == 1)
            before = next(worker.done for worker in producer.workers if worker.name == "far")
            results += collector.collect(200, timeout=PATIENCE)
            cut.link("up")
            assert wait_until(lambda: producer.stats.workers == 2)
            results += collector.collect(timeout=PATIENCE)
            assert results == [2 * number for number in range(4000)]
            sent.result()
            assert next(worker.done for worker in producer.workers if worker.name == "far") > before
            assert far.wait(PATIENCE) == 0
        finally:
            far.kill()
            far.wait()
    finally:
        cut.end()


def test_a_proxy_that_stops(make: Any, in_thread: Any) -> None:
    """A link on which nothing comes any more, and no end of it either; healed, it brings what was under way."""
    collector = make(pipeline.Collector, ANYWHERE, reliable=True, ordered=True, **QUICK)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True, **QUICK)
    make(pipeline.Worker, producer.endpoint, collector.endpoint, reliable=True).start(slow_double)
    with Proxy(producer.endpoint) as jobs, Proxy(collector.endpoint) as results:
        make(pipeline.Worker, jobs.endpoint, results.endpoint, reliable=True, name="far").start(slow_double)
        sent = in_thread(producer.send_all, range(4000), workers=2, timeout=PATIENCE)
        taken = collector.collect(100, timeout=PATIENCE)
        jobs.flows.clear()
        results.flows.clear()
        assert wait_until(lambda: producer.stats.lost == 1)
        jobs.flows.set()
        results.flows.set()
        assert wait_until(lambda: producer.stats.workers == 2)
        taken += collector.collect(timeout=PATIENCE)
        assert taken == [2 * number for number in range(4000)]
        sent.result()


class Proxy:
    """Passes bytes on in both directions while it `flows`."""

    def __init__(self, endpoint: str) -> None:
        self.to = int(endpoint.rpartition(":")[2])
        self.flows = threading.Event()
        self.flows.set()
        self.ended = False
        self.open: list[Any] = []
        self.listener = sockets.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.threads = [threading.Thread(target=self.accept, daemon=True)]

    def __enter__(self) -> Proxy:
        self.threads[0].start()
        return self

    def accept(self) -> None:
        while not self.ended:
            try:
                near, _ = self.listener.accept()
                far = sockets.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            self.open += [near, far]
            for source, sink in ((near, far), (far, near)):
                thread = threading.Thread(target=self.pump, args=(source, sink), daemon=True)
                self.threads.append(thread)
                thread.start()

    def pump(self, source: Any, sink: Any) -> None:
        try:
            while data := source.recv(65536):
                self.flows.wait()
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            one.close()

    def __exit__(self, *_: Any) -> None:
        self.ended = True
        self.flows.set()
        self.open.append(self.listener)
        for one in self.open:
            try:
                one.shutdown(sockets.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(PATIENCE)
        self.listener.close()


def test_a_worker_written_from_the_document(make: Any, pyzmq: Any, pyzmq_ctx: Any, in_thread: Any) -> None:
    collector = make(pipeline.Collector, ANYWHERE, reliable=True, ordered=True)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True)
    by_hand = HandMadeWorker(pyzmq, pyzmq_ctx, producer.endpoint, collector.endpoint)
    try:
        worked = in_thread(by_hand.work, 10)
        assert producer.send_all([{"n": number} for number in range(100)], timeout=PATIENCE) == 100
        assert collector.collect(timeout=PATIENCE) == [{"n": number} for number in range(100)]
        assert worked.result() == 100
        assert [(worker.name, worker.done) for worker in producer.workers] == [("by hand", 100)]
    finally:
        by_hand.close()


def test_the_document_s_details(make: Any, pyzmq: Any, pyzmq_ctx: Any) -> None:
    """What a WELCOME says, how a job is announced, and what comes of results that are sent twice."""
    collector = make(pipeline.Collector, ANYWHERE, reliable=True)
    producer = make(pipeline.Producer, ANYWHERE, reliable=True, retries=1, heartbeat=0.25, job_timeout=9)
    by_hand = HandMadeWorker(pyzmq, pyzmq_ctx, producer.endpoint, collector.endpoint)
    try:
        welcome, other = by_hand.hello()
        assert (welcome["role"], welcome["codec"], welcome["beat"], welcome["limit"]) == (1, "json", 250, 5000)
        assert (welcome["job"], welcome["kept"], other["role"]) == (9000, (), 2)
        producer.send({"a": 1})
        by_hand.want(1)
        assert by_hand.take() == [(0, 0, 1, 1, [b'{"a": 1}'])]
        # Try it again.
        by_hand.jobs.send(b"BP\x01\x0a" + by_hand.run + b"\0\0\0\x01" + bytes(8))
        by_hand.want(1)
        assert by_hand.take() == [(0, 0, 2, 0, [b'{"a": 1}'])]
        for _ in range(2):
            by_hand.give((0, 1, [b"7"]))
            assert by_hand.acknowledged() == (0,)
        assert collector.recv(PATIENCE) == 7
        assert collector.stats.duplicates == 1
        by_hand.done(0)
        by_hand.jobs.send(b"BP\x01\x05")
        assert by_hand.next(by_hand.jobs, 6) == [b"BP\x01\x06\x02"]
        by_hand.jobs.send(b"BP\x01\x04")
        assert by_hand.next(by_hand.jobs, 3) == [b"BP\x01\x03"]
        by_hand.jobs.send(b"BP\x02\x04")
        assert by_hand.next(by_hand.jobs, 6) == [b"BP\x01\x06\x03"]
        assert producer.stats.done == 1
    finally:
        by_hand.close()
