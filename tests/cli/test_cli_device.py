"""brokerless device: it moves messages, counts them before one's eyes, and ends as it is told."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time

import pytest

import brokerless as zmq
from tests.conftest import PATIENCE

BOTH = pytest.mark.parametrize("transport", ["tcp", "ipc"])


@pytest.fixture
def device(start, endpoint):
    """device("queue", "tcp"): a running one, where its two sides are, and its first line."""

    def make(kind, transport="tcp", *options):
        running = start("device", kind, endpoint(transport), endpoint(transport), *options)
        line = running.line()
        front, back = re.findall(r"(?:tcp|ipc)://[^\s,;]+", line)[:2]
        return running, front, back, line

    return make


@BOTH
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_queue(device, make_socket, transport, ending):
    running, front, back, line = device("queue", transport)
    assert line.startswith("Queue: clients (REQ) at ")
    assert line.endswith("; Ctrl-C ends it")
    rep, req = make_socket(zmq.REP, connect=back), make_socket(zmq.REQ, connect=front)
    for _ in range(3):
        req.send(b"Hello")
        assert rep.recv(timeout=20) == b"Hello"
        rep.send(b"World!")
        assert req.recv(timeout=20) == b"World!"
    running.process.send_signal(ending)
    status, out, err = running.ends()
    assert (status, err) == (0, "")
    # The bytes are those of all frames: the sender's id and the delimiter have gone through, too.
    assert re.fullmatch(r"Ended: 3 requests \(\d+ B\) and 3 replies \(\d+ B\) in \d+\.\d s\n", out)


def test_a_forwarder_with_a_capture(start, make_socket):
    local = "tcp://127.0.0.1:*"
    running = start("device", "forwarder", local, local, "--capture", local)
    line = running.line()
    front, back, copies = re.findall(r"tcp://[^\s,;]+", line)
    assert f", copies at {copies};" in line
    pub, sub = make_socket(zmq.PUB, connect=front), make_socket(zmq.SUB, connect=back, subscribe=b"10001")
    copy = make_socket(zmq.SUB, connect=copies, subscribe=b"10001")
    copy.wait_for_peers(1, timeout=20)
    pub.wait_for_subscribers(1, "10001", timeout=20)
    pub.send_many([b"10001 72", b"10002 73"])
    assert sub.recv(timeout=20) == b"10001 72"
    running.process.terminate()
    status, out, err = running.ends()
    assert (status, err) == (0, "")
    assert re.fullmatch(r"Ended: 1 messages \(8 B\) and 1 subscriptions \(6 B\) in \d+\.\d s\n", out)


def test_a_streamer_tells_its_counts_on_the_way(device, make_socket):
    running, front, back, line = device("streamer", "tcp", "--every", "0.05")
    assert line.startswith("Streamer: producers (PUSH) at ")
    push, pull = make_socket(zmq.PUSH, connect=front), make_socket(zmq.PULL, connect=back)
    push.send_many([b"12345"] * 1000, timeout=20)
    assert len(pull.recv_many(1000, min=1000, timeout=20)) == 1000
    deadline = time.monotonic() + PATIENCE
    while not re.fullmatch(r"1,000 jobs \(5\.0 kB\), [\d,]+/s", line):
        line = running.line()
        assert time.monotonic() < deadline
    assert re.fullmatch(r"1,000 jobs \(5\.0 kB\), 0/s", running.line())
    running.process.send_signal(signal.SIGINT)
    status, out, err = running.ends()
    assert (status, err) == (0, "")
    assert re.search(r"^Ended: 1,000 jobs \(5\.0 kB\) in \d+\.\d s\n$", out, re.MULTILINE)


def test_it_connects_where_that_is_asked_for(start, make_socket):
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    running = start("device", "streamer", "@tcp://127.0.0.1:*", f">{pull.last_endpoint.decode()}")
    front = re.findall(r"tcp://[^\s,;]+", running.line())[0]
    make_socket(zmq.PUSH, connect=front).send(b"job")
    assert pull.recv(timeout=20) == b"job"


def test_on_a_terminal_one_line_is_written_over(start, endpoint):
    screen, terminal = pty.openpty()
    try:
        running = start("device", "queue", endpoint("tcp"), endpoint("tcp"), "--every", "0.02", stdout=terminal)
        os.close(terminal)
        terminal = None
        seen = read_until(screen, b"\r\x1b[K0 requests (0 B), 0/s; 0 replies (0 B), 0/s" * 2)
        assert seen.count(b"\n") == 1
        running.process.send_signal(signal.SIGINT)
        assert b"\r\x1b[KEnded: 0 requests (0 B) and 0 replies (0 B) in " in read_until(screen, b" s\r\n")
        assert running.process.wait(20) == 0
        assert running.process.stderr.read() == b""
    finally:
        os.close(screen)
        if terminal is not None:
            os.close(terminal)


def read_until(file, end):
    got, deadline = b"", time.monotonic() + PATIENCE
    while end not in got:
        assert select.select([file], [], [], max(0.0, deadline - time.monotonic()))[0], got
        got += os.read(file, 4096)
    return got


def test_what_cannot_be_delivered_does_not_keep_it(device, make_socket):
    running, front, back, _ = device("streamer")
    # A worker that takes one job and no more: what was passed on to it stays with it, or in the device.
    pull = make_socket(zmq.PULL, connect=back, rcvhwm=1)
    push = make_socket(zmq.PUSH, connect=front)
    push.send_many([bytes(1_000_000)] * 20, timeout=20)
    assert pull.recv(timeout=20)
    running.process.terminate()
    status, out, _ = running.ends()
    assert status == 0
    assert out.startswith("Ended: ")


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (["queue", "tcp://127.0.0.1:99999", "tcp://127.0.0.1:*"], 2, "port 99999 is out of range"),
        (["queue", "tcp://127.0.0.1:*", "127.0.0.1:5555"], 2, "an endpoint is transport://address"),
        (["queue", "tcp://127.0.0.1:*", "ipc:///nowhere/at/all"], 1, "No such file or directory"),
        (["queue", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "--every", "0"], 2, "'0' is no number of seconds"),
        (["queue", "ipc://same", "@ipc://same"], 2, "FRONT and BACK are both ipc://same"),
    ],
)
def test_what_cannot_be_is_one_line(command, arguments, status, problem):
    done = command("device", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
