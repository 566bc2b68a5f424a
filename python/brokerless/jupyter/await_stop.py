"""The Stop button ends a cell that awaits.

ipykernel cancels such a cell from a callback that its signal handler adds to the loop, but nothing tells the loop, which
sleeps, that there is one; and a blocking call in a cell that awaits elsewhere is not ended at all. While such a cell
runs, this handles SIGINT instead: it wakes the loop, and it raises KeyboardInterrupt where the cell's own code is at work.
"""

from __future__ import annotations

import asyncio
import functools
import signal
import socket
import threading
import types
from typing import Any, Optional, Tuple

#: How long a task that blocks the loop may hold up the end of the cell, in seconds, before it is cancelled where it is.
_PATIENCE = 0.5

_shell: Any = None
_stop: Optional[Stop] = None


class Stop:
    """The handling of SIGINT for one cell that awaits."""

    def __init__(self, shell: Any, info: Any, loop: asyncio.AbstractEventLoop, task: Any) -> None:
        #: IPython's note of the cell.
        self.info = info
        #: Whether the cell was cancelled.
        self.cancelled = False
        #: What it waited on then, for what ("recv", "send"), and for how many seconds; None if that is not known.
        self.waited: Tuple[Any, str, Optional[float]] = (None, "", None)
        self._code = type(shell).run_code.__code__
        self._globals = shell.user_global_ns
        self._loop = loop
        self._task: Any = task
        self._asked = False
        self._main = threading.get_ident()
        self._again: Optional[threading.Timer] = None
        self._before = signal.signal(signal.SIGINT, self._on_signal)
        self._wake()

    def end(self) -> None:
        """Leaves all as it was."""
        if self._again is not None:
            self._again.cancel()
        # These know what the cell had, which is to go with it.
        self.waited, self._again, self._task = (None, "", None), None, None
        if self._ears:
            ours = self._ears[1].fileno()
            found = signal.set_wakeup_fd(-1)
            if found != ours:
                signal.set_wakeup_fd(found)
            if not self._loop.is_closed():
                self._loop.remove_reader(self._ears[0].fileno())
            for ear in self._ears:
                ear.close()
        # Who has set another handler meanwhile wants that one.
        if signal.getsignal(signal.SIGINT) == self._on_signal:
            signal.signal(signal.SIGINT, self._before)

    def _wake(self) -> None:
        """Has the system wake the loop: a signal that comes just before the loop sleeps would not end its sleep."""
        self._ears: Tuple[socket.socket, ...] = ()
        found = signal.set_wakeup_fd(-1)
        if found != -1:
            # The loop's own, or somebody else's.
            signal.set_wakeup_fd(found)
            return
        ears = socket.socketpair()
        for ear in ears:
            ear.setblocking(False)
        try:
            self._loop.add_reader(ears[0].fileno(), functools.partial(ears[0].recv, 4096))
        except NotImplementedError:
            # A loop that watches no sockets.
            for ear in ears:
                ear.close()
            return
        self._ears = ears
        signal.set_wakeup_fd(ears[1].fileno(), warn_on_full_buffer=False)

    def _on_signal(self, number: int, frame: Optional[types.FrameType]) -> None:
        if self._in_cell(frame):
            signal.default_int_handler(number, frame)
        if self._asked and self._blocked(frame):
            # KeyboardInterrupt would end the loop, and the kernel with it.
            raise asyncio.CancelledError("interrupted")
        if not self._asked:
            self._asked = True
            self._loop.call_soon_threadsafe(self._cancel)
            self._again = threading.Timer(_PATIENCE, self._ask_again)
            self._again.daemon = True
            self._again.start()

    def _in_cell(self, frame: Optional[types.FrameType]) -> bool:
        """Whether the cell's code is at work: there IPython catches what is raised."""
        users = False
        while frame is not None:
            if frame.f_code is self._code:
                return users and asyncio.current_task(self._loop) is self._task
            users = users or frame.f_globals is self._globals
            frame = frame.f_back
        return False

    def _blocked(self, frame: Optional[types.FrameType]) -> bool:
        """Whether another task, or a callback, is at work."""
        if asyncio.current_task(self._loop) is not None:
            return True
        while frame is not None:
            if frame.f_code is asyncio.Handle._run.__code__:
                return True
            frame = frame.f_back
        return False

    def _ask_again(self) -> None:
        if _stop is self and not self.cancelled:
            signal.pthread_kill(self._main, signal.SIGINT)

    def _cancel(self) -> None:
        # By the loop and not by the handler: that may come in the middle of anything.
        self._asked = False
        if self._again is not None:
            self._again.cancel()
        if self._task is None or self._task.done():
            return
        self.waited = _waits_on(getattr(self._task, "_fut_waiter", None))
        self.cancelled = True
        self._task.cancel()


def load(shell: Any) -> None:
    """From now on the shell's cells that await can be interrupted."""
    global _shell
    unload(shell)
    _shell = shell
    shell.events.register("pre_run_cell", _begins)
    shell.events.register("post_run_cell", _ended)


def unload(shell: Any) -> None:
    """Interrupts are the kernel's own again."""
    global _shell
    if _shell is not None:
        _shell.events.unregister("pre_run_cell", _begins)
        _shell.events.unregister("post_run_cell", _ended)
        _shell = None
    _end()


def stopped() -> Optional[Stop]:
    """How the cell that runs now was cancelled by an interrupt; None if it was not."""
    return _stop if _stop is not None and _stop.cancelled else None


def _begins(info: Any) -> None:
    global _stop
    if _stop is not None or threading.current_thread() is not threading.main_thread():
        return
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    task = asyncio.current_task()
    # Of a cell that does not await, the kernel's own task has IPython run the code to its end: Python interrupts that.
    if task is None or getattr(task.get_coro(), "__name__", "") != "run_cell_async":
        return
    handler = signal.getsignal(signal.SIGINT)
    known = handler is signal.default_int_handler or str(getattr(handler, "__module__", "")).startswith("ipykernel.")
    if known:
        _stop = Stop(_shell, info, loop, task)


def _ended(result: Any) -> None:
    if _stop is None or (result is not None and result.info is not _stop.info):
        return
    if _stop.cancelled and result is not None and isinstance(result.error_in_exec, asyncio.CancelledError):
        # What clients go by.
        result.error_in_exec = KeyboardInterrupt(*result.error_in_exec.args)
    _end()


def _end() -> None:
    global _stop
    if _stop is not None:
        ending, _stop = _stop, None
        ending.end()


def _waits_on(future: Any) -> Tuple[Any, str, Optional[float]]:
    from .._lane import Delivery

    if not isinstance(future, Delivery) or future.owner is None:
        return None, "", None
    what = "recv" if future in future.lane.receives else "send"
    since = [wait["since"] for wait in future.owner._survey()["waits"] or () if wait["for"] == what]
    return future.owner, what, max(since) if since else None
