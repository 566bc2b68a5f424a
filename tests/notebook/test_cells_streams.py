"""A cell that makes a ZMQStream is run again: the stream leaves its loop with its socket, and nothing is said of it."""

from __future__ import annotations

import pytest

pytest.importorskip("ipykernel")
pytest.importorskip("tornado")

from cell_kernel import cell, kernel, name  # noqa: F401  fixtures

STREAM = """
from brokerless.eventloop.zmqstream import ZMQStream
import warnings
warnings.simplefilter("always")
kept = globals().setdefault("kept", [])
pull = ctx.socket(zmq.PULL)
pull.bind("tcp://127.0.0.1:PORT")
stream = ZMQStream(pull)
came = asyncio.Event()
stream.on_recv(lambda frames: (print("came", frames), came.set()))
kept.append(stream)
"""

SEND = """
push = ctx.socket(zmq.PUSH)
push.connect("tcp://127.0.0.1:PORT")
push.send(b"hello")
await asyncio.wait_for(came.wait(), 20)
push.close()
"""

IN_A_THREAD = """
from brokerless.eventloop.zmqstream import ZMQStream
from tornado.ioloop import IOLoop
loops = globals().setdefault("loops", [])
ready = threading.Event()
def serve():
    asyncio.set_event_loop(asyncio.new_event_loop())
    loop = IOLoop.current()
    pull = ctx.socket(zmq.PULL)
    pull.bind("tcp://127.0.0.1:PORT")
    loops.append((loop, ZMQStream(pull)))
    loops[-1][1].on_recv(print)
    ready.set()
    loop.start()
threading.Thread(target=serve).start()
assert ready.wait(20)
"""


def test_its_cell_may_be_run_again(kernel, cell, name):  # noqa: F811
    for _ in range(3):
        assert cell(STREAM, name) == ""
    runs = cell.ran[-3:]
    cell(SEND)
    runs[-1].until(lambda: "came" in "".join(run.text for run in cell.ran))
    assert "".join(run.text for run in cell.ran) == "came [b'hello']\n"
    cell("assert [one.socket is None for one in kept] == [True, True, False], kept; del kept, stream")
    said = kernel.errors()
    assert "closed socket" not in said and "Warning" not in said


def test_one_in_a_loop_of_another_thread_as_well(kernel, cell, name):  # noqa: F811
    for _ in range(2):
        assert cell(IN_A_THREAD, name) == ""
    cell("assert [stream.socket is None for _, stream in loops] == [True, False]")
    cell("for loop, _ in loops: loop.add_callback(loop.stop)\nloops[-1][1].io_loop.add_callback(loops[-1][1].close)")
    assert "closed socket" not in kernel.errors()
