"""What threads print and display appears in the cell that started them, in whichever cell the notebook is by then."""

from __future__ import annotations

from typing import Iterator

import pytest

pytest.importorskip("ipykernel")

from live_kernel import LiveKernel, live_kernel

LOAD = """
import brokerless as zmq
import threading, sys
from brokerless.jupyter import cells, output
cells.load(get_ipython())
output.load(get_ipython())
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveKernel]:
    with live_kernel() as kernel:
        kernel.run(LOAD)
        yield kernel


#: What is started in one cell, and goes on when `go` is set in another one.
STARTED = {
    "a thread": "threading.Thread(target=speak).start()",
    "a daemon with a name": "threading.Thread(target=speak, name='n', daemon=True).start()",
    "a thread without a Thread": "import _thread; _thread.start_new_thread(speak, ())",
    "a class of threads": """
class Speaker(threading.Thread):
    def run(self):
        speak()
Speaker().start()
""",
    "a thread of a thread": "threading.Thread(target=lambda: threading.Thread(target=speak).start()).start()",
    "a timer": "threading.Timer(0, speak).start()",
    "a pool": """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
pool.submit(speak)
""",
    "a task": """
import asyncio
async def speaking():
    await asyncio.get_running_loop().run_in_executor(None, go.wait, 20)
    speak()
task = asyncio.ensure_future(speaking())
""",
    "a task's thread": """
import asyncio
future = asyncio.get_running_loop().run_in_executor(None, speak)
""",
    "a log": """
import logging
def speak():
    go.wait(20)
    logging.getLogger("some").warning("spoken")
    done.set()
threading.Thread(target=speak).start()
""",
    "an exception": """
def speak():
    go.wait(20)
    done.set()
    raise ValueError("spoken")
threading.Thread(target=speak).start()
""",
    "a worker": """
from brokerless import pipeline
jobs = zmq.Context.instance().socket(zmq.PUSH)
port = jobs.bind_to_random_port("tcp://127.0.0.1")
results = zmq.Context.instance().socket(zmq.PULL)
back = results.bind_to_random_port("tcp://127.0.0.1")
def work(job):
    speak()
worker = pipeline.Worker(f"tcp://127.0.0.1:{port}", f"tcp://127.0.0.1:{back}")
worker.start(work)
jobs.send_json({"n": 1})
""",
    "a worker that fails": """
from brokerless import pipeline
failing = zmq.Context.instance().socket(zmq.PUSH)
port = failing.bind_to_random_port("tcp://127.0.0.1")
def fail(job):
    go.wait(20)
    done.set()
    raise ValueError("spoken")
worker = pipeline.Worker(f"tcp://127.0.0.1:{port}").start(fail)
failing.send_json({"n": 1})
""",
    "a thread that receives": """
reader = zmq.Context.instance().socket(zmq.PULL)
reader.bind("inproc://reader")
def speak():
    go.wait(20)
    print(reader.recv_string(timeout=20))
    done.set()
threading.Thread(target=speak).start()
writer = zmq.Context.instance().socket(zmq.PUSH)
writer.connect("inproc://reader")
writer.send_string("spoken")
""",
}


@pytest.mark.parametrize("what", STARTED)
def test_it_appears_in_the_cell_that_started_it(shared: LiveKernel, what: str) -> None:
    speak = """
go, done = threading.Event(), threading.Event()
def speak():
    go.wait(20)
    print("spoken")
    done.set()
"""
    first = shared.run(speak + STARTED[what])
    second = shared.start("go.set(); await asyncio.sleep(0.01); print('second')" if "task" in what else "go.set()")
    second.ok()
    first.until(lambda: "spoken" in first.text)
    # The kernel's streams are flushed by now.
    third = shared.run("assert done.wait(20)")
    assert "spoken" not in second.text + third.text


def test_a_display_handle_updates_in_place_from_a_thread(shared: LiveKernel) -> None:
    first = shared.run(
        """
from IPython.display import display
go, done = threading.Event(), threading.Event()
handle = display("begun", display_id=True)
def work():
    go.wait(20)
    handle.update("updated")
    display("new")
    done.set()
threading.Thread(target=work).start()
"""
    )
    assert first.shown == ["'begun'"]
    second = shared.run("go.set(); done.wait(20)")
    first.until(lambda: len(first.shown) == 2)
    assert first.shown == ["'updated'", "'new'"]
    assert second.shown == ["True"]


def test_threads_inherit_nothing_else(shared: LiveKernel) -> None:
    ran = shared.run(
        """
import contextvars, decimal
mine = contextvars.ContextVar("mine", default="default")
mine.set("the cell's")
found = []
thread = threading.Thread(target=lambda: found.append((mine.get(), decimal.getcontext().prec)))
with decimal.localcontext() as context:
    context.prec = 7
    thread.start()
