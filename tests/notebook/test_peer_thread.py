"""A peer in a thread of the kernel sees the notebook's variables, and ends when it is stopped."""

from __future__ import annotations

from typing import Iterator

import pytest

pytest.importorskip("ipykernel")

from live_kernel import LiveKernel
from peer_notebook import notebook, usage_error


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveKernel]:
    with notebook() as kernel:
        kernel.run("from brokerless.jupyter import owned; owned.load(get_ipython()); go = threading.Event()")
        yield kernel


@pytest.fixture(autouse=True)
def none_left(shared: LiveKernel) -> Iterator[None]:
    yield
    shared.run("%stop --all")


def test_it_shares_the_notebooks_variables(shared: LiveKernel) -> None:
    shared.run("x = 1; go.clear()")
    ran = shared.run("%%peer --thread t\nprint('begun')\ngo.wait()\nprint(x)\ny = x + 1\ny")
    ran.until(lambda: ran.text == "begun\n")
    assert shared.run("x = 5; go.set()").text == ""
    ran.until(lambda: ran.text == "begun\n5\n6\n")
    assert shared.run("y").shown == ["6"]


def test_a_cell_can_wait_for_it(shared: LiveKernel) -> None:
    assert shared.run("%%peer --thread --wait t\nimport asyncio\nawait asyncio.sleep(0, 'slept')").shown == ["'slept'"]
    ran = shared.start("%%peer --thread --wait t\n1 / 0").done()
    assert ran.errors[0]["evalue"] == "ZeroDivisionError: division by zero (peer t)"
    ran = shared.start("%%peer --thread --wait t\nsys.exit(3)").done()
    assert ran.errors[0]["evalue"] == "the peer t ended with exit code 3"


def test_ipythons_own_syntax_works_in_a_thread(shared: LiveKernel) -> None:
    ran = shared.run("%%peer --thread --wait t\nfound = %pwd\nprint(found)")
    assert ran.text.rstrip("\n") == shared.run("print(os.getcwd())").text.rstrip("\n")


def test_its_exception_is_shown_in_its_cell(shared: LiveKernel) -> None:
    shared.run("go.clear()")
    ran = shared.run("%%peer --thread t\ngo.wait()\ndef f():\n    raise ValueError('ü')\nf()")
    assert shared.run("go.set()").text == ""
    ran.until(lambda: "ü" in ran.text)
    assert "Cell [peer t]" in ran.text and "ValueError" in ran.text and "peer_" not in ran.text
    assert "failed" in shared.run("%peers").shown[0]


STOPPED = {
    "one that waits in recv": "s = zmq.Context().socket(zmq.REP)\ns.bind('tcp://127.0.0.1:*')\nprint('on')\ns.recv()",
    "one that serves": "s = zmq.Context().socket(zmq.REP)\nprint('on')\nfor message in s: pass\nwhile True: pass",
    "one that opens again and again": (
        "print('on')\nwhile True:\n    try:\n        with zmq.Context.instance().socket(zmq.PULL) as s:\n            s.recv()\n"
        "    except zmq.ZMQError: pass"
    ),
    "one that computes": "print('on')\nwhile True: pass",
    "one that awaits": "import asyncio\nprint('on')\nawait asyncio.sleep(50)",
    "one that awaits messages": (
        "import brokerless.asyncio\ns = brokerless.asyncio.Context().socket(zmq.PULL)\nprint('on')\nawait s.recv()"
    ),
    "one with a device": "d = zmq.Queue('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*').start()\nprint('on')\nd.join();",
    "one that polls": "s = zmq.Context().socket(zmq.PULL)\nprint('on')\nwhile True: s.poll(100)",
}


@pytest.mark.parametrize("code", STOPPED.values(), ids=STOPPED)
def test_stop_ends_it(shared: LiveKernel, code: str) -> None:
    ran = shared.run(f"%%peer --thread t\n{code}")
    ran.until(lambda: ran.text == "on\n")
    shared.run("%stop t")
    assert shared.run("[peer.state for peer in peers.find()]").shown == ["['stopped']"]
    ran.until(lambda: ran.text == "on\nthe peer t was stopped\n")


def test_one_that_does_not_end_is_reported(shared: LiveKernel) -> None:
    shared.run("lock = threading.Lock(); lock.acquire()")
    ran = shared.run("%%peer --thread t\nprint('on')\nlock.acquire()  # here")
    ran.until(lambda: ran.text == "on\n")
    said = "the thread of the peer t does not end (in line 2: lock.acquire()  # here)"
    assert usage_error(shared.start("%stop t")) == said
    assert "stopping" in shared.run("%peers").shown[0]
    assert usage_error(shared.start("%%peer --thread t\n1")) == said
    shared.run("lock.release()")
    ran.until(lambda: "was stopped" in ran.text)
    shared.run("%%peer --thread --wait t\n1")


def test_a_cell_run_again_replaces_its_thread(shared: LiveKernel, free_port: int) -> None:
    code = f"%%peer --thread t\ns = zmq.Context().socket(zmq.REP)\ns.bind('tcp://127.0.0.1:{free_port}')\nprint('on')\ns.recv()"
    ran = shared.run(code, cell="c")
    ran.until(lambda: ran.text == "on\n")
    again = shared.run(code, cell="c")
    again.until(lambda: again.text == "on\n")
    assert shared.run("len(peers.running())").shown == ["1"]
    # Its last run was ended on purpose: that is no failure.
    assert ran.text == "on\n"


def test_it_is_listed_with_its_own_sockets(shared: LiveKernel, free_port: int) -> None:
    shared.run("other = zmq.Context.instance().socket(zmq.PULL); other.bind('inproc://other')")
    code = f"s = zmq.Context().socket(zmq.REP)\ns.bind('tcp://127.0.0.1:{free_port}')\nprint('on')\ns.recv()"
    ran = shared.run(f"%%peer --thread listed\n{code}")
    ran.until(lambda: ran.text == "on\n")
    table = shared.run("%peers").shown[0].splitlines()
    row = next(line for line in table if line.startswith("listed"))
    assert row.split()[1:3] == ["running", "thread"] and f"tcp://127.0.0.1:{free_port}" in row and "inproc" not in row
    shared.run("other.close()")


def test_a_socket_of_the_notebook_is_left_open(shared: LiveKernel) -> None:
    shared.run("theirs = zmq.Context.instance().socket(zmq.PULL); theirs.bind('tcp://127.0.0.1:*')")
    ran = shared.run("%%peer --thread t\nprint('on')\nwhile True:\n    theirs.poll(20)")
    ran.until(lambda: ran.text == "on\n")
    shared.run("%stop t")
    assert shared.run("theirs.closed").shown == ["False"]
    shared.run("theirs.close()")


def test_it_takes_no_variables_and_no_interpreter(shared: LiveKernel) -> None:
    assert "neither --python nor --env" in usage_error(shared.start("%%peer --thread t --env go\n1"))


def test_a_kernel_with_a_thread_that_runs_ends_at_once() -> None:
    with notebook() as kernel:
        kernel.run("%%peer --thread t\nzmq.Context().socket(zmq.REP).recv()")
        kernel.run("%%peer --thread u\nwhile True: pass")
        assert kernel.shut_down() < 5
