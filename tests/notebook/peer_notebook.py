"""A notebook for the tests of peers: a live kernel that has them, and what the tests ask of processes."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from conftest import wait_until
from live_kernel import LiveKernel, Ran, live_kernel

LOAD = """
import os, signal, sys, threading, time
import brokerless as zmq
from brokerless.jupyter import cells, output, peers
for part in (cells, output, peers):
    part.load(get_ipython())
"""


@contextmanager
def notebook() -> Iterator[LiveKernel]:
    """A kernel with peers."""
    with live_kernel() as kernel:
        kernel.run(LOAD)
        yield kernel


def stream(ran: Ran, name: str) -> str:
    """What a cell has printed on "stdout" or on "stderr"."""
    found = [message["content"] for message in ran.messages if message["msg_type"] == "stream"]
    return "".join(content["text"] for content in found if content["name"] == name)


def usage_error(ran: Ran) -> str:
    """What a cell says that was used wrongly: one line, or a second one with the usage, and no traceback."""
    ran.done()
    assert ran.reply["status"] == "error" and ran.reply["ename"] == "UsageError"
    assert not ran.errors and ran.text.startswith("UsageError: ")
    assert ran.text.count("\n") == 1 + ("\nusage: %" in ran.text)
    return ran.text[len("UsageError: ") :].rstrip("\n")


def number(ran: Ran) -> int:
    """The number that a cell has printed first."""
    return int(ran.until(lambda: "\n" in ran.text).text.split()[0])


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that has ended but was not collected by its parent does not run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def ends(pid: int) -> bool:
    """Waits until a process has ended."""
    return wait_until(lambda: not is_running(pid))


def end(pid: int) -> None:
    """Ends a process that a failed test may have left."""
    if is_running(pid):
        os.kill(pid, 9)
