"""The Stop button: any cell ends at once, says in one line what it was at, and leaves everything usable."""

from __future__ import annotations

import statistics
from typing import Iterator

import pytest

pytest.importorskip("ipykernel")

from conftest import wait_until
from live_kernel import LiveKernel, Ran, live_kernel

LOAD = """
import asyncio, gc, sys, threading, time
import brokerless as zmq
import brokerless.asyncio
from brokerless.jupyter import interrupt
interrupt.load(get_ipython())

ctx = zmq.Context.instance()
rep = ctx.socket(zmq.REP)
port = rep.bind_to_random_port("tcp://127.0.0.1")
actx = zmq.asyncio.Context.instance()
arep = actx.socket(zmq.REP)
aport = arep.bind_to_random_port("tcp://127.0.0.1")

def waiting():
    print("waiting", flush=True)
"""

#: Generous: what is measured is printed (`pytest -s`), not asserted.
SECONDS = 1.0


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveKernel]:
    with live_kernel() as kernel:
        kernel.run(LOAD)
        yield kernel
        said = kernel.errors()
        assert "was destroyed" not in said
        assert "never retrieved" not in said
        assert "Traceback" not in said


def line_of(ran: Ran) -> str:
    """The one line that the interrupted cell shows, and that its reply has."""
    assert ran.reply["status"] == "error"
    assert ran.reply["ename"] == "KeyboardInterrupt"
    (error,) = ran.errors
    assert error["ename"] == "KeyboardInterrupt"
    assert error["evalue"] == ran.reply["evalue"]
    assert error["traceback"] == ran.reply["traceback"]
    (line,) = error["traceback"]
    assert "\n" not in line.strip()
    assert error["evalue"] in line
    return str(error["evalue"])


#: A cell, and how its line begins and goes on.
WAITS = {
    "recv": ("waiting(); rep.recv()", "interrupted while recv() waited on <zmq.Socket(zmq.REP)", "still usable"),
    "recv with a timeout": ("waiting()\nrep.recv(timeout=30)", "interrupted while recv() waited on", "(line 2)"),
    "recv_json": ("waiting(); rep.recv_json()", "interrupted while recv_json() waited on", "still usable"),
    "recv_multipart": (
        "waiting(); m = rep.recv_multipart()",
        "interrupted while recv_multipart() waited on",
        "still usable",
    ),
    "a loop": (
        "waiting()\nfor m in rep:\n    pass",
        "interrupted while the loop over <zmq.Socket(zmq.REP) bound to tcp://127.0.0.1:",
        "still usable (line 2)",
    ),
    "a loop over what has no name": (
        "waiting()\nfor m in ctx.socket(zmq.PULL):\n    pass",
        "interrupted while the loop over <zmq.Socket(zmq.PULL)> waited, ",
        "(line 2)",
    ),
    "poll": ("waiting(); rep.poll()", "interrupted while poll() waited on", "still usable"),
    "a poller": (
        "p = zmq.Poller(); p.register(rep, zmq.POLLIN)\nwaiting(); p.poll()",
        "interrupted while poll() waited",
        "Poller",
    ),
    "send": (
        "push = ctx.socket(zmq.PUSH)\nwaiting()\npush.send(b'to nobody')",
        "interrupted while send() waited on <zmq.Socket(zmq.PUSH)",
        "still usable (line 3)",
    ),
    "by another name": ("r = rep.recv\nwaiting()\nr()", "interrupted while recv() waited on <zmq.Socket(zmq.REP)", ""),
    "in a list": ("l = [rep]\nwaiting()\nl[0].recv()", "interrupted while recv() waited on <zmq.Socket(zmq.REP)", ""),
    "in a function": (
        "def serve(s):\n    waiting()\n    return s.recv()\nserve(rep)",
        "interrupted while recv() waited on <zmq.Socket(zmq.REP)",
        "(line 3, in serve())",
    ),
    "a device": (
        "a, b = ctx.socket(zmq.ROUTER), ctx.socket(zmq.DEALER)\nfor s in (a, b): s.bind('tcp://127.0.0.1:*')\n"
        "waiting(); zmq.proxy(a, b)",
        "interrupted while proxy() waited",
        "",
    ),
    "an awaited recv": (
        "waiting(); await arep.recv()",
        "interrupted while recv() waited on <zmq.asyncio.Socket(zmq.REP)",
        "s; the socket is still usable",
    ),
    "an awaited poll": ("waiting(); await arep.poll()", "interrupted while poll() waited on", "still usable"),
    "an awaited function": (
        "async def serve():\n    waiting()\n    return await arep.recv()\nawait serve()",
        "interrupted while recv() waited on <zmq.asyncio.Socket(zmq.REP)",
        "(line 3, in serve())",
    ),
    "sleep": ("waiting()\nawait asyncio.sleep(60)", "interrupted while it awaited asyncio.sleep(60)", "(line 2)"),
    "gather": (
        "waiting(); await asyncio.gather(arep.recv(), asyncio.sleep(60))",
        "interrupted while it awaited asyncio.gather(arep.recv(), asyncio.sleep(60))",
        "after the cell began",
    ),
    "a task": (
        "async def work(): await asyncio.sleep(60)\ntask = asyncio.create_task(work())\nwaiting(); await task",
        "interrupted while it awaited asyncio.sleep(60)",
        "(line 1, in work())",
    ),
    "wait_for": (
        "waiting(); await asyncio.wait_for(arep.recv(), 60)",
        "interrupted while it awaited asyncio.wait_for(arep.recv(), 60)",
        "",
    ),
    "async for": (
        "waiting()\nasync for m in arep:\n    pass",
        "interrupted while the loop over <zmq.asyncio.Socket(zmq.REP) bound to",
        "waited, ",
    ),
    "blocking in a cell that awaits": (
        "await asyncio.sleep(0)\nwaiting(); rep.recv()",
        "interrupted while recv() waited on <zmq.Socket(zmq.REP)",
        "(line 2)",
    ),
    "a process": (
        "import subprocess\nwaiting(); subprocess.run(['sleep', '60'])",
        "interrupted in line 2: waiting(); subprocess.run(['sleep', '60'])",
        "",
    ),
}


