"""Dashboards in a real kernel: they appear, go on after their cell, and end when they should."""

from __future__ import annotations

import queue
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

pytest.importorskip("ipykernel")
from jupyter_client.manager import KernelManager

PATIENCE = 30.0
SETUP = """
import brokerless as zmq, os, threading, time
from brokerless import pipeline
ctx = zmq.Context()
push, pull = ctx.socket(zmq.PUSH), ctx.socket(zmq.PULL)
push.bind("tcp://127.0.0.1:*")
pull.connect(push.endpoints[0])

def move(count):
    for _ in range(count):
        push.send(b"12345")
        pull.recv()

def name_of(task):
    try:
        with open(f"/proc/self/task/{task}/comm") as file:
            return file.read().strip()
    except OSError:  # it has just ended
        return ""

def threads(*wanted):
    # How many sample and how many draw; those that are wanted if it becomes so: a thread needs a moment to begin and end.
    end = time.monotonic() + 10
    while count() != wanted and time.monotonic() < end:
        time.sleep(0.01)
    return count()

def count():
    native = map(name_of, os.listdir("/proc/self/task"))
    drawing = [thread for thread in threading.enumerate() if thread.name == "brokerless dashboard"]
    return sum(name == "brokerless-samp" for name in native), len(drawing)
"""


class Notebook:
    """Runs cells, and keeps what they and what they leave behind show."""

    def __init__(self, client: Any, manager: Any) -> None:
        self.client, self.manager = client, manager
        self.seen: list[Any] = []

    def begin(self, code: str, cell: str | None = None) -> str:
        """Starts a cell, as a front end that gives it this id."""
        message = self.client.session.msg("execute_request", {"code": code, "silent": False, "store_history": True})
        message["content"].update(user_expressions={}, allow_stdin=False, stop_on_error=True)
        if cell is not None:
            message["metadata"]["cellId"] = cell
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def run(self, code: str, cell: str | None = None, error: str | None = None) -> str:
        """Runs a cell to its end; returns what it has printed."""
        before = len(self.seen)
        number = self.begin(code, cell)
        self.until(lambda message: ends(message, number))
        mine = [message for message in self.seen[before:] if message["parent_header"].get("msg_id") == number]
        raised = [message["content"]["ename"] for message in mine if message["msg_type"] == "error"]
        assert raised == ([] if error is None else [error]), mine
        return "".join(message["content"]["text"] for message in mine if message["msg_type"] == "stream")

    def until(self, found: Callable[[Any], bool]) -> Any:
        """The first message that is as asked, from now on."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"it never came; there were {[m['msg_type'] for m in self.seen]}") from None
            self.seen.append(message)
            if found(message):
                return message

    def shown(self, kind: str = "display_data") -> list[Any]:
        return [message for message in self.seen if message["msg_type"] == kind]


def ends(message: Any, number: str) -> bool:
    idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
    return bool(idle and message["parent_header"].get("msg_id") == number)


def says(text: str) -> Callable[[Any], bool]:
    """A drawing with this in its text."""
    return lambda message: (
        message["msg_type"] == "update_display_data" and text in message["content"]["data"]["text/plain"]
    )


def display_id(message: Any) -> str:
    return str(message["content"]["transient"]["display_id"])


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("kernel")
    manager = KernelManager(transport="ipc", ip=str(folder / "k"), connection_file=str(folder / "k.json"))
    manager.start_kernel(extra_arguments=["--HistoryManager.enabled=False"])
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=PATIENCE)
    yield client, manager
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def notebook(kernel: Any) -> Iterator[Notebook]:
    """A notebook in which two sockets are connected. Afterwards no thread is left."""
    made = Notebook(*kernel)
    made.run(SETUP)
    yield made
    left = made.run("ctx.destroy(0)\nprint(threads(0, 0))")
    assert left == "(0, 0)\n"


def test_it_goes_on_after_its_cell_until_the_socket_closes(notebook: Notebook) -> None:
    notebook.run("board = push.dashboard(0.05)\nboard")
    (first,) = notebook.shown()
    # Nothing but the plots is shown, also where the last line of a cell is the dashboard.
    assert notebook.shown("execute_result") == []
    assert set(first["content"]["data"]) == {"text/html", "text/plain"}
    picture = ElementTree.fromstring(first["content"]["data"]["text/html"])
    assert picture.get("class") == "brokerless-dashboard" and picture[0].tag.endswith("svg")
    assert notebook.run("print(threads(1, 1))") == "(1, 1)\n"
    notebook.run("move(30)")
    moved = notebook.until(says("total 30 msg, 150 B"))
    assert display_id(moved) == display_id(first)
    notebook.run("push.close()")
    over = notebook.until(says("(ended"))
    assert display_id(over) == display_id(first)
    assert notebook.run("print(threads(0, 0), board.running, board.data['messages_sent'][-1])") == "(0, 0) False 30\n"


def test_what_stands_still_is_not_drawn_again(notebook: Notebook) -> None:
    notebook.run("board = push.dashboard(0.05); move(3)")
    notebook.until(says("(idle"))
    notebook.run("board._sampler.wait(board._sampler.taken + 20)")
    before = len(notebook.shown("update_display_data"))
    notebook.run("board._sampler.wait(board._sampler.taken + 20)")
    assert len(notebook.shown("update_display_data")) == before
    notebook.run("move(1)")
    notebook.until(says("total 4 msg"))


def test_drawings_are_not_many(notebook: Notebook) -> None:
    notebook.run(
        """
