"""Diagrams in a kernel: what peers' processes have is there, a live one is drawn anew, and ends when it should."""

from __future__ import annotations

import re
from typing import Any, Iterator, List

import pytest

pytest.importorskip("ipykernel")

from live_kernel import LiveKernel, Ran, live_kernel

SETUP = """
import threading, time
import brokerless as zmq
get_ipython().run_line_magic("load_ext", "brokerless")
ctx = zmq.Context.instance()
ctx.linger = 0

def drawing(wanted=0):
    # How many draw; as many as are wanted, if it becomes so: a thread needs a moment to end.
    end = time.monotonic() + 20
    while count() != wanted and time.monotonic() < end:
        time.sleep(0.01)
    return count()

def count():
    return sum(thread.name == "brokerless diagram" for thread in threading.enumerate())
"""


@pytest.fixture(scope="module")
def started() -> Iterator[LiveKernel]:
    with live_kernel() as kernel:
        kernel.run(SETUP)
        yield kernel


@pytest.fixture
def kernel(started: LiveKernel) -> Iterator[LiveKernel]:
    """The kernel, in which nothing is open before and after the test."""
    yield started
    started.run("%stop --all\nctx.destroy(0); ctx = zmq.Context.instance()\nctx.linger = 0", cell="end")


def pictures(ran: Ran) -> List[Any]:
    """What a cell has displayed, the updates too."""
    kinds = ("display_data", "update_display_data", "execute_result")
    return [found["content"]["data"] for found in ran.messages if found["msg_type"] in kinds]


def test_it_shows_the_peers_and_nothing_of_jupyters_own(kernel: LiveKernel, free_port: int) -> None:
    at = f"tcp://127.0.0.1:{free_port}"
    kernel.run(f"req = ctx.socket(zmq.REQ); req.connect({at!r})", cell="client")
    kernel.run(
        "%%peer server\nimport brokerless as zmq\nsock = zmq.Context.instance().socket(zmq.REP)\n"
        f"sock.bind({at!r})\nwhile True:\n    sock.send(sock.recv())",
        cell="server",
    )
    kernel.run("req.send(b'?'); req.recv()", cell="ask")
    shown = kernel.run("zmq.diagram()", cell="show")
    (picture,) = pictures(shown)
    # Neither the kernel's own sockets nor those that its peers need.
    (line,) = picture["text/plain"].splitlines()
    wanted = rf"REQ \(kernel, cell \d+\) <-> {at} REP \(server, cell \d+\)  1 sent, 1 received"
    assert re.fullmatch(wanted, line)
    assert "<svg" in picture["text/html"] and ">server</text>" in picture["text/html"]
    assert (
        kernel.run("print(zmq.diagram(peers=False))", cell="show")
        .text.strip()
        .endswith(f"<-> {at} (a peer)  1 sent, 1 received")
    )


def test_a_live_one_is_drawn_anew_when_something_changes(kernel: LiveKernel) -> None:
    kernel.run("pull = ctx.socket(zmq.PULL); pull.bind('tcp://127.0.0.1:*')", cell="a")
    live = kernel.run("picture = zmq.diagram(live=True, interval=0.25)\npicture", cell="live")
    assert len([one for one in live.messages if one["msg_type"] == "display_data"]) == 1
    assert ">live</text>" in pictures(live)[0]["text/html"]
    kernel.run("push = ctx.socket(zmq.PUSH); push.connect(pull.last_endpoint)", cell="b")
    live.until(lambda: "0 sent" in live.shown[0])
    kernel.run("for _ in range(3): push.send(b'x'); pull.recv()", cell="c")
    live.until(lambda: "3 sent" in live.shown[0])
    assert len(live.shown) == 1
    # Nothing is sent while nothing changes.
    before = len(pictures(live))
    kernel.run("looks = picture._graph\nwhile picture._graph is looks: time.sleep(0.01)", cell="d")
    kernel.run("looks = picture._graph\nwhile picture._graph is looks: time.sleep(0.01)", cell="d")
    assert len(pictures(live)) == before
    assert kernel.run("picture.stop(); print(picture.running, drawing())", cell="d").text == "False 0\n"
    live.until(lambda: ">live</text>" not in pictures(live)[-1]["text/html"])


def test_a_live_one_ends_when_all_is_closed(kernel: LiveKernel) -> None:
    # Nothing is open yet, which is no end.
    live = kernel.run("picture = zmq.diagram(live=True, interval=0.25)", cell="live")
    kernel.run("pair = ctx.socket(zmq.PAIR); pair.bind('inproc://x')", cell="a")
    live.until(lambda: "PAIR" in live.shown[0])
    kernel.run("pair.close()", cell="b")
    assert kernel.run("print(drawing(), picture.running)", cell="b").text == "0 False\n"
    live.until(lambda: live.shown == ["No socket is open."] and ">live</text>" not in pictures(live)[-1]["text/html"])


def test_its_time_may_be_limited(kernel: LiveKernel) -> None:
    kernel.run("pair = ctx.socket(zmq.PAIR); pair.bind('inproc://x')", cell="a")
    kernel.run("picture = zmq.diagram(live=True, seconds=0.3)", cell="live")
    assert kernel.run("print(drawing())", cell="b").text == "0\n"


def test_running_its_cell_again_ends_the_former_one(kernel: LiveKernel) -> None:
    kernel.run("pair = ctx.socket(zmq.PAIR); pair.bind('inproc://x')", cell="a")
    code = "made = globals().get('made', []); made.append(zmq.diagram(live=True))"
    kernel.run(code, cell="live")
    kernel.run(code, cell="live")
    assert kernel.run("print([one.running for one in made], drawing(1))", cell="b").text == "[False, True] 1\n"
    kernel.run("made[1].stop(); del made", cell="b")


def test_an_interrupt_of_its_cell_ends_it(kernel: LiveKernel) -> None:
    kernel.run("pair = ctx.socket(zmq.PAIR); pair.bind('inproc://x')", cell="a")
    waiting = kernel.start("picture = zmq.diagram(live=True)\nprint('waiting', flush=True)\npair.recv()", cell="live")
    kernel.interrupt(waiting)
    assert kernel.run("print(picture.running, drawing())", cell="b").text == "False 0\n"


def test_a_peer_that_stops_answering_stays_in_the_picture(kernel: LiveKernel) -> None:
    kernel.run(
        "%%peer server\nimport brokerless as zmq\nsock = zmq.Context.instance().socket(zmq.REP)\n"
        "sock.bind('tcp://127.0.0.1:*')\nsock.recv()",
        cell="server",
    )
    live = kernel.run("picture = zmq.diagram(live=True, interval=0.25)", cell="live")
    live.until(lambda: "REP (server" in live.shown[0])
    kernel.run(
        "import os, signal\nfrom brokerless.jupyter import peers\n(peer,) = peers.find()\nos.kill(peer.pid, signal.SIGSTOP)\n"
        "looks = picture._graph\nwhile picture._graph is looks: time.sleep(0.01)\n"
        "looks = picture._graph\nwhile picture._graph is looks: time.sleep(0.01)\n",
        cell="stop",
    )
    assert "REP (server" in kernel.run("print(picture)", cell="b").text
    kernel.run("os.kill(peer.pid, signal.SIGCONT); picture.stop()", cell="b")


def test_a_kernel_ends_while_one_is_live() -> None:
    with live_kernel() as kernel:
        kernel.run(SETUP)
        kernel.run("pair = ctx.socket(zmq.PAIR); pair.bind('inproc://x')\nzmq.diagram(live=True)")
        assert kernel.shut_down() < 5
        assert "Traceback" not in kernel.errors()
