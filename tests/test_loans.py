"""Python's memory on loan to libzmq, under stress: held until libzmq is done, given back by a thread that may take the GIL."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

import brokerless as zmq
from brokerless import _core
from tests.conftest import wait_until

SIZE = 300_000


def patterned(number: int) -> bytearray:
    return bytearray([number % 251]) * SIZE


def test_every_byte_arrives_although_nobody_holds_the_buffers(pair: Any, in_thread: Any) -> None:
    """Freed memory would soon have something else in it."""
    push, pull = pair(zmq.PUSH, zmq.PULL, "tcp", rcvtimeo=20_000, sndtimeo=20_000)
    before = set(_core.loans())
    each, count = 60, 4

    def send(first: int) -> None:
        for number in range(first, first + each):
            push.send(patterned(number), copy=False)
            if number % 8 == 0:
                gc.collect()

    senders = [in_thread(send, number * each) for number in range(count)]
    seen = []
    for _ in range(each * count):
        data = pull.recv()
        assert data == bytes([data[0]]) * SIZE
        seen.append(data[0])
    assert sorted(seen) == sorted(number % 251 for number in range(each * count))
    for sender in senders:
        sender.result()
    assert wait_until(lambda: set(_core.loans()) <= before)


@pytest.mark.parametrize("end", ["close", "shutdown"])
def test_an_end_in_the_middle_gives_everything_back(loose_ctx: Any, in_thread: Any, end: str) -> None:
    before = set(_core.loans())
    push, pull = loose_ctx.socket(zmq.PUSH), loose_ctx.socket(zmq.PULL)
    push.linger = 0
    push.bind("tcp://127.0.0.1:*")
    pull.connect(push.last_endpoint)
    gone = threading.Event()

    def send() -> None:
        try:
            while True:
                push.send(bytearray(SIZE), copy=False, timeout=20)
        except zmq.ZMQError:
            gone.set()

    senders = [in_thread(send) for _ in range(3)]
    for _ in range(50):
        pull.recv(timeout=20)
    if end == "close":
        push.close(0)
    else:
        loose_ctx.destroy(0)
    for sender in senders:
        sender.result()
    pull.close(0)
    assert gone.is_set()
    assert wait_until(lambda: set(_core.loans()) <= before)


@pytest.mark.parametrize(
    "end", ["", "sock.close(0)", "ctx.destroy(0)", "os._exit(0)", "raise SystemExit", "gc.collect()"]
)
@pytest.mark.parametrize("peer", [True, False])
def test_a_process_ends_while_libzmq_has_its_memory(run_python: Any, end: str, peer: bool) -> None:
    done = run_python(
        f"""
import gc, os, threading, warnings
import brokerless as zmq

warnings.simplefilter("ignore")
ctx = zmq.Context()
sock = ctx.socket(zmq.PUSH)
sock.sndhwm = 0
sock.bind("tcp://127.0.0.1:*")
if {peer}:
    pull = ctx.socket(zmq.PULL)
    pull.connect(sock.last_endpoint)
else:
    sock.connect("tcp://127.0.0.1:1")

def work(count):
    try:
        for _ in range(count):
            sock.send(bytearray({SIZE}), copy=False, track=True)
    except zmq.ZMQError:
        pass

for _ in range(2):
    threading.Thread(target=work, args=(300,), daemon=True).start()
work(50)
{end}
"""
    )
    assert done.stderr == ""


def test_a_forked_child_leaves_its_parents_loans_alone(run_python: Any) -> None:
    done = run_python(
        f"""
import gc, os, warnings
import brokerless as zmq

warnings.simplefilter("ignore")
with zmq.Context() as ctx, ctx.socket(zmq.PUSH) as push, ctx.socket(zmq.PULL) as pull:
    push.bind("tcp://127.0.0.1:*")
    trackers = []
    pull.connect(push.last_endpoint)
    for _ in range(20):
        trackers.append(push.send(bytearray(b"x") * {SIZE}, copy=False, track=True))
    child = os.fork()
    if child == 0:
        gc.collect()
        with zmq.Context() as own, own.socket(zmq.PAIR) as a, own.socket(zmq.PAIR) as b:
            a.bind("inproc://own")
            b.connect("inproc://own")
            tracker = a.send(bytearray({SIZE}), copy=False, track=True)
            b.recv(timeout=10)
            tracker.wait(10)
        os._exit(7)
    assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 7
    for _ in range(20):
        assert pull.recv(timeout=10) == b"x" * {SIZE}
    for tracker in trackers:
        tracker.wait(10)
print("done")
"""
    )
    assert done.stdout == "done\n"
