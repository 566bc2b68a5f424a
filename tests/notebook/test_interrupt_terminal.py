"""Ctrl-C in IPython without a kernel: cells that await, in asyncio's own loop and in uvloop's."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("IPython")

SHELL = """
import asyncio, os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore")
os.environ["IPYTHONDIR"] = os.path.join(os.getcwd(), "ipython")
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config()
config.HistoryManager.enabled = False
config.InteractiveShell.colors = "NoColor"
shell = InteractiveShell.instance(config=config)
from brokerless.jupyter import interrupt
interrupt.load(shell)
{loop}
shell.loop_runner = loop.run_until_complete
shell.autoawait = True

def cell(code):
    return shell.run_cell(code, store_history=False)

cell('''
import asyncio, os, signal, threading, time
import brokerless as zmq
import brokerless.asyncio
rep = zmq.asyncio.Context.instance().socket(zmq.REP)
port = rep.bind_to_random_port("tcp://127.0.0.1")

pressed = []
def stop_soon():
    def stop():
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
    threading.Timer(0.2, stop).start()
''')
"""

LOOPS = {
    "asyncio": "loop = asyncio.new_event_loop()",
    "uvloop": "import uvloop; loop = uvloop.new_event_loop()",
}

END = """
shell.user_ns["rep"].close()
loop.run_until_complete(asyncio.sleep(0))
loop.close()
print("done")
"""


@pytest.fixture(params=LOOPS)
def run_shell(request: pytest.FixtureRequest, run_python: Any) -> Any:
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
    return lambda code: run_python(SHELL.format(loop=LOOPS[request.param]) + code + END, timeout=50)


def test_a_cell_that_awaits_ends(run_shell: Any) -> None:
    done = run_shell(
        """
for code in ("await asyncio.sleep(60)", "await rep.recv()"):
    result = cell("stop_soon(); " + code)
    print("took", time.monotonic() - shell.user_ns["pressed"][-1])
    assert type(result.error_in_exec) is KeyboardInterrupt, result.error_in_exec
    assert "interrupted while" in str(result.error_in_exec)
    assert not asyncio.all_tasks(loop)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
result = cell('''
req = zmq.Context.instance().socket(zmq.REQ)
req.connect(f"tcp://127.0.0.1:{port}")
req.send(b"hello")
print(await rep.recv(timeout=20))
req.close(0)
''')
result.raise_error()
"""
    )
    assert "KeyboardInterrupt: interrupted while it awaited asyncio.sleep(60)" in done.stdout
    assert "KeyboardInterrupt: interrupted while recv() waited on <zmq.asyncio.Socket(zmq.REP)" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout.endswith("b'hello'\ndone\n")
    taken = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("took")]
    assert len(taken) == 2
    assert max(taken) < 1.0


def test_a_cell_that_does_not_await_ends_too(run_shell: Any) -> None:
    done = run_shell(
        """
result = cell("plain = zmq.Socket.shadow(rep); stop_soon(); plain.recv()")
assert type(result.error_in_exec) is KeyboardInterrupt
result = cell("stop_soon(); await asyncio.sleep(0); time.sleep(60)")
assert type(result.error_in_exec) is KeyboardInterrupt
"""
    )
    assert "interrupted while recv() waited" in done.stdout
    assert done.stdout.endswith("done\n")
