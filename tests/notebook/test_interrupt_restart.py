"""Restarting never hangs, whatever the kernel has open, and whatever waits in it."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("ipykernel")

from live_kernel import live_kernel

LOAD = """
import asyncio, threading
import brokerless as zmq
import brokerless.asyncio
from brokerless.jupyter import cells, interrupt, output
for part in (cells, output, interrupt):
    part.load(get_ipython())
ctx = zmq.Context.instance()
"""

#: Seconds beyond what an empty kernel takes: generous, what is measured is printed (`pytest -s`).
MORE = 2.0

LEFT = {
    "undelivered messages": """
push = ctx.socket(zmq.PUSH)
push.linger = -1
push.connect("tcp://127.0.0.1:9")
for _ in range(100):
    push.send(b"to nobody" * 1000)
""",
    "open sockets of several contexts": """
kept = [zmq.Context() for _ in range(5)]
sockets = [context.socket(kind) for context in kept for kind in (zmq.REP, zmq.PUB, zmq.DEALER)]
for socket in sockets:
    socket.bind("tcp://127.0.0.1:*")
""",
    "a device": """
device = zmq.Queue("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", context=zmq.Context())
device.start()
""",
    "threads that wait in recv": """
def wait():
    socket = zmq.Context.instance().socket(zmq.REP)
    socket.bind("tcp://127.0.0.1:*")
    socket.recv()
threads = [threading.Thread(target=wait, daemon=number % 2 == 0) for number in range(4)]
for thread in threads:
    thread.start()
""",
    "tasks that wait in recv": """
async def wait():
    socket = zmq.asyncio.Context.instance().socket(zmq.REP)
    socket.bind("tcp://127.0.0.1:*")
    await socket.recv()
tasks = [asyncio.create_task(wait()) for _ in range(3)]
await asyncio.sleep(0)
""",
    "a worker": """
from brokerless import pipeline
worker = pipeline.Worker("tcp://127.0.0.1:9", "tcp://127.0.0.1:10")
worker.start(lambda job: job)
""",
}
LEFT["all of it"] = "\n".join(LEFT.values())

#: What the cell is at when the kernel is to end.
AT_WORK = {
    "recv": "ctx.socket(zmq.REP).recv(timeout=30)",
    "awaiting": "await zmq.asyncio.Context.instance().socket(zmq.REP).recv(timeout=30)",
}


@pytest.fixture(scope="module")
def empty() -> float:
    """How long a kernel takes to end in which nothing was opened."""
    taken = []
    for _ in range(2):
        with live_kernel() as kernel:
            kernel.run("pass")
            taken.append(kernel.shut_down())
    return min(taken)


@pytest.mark.parametrize("what", LEFT)
def test_a_kernel_ends_with(empty: float, what: str) -> None:
    with live_kernel() as kernel:
        kernel.run(LOAD)
        kernel.run(LEFT[what])
        took = kernel.shut_down()
        print(f"{what}: {took:.2f} s, empty {empty:.2f} s")
        assert took < empty + MORE


@pytest.mark.parametrize("what", LEFT)
def test_a_kernel_is_restarted_with(empty: float, what: str) -> None:
    with live_kernel() as kernel:
        kernel.run(LOAD)
        kernel.run(LEFT[what])
        begun = time.monotonic()
        kernel.manager.restart_kernel()
        took = time.monotonic() - begun
        print(f"{what}: {took:.2f} s, empty {empty:.2f} s")
        assert took < empty + MORE


@pytest.mark.parametrize("what", AT_WORK)
def test_a_kernel_ends_while_a_cell_waits(empty: float, what: str) -> None:
    with live_kernel() as kernel:
        kernel.run(LOAD)
        ran = kernel.start("print('waiting', flush=True); " + AT_WORK[what])
        ran.until(lambda: "waiting" in ran.text)
        took = kernel.shut_down()
        print(f"{what}: {took:.2f} s, empty {empty:.2f} s")
        assert took < empty + MORE
