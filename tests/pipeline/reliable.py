"""What the tests of reliable pipelines share: functions that go to other processes, and a worker written from the document."""

from __future__ import annotations

import os
import struct
import time
from typing import Any, Dict, List, Tuple

BEAT, LIMIT = 0.1, 0.6
#: Short enough for a test of what happens when somebody falls silent.
QUICK: Dict[str, Any] = {"heartbeat": BEAT, "heartbeat_timeout": LIMIT}


def double(job: Any) -> Any:
    return job * 2


def slow_double(job: Any) -> Any:
    time.sleep(0.002)
    return job * 2


def fail_at_three(job: Any) -> Any:
    if job == 3:
        raise ValueError("three is too many")
    return job


def die_at_three(job: Any) -> Any:
    if job == 3:
        os._exit(1)
    return job


def hang_at_three(job: Any) -> Any:
    if job == 3:
        time.sleep(3600)
    return job


def size_of(job: Any) -> Any:
    return len(job)


class HandMadeWorker:
    """A worker of plain pyzmq sockets, written from docs/pipeline-protocol.md. What comes is kept until somebody looks."""

    def __init__(self, zmq: Any, context: Any, jobs: str, results: str, name: bytes = b"by hand") -> None:
        self.zmq, self.name = zmq, name
        self.jobs, self.results = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
        for socket, endpoint in ((self.jobs, jobs), (self.results, results)):
            socket.linger = 0
            socket.rcvtimeo = 20_000
            socket.connect(endpoint)
        self.run = bytes(16)

    def hello(self, held: Tuple[int, ...] = ()) -> Tuple[Dict[str, Any], Dict[str, Any]]:
        """Says HELLO to the collector, then to the producer; what each WELCOME says."""
        none = struct.pack(">I", 0)
        self.results.send(b"BP\x01\x01\x02" + bytes(16) + bytes([len(self.name)]) + self.name + none)
        collector = self.welcome(self.results)
        numbers = struct.pack(f">I{len(held)}Q", len(held), *held)
        self.jobs.send(b"BP\x01\x01\x01" + self.run + bytes([len(self.name)]) + self.name + numbers)
        producer = self.welcome(self.jobs)
        self.run = producer["run"]
        return producer, collector

    def welcome(self, socket: Any) -> Dict[str, Any]:
        frame = self.next(socket, 2)[0]
        role, run, beat, limit, job, length = struct.unpack_from(">B16sIIIB", frame, 4)
        codec = frame[34 : 34 + length].decode()
        (count,) = struct.unpack_from(">I", frame, 34 + length)
        kept = struct.unpack_from(f">{count}Q", frame, 38 + length)
        return {"role": role, "run": run, "beat": beat, "limit": limit, "job": job, "codec": codec, "kept": kept}

    def next(self, socket: Any, kind: int) -> List[bytes]:
        """The next message of this kind; the others are passed over."""
        while True:
            frames: List[bytes] = socket.recv_multipart()
            assert frames[0][:3] == b"BP\x01"
            if frames[0][3] == kind:
                return frames

    def want(self, jobs: int) -> None:
        self.jobs.send(b"BP\x01\x07" + struct.pack(">I", jobs))

    def take(self) -> List[Tuple[int, int, int, int, List[bytes]]]:
        """The jobs of the next message: number, what to pass on, attempt, tries left, frames."""
        head, *frames = self.next(self.jobs, 8)
        run, count = struct.unpack_from(">16sI", head, 4)
        assert run == self.run
        jobs = []
        for index in range(count):
            number, passed, attempt, left, size = struct.unpack_from(">QBHHH", head, 24 + 15 * index)
            jobs.append((number, passed, attempt, left, frames[:size]))
            frames = frames[size:]
        assert not frames
        return jobs

    def give(self, *results: Tuple[int, int, List[bytes]]) -> None:
        """Sends results: number, status, frames."""
        heads = b"".join(struct.pack(">QBHH", number, status, 1, len(frames)) for number, status, frames in results)
        payload = [frame for _, _, frames in results for frame in frames]
        head = b"BP\x01\x0b" + self.run + struct.pack(">I", len(results)) + heads
        self.results.send_multipart([head, *payload])

    def acknowledged(self) -> Tuple[int, ...]:
        return self.numbers(self.next(self.results, 12)[0])

    def numbers(self, frame: bytes) -> Tuple[int, ...]:
        run, count = struct.unpack_from(">16sI", frame, 4)
        assert run == self.run
        return struct.unpack_from(f">{count}Q", frame, 24)

    def done(self, *numbers: int) -> None:
        self.jobs.send(b"BP\x01\x09" + self.run + struct.pack(f">I{len(numbers)}Q", len(numbers), *numbers))

    def work(self, jobs: int) -> int:
        """Does every job until BYE, with the job itself as its result; how many."""
        did = 0
        self.hello()
        self.want(jobs)
        while True:
            frames: List[bytes] = self.jobs.recv_multipart()
            if frames[0][3] == 6:
                return did
            if frames[0][3] != 8:
                continue
            head, *rest = frames
            (count,) = struct.unpack_from(">I", head, 20)
            results = []
            for index in range(count):
                number, passed, _, _, size = struct.unpack_from(">QBHHH", head, 24 + 15 * index)
                results.append((number, passed or 1, rest[:size]))
                did += passed == 0
                rest = rest[size:]
            self.give(*results)
            waiting = {number for number, _, _ in results}
            while waiting:
                waiting -= set(self.acknowledged())
            self.done(*(number for number, _, _ in results))
            self.want(count)

    def close(self) -> None:
        self.jobs.close()
        self.results.close()
