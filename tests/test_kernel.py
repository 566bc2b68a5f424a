"""The kernel that runs on brokerless, installed and started as Jupyter does: all that notebooks ask of a kernel works in it."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest
from conftest import PATIENCE

pytest.importorskip("ipykernel")

with warnings.catch_warnings():
    # Jupyter's own, while it is imported.
    warnings.simplefilter("ignore")
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import KernelManager

from brokerless.kernel import install

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client.*")


class Session:
    """A kernel, and a front end of it."""

    def __init__(self, folder: Path, specs: Path, name: str = "brokerless") -> None:
        self.manager = KernelManager(
            kernel_name=name,
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(specs)], ensure_native_kernel=False),
            transport="ipc",
            ip=str(folder / "k"),
            connection_file=str(folder / "k.json"),
        )
        environment = {**os.environ, "IPYTHONDIR": str(folder / "ipython")}
        self.manager.start_kernel(cwd=str(folder), env=environment, extra_arguments=["--HistoryManager.enabled=False"])
        self.client = self.manager.client()
        self.client.start_channels()
        try:
            self.client.wait_for_ready(timeout=PATIENCE)
        except BaseException:
            self.close()
            raise

    def run(
        self,
        code: str,
        *,
        answer: Optional[str] = None,
        look: Callable[[Dict[str, Any]], None] = lambda message: None,
    ) -> List[Dict[str, Any]]:
        """Run a cell, and return the reply and then its outputs; `look` sees each output as it comes."""
        messages: List[Dict[str, Any]] = []

        def hook(message: Dict[str, Any]) -> None:
            messages.append(message)
            look(message)

        reply = self.client.execute_interactive(
            code,
            allow_stdin=answer is not None,
            timeout=PATIENCE,
            output_hook=hook,
            stdin_hook=lambda message: self.client.input(answer),
        )
        return [reply, *messages]

    def text(self, code: str, **options: Any) -> str:
        """What a cell that goes well prints."""
        reply, *messages = self.run(code, **options)
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(message["content"]["text"] for message in messages if message["msg_type"] == "stream")

    def interrupted(self, code: str) -> str:
        """What ends a cell that is interrupted once it has printed "started"."""

        def look(message: Dict[str, Any]) -> None:
            if message["msg_type"] == "stream" and "started" in message["content"]["text"]:
                self.manager.interrupt_kernel()

        return str(self.run(code, look=look)[0]["content"].get("ename"))

    def until(self, kind: str, **content: Any) -> Dict[str, Any]:
        """The next message on iopub of this type, with this content."""
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["msg_type"] == kind and content.items() <= message["content"].items():
                found: Dict[str, Any] = message["content"]
                return found

    def debug(self, command: str, **arguments: Any) -> Dict[str, Any]:
        """Ask the kernel's debugger, and return what it answers."""
        request = {"type": "request", "seq": 1, "command": command, "arguments": arguments}
        self.client.control_channel.send(self.client.session.msg("debug_request", request))
        reply: Dict[str, Any] = self.client.get_control_msg(timeout=PATIENCE)["content"]
        assert reply["success"], reply
        return reply

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
        self.manager.context.destroy(linger=0)


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the kernel is installed: a folder of kernels."""
    return install(prefix=tmp_path_factory.mktemp("prefix")).parent


@pytest.fixture(scope="module")
def session(specs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    made = Session(tmp_path_factory.mktemp("k"), specs)
    yield made
    made.close()


def test_its_messages_run_on_brokerless(session: Session) -> None:
    printed = session.text(
        "import sys, zmq, brokerless, ipykernel.iostream\n"
        "kernel = get_ipython().kernel\n"
        "assert zmq is brokerless is ipykernel.iostream.zmq\n"
        "assert isinstance(kernel.iopub_thread.socket, brokerless.Socket)\n"
        "print(zmq.__version__ == zmq.pyzmq_version(), [name for name in sys.modules if name.startswith('zmq.backend.c')])"
    )
    assert printed == "True []\n"


def test_it_prints_shows_and_fails_as_any_kernel(session: Session) -> None:
    assert session.text("import sys; print('out'); print('err', file=sys.stderr)") == "out\nerr\n"
    _, *messages = session.run("from IPython.display import HTML, display\ndisplay(HTML('<b>bold</b>'))\n6 * 7")
    shown = {message["msg_type"]: message["content"]["data"] for message in messages if "data" in message["content"]}
    assert shown["display_data"]["text/html"] == "<b>bold</b>"
    assert shown["execute_result"]["text/plain"] == "42"
    reply, *messages = session.run("1 / 0")
    assert reply["content"]["ename"] == "ZeroDivisionError"
    assert [message["content"]["evalue"] for message in messages if message["msg_type"] == "error"] == [
        "division by zero"
    ]


def test_it_updates_a_display_in_place(session: Session) -> None:
    _, *messages = session.run("handle = display('one', display_id=True); handle.update('two')")
    kinds = [message["msg_type"] for message in messages if "data" in message["content"]]
    assert kinds == ["display_data", "update_display_data"]


def test_it_completes_and_explains(session: Session) -> None:
    session.run("telescope = 'looks far'")
    assert "telescope" in session.client.complete("telesc", reply=True, timeout=PATIENCE)["content"]["matches"]
    found = session.client.inspect("telescope", reply=True, timeout=PATIENCE)["content"]
    assert found["found"] and "looks far" in found["data"]["text/plain"]


def test_it_asks_for_input(session: Session) -> None:
    assert session.text("print('hello', input('name? '))", answer="Ada") == "hello Ada\n"
    assert session.text("import getpass; print(getpass.getpass())", answer="secret") == "secret\n"


@pytest.mark.parametrize(
    "wait",
    [
        "import time; time.sleep(60)",
        "import zmq; s = zmq.Context.instance().socket(zmq.PULL); s.bind('inproc://never'); s.recv()",
        "input('never answered')",
    ],
)
def test_it_can_be_interrupted_and_goes_on(session: Session, wait: str) -> None:
    if wait.startswith("input"):
        interrupted = []

        def interrupt(message: Dict[str, Any]) -> None:
            interrupted.append(message)
            session.manager.interrupt_kernel()

        reply = session.client.execute_interactive(wait, timeout=PATIENCE, allow_stdin=True, stdin_hook=interrupt)
        assert interrupted and reply["content"]["ename"] == "KeyboardInterrupt"
    else:
        assert session.interrupted(f"print('started', flush=True); {wait}") == "KeyboardInterrupt"
    assert session.text("print('on')") == "on\n"


def test_cells_may_await(session: Session) -> None:
    code = """