thread.join()
print(found, vars(thread).keys() & {"_bootstrap", "run"})
"""
    )
    assert "[('default', 28)] set()" in ran.text


def test_the_traceback_of_a_thread_looks_as_ever(shared: LiveKernel) -> None:
    code = """
import traceback
def fail():
    try:
        raise ValueError
    except ValueError:
        print(len(traceback.extract_stack()))
def frames():
    thread = threading.Thread(target=fail_all)
    thread.start(); thread.join()
def hook(args):
    print([frame.name for frame in traceback.extract_tb(args.exc_traceback)])
def fail_all():
    raise ValueError
threading.excepthook, before = hook, threading.excepthook
frames()
output.unload(get_ipython())
frames()
threading.excepthook = before
output.load(get_ipython())
"""
    lines = shared.run(code).text.splitlines()
    assert len(lines) == 2
    assert lines[0] == lines[1]
    assert "fail_all" in lines[0]


def test_errors_of_start_and_submit_are_pythons_own(shared: LiveKernel) -> None:
    ran = shared.run(
        """
from concurrent.futures import ThreadPoolExecutor
thread = threading.Thread(target=print)
thread.start(); thread.join()
try:
    thread.start()
except RuntimeError as error:
    print(error)
with ThreadPoolExecutor(1) as pool:
    print(pool.submit(lambda a, *, b: (a, b), 1, b=2).result())
try:
    pool.submit(print)
except RuntimeError as error:
    print(error)
"""
    )
    assert "threads can only be started once" in ran.text
    assert "(1, 2)" in ran.text
    assert "cannot schedule new futures after shutdown" in ran.text


def test_unloading_leaves_nothing_behind() -> None:
    with live_kernel() as kernel:
        kernel.run(
            "import threading, concurrent.futures as f\nbefore = threading.Thread.start, f.ThreadPoolExecutor.submit"
        )
        kernel.run(LOAD)
        kernel.run("assert before != (threading.Thread.start, f.ThreadPoolExecutor.submit)")
        kernel.run("output.load(get_ipython()); output.unload(get_ipython()); output.unload(get_ipython())")
        kernel.run("assert before == (threading.Thread.start, f.ThreadPoolExecutor.submit)")


def test_who_patches_on_top_keeps_what_he_has() -> None:
    with live_kernel() as kernel:
        ran = kernel.run(
            LOAD
            + """
ours = threading.Thread.start
def theirs(self):
    print("theirs")
    ours(self)
threading.Thread.start = theirs
output.unload(get_ipython())
assert threading.Thread.start is theirs
threading.Thread(target=print, args=("ran",)).start()
"""
        )
        ran.until(lambda: ran.text == "theirs\nran\n")


def test_a_stream_calls_back_in_the_cell_that_asked_for_it(shared: LiveKernel) -> None:
    pytest.importorskip("tornado")
    first = shared.run(
        """
from brokerless.eventloop.zmqstream import ZMQStream
import asyncio
pull = zmq.Context.instance().socket(zmq.PULL)
number = pull.bind_to_random_port("tcp://127.0.0.1")
push = zmq.Context.instance().socket(zmq.PUSH)
push.connect(f"tcp://127.0.0.1:{number}")
stream = ZMQStream(pull)
came = asyncio.Event()
def on_recv(frames):
    print("came", frames[0].decode())
    came.set()
stream.on_recv(on_recv)
"""
    )
    for word in ("one", "two"):
        second = shared.run(f"came.clear()\npush.send_string('{word}')\nawait asyncio.wait_for(came.wait(), 20)")
        first.until(lambda word=word: f"came {word}" in first.text)
        assert second.text == ""
    shared.run("stream.close()")


def test_a_stream_calls_back_there_when_another_cell_uses_it(shared: LiveKernel) -> None:
    pytest.importorskip("tornado")
    first = shared.run(
        """
from brokerless.eventloop.zmqstream import ZMQStream
import asyncio
other = zmq.Context.instance().socket(zmq.DEALER)
number = other.bind_to_random_port("tcp://127.0.0.1")
mine = zmq.Context.instance().socket(zmq.DEALER)
mine.connect(f"tcp://127.0.0.1:{number}")
stream = ZMQStream(mine)
came = asyncio.Event()
def on_recv(frames):
    print("came", frames[0].decode())
    came.set()
stream.on_recv(on_recv)
stream.on_send(lambda message, status: print("sent", message[0].decode()))
"""
    )
    for word in ("one", "two", "three"):
        second = shared.run(
            f"""
came.clear()
other.send_string("{word}")
stream.send(b"{word}")
stream.flush()
await asyncio.wait_for(came.wait(), 20)
"""
        )
        first.until(lambda word=word: f"came {word}" in first.text and f"sent {word}" in first.text)
        assert second.text == ""
    shared.run("stream.close(); other.close()")
