"""What `%load_ext brokerless` turns on in a notebook, or in IPython in a terminal.

    %load_ext brokerless

A cell that is run again first closes what its former run opened; text that a thread prints appears in the cell that
started it; an interrupt is one line, also where a cell awaits; and `%%peer` runs a cell in a process of its own. Pictures
(`zmq.diagram()`, `dashboard()`), `zmq.doctor()` and `zmq.trace()` need no extension.
"""

from __future__ import annotations

import importlib
from typing import Any, List

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

#: The modules here that follow a shell, in the order in which they begin to: those behind use those before them.
PARTS = ("cells", "owned", "output", "interrupt", "peers")

#: The parts that are loaded, the last one first.
_loaded: List[Any] = []


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext brokerless` calls: loads every part. If one cannot be, none is, and its error is raised."""
    unload_ipython_extension(shell)
    try:
        for name in PARTS:
            part = importlib.import_module(f".{name}", __name__)
            part.load(shell)
            _loaded.insert(0, part)
    except BaseException:
        unload_ipython_extension(shell)
        raise


def unload_ipython_extension(shell: Any) -> None:
    """What `%unload_ext brokerless` calls: the shell is as it was, and the peers have ended."""
    while _loaded:
        _loaded.pop(0).unload(shell)
