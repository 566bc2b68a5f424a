"""Dashboards: plots of what goes through a socket, a device or a role of a pipeline, while it does.

A native thread samples (see `_core.Sampler`), another of Python draws, in a notebook, what is new.
"""

from __future__ import annotations

import contextvars
import math
import os
import shutil
import sys
import threading
import time
import uuid
from typing import Any, Dict, List, Optional, TextIO, Union

from . import _core
from ._cell_output import CellOutput, notebook, show_once
from ._dashboard_kinds import Subject, Tallied
from ._dashboard_peers import PeerTraffic, traffic_of
from ._dashboard_view import View

__all__ = ["Dashboard"]

#: Seconds between two drawings, at least.
_PAUSE = 0.25
#: How many samples a drawing is made from, at most.
POINTS = 200
#: Seconds that stop() waits for the last drawing.
_PATIENCE = 1.0
#: More rows than there will ever be.
_ALL = 2**63
_FLOATS = ("time", "elapsed")


class Dashboard:
    """Plots of what goes through a socket, a device or a role of a pipeline. Their dashboard() makes it.

    It samples until what it shows is closed, until stop(), or until its `seconds` are over. What it has sampled can be
    read at any time, also after that: as arrays, as lists, as text, and as a picture in a file. It keeps nothing of what it
    shows open or alive.
    """

    def __init__(self, subject: Subject, *, interval: float, seconds: Optional[float], live: bool, keep: int) -> None:
        self._sampler = _core.Sampler(subject.sources, interval, keep, seconds)
        # Without what is sampled, which it would keep alive.
        self._subject = subject._replace(sources=[])
        self._identity = f"brokerless-{uuid.uuid4().hex[:12]}"
        self._stopped = False
        self._process = os.getpid()
        self._output: Optional[CellOutput] = None
        self._done = False
        self._thread: Optional[threading.Thread] = None
        shell = notebook()
        if subject.tallied is not None:
            # From now on tallies tell.
            subject.tallied()
        if live and shell is not None:
            self._go_live(shell)

    # What it has seen

    @property
    def running(self) -> bool:
        """Whether it still samples."""
        return not self._sampler.ended

    @property
    def data(self) -> Dict[str, List[float]]:
        """The samples as lists of the same length, {name: list}; see to_arrays() for what they are."""
        return self._columns(None)

    def to_arrays(self) -> Dict[str, Any]:
        """The samples as numpy arrays of the same length, {name: array}, for plots of your own.

        "time" is in seconds since the epoch, as time.time() counts, "elapsed" in seconds since the first sample. All others
        are totals up to that time, int64: "messages_sent", "bytes_sent", "messages_received" and "bytes_received" of a
        socket, producer or collector, with "peers": how many are connected (-1: not known). A device has what it has moved,
        "frontend_messages" and "frontend_bytes" to the backend, "backend_messages" and "backend_bytes" to the frontend,
        and what its two sockets have, with "frontend_" or "backend_" before it; a worker the same of its two, with "jobs_"
        or "results_". Raises ImportError without numpy, ForkedProcessError in a forked child.
        """
        try:
            import numpy
        except ImportError as error:
            raise ImportError("to_arrays() makes numpy arrays: pip install numpy, or take `data`, the lists") from error
        columns = self._sampler.columns()
        return {name: numpy.frombuffer(raw, float if name in _FLOATS else numpy.int64) for name, raw in columns.items()}

    @property
    def peers(self) -> List[PeerTraffic]:
        """What went to and came from each peer over TCP, in the order in which they came: see PeerTraffic.

        The figures are the kernel's, in bytes on the wire, and there for every type of socket. Up to 64 connections are
        followed; those that are gone make room first. Nobody counts so over ipc and inproc.
        """
        return self._traffic(None)

    def text(self) -> str:
        """The figures in a few lines of text, with a small picture of the rates in block characters."""
        return self._view().text()

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Saves the plots as they are now in a file, an SVG. Raises ValueError for a name that does not end so."""
        if not os.fspath(path).lower().endswith(".svg"):
            raise ValueError(f"a dashboard is saved as SVG, in a file whose name ends in .svg, not {os.fspath(path)!r}")
        picture = self._view().svg(self._identity, standalone=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(picture)

    # Life

    def run(self, seconds: Optional[float] = None) -> None:
        """Shows it here, drawn anew all the time, until it ends; it also ends after `seconds`, and by an interrupt.

        In a notebook the plots are drawn in this cell, in a terminal their text is drawn over and over; where the output
        goes elsewhere, the text comes once, at the end. An interrupt is raised as KeyboardInterrupt, as everywhere.
        """
        shell = notebook()
        try:
            if shell is None:
                self._run_in_terminal(sys.stdout, seconds)
            else:
                if self._thread is None and self.running:
                    self._go_live(shell)
                self._sampler.wait(_ALL, seconds)
        finally:
            self.stop()

    def stop(self) -> None:
        """Ends it, with a last sample and a last drawing, which stays. May be called again."""
        if self.running:
            self._stopped = True
        self._sampler.stop()
        thread, output = self._thread, self._output
        if thread is not None and thread.ident is not None:
            if thread is not threading.current_thread():
                thread.join(_PATIENCE)
        elif output is not None and not self._done and self._process == os.getpid():
            # An interrupt came between the first picture and the thread for the others.
            self._draw_last(output)

    def __enter__(self) -> Dashboard:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.stop()

    # How it is shown

    def __repr__(self) -> str:
        return f"<Dashboard of {self._subject.title} ({self._state()})>"

    def __str__(self) -> str:
        return self.text()

    def _ipython_display_(self) -> None:
        shell = notebook()
        if shell is None:
            print(self.text())
        elif self._output is None:
            show_once(self._bundle())
        elif not self._output.is_shown_here():
            self._output.show(self._bundle())

    def _state(self) -> str:
        return "live" if self.running else "stopped" if self._stopped else "ended"

    def _columns(self, most: Optional[int]) -> Dict[str, List[float]]:
        columns = self._sampler.columns(most)
        lists: Dict[str, List[float]] = {}
        for name, raw in columns.items():
            lists[name] = list(memoryview(raw).cast("d" if name in _FLOATS else "q"))
        return lists

    def _traffic(self, most: Optional[int]) -> List[PeerTraffic]:
        return traffic_of(self._subject, self._sampler.wires(most))

    def _view(self) -> View:
        # First: what is called ended has its last figures.
        state = self._state()
        tallied: Tallied = (None, 0, 0, []) if self._subject.tallied is None else self._subject.tallied()
        peers = self._traffic(POINTS)
        return View(self._subject, self._columns(POINTS), peers, tallied, state, self._sampler.interval)

    def _bundle(self) -> Dict[str, Any]:
        view = self._view()
        html = f'<div class="brokerless-dashboard">{view.svg(self._identity)}</div>'
        return {"text/html": html, "text/plain": view.text()}

    def _go_live(self, shell: Any) -> None:
        self._output = CellOutput(shell, self)
        self._output.show(self._bundle())
        # With the cell's context, so that whatever is printed there belongs to the cell.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._keep_drawing, self._output), name="brokerless dashboard", daemon=True
        )
        self._thread.start()

    def _keep_drawing(self, output: CellOutput) -> None:
        every = max(1, math.ceil(_PAUSE / self._sampler.interval))
        drawn, settled = 0, False
        try:
            while self.running:
                taken, changed = self._sampler.taken, self._sampler.changed
                if changed > drawn or not settled:
                    output.update(self._bundle())
                # Once more, so that it shows the standstill, and then no more.
                drawn, settled = changed, taken > changed + every
                self._sampler.wait(taken + every - 1)
        finally:
            self._draw_last(output)

    def _draw_last(self, output: CellOutput) -> None:
        self._done = True
        output.close()
        output.update(self._bundle())

    def _run_in_terminal(self, screen: TextIO, seconds: Optional[float]) -> None:
        try:
            if screen.isatty():
                self._draw_over(screen, seconds)
            else:
                self._sampler.wait(_ALL, seconds)
        finally:
            self.stop()
            print(self.text(), file=screen, flush=True)

    def _draw_over(self, screen: TextIO, seconds: Optional[float]) -> None:
        every = max(1, math.ceil(_PAUSE / self._sampler.interval))
        end = math.inf if seconds is None else time.monotonic() + seconds
        height = 0
        try:
            while self.running and time.monotonic() < end:
                taken = self._sampler.taken
                # No line may be wrapped: it could not be drawn over.
                width = shutil.get_terminal_size().columns - 1
                lines = [line[:width] for line in self.text().splitlines()]
                screen.write(_back(height) + "\n".join(lines) + "\n")
                screen.flush()
                height = len(lines)
                left = None if seconds is None else max(0.0, end - time.monotonic())
                self._sampler.wait(taken + every - 1, left)
        finally:
            screen.write(_back(height))


def _back(lines: int) -> str:
    """Takes a terminal's cursor up again, and clears what is below."""
    return f"\x1b[{lines}F\x1b[J" if lines else ""
