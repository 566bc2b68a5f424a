"""Warns of a call that waits in the thread whose event loop has to run for it ever to end.

A kernel runs cells in the thread of its event loop. A cell that waits in `recv()` for the answer of a server that is a
task of the same notebook waits for ever: the server cannot go on meanwhile. A thread looks at what the main thread does,
four times a second while a cell runs, and says so in the cell, once.
"""

from __future__ import annotations

import asyncio
import math
import sys
import threading
import time
from contextvars import copy_context
from typing import Any, List, Optional, Tuple

from .. import _opened
from .._future import _AsyncSocket
from .._opened import MACHINERY
from ..error import ZMQError
from ..socket import Socket
from . import interrupt_where
from .interrupt_early import uninterrupted, uninterrupted_after

#: How long a call may wait, in seconds.
PATIENCE = 1.0

_LOOK = 0.25
#: A main thread that waits uses no more of the processor than this, in seconds for each second.
_IDLE = 0.05

_shell: Any = None
_watch: Optional[Watch] = None


class Watch:
    """The thread that looks."""

    def __init__(self) -> None:
        self._cell: Optional[Running] = None
        self._news = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="brokerless: deadlocks", daemon=True)
        self._thread.start()

    def begins(self, cell: Running) -> None:
        """Looks at this cell from now on."""
        self.ends()
        self._cell = cell
        self._news.set()

    def ends(self) -> None:
        """The cell is over."""
        cell, self._cell = self._cell, None
        if cell is not None:
            cell.over.set()

    def close(self) -> None:
        """Ends the thread."""
        self._closed = True
        self.ends()
        self._news.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            self._news.wait()
            self._news.clear()
            cell = self._cell
            while cell is not None and not cell.over.wait(_LOOK):
                if cell.look():
                    break


class Running:
    """A cell that runs in the main thread, and where its call was when it was first seen there."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.over = threading.Event()
        self._loop = loop
        self._thread = threading.get_ident()
        self._context = copy_context()
        self._seen: Optional[Tuple[Any, int]] = None
        self._since = self._used = 0.0

    def look(self) -> bool:
        """Warns if it is time to; whether it did."""
        frame = sys._current_frames().get(self._thread)
        if frame is None:
            return False
        now, used = time.monotonic(), _processor_time(self._thread)
        at = id(frame), frame.f_lasti
        if at != self._seen or used - self._used > _IDLE * (now - self._since):
            self._seen, self._since, self._used = at, now, used
            return False
        if now - self._since < PATIENCE - _LOOK:
            return False
        tasks = users_tasks(self._loop)
        if not tasks:
            return False
        steps = interrupt_where.steps_to(frame)
        call = interrupt_where.our_call(steps)
        if call is None:
            name = _waiting_for(now - self._since)
        else:
            # Where messages come, each call is another one though it stands in the same place.
            name = call.name if _longest_wait(call.thing) >= PATIENCE - _LOOK else ""
        if not name or self.over.is_set():
            return False
        self._context.run(print, _warning(name, tasks), file=sys.stderr, flush=True)
        return True


def load(shell: Any) -> None:
    """From now on the shell's cells are looked at."""
    global _shell, _watch
    unload(shell)
    if not hasattr(time, "pthread_getcpuclockid"):
        return
    _shell = shell
    _watch = Watch()
    shell.events.register("pre_run_cell", _begins)
    shell.events.register("post_run_cell", _ended)


def unload(shell: Any) -> None:
    """Nobody looks any more."""
    global _shell, _watch
    if _shell is not None and _watch is not None:
        _shell.events.unregister("pre_run_cell", _begins)
        _shell.events.unregister("post_run_cell", _ended)
        _watch.close()
    _shell = _watch = None


def users_tasks(loop: asyncio.AbstractEventLoop) -> List[Any]:
    """The notebook's tasks that are not done, without the kernel's."""
    return [task for task in asyncio.all_tasks(loop) if not task.done() and _is_users(task)]


def _is_users(task: Any) -> bool:
    frame = getattr(task.get_coro(), "cr_frame", None)
    return frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] not in MACHINERY


@uninterrupted
def _begins(info: Any) -> None:
    if _watch is None or threading.current_thread() is not threading.main_thread():
        return
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        # A terminal: whatever is a task there waits between the cells, too.
        return
    _watch.begins(Running(loop))


@uninterrupted_after
def _ended(result: Any) -> None:
    if _watch is not None and threading.current_thread() is threading.main_thread():
        _watch.ends()


def _waits(socket: Any) -> List[Any]:
    try:
        return list(socket._survey()["waits"] or ())
    except ZMQError:
        # Another thread closes it just now.
        return []


def _longest_wait(thing: Any) -> float:
    """For how many seconds somebody has waited on this socket; of what is no socket that is not known, and so for ever."""
    if not isinstance(thing, Socket):
        return math.inf
    return max((wait["since"] for wait in _waits(thing)), default=0.0)


def _waiting_for(seconds: float) -> str:
    """What a blocking socket waits for about as long as that: of a call whose object has no name that is the sign."""
    for socket in _opened.sockets():
        for wait in [] if isinstance(socket, _AsyncSocket) else _waits(socket):
            if wait["for"] in ("recv", "send") and 0 <= wait["since"] - seconds < 2 * _LOOK:
                return str(wait["for"])
    return ""


def _processor_time(thread: int) -> float:
    return time.clock_gettime(time.pthread_getcpuclockid(thread))


def _warning(name: str, tasks: List[Any]) -> str:
    names = sorted({f"{getattr(task.get_coro(), '__name__', 'task')}()" for task in tasks})
    listed = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    count = "1 task" if len(tasks) == 1 else f"{len(tasks)} tasks"
    what = "a loop over a socket" if name == interrupt_where.LOOP else f"{name}()"
    they = "it cannot" if len(tasks) == 1 else "they cannot"
    return (
        f"brokerless: {what} has waited {PATIENCE:.0f} s in the thread whose event loop runs {count} of this notebook "
        f"({listed}): {they} go on meanwhile; await an asyncio socket, or run this in %%peer"
    )