@pytest.mark.parametrize("what", WAITS)
def test_one_line_says_what_waited(shared: LiveKernel, what: str) -> None:
    code, begin, then = WAITS[what]
    ran = shared.start(code)
    took = shared.interrupt(ran)
    line = line_of(ran)
    print(f"{what}: {took * 1000:.1f} ms: {line}")
    assert line.startswith(begin)
    assert then in line
    assert " at 0x" not in line
    assert took < SECONDS


@pytest.mark.parametrize(
    "code",
    ["waiting(); rep.recv()", "waiting(); await arep.recv()", "waiting(); await asyncio.sleep(60)"],
)
def test_it_ends_at_once(shared: LiveKernel, code: str) -> None:
    taken = []
    for _ in range(15):
        ran = shared.start(code)
        taken.append(shared.interrupt(ran))
        line_of(ran)
    median = statistics.median(taken)
    print(f"{code}: median {median * 1000:.1f} ms of {', '.join(f'{t * 1000:.1f}' for t in sorted(taken))}")
    assert median < SECONDS


def test_no_message_is_lost(shared: LiveKernel) -> None:
    shared.run(
        """
req = ctx.socket(zmq.REQ)
req.connect(f"tcp://127.0.0.1:{port}")
areq = ctx.socket(zmq.REQ)
areq.connect(f"tcp://127.0.0.1:{aport}")
"""
    )
    for _ in range(3):
        for code in ("waiting(); rep.recv()", "waiting(); await arep.recv()"):
            shared.interrupt(shared.start(code))
        ran = shared.run(
            """
req.send(b"one")
print(rep.recv(timeout=20))
rep.send(b"back")
print(req.recv(timeout=20))
areq.send(b"two")
print(await arep.recv(timeout=20))
await arep.send(b"again")
print(areq.recv(timeout=20))
"""
        )
        ran.until(lambda ran=ran: ran.text == "b'one'\nb'back'\nb'two'\nb'again'\n")
    shared.run("req.close(); areq.close()")


def test_a_cell_that_waits_for_a_thread_is_told_in_a_line(shared: LiveKernel) -> None:
    code = """
import sys, threading
main = threading.get_ident()
def work():
    # Prints once the cell waits for it.
    while not begun or sys._current_frames()[main].f_globals["__name__"] != "threading":
        pass
    waiting()
    event.wait()
begun, event = False, threading.Event()
thread = threading.Thread(target=work)
thread.start()
begun = True
thread.join()
"""
    ran = shared.start(code)
    ran.until(lambda: "waiting" in ran.text)
    shared.interrupt_now(ran)
    line = line_of(ran)
    assert line.startswith("interrupted in line 13: thread.join()")
    shared.run("event.set(); thread.join()")


def test_input_is_interrupted_in_a_line(shared: LiveKernel) -> None:
    ran = shared.start("name = input('who?')", allow_stdin=True)
    assert shared.client.get_stdin_msg(timeout=20)["content"]["prompt"] == "who?"
    assert wait_until(shared.asleep)
    shared.interrupt_now(ran)
    assert line_of(ran).startswith("interrupted in line 1: name = input('who?')")


def test_a_cell_that_awaits_is_interrupted_in_its_own_code_too(shared: LiveKernel) -> None:
    ran = shared.start("await asyncio.sleep(0)\nwaiting(); time.sleep(60)")
    assert shared.interrupt(ran) < SECONDS
    assert line_of(ran) == "interrupted in line 2: waiting(); time.sleep(60)"


def test_a_task_that_blocks_the_loop_is_cancelled(shared: LiveKernel) -> None:
    ran = shared.start(
        """
async def block():
    print("wai" "ting", flush=True)
    rep.recv()
task = asyncio.create_task(block())
await asyncio.sleep(60)
"""
    )
    assert shared.interrupt(ran) < SECONDS + 1
    assert "asyncio.sleep(60)" in line_of(ran)
    shared.run("assert task.cancelled(), task")


