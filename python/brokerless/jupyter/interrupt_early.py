"""An interrupt that comes while a cell is made ready ends the cell, like one that comes when its code runs.

IPython shows what a hook raises, a page of it, and runs the cell nevertheless. So while a hook of ours is at work an interrupt
is only noted; then a line that raises KeyboardInterrupt runs in the place of the cell's code. When the cell is over, there is
nothing left to be interrupted.
"""

from __future__ import annotations

import ast
import functools
import signal
import threading
from typing import Any, Callable, List, Optional, TypeVar

from .interrupted import interrupted

_Hook = TypeVar("_Hook", bound=Callable[[Any], None])

_RAISES = f"raise __import__({__name__!r}, fromlist=['told']).told()"

_instead: Optional[_Instead] = None


class _Instead:
    """One of IPython's transformers of code: it takes the place of one cell's."""

    def __init__(self, shell: Any, info: Any) -> None:
        self.info = info
        self._transformers: List[Any] = shell.ast_transformers
        self._transformers.append(self)

    def visit(self, _tree: ast.AST) -> ast.AST:
        """What IPython calls with the cell's code."""
        self.end()
        return ast.parse(_RAISES)

    def end(self) -> None:
        if self in self._transformers:
            self._transformers.remove(self)


def told() -> KeyboardInterrupt:
    """What a cell raises instead of running."""
    return interrupted("interrupted before the cell's code began")


def uninterrupted(hook: _Hook, ends_cell: bool = True) -> _Hook:
    """A hook of IPython's that ends before an interrupt has effect: that the cell does not run, if `ends_cell`."""

    @functools.wraps(hook)
    def calm(info: Any) -> None:
        if _instead is not None and _instead.info is not info:
            # Of a cell that was not even Python.
            _instead.end()
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            # Other handlers do not raise in the middle of things, or are not ours to replace.
            hook(info)
            return
        noted: List[int] = []

        def note(number: int, _frame: Any) -> None:
            noted.append(number)

        signal.signal(signal.SIGINT, note)
        try:
            hook(info)
        finally:
            if signal.getsignal(signal.SIGINT) is note:
                signal.signal(signal.SIGINT, signal.default_int_handler)
        if noted and ends_cell:
            _end(info)

    return calm  # type: ignore[return-value]


def uninterrupted_after(hook: _Hook) -> _Hook:
    """The same for a hook that is called when the cell has run."""
    return uninterrupted(hook, ends_cell=False)


def _end(info: Any) -> None:
    global _instead
    from IPython import get_ipython

    if _instead is None or _instead.info is not info:
        _instead = _Instead(get_ipython(), info)