board = push.dashboard(0.05)
begun = time.monotonic()
while time.monotonic() < begun + 1.5:
    move(1)
board.stop()
"""
    )
    assert 1 <= len(notebook.shown("update_display_data")) <= 8
    assert (
        max(len(message["content"]["data"]["text/html"]) for message in notebook.shown("update_display_data")) < 20_000
    )


def test_a_cell_that_is_run_again_has_the_new_one_only(notebook: Notebook) -> None:
    notebook.run("old = push.dashboard(0.05)", cell="a")
    notebook.run("other = pull.dashboard(0.05)", cell="b")
    notebook.run("new = push.dashboard(0.05)", cell="a")
    assert notebook.run("print(old.running, other.running, new.running, threads(2, 2))") == "False True True (2, 2)\n"
    # Also when it makes none any more.
    notebook.run("pass", cell="a")
    assert notebook.run("print(other.running, new.running)") == "True False\n"


def test_without_ids_a_cell_is_known_by_its_text(notebook: Notebook) -> None:
    for _ in range(2):
        notebook.run("boards = [*globals().get('boards', []), push.dashboard(0.05)]")
    assert notebook.run("print([board.running for board in boards])") == "[False, True]\n"


def begun(message: Any) -> bool:
    return message["msg_type"] == "stream" and "begun" in message["content"]["text"]


def interrupted(notebook: Notebook, code: str, when: Callable[[Any], bool] = begun) -> None:
    number = notebook.begin(code)
    notebook.until(when)
    notebook.manager.interrupt_kernel()
    notebook.until(lambda message: ends(message, number))
    (raised,) = [message for message in notebook.shown("error") if message["parent_header"].get("msg_id") == number]
    assert raised["content"]["ename"] == "KeyboardInterrupt"


def test_an_interrupt_ends_those_of_its_cell(notebook: Notebook) -> None:
    notebook.run("other = pull.dashboard(0.05)")
    interrupted(notebook, "board = push.dashboard(0.05)\nprint('begun', flush=True)\npull.recv()")
    assert notebook.run("print(board.running, other.running)") == "False True\n"
    notebook.run("move(2)")
    notebook.until(says("total 2 msg"))
    # In another cell, none.
    interrupted(notebook, "print('begun', flush=True)\npull.recv()")
    assert notebook.run("print(other.running, threads(1, 1))") == "True (1, 1)\n"


def test_no_interrupt_leaves_half_of_one(notebook: Notebook) -> None:
    # Before the thread that draws has begun: as soon as the first picture is there, which `show` is the last to do.
    notebook.run(
        """