def test_other_tasks_go_on(shared: LiveKernel) -> None:
    shared.run(
        """
count = 0
async def tick():
    global count
    while True:
        count += 1
        await asyncio.sleep(0.001)
ticking = asyncio.create_task(tick())
"""
    )
    for _ in range(5):
        shared.interrupt(shared.start("waiting(); await asyncio.sleep(60)"))
    shared.run("n = count; await asyncio.sleep(0.1); assert count > n; ticking.cancel()")


def test_a_cell_that_catches_the_cancellation_may_go_on(shared: LiveKernel) -> None:
    ran = shared.start(
        """
waiting()
try:
    await asyncio.sleep(60)
except asyncio.CancelledError:
    print("cleaned up")
"""
    )
    shared.interrupt(ran)
    assert ran.reply["status"] == "ok"
    assert "cleaned up" in ran.text


def test_a_task_that_somebody_else_cancels_is_no_interrupt(shared: LiveKernel) -> None:
    ran = shared.start("task = asyncio.create_task(asyncio.sleep(60)); task.cancel(); await task").done()
    assert ran.reply["ename"] == "CancelledError"


LEFT = {
    "a function": "def serve():\n    s = zmq.Context().socket(zmq.REP)\n    s.bind(at)\n    waiting(); s.recv()\nserve()",
    "an awaited function": (
        "async def serve():\n    s = zmq.asyncio.Context().socket(zmq.REP)\n    s.bind(at)\n    waiting(); await s.recv()\n"
        "await serve()"
    ),
    "a function that sleeps": (
        "def serve():\n    s = zmq.Context().socket(zmq.REP)\n    s.bind(at)\n    waiting(); time.sleep(60)\nserve()"
    ),
}


#: Plain sockets of Python's own look for the port: they do not make anybody close his.
PORT_IS_FREE = """
import socket, warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    gc.collect()
deadline = time.monotonic() + 20
while True:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", int(at.rsplit(":", 1)[1]))):
            break
    assert time.monotonic() < deadline, "somebody still listens"
    time.sleep(0.001)
"""


@pytest.mark.parametrize("what", LEFT)
def test_local_sockets_go_with_the_function(shared: LiveKernel, what: str, free_port: int) -> None:
    shared.run(f"at = 'tcp://127.0.0.1:{free_port}'")
    for _ in range(2):
        ran = shared.start(LEFT[what])
        shared.interrupt(ran)
        assert ran.reply["ename"] == "KeyboardInterrupt"
        shared.run(PORT_IS_FREE)


def test_other_errors_keep_their_traceback_for_the_debugger(shared: LiveKernel) -> None:
    ran = shared.start("def fail(s):\n    raise ValueError(s)\nfail(rep)").done()
    assert ran.reply["ename"] == "ValueError"
    shared.run("assert sys.last_traceback is not None and get_ipython().InteractiveTB.tb is not None")


def test_a_handler_that_was_set_already_stays(shared: LiveKernel) -> None:
    shared.run(
        """
shell = get_ipython()
interrupt.unload(shell)
class Special(Exception): pass
def special(self, etype, value, tb, tb_offset=None):
    print("special", etype.__name__)
shell.set_custom_exc((Special, KeyboardInterrupt), special)
interrupt.load(shell)
"""
    )
    assert "special Special" in shared.start("raise Special").done().text
    ran = shared.start("waiting(); rep.recv()")
    shared.interrupt(ran)
    assert "special KeyboardInterrupt" in ran.text
    ran = shared.start("waiting(); await arep.recv()")
    shared.interrupt(ran)
    line_of(ran)
    shared.run(
        """
interrupt.unload(shell)
assert shell.custom_exceptions == (Special, KeyboardInterrupt)
shell.set_custom_exc((), None)
interrupt.load(shell)
"""
    )


def test_a_handler_of_signals_that_was_set_already_stays(shared: LiveKernel) -> None:
    ran = shared.start(
        """
import signal
came = asyncio.Event()
asyncio.get_running_loop().add_signal_handler(signal.SIGINT, came.set)
waiting()
await came.wait()
print("handled")
asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
"""
    )
    shared.interrupt(ran)
    assert ran.reply["status"] == "ok"
    assert "handled" in ran.text
    shared.interrupt(shared.start("waiting(); await asyncio.sleep(60)"))


def test_nothing_is_left_of_it_after_a_cell(shared: LiveKernel) -> None:
    shared.run("await asyncio.sleep(0)")
    shared.run("import signal, os\nfiles = len(os.listdir('/proc/self/fd'))")
    for _ in range(3):
        shared.run("await asyncio.sleep(0)")
    shared.run(
        """
assert len(os.listdir('/proc/self/fd')) == files
found = signal.set_wakeup_fd(-1)
assert found == -1, found
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    )
