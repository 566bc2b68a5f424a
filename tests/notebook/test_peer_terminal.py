"""Peers in a terminal's IPython: all is plain text there."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("IPython")

SHELL = """
import os, sys, warnings
warnings.simplefilter("ignore")
os.environ["IPYTHONDIR"] = os.path.join(os.getcwd(), "ipython")
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config()
config.HistoryManager.enabled = False
config.InteractiveShell.colors = "NoColor"
shell = InteractiveShell.instance(config=config)
from brokerless.jupyter import cells, peers
for part in (cells, peers):
    part.load(shell)

def cell(code):
    return shell.run_cell(code, store_history=True)

def end_of(name):
    next(peer for peer in peers.find() if peer.name == name).ended.wait(20)
"""


def run(run_python: Any, code: str) -> str:
    done = run_python(SHELL + code)
    assert done.stderr == ""
    return str(done.stdout)


def test_output_values_and_tables_are_plain_text(run_python: Any) -> None:
    printed = run(
        run_python,
        """
cell("%%peer one\\nprint('printed')\\n1 + 1")
end_of("one")
cell("%%peer --wait two\\n'val' + 'ue'")
cell("%peers")
""",
    )
    lines = printed.splitlines()
    assert lines[:2] == ["printed", "2"] and "'value'" in printed
    assert [line.split()[:3] for line in lines if line.startswith(("one", "two"))] == [
        ["one", "ended", "(0)"],
        ["two", "ended", "(0)"],
    ]


def test_tracebacks_are_plain_text(run_python: Any) -> None:
    done = run_python(SHELL + "cell('%%peer bad\\n1 / 0')\nend_of('bad')\ncell('%%peer --wait worse\\n1 / 0')\n")
    assert 'File "Cell [peer bad]", line 1' in done.stderr and done.stderr.endswith(
        "ZeroDivisionError: division by zero\n"
    )
    assert 'File "Cell [peer worse]", line 1' in done.stdout and "\x1b" not in done.stdout + done.stderr


def test_threads_work_too(run_python: Any) -> None:
    printed = run(
        run_python, "cell('x = 3')\ncell('%%peer --thread t\\nprint(x)\\ny = x')\nend_of('t')\ncell('print(y)')\n"
    )
    assert printed == "3\n3\n"


def test_no_peers_are_a_hint(run_python: Any) -> None:
    assert "no peers: %%peer NAME" in run(run_python, "cell('%peers')\n")


def test_leaving_the_terminal_ends_the_peers(run_python: Any) -> None:
    printed = run(
        run_python,
        """
cell("%%peer on\\nimport time\\ntry:\\n    print('on')\\n    time.sleep(50)\\nfinally:\\n    print('off')")
while "error" in peers.surveys()[0]: pass
""",
    )
    assert printed.splitlines()[-1] in ("the peer on was stopped", "off")
