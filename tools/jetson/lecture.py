"""Runs a notebook of the course in a kernel that is emulated, while nbclient, which asks it, is not.

The kernel is an ordinary one to Jupyter: a kernelspec in a folder of its own says that qemu starts it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
import types
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from tools.jetson.board import Board
from tools.wheels.source import ROOT

if importlib.util.find_spec("brokerless") is None:
    # This side only reads the notebook and asks a kernel: it takes the package's Python, and need not wait for its Rust.
    package = types.ModuleType("brokerless")
    package.__path__ = [str(ROOT / "python" / "brokerless")]
    sys.modules["brokerless"] = package

from tools.runner import Run, run_notebook

LECTURE = ROOT / "notebooks" / "02_request_reply.py"
LIMIT = 240.0  # seconds; a kernel alone takes ten to start in an emulator


def run_lecture(board: Board, source: Path = LECTURE) -> Run:
    """Execute the notebook on the board; what went wrong is in the run's `error`."""
    with _kernelspec(board) as name:
        return run_notebook(source, timeout=LIMIT, kernel_name=name)


@contextmanager
def _kernelspec(board: Board) -> Iterator[str]:
    name = f"board-{board.system.suite}"
    spec = {
        "argv": board.command("-m", "ipykernel_launcher", "-f", "{connection_file}"),
        "display_name": str(board.system),
        "language": "python",
        "env": board.environment(),
    }
    before = os.environ.get("JUPYTER_PATH")
    with tempfile.TemporaryDirectory(prefix="board-") as folder:
        kernel = Path(folder, "kernels", name)
        kernel.mkdir(parents=True)
        (kernel / "kernel.json").write_text(json.dumps(spec))
        os.environ["JUPYTER_PATH"] = folder
        try:
            yield name
        finally:
            if before is None:
                del os.environ["JUPYTER_PATH"]
            else:
                os.environ["JUPYTER_PATH"] = before