import asyncio, zmq.asyncio
context = zmq.asyncio.Context()
with context.socket(zmq.PULL) as pull, context.socket(zmq.PUSH) as push:
    push.connect("tcp://127.0.0.1:%d" % pull.bind_to_random_port("tcp://127.0.0.1"))
    await push.send(b"awaited")
    print((await asyncio.wait_for(pull.recv(), 20)).decode())
context.term()
"""
    assert session.text(code) == "awaited\n"


def test_what_processes_print_comes_too(session: Session) -> None:
    assert "from a shell" in session.text("!echo from a shell")
    assert (
        session.text("import subprocess; print(subprocess.check_output(['echo', 'kept'], text=True))").strip() == "kept"
    )
    code = """
import multiprocessing
with multiprocessing.get_context("spawn").Pool(1) as pool:
    print(pool.apply(eval, ("__import__('zmq').__name__",)))
"""
    assert session.text(code) == "brokerless\n"


def test_comms_carry_messages_both_ways(session: Session) -> None:
    code = """
from comm import create_comm
channel = create_comm(target_name="front", data={"opened": 1})
channel.on_msg(lambda message: channel.send({"echo": message["content"]["data"]}))
print(channel.comm_id)
"""
    _, *messages = session.run(code)
    opened = [message["content"] for message in messages if message["msg_type"] == "comm_open"]
    assert [(content["target_name"], content["data"]) for content in opened] == [("front", {"opened": 1})]
    request = session.client.session.msg("comm_msg", {"comm_id": opened[0]["comm_id"], "data": {"value": 7}})
    session.client.shell_channel.send(request)
    assert session.until("comm_msg", comm_id=opened[0]["comm_id"])["data"] == {"echo": {"value": 7}}


def test_widgets_talk_to_the_kernel(session: Session) -> None:
    pytest.importorskip("ipywidgets")
    code = """
