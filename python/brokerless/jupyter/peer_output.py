"""Writes into the output area of one cell, also after the cell has returned, and from threads of ours."""

from __future__ import annotations

import contextvars
import sys
import threading
from typing import Any, Callable, List, Optional


class CellOutput:
    """The output area of the cell that runs now. Where there are none, in a terminal, it is the terminal.

    Whoever writes must run in a thread that `thread()` made: the kernel tells cells apart by the context of who prints.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._context = contextvars.copy_context()
        self._streams = {"stdout": sys.stdout, "stderr": sys.stderr}
        self._last = "stdout"
        self._is_at_line_start = True

    def thread(self, target: Callable[[], None], name: str) -> threading.Thread:
        """A thread, not started yet, whose output belongs to the cell."""
        return threading.Thread(target=self._context.run, args=(target,), name=name, daemon=True)

    def write(self, stream: str, text: str) -> None:
        """Writes to "stdout" or "stderr"; the two stay in the order in which they were written."""
        if not text:
            return
        if stream != self._last:
            # A kernel collects what is written to each, and sends it later.
            self._streams[self._last].flush()
            self._last = stream
        self._streams[stream].write(text)
        self._is_at_line_start = text.endswith("\n")

    def flush(self) -> None:
        """Has the front end show what was written."""
        self._streams[self._last].flush()

    def say(self, text: str, is_trouble: bool = False) -> None:
        """Writes a line of its own."""
        start = "" if self._is_at_line_start else "\n"
        self.write("stderr" if is_trouble else "stdout", f"{start}{text}\n")

    def show_error(self, traceback: str) -> None:
        """Writes a traceback, in IPython's colours if it uses any."""
        self.say("\n".join(coloured(self._shell, traceback)), is_trouble=True)


def coloured(shell: Any, traceback: str) -> List[str]:
    """The lines of a traceback, with a terminal's codes for colours, which notebooks understand too."""
    traceback = traceback.rstrip("\n")
    if str(shell.colors).lower() != "nocolor":
        # IPython needs it, so it is there.
        from pygments import highlight  # type: ignore[import-untyped]
        from pygments.formatters import TerminalFormatter  # type: ignore[import-untyped]
        from pygments.lexers import PythonTracebackLexer  # type: ignore[import-untyped]

        traceback = highlight(traceback, PythonTracebackLexer(), TerminalFormatter()).rstrip("\n")
    return traceback.split("\n")


class PeerFailed(Exception):
    """A peer that a cell waited for (`%%peer --wait`) ended with an exception, or otherwise than it should have."""

    def __init__(self, text: str, lines: Optional[List[str]] = None) -> None:
        super().__init__(text)
        self._lines = lines

    def _render_traceback_(self) -> List[str]:
        """What IPython shows: the peer's traceback, not that of the waiting."""
        return self._lines or [f"{type(self).__name__}: {self}"]