from brokerless._cell_output import CellOutput
show = CellOutput.show
def broken(self, bundle):
    show(self, bundle)
    raise KeyboardInterrupt
CellOutput.show = broken
"""
    )
    notebook.run("push.dashboard(0.05)", error="KeyboardInterrupt")
    assert len(notebook.shown()) == 1
    assert any(map(says("(stopped"), notebook.shown("update_display_data")))
    assert notebook.run("CellOutput.show = show; print(threads(0, 0))") == "(0, 0)\n"


def test_a_run_is_drawn_in_its_cell_until_an_interrupt(notebook: Notebook) -> None:
    notebook.run("board = push.dashboard(0.05, live=False)")
    assert notebook.shown() == [] and notebook.run("print(threads(1, 0))") == "(1, 0)\n"
    interrupted(notebook, "move(5)\nboard.run()", lambda message: message["msg_type"] == "display_data")
    assert len(notebook.shown()) == 1
    assert any(map(says("(stopped"), notebook.shown("update_display_data")))
    assert notebook.run("print(board.running, threads(0, 0))") == "False (0, 0)\n"


def test_one_that_is_not_live_stays_as_it_was(notebook: Notebook) -> None:
    notebook.run("board = push.dashboard(0.05, live=False)\nboard")
    notebook.run("move(4); board._sampler.wait(board._sampler.taken + 1)\nboard")
    first, second = notebook.shown()
    assert "total 0 msg" in first["content"]["data"]["text/plain"]
    assert "total 4 msg" in second["content"]["data"]["text/plain"]
    notebook.run("board.stop()")
    assert notebook.shown("update_display_data") == []


def test_it_may_be_shown_in_several_cells(notebook: Notebook) -> None:
    notebook.run("board = push.dashboard(0.05)")
    notebook.run("board")
    first, second = notebook.shown()
    assert display_id(first) == display_id(second)


def test_its_time_may_be_limited(notebook: Notebook) -> None:
    notebook.run("board = push.dashboard(0.05, seconds=0.2)")
    notebook.until(says("(ended"))


@pytest.mark.filterwarnings("ignore")
def test_a_socket_is_not_kept_alive(notebook: Notebook) -> None:
    notebook.run(
        """
import warnings
warnings.simplefilter("ignore")
sock = ctx.socket(zmq.PULL)
sock.dashboard(0.05)
"""
    )
    notebook.run("del sock")
    notebook.until(says("(ended"))


def test_a_collector_shows_what_it_tallies(notebook: Notebook) -> None:
    notebook.run(
        """
collector = pipeline.Collector("tcp://127.0.0.1:*", context=ctx)
board = collector.dashboard(0.05)
feed = ctx.socket(zmq.PUSH)
feed.connect(collector.endpoint)
for number in range(6):
    feed.send_json({"who": f"worker {number % 2}"})
collector.tally("who", 6)
"""
    )
    notebook.until(says("by 'who': worker 0 3, worker 1 3 (of 6)"))


def test_a_kernel_may_end_while_one_is_drawn(tmp_path: Path) -> None:
    manager = KernelManager(transport="ipc", ip=str(tmp_path / "k"), connection_file=str(tmp_path / "k.json"))
    manager.start_kernel(extra_arguments=["--HistoryManager.enabled=False"])
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=PATIENCE)
    try:
        notebook = Notebook(client, manager)
        notebook.run(SETUP + "\nboard = push.dashboard(0.05); move(10)")
        process = manager.provisioner.process
        client.shutdown()
        assert process.wait(PATIENCE) == 0
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