import ipywidgets
slider = ipywidgets.IntSlider(value=1)
slider.observe(lambda change: print("now", change["new"]), "value")
display(slider)
"""
    _, *messages = session.run(code)
    models = [
        m["content"] for m in messages if m["msg_type"] == "comm_open" and "value" in m["content"]["data"]["state"]
    ]
    assert "application/vnd.jupyter.widget-view+json" in messages[-2]["content"]["data"]
    moved = {"method": "update", "state": {"value": 5}, "buffer_paths": []}
    session.client.shell_channel.send(
        session.client.session.msg("comm_msg", {"comm_id": models[0]["comm_id"], "data": moved})
    )
    assert session.until("stream")["text"].startswith("now 5")


def test_a_debugger_stops_at_a_breakpoint(session: Session) -> None:
    pytest.importorskip("debugpy")
    session.debug(
        "initialize", clientID="test", adapterID="", pathFormat="path", linesStartAt1=True, columnsStartAt1=True
    )
    session.debug("attach")
    code = "def double(number):\n    return number * 2\n\nprint(double(21))"
    source = {"path": session.debug("dumpCell", code=code)["body"]["sourcePath"]}
    session.debug("setBreakpoints", source=source, breakpoints=[{"line": 2}], sourceModified=False)
    session.debug("configurationDone")
    session.client.execute(code)
    stopped = session.until("debug_event", event="stopped")["body"]
    assert stopped["reason"] == "breakpoint"
    frame = session.debug("stackTrace", threadId=stopped["threadId"])["body"]["stackFrames"][0]
    assert (frame["name"], frame["line"]) == ("double", 2)
    session.debug("continue", threadId=stopped["threadId"])
    assert session.until("stream")["text"].startswith("42")
    session.debug("disconnect", restart=False, terminateDebuggee=True)
    assert session.client.get_shell_msg(timeout=PATIENCE)["content"]["status"] == "ok"


def test_it_restarts_and_shuts_down(specs: Path, ipc_dir: Path) -> None:
    session = Session(ipc_dir, specs)
    try:
        opened = "import zmq\nsock = zmq.Context.instance().socket(zmq.REP)\nprint(sock.bind_to_random_port('tcp://127.0.0.1'))"
        port = int(session.text(opened))
        session.manager.restart_kernel()
        session.client.wait_for_ready(timeout=PATIENCE)
        assert session.run("sock")[0]["content"]["ename"] == "NameError"
        assert (
            session.text(f"{opened.rsplit('print', 1)[0]}sock.bind('tcp://127.0.0.1:{port}'); print('again')")
            == "again\n"
        )
        session.client.shutdown()
        ended = threading.Timer(PATIENCE, session.manager.signal_kernel, (9,))
        ended.start()
        provisioner = session.manager.provisioner
        assert provisioner is not None
        assert provisioner.process.wait() == 0
        ended.cancel()
        ended.join()
    finally:
        session.close()


def test_files_beside_a_notebook_are_not_taken_for_modules_of_the_kernel(specs: Path, ipc_dir: Path) -> None:
    for name in ("zmq", "argparse", "tornado", "jupyter_client", "ipykernel"):
        (ipc_dir / f"{name}.py").write_text("raise RuntimeError('a file of the notebook')", encoding="utf-8")
    (ipc_dir / "helper.py").write_text("answer = 42", encoding="utf-8")
    session = Session(ipc_dir, specs)
    try:
        assert session.text("import helper, zmq; print(helper.answer, zmq.__name__)") == "42 brokerless\n"
    finally:
        session.close()


def test_a_kernel_of_another_name_is_started_by_it(tmp_path: Path, ipc_dir: Path) -> None:
    specs = install(prefix=tmp_path, name="messages", display_name="Messages").parent
    session = Session(ipc_dir, specs, "messages")
    try:
        assert session.text("import sys; print(sys.executable)").strip() == sys.executable
    finally:
        session.close()
