"""A peer in a thread of the kernel: it sees the notebook's variables.

A thread cannot be ended from outside; it ends when what it waits for raises. So stopping one closes the sockets that it has
opened, cancels what it awaits, and has an exception raised in its Python code. A thread in a long call of something else
(time.sleep(), a library) goes on until that returns.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import weakref
from contextvars import Context, ContextVar
from typing import Any, Callable, Dict, List, Optional

from .. import _opened, _survey
from ..device import _Device
from ..error import SocketClosed, ZMQError
from ..socket import Socket
from . import cells, peer_code
from .peer_base import Peer
from .peer_output import CellOutput

_current: ContextVar[Optional[ThreadPeer]] = ContextVar("brokerless_peer", default=None)


class ThreadPeer(Peer):
    """A cell in a thread of the kernel. The constructor starts it."""

    kind = "thread"
    patience = (0.5, 1.0, 0.5)

    def __init__(self, name: str, shell: Any, output: CellOutput, is_awaited: bool, source: str) -> None:
        super().__init__(name, shell, output, is_awaited)
        self._file = peer_code.file_name(name)
        self._source = source
        self._opened: weakref.WeakSet[Any] = weakref.WeakSet()
        self._code_lock = threading.Lock()
        self._runs_code = False
        self._cancel: Optional[Callable[[], object]] = None
        self._thread = output.thread(self._run, f"brokerless-peer-{name}")
        self._thread.start()

    def _run(self) -> None:
        _current.set(self)
        try:
            self._run_cell()
        except BaseException as error:
            self._note(error)
        finally:
            self.finish()

    def _run_cell(self) -> None:
        try:
            code = peer_code.CellCode(self._source, self._file)
            with self._code_lock:
                self._runs_code = True
            value = code.run(self.shell.user_ns, self._awaits)
        finally:
            with self._code_lock:
                self._runs_code = False
                # One that was raised too late would end what comes now instead.
                _raise_in(self._thread, None)
        if value is not None:
            self.show_value(peer_code.repr_of(value))

    def _awaits(self, loop: Any, task: Any) -> None:
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)

    def _note(self, error: BaseException) -> None:
        if isinstance(error, SystemExit):
            code = error.code
            if code is not None and code != 0:
                self.trouble = (
                    f"the peer {self.name} ended with {f'exit code {code}' if isinstance(code, int) else code}"
                )
            return
        if isinstance(error, SocketClosed) and self._is_run_again():
            self.stopped_as = self.stopped_as or "replaced"
        self.error = peer_code.describe(error, self._file)
        if self.stopped_as:
            # What it held, so that nothing lives on in a traceback.
            error.__traceback__ = None

    def _is_run_again(self) -> bool:
        """Whether its cell runs anew, which closes what its last run has opened."""
        latest = Context().run(cells.current)
        return self.cell is not None and latest is not None and latest is not self.cell and latest.id == self.cell.id

    # What it opens

    def opened(self, thing: Any) -> None:
        """Takes note of a context, socket, device or role that this peer has opened."""
        self._opened.add(thing)
        if self.stopped_as:
            _close(thing)

    def sockets(self, timeout: float) -> Optional[List[Dict[str, Any]]]:
        found = []
        for thing in _opened._all(self._opened):
            if isinstance(thing, Socket) and not thing.closed:
                try:
                    found.append(_survey.socket_survey(thing))
                except ZMQError:
                    # It is closed just now.
                    continue
        return [seen for seen in found if not seen["closed"]]

    # How it is ended

    def press(self, step: int) -> None:
        for thing in _opened._all(self._opened):
            _close(thing)
        with self._code_lock:
            if not self._runs_code:
                return
            if self._cancel is not None:
                try:
                    self._cancel()
                except RuntimeError:
                    # Its loop is closed: the cell is about to end.
                    return
            if step > 0:
                _raise_in(self._thread, KeyboardInterrupt)

    def where(self) -> str:
        """The line of its cell that it is in, as text; "" if that cannot be told."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        while frame is not None and frame.f_code.co_filename != self._file:
            frame = frame.f_back
        if frame is None:
            return ""
        lines = self._source.splitlines()
        line = lines[frame.f_lineno - 1].strip() if frame.f_lineno <= len(lines) else ""
        return f"line {frame.f_lineno}: {line}"

    @property
    def pid(self) -> Optional[int]:
        return os.getpid()

    @property
    def state(self) -> str:
        if self.is_alive:
            return "stopping" if self.stopped_as else "running"
        if self.stopped_as:
            return self.stopped_as
        return "failed" if self.error is not None or self.trouble else "ended"


def _close(thing: Any) -> None:
    """Closes a socket, stops a device; a role ends when its sockets do. A context, which others may use, stays."""
    try:
        if isinstance(thing, _Device):
            thing.stop(timeout=0)
        elif isinstance(thing, Socket):
            thing.close()
    except ZMQError:
        # Its context has ended, or the device had, by an error: what is closed is closed.
        return


def _raise_in(thread: threading.Thread, kind: Any) -> None:
    """Has an exception raised in a thread when it is in Python code next; None takes one back that was not raised yet."""
    ident = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, None if kind is None else ctypes.py_object(kind))


def _note(thing: Any) -> None:
    peer = _current.get()
    # To print in a thread, a kernel opens a socket there.
    if peer is not None and peer.is_alive and not cells.is_machinerys(thing):
        peer.opened(thing)


def watch() -> None:
    """Has each thread peer know what it opens, from now on."""
    if _note not in _opened.hooks:
        _opened.hooks.append(_note)


def unwatch() -> None:
    """Ends that."""
    if _note in _opened.hooks:
        _opened.hooks.remove(_note)
