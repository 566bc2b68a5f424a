"""A call that waits for what only the loop of its own thread could do is told so in its cell."""

from __future__ import annotations

from typing import Iterator

import pytest

pytest.importorskip("ipykernel")

from live_kernel import LiveKernel, live_kernel

LOAD = """
import asyncio, sys, threading, time
import brokerless as zmq
import brokerless.asyncio
from brokerless.jupyter import deadlock, interrupt
interrupt.load(get_ipython())

ctx = zmq.Context.instance()
server_socket = zmq.asyncio.Context.instance().socket(zmq.REP)
number = server_socket.bind_to_random_port("tcp://127.0.0.1")

async def server():
    while True:
        await server_socket.send(await server_socket.recv())

def client():
    req = ctx.socket(zmq.REQ)
    req.linger = 0
    req.connect(f"tcp://127.0.0.1:{number}")
    req.send(b"anybody?")
    return req
"""

WARNED = "brokerless: recv() has waited 1 s in the thread whose event loop runs"


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveKernel]:
    with live_kernel() as kernel:
        kernel.run(LOAD)
        yield kernel
        assert "Traceback" not in kernel.errors()


def test_a_server_in_another_cell(shared: LiveKernel) -> None:
    shared.run("task = asyncio.create_task(server())")
    ran = shared.start("client().recv(timeout=20)")
    ran.until(lambda: WARNED in ran.text)
    assert "1 task of this notebook (server()): it cannot go on meanwhile" in ran.text
    assert "%%peer" in ran.text
    shared.interrupt_now(ran)
    assert ran.reply["ename"] == "KeyboardInterrupt"
    assert ran.text.count("brokerless:") == 1
    shared.run("task.cancel()")


def test_a_server_in_the_same_cell_and_another_task(shared: LiveKernel) -> None:
    ran = shared.start(
        """
async def ticker():
    while True:
        await asyncio.sleep(1)
tasks = [asyncio.create_task(server()), asyncio.create_task(ticker())]
await asyncio.sleep(0)
client().recv(timeout=20)
"""
    )
    ran.until(lambda: WARNED in ran.text)
    assert "2 tasks of this notebook (server(), ticker()): they cannot go on meanwhile" in ran.text
    shared.interrupt_now(ran)
    shared.run("[task.cancel() for task in tasks]; await asyncio.sleep(0)")


def test_a_function_that_polls(shared: LiveKernel) -> None:
    ran = shared.start(
        """
task = asyncio.create_task(server())
def ask():
    req = client()
    poller = zmq.Poller()
    poller.register(req, zmq.POLLIN)
    return poller.poll(20_000)
ask()
"""
    )
    ran.until(lambda: "brokerless: poll() has waited 1 s" in ran.text)
    shared.interrupt_now(ran)
    shared.run("task.cancel(); await asyncio.sleep(0)")


#: What says nothing, though it takes longer than the patience.
QUIET = {
    "no task": "try: client().recv(timeout=1.6)\nexcept zmq.Again: print('over')",
    "a task that is done": (
        "task = asyncio.create_task(asyncio.sleep(0)); await task\n"
        "try: client().recv(timeout=1.6)\nexcept zmq.Again: print('over')"
    ),
    "Python's own sleep": "task = asyncio.create_task(server())\ntime.sleep(1.6)\nprint('over')",
    "it awaits": "task = asyncio.create_task(server())\nawait asyncio.sleep(1.6)\nprint('over')",
    "messages come": """
task = asyncio.create_task(server())
pull = ctx.socket(zmq.PULL)
where = pull.bind_to_random_port("tcp://127.0.0.1")
def feed():
    push = ctx.socket(zmq.PUSH)
    push.connect(f"tcp://127.0.0.1:{where}")
    for number in range(16):
        time.sleep(0.1)
        push.send(b"")
threading.Thread(target=feed).start()
for _ in range(16):
    pull.recv(timeout=20)
print("over")
""",
}


@pytest.mark.parametrize("what", QUIET)
def test_nothing_is_said_of(shared: LiveKernel, what: str) -> None:
    ran = shared.run(QUIET[what])
    ran.until(lambda: "over" in ran.text)
    assert "brokerless:" not in ran.text
    shared.run("globals().get('task') and task.cancel(); await asyncio.sleep(0)")


def test_the_thread_goes_when_it_is_unloaded(shared: LiveKernel) -> None:
    shared.run(
        """
assert [t for t in threading.enumerate() if t.name == "brokerless: deadlocks"]
deadlock.unload(get_ipython())
assert not [t for t in threading.enumerate() if t.name == "brokerless: deadlocks"]
deadlock.unload(get_ipython())
deadlock.load(get_ipython())
"""
    )
