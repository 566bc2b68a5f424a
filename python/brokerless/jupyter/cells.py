"""Which cell of the notebook is at work: whose output something is, and who opened a socket.

A cell is known by the id that the front end gives it (JupyterLab, Notebook, VS Code), so that it is the same cell when it
is run again, changed or not. Without ids (a terminal, nbclient, the classic notebook) it is known by its text: the same text
run again is the same cell, a changed one is a new one.

What a cell's code starts belongs to the cell as well: tasks of asyncio, and whatever runs in `contextvars.copy_context()`.
A thread that did not inherit the cell's context counts as the cell's that runs now, or ran last.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from contextvars import ContextVar
from typing import Any, Callable, Dict, List, Mapping, Optional

from .. import _opened, _survey
from .._opened import MACHINERY
from .interrupt_early import uninterrupted, uninterrupted_after

#: Called with each cell that begins to run, before its code does, but not with what a cell itself has the shell run.
began: List[Callable[[Cell], None]] = []

_current: ContextVar[Optional[Cell]] = ContextVar("brokerless_cell", default=None)
#: The cell that runs now or ran last, in any thread.
_last: Optional[Cell] = None
#: What each thread (of a subshell, say) has the shell run now, the outermost first.
_running: Dict[int, List[_Run]] = {}
#: Whose each thing is, by its address; it goes with the thing.
_owners: Dict[int, _Owned] = {}
_shell: Any = None


class Cell:
    """One run of a cell. Runs of the same cell have the same `id`."""

    def __init__(self, id: str, number: int, parent: Mapping[str, Any], source: str) -> None:
        #: The front end's id of the cell, or one made from its text ("text-...").
        self.id = id
        #: Its execution count, the 3 of `In [3]`.
        self.number = number
        #: The message that asked for the run, with "header" and "metadata"; empty in a terminal.
        self.parent = parent
        #: Its code as it was typed.
        self.source = source
        #: Whether what it opens outlives the cell's next run, all of it.
        self.keeps = False

    def __repr__(self) -> str:
        return f"<cell [{self.number}] {self.id}>"


class _Run:
    """One piece of code that the shell runs, with IPython's note of it; `cell` is None for what a cell itself has run."""

    def __init__(self, info: Any, cell: Optional[Cell]) -> None:
        self.info = info
        self.cell = cell


class _Owned:
    """A thing, weakly, and its cell; whether it outlives the cell's next run."""

    def __init__(self, thing: Any, cell: Cell) -> None:
        self.cell = cell
        self.kept = False
        address = id(thing)
        self.thing = weakref.ref(thing, lambda _: _owners.pop(address, None))


def current() -> Optional[Cell]:
    """The cell whose code this is; None before the first one, and where no notebook is.

    In a thread that knows no cell it is the one that runs now, or ran last.
    """
    return _current.get() or _last


def cell_of(thing: Any) -> Optional[Cell]:
    """The run of a cell that opened this context, socket, device or role; None if none did, or it was not seen.

    What the notebook's own machinery opened is no cell's.
    """
    owned = _owners.get(id(thing))
    return owned.cell if owned is not None and owned.thing() is thing else None


def is_machinerys(thing: Any) -> bool:
    """Whether it was opened by what serves the notebook itself."""
    return _opened.opened_by(thing).partition(".")[0] in MACHINERY


def opened_in(cell_id: str) -> List[Any]:
    """What the runs of the cell with this id have opened, in the order of opening, and is to go with its next run."""
    found = [owned for owned in _opened._all(_owners.values()) if owned.cell.id == cell_id]
    things = [owned.thing() for owned in found if not (owned.kept or owned.cell.keeps)]
    return [thing for thing in things if thing is not None]


def keep(thing: Any) -> bool:
    """Has a thing outlive its cell's next run; whether it is a cell's."""
    if cell_of(thing) is None:
        return False
    _owners[id(thing)].kept = True
    return True


