"""A place among a cell's outputs that can be drawn anew, and what becomes of who draws there.

IPython is not imported for this: where there is a notebook, it has been.
"""

from __future__ import annotations

import asyncio
import atexit
import sys
import uuid
from typing import Any, Dict, Optional, Set, Tuple

__all__ = ["CellOutput", "notebook"]


def notebook() -> Optional[Any]:
    """The shell of the kernel that this process is, if it is one. (A terminal's IPython is none.)"""
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return shell if getattr(shell, "kernel", None) is not None else None


class CellOutput:
    """A place in the output of the cell that runs now, for `artist`, whose stop() is called when that cell is over with:
    when it is interrupted, or run again.
    """

    def __init__(self, shell: Any, artist: Any) -> None:
        self._shell = shell
        self._display_id = uuid.uuid4().hex
        self._artist = artist
        self._cell, self._run = _running(shell)
        _watch(shell)
        _live.add(self)

    def show(self, bundle: Dict[str, Any]) -> None:
        """Appears, in the cell that runs now; in several cells, all show the same."""
        _publish(bundle, self._display_id, update=False)

    def update(self, bundle: Dict[str, Any]) -> None:
        """Is drawn anew, wherever it has appeared. Any thread may do this, also after the cell."""
        _publish(bundle, self._display_id, update=True)

    def is_shown_here(self) -> bool:
        """Whether the run of the cell in which it has appeared first still goes on."""
        return _running(self._shell)[1] == self._run

    def close(self) -> None:
        """Nothing is drawn any more."""
        _live.discard(self)

    def _is_over_with(self, cell: str, run: str, interrupted: bool) -> bool:
        return self._run == run if interrupted else self._cell == cell and self._run != run


_live: Set[CellOutput] = set()
_watched: Set[int] = set()


def _stop_all() -> None:
    """At the end of the process: nobody may be drawing when the interpreter goes."""
    for output in list(_live):
        output._artist.stop()


atexit.register(_stop_all)


def show_once(bundle: Dict[str, Any]) -> None:
    """Appears in the cell that runs now, and stays as it is."""
    _publish(bundle, None, update=False)


def _publish(bundle: Dict[str, Any], display_id: Optional[str], update: bool) -> None:
    from IPython.display import display, update_display

    if update:
        update_display(bundle, raw=True, display_id=display_id)
    elif display_id is None:
        display(bundle, raw=True)
    else:
        display(bundle, raw=True, display_id=display_id)


def _running(shell: Any) -> Tuple[str, str]:
    """The cell that runs now, or ran last, and which run of it that is."""
    parent = shell.get_parent() or {}
    # A front end that gives its cells no ids: two cells of the same text are one.
    cell = parent.get("metadata", {}).get("cellId") or parent.get("content", {}).get("code", "")
    return cell, parent.get("header", {}).get("msg_id", "")


def _watch(shell: Any) -> None:
    if id(shell) in _watched:
        return
    _watched.add(id(shell))

    def stop_some(interrupted: bool) -> None:
        cell, run = _running(shell)
        for output in [output for output in _live if output._is_over_with(cell, run, interrupted)]:
            output._artist.stop()

    def before(info: Any) -> None:
        stop_some(interrupted=False)

    def after(result: Any) -> None:
        # There is none if an interrupt came before it was there; in a cell that awaits, it is a cancellation.
        if result is None or isinstance(result.error_in_exec, (KeyboardInterrupt, asyncio.CancelledError)):
            stop_some(interrupted=True)

    shell.events.register("pre_run_cell", before)
    shell.events.register("post_run_cell", after)
