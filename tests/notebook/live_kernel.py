"""A real kernel in a process of its own, for tests: runs cells, interrupts them, and knows which output is whose."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

from conftest import PATIENCE, wait_until

# On x86-64, aarch64, and 32 bit ARM.
_FUTEX = {"202", "98", "240"}

ROOT = Path(__file__).parent.parent.parent


class Ran:
    """A cell that was sent to the kernel: its messages so far, and its reply."""

    def __init__(self, kernel: LiveKernel, number: str) -> None:
        self.kernel = kernel
        self.number = number
        self.messages: List[Any] = []
        self.reply: Any = None
        #: When the reply had come.
        self.replied: float = 0.0

    @property
    def text(self) -> str:
        """What it printed, on stdout and on stderr."""
        return "".join(found["content"]["text"] for found in self.messages if found["msg_type"] == "stream")

    @property
    def shown(self) -> List[str]:
        """What it displays, the last update of each display in its place."""
        shown: Dict[Any, str] = {}
        for found in self.messages:
            if found["msg_type"] in ("display_data", "update_display_data", "execute_result"):
                key = found["content"].get("transient", {}).get("display_id") or len(shown)
                shown[key] = found["content"]["data"]["text/plain"]
        return list(shown.values())

    @property
    def errors(self) -> List[Any]:
        """The contents of its error messages."""
        return [found["content"] for found in self.messages if found["msg_type"] == "error"]

    def idle(self) -> bool:
        """Whether the kernel has said that it is done."""
        states = [found["content"]["execution_state"] for found in self.messages if found["msg_type"] == "status"]
        return "idle" in states

    def until(self, reached: Callable[[], bool]) -> Ran:
        """Waits until this is so, while the cell's messages come in."""
        assert self.kernel.wait(reached), f"printed {self.text!r}, errors {self.errors}"
        return self

    def done(self) -> Ran:
        """Waits until it is over."""
        return self.until(lambda: self.reply is not None and self.idle())

    def ok(self) -> Ran:
        """Waits until it is over, and well."""
        self.done()
        assert self.reply["status"] == "ok", "\n".join(self.reply.get("traceback", []))
        return self


class LiveKernel:
    """A kernel, and what a front end has of it."""

    def __init__(self, folder: str, **environment: str) -> None:
        with warnings.catch_warnings():
            # Jupyter's own, while it is imported.
            warnings.simplefilter("ignore")
            from jupyter_client.kernelspec import KernelSpec
            from jupyter_client.manager import KernelManager

        where = os.path.join(folder, "k")
        self.manager: Any = KernelManager(transport="ipc", ip=where, connection_file=where + ".json")
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False"]
        self.manager._kernel_spec = KernelSpec(argv=argv, display_name="test", language="python")
        path = os.environ.get("PYTHONPATH", "") + os.pathsep + str(ROOT / "python")
        self._environment = {**os.environ, "PYTHONPATH": path, "IPYTHONDIR": folder, **environment}
        self.log = open(os.path.join(folder, "log"), "w+b")
        self.manager.start_kernel(env=self._environment, stdout=self.log, stderr=self.log)
        self.client: Any = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)
        self.ran: Dict[str, Ran] = {}

    @property
    def pid(self) -> int:
        """The kernel's process."""
        provisioner = self.manager.provisioner
        return int(provisioner.pid)

    def start(self, code: str, cell: str = "", **options: Any) -> Ran:
        """Begins to run a cell; `cell` is the front end's id of it."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        content.update(options)
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        self.client.shell_channel.send(message)
        ran = self.ran[message["header"]["msg_id"]] = Ran(self, message["header"]["msg_id"])
        return ran

    def run(self, code: str, cell: str = "", **options: Any) -> Ran:
        """Runs a cell, which must end well."""
        return self.start(code, cell, **options).ok()

    def wait(self, reached: Callable[[], bool], timeout: float = PATIENCE) -> bool:
        """Takes messages in until this is so."""
        deadline = time.monotonic() + timeout
        while not reached():
            if time.monotonic() > deadline:
                return False
            self._take_in()
        return True

    def _take_in(self) -> None:
        shell, iopub = self.client.shell_channel, self.client.iopub_channel
        if not shell.msg_ready() and not iopub.msg_ready():
            iopub.socket.poll(1)
        while shell.msg_ready():
            found = shell.get_msg(timeout=0)
            ran = self.ran.get(found["parent_header"].get("msg_id"))
            if ran is not None and found["msg_type"] == "execute_reply":
                ran.reply, ran.replied = found["content"], time.monotonic()
        while iopub.msg_ready():
            found = iopub.get_msg(timeout=0)
            ran = self.ran.get(found["parent_header"].get("msg_id"))
            if ran is not None:
                ran.messages.append(found)

    def asleep(self) -> bool:
        """Whether the kernel's main thread sleeps, and not only until its output has been taken."""
        task = Path(f"/proc/{self.pid}/task/{self.pid}")
        # "running", or the number of the call in which it sleeps. (A signal just before time.sleep() sleeps does not wake it.)
        call = (task / "syscall").read_text().split()[0]
        return call.isdigit() and call not in _FUTEX

    def interrupt(self, ran: Ran) -> float:
        """Presses Stop once the cell has printed "waiting" and waits; the seconds until its reply had come."""
        ran.until(lambda: "waiting" in ran.text)
        assert wait_until(self.asleep)
        return self.interrupt_now(ran)

    def interrupt_now(self, ran: Ran) -> float:
        """Presses Stop; the seconds until the cell's reply had come."""
        # As Jupyter's server does, without the time that its own machinery takes.
        pressed = time.monotonic()
        os.kill(self.pid, signal.SIGINT)
        ran.done()
        return ran.replied - pressed

    def errors(self) -> str:
        """What the kernel has written on the terminal that it was started in."""
        self.log.seek(0)
        return self.log.read().decode("utf8", "replace")

    def shut_down(self) -> float:
        """Ends it as Jupyter does; the seconds that it took. It is killed if it does not end, which takes longer."""
        begun = time.monotonic()
        self.manager.shutdown_kernel()
        return time.monotonic() - begun

    def close(self) -> None:
        """Lets go of it, whatever state it is in."""
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
        self.manager.context.destroy(0)
        self.log.close()


@contextmanager
def live_kernel(**environment: str) -> Iterator[LiveKernel]:
    """A kernel for the length of a block."""
    threads = set(threading.enumerate())
    with tempfile.TemporaryDirectory(prefix="kernel-") as folder:
        kernel = LiveKernel(folder, **environment)
        try:
            yield kernel
        finally:
            kernel.close()
    assert wait_until(lambda: not [new for new in threading.enumerate() if new not in threads and not new.daemon])