def load(shell: Any) -> None:
    """Follows this shell's cells from now on, beginning with the one that asks for it."""
    global _shell
    if _shell is not None:
        unload(_shell)
    _shell = shell
    shell.events.register("pre_run_cell", _begins)
    shell.events.register("post_run_cell", _ended)
    _opened.hooks.append(_own)
    _survey.cell_number = _number_of
    at_work = shell.displayhook.exec_result
    if at_work is not None:
        _enter(_cell(at_work.info, at_work.execution_count), at_work.info)


def unload(shell: Any) -> None:
    """Forgets the cells, and what they own."""
    global _shell, _last
    if _shell is not shell:
        return
    shell.events.unregister("pre_run_cell", _begins)
    shell.events.unregister("post_run_cell", _ended)
    _opened.hooks.remove(_own)
    _survey.cell_number = _no_number
    _shell = _last = None
    _current.set(None)
    _running.clear()
    _owners.clear()


# What IPython calls


@uninterrupted
def _begins(info: Any) -> None:
    running = _running.setdefault(threading.get_ident(), [])
    if running and _request(running[0].cell) == _request(None):
        # A cell has the shell run more (%run of a notebook, %%time...): that is the same cell's work.
        running.append(_Run(info, None))
        return
    # What another request left here never ended.
    running.clear()
    cell = _cell(info)
    _enter(cell, info)
    for hook in list(began):
        hook(cell)


def _enter(cell: Cell, info: Any) -> None:
    global _last
    _running.setdefault(threading.get_ident(), []).append(_Run(info, cell))
    _current.set(cell)
    _last = cell


@uninterrupted_after
def _ended(result: Any) -> None:
    running = _running.get(threading.get_ident())
    if not running:
        return
    # IPython has none when an interrupt ended the run before its result was there.
    if result is not None and running[-1].info is not result.info:
        # Of blank cells it tells the end only.
        return
    cell = running.pop().cell
    if cell is not None and result is not None and result.execution_count is not None:
        cell.number = result.execution_count
    if not running:
        del _running[threading.get_ident()]
        # What this thread does by itself from now on (a widget's callback) belongs to the last cell.
        _current.set(None)


def _number_of(thing: Any) -> Optional[int]:
    cell = cell_of(thing)
    return None if cell is None else cell.number


def _no_number(_thing: Any) -> Optional[int]:
    return None


def _own(thing: Any) -> None:
    cell = current()
    if cell is not None and not is_machinerys(thing):
        _owners[id(thing)] = _Owned(thing, cell)


# Who a cell is


def _cell(info: Any, number: Optional[int] = None) -> Cell:
    parent = _parent()
    cell_id = getattr(info, "cell_id", None) or parent.get("metadata", {}).get("cellId") or _id_from(info.raw_cell)
    return Cell(cell_id, number or _number(info), parent, info.raw_cell)


def _parent() -> Mapping[str, Any]:
    get_parent = getattr(_shell, "get_parent", None)
    parent: Mapping[str, Any] = (get_parent() if get_parent is not None else None) or {}
    return parent


def _request(cell: Optional[Cell]) -> Any:
    """The id of the request that a cell runs for (for None, the one that is served now); None in a terminal."""
    return (_parent() if cell is None else cell.parent).get("header", {}).get("msg_id")


def _number(info: Any) -> int:
    """The execution count of a cell that is about to run."""
    number: int = _shell.execution_count
    # IPython 9 has raised it already, earlier ones do that at the end.
    raised = info.store_history and number > len(_shell.history_manager.input_hist_parsed)
    return number - 1 if raised else number


def _id_from(source: str) -> str:
    """An id made from a cell's text, in which blanks at the ends of lines do not count."""
    lines = (line.rstrip() for line in source.strip().splitlines())
    return "text-" + hashlib.sha256("\n".join(lines).encode("utf8", "surrogatepass")).hexdigest()[:16]
