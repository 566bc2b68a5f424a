"""The line of an interrupted cell says how long the call had waited, also where the code does not show which call it was."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("ipykernel")

from live_kernel import live_kernel

LOAD = """
import time
import brokerless as zmq
from brokerless.jupyter import interrupt
interrupt.load(get_ipython())
rep = zmq.Context.instance().socket(zmq.REP)
"""

WAITS = {
    "a socket": (
        "rep.recv()",
        r"interrupted while recv\(\) waited on <zmq.Socket\(zmq.REP\).*>, \d+\.\d s; the socket",
    ),
    "what a function returns": ("(lambda: rep)().recv()", r"interrupted while recv\(\) waited, \d+\.\d s"),
    "a magic": ("get_ipython().run_line_magic('time', 'rep.recv()')", r"interrupted while a call .* waited, \d+\.\d s"),
}


def test_the_line_says_how_long() -> None:
    with live_kernel() as kernel:
        kernel.run(LOAD)
        for code, line in WAITS.values():
            ran = kernel.start(f"print('waiting', flush=True); {code}")
            kernel.interrupt(ran)
            assert ran.reply["ename"] == "KeyboardInterrupt"
            assert re.match(line, ran.reply["evalue"]), ran.reply["evalue"]
            assert len(ran.errors[0]["traceback"]) == 1
