"""What an interrupted cell shows: one line, where something waited: a call of ours, an `await`, a thread's join(), input().

The traceback of such a cell says nothing that the line does not, and it would keep the sockets of the functions that were
interrupted, and so their ports: it is let go of. Code that was at work itself keeps its traceback on the screen; for
`%debug` it is kept as well, unless one of its functions has something of ours.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
import types
from typing import Any, List, Optional, Tuple

from ..socket import Socket
from . import await_stop, deadlock, interrupt_end, interrupt_where

_shell: Any = None
#: What the shell had for exceptions of its own: their types, and who shows them.
_before: Tuple[Tuple[type, ...], Any] = ((), None)
_ours: Tuple[type, ...] = ()
#: When the cell that runs now began, on the monotonic clock.
_began: Optional[float] = None


def load(shell: Any) -> None:
    """From now on this shell's cells say in one line what was interrupted, and cells that await can be interrupted."""
    global _shell, _before, _ours
    unload(shell)
    _shell = shell
    _before = shell.custom_exceptions, shell.CustomTB
    shell.set_custom_exc((*shell.custom_exceptions, KeyboardInterrupt, asyncio.CancelledError), _show)
    _ours = shell.custom_exceptions
    shell.events.register("pre_run_cell", _begins)
    # What takes its time at the first use would take it when somebody waits for Stop.
    importlib.import_module("pure_eval")
    _line(shell, KeyboardInterrupt())
    await_stop.load(shell)
    deadlock.load(shell)
    interrupt_end.load(shell)


def unload(shell: Any) -> None:
    """Interrupts are the shell's own again."""
    global _shell, _before, _ours
    if _shell is None:
        return
    interrupt_end.unload(_shell)
    deadlock.unload(_shell)
    await_stop.unload(_shell)
    _shell.events.unregister("pre_run_cell", _begins)
    # What was set after ours stays.
    if _shell.custom_exceptions is _ours:
        _shell.custom_exceptions, _shell.CustomTB = _before
    _shell, _before, _ours = None, ((), None), ()


def _begins(info: Any) -> None:
    global _began
    _began = time.monotonic()


def _show(
    shell: Any, etype: Any, value: BaseException, tb: Optional[types.TracebackType], tb_offset: Optional[int] = None
) -> Optional[List[str]]:
    theirs, show = _before
    if issubclass(etype, theirs):
        shown: Optional[List[str]] = show(etype, value, tb, tb_offset=tb_offset)
        return shown
    _cut(tb)
    steps = interrupt_where.steps_of(tb)
    stop = await_stop.stopped()
    if stop is not None and issubclass(etype, asyncio.CancelledError):
        text = _awaited(interrupt_where.awaited(steps), stop)
    else:
        seconds: Optional[float] = getattr(value, "_waited", None)
        call = other = None
        # One that knows how to show itself says more than we could, as that of `%%peer --wait`.
        if issubclass(etype, KeyboardInterrupt) and not hasattr(value, "_render_traceback_"):
            call = interrupt_where.our_call(steps, certain=seconds is not None)
            other = interrupt_where.blocking_call(steps) if call is None else None
        if call is None and other is None:
            shell.showtraceback((etype, value, tb), running_compiled_code=True)
            if issubclass(etype, KeyboardInterrupt) and interrupt_where.holds_ours(steps):
                _let_go(shell, value)
            return None
        if call is not None:
            text = _waited(call.name, call.thing, seconds) + _where(call)
        elif other is not None:
            text = f"interrupted while {other.code} waited{_since_the_beginning()}{_where(other)}"
    line = KeyboardInterrupt(text)
    # The reply to the front end is made of it.
    value.args = line.args
    shell._showtraceback(KeyboardInterrupt, line, _line(shell, line))
    _let_go(shell, value)
    return None


def _awaited(place: Optional[interrupt_where.Place], stop: await_stop.Stop) -> str:
    socket, what, seconds = stop.waited
    thing = place.thing if place is not None and place.thing is not None else socket
    if interrupt_where.is_ours(thing):
        name = place.name if place is not None and place.name else what
        return _waited(name, thing, seconds) + (_where(place) if place is not None else "")
    code = f" {place.code}" if place is not None and place.code else ""
    return f"interrupted while it awaited{code}{_since_the_beginning()}" + (_where(place) if place is not None else "")


def _waited(name: str, thing: Any, seconds: Optional[float]) -> str:
    what = name if name == "iteration" else f"{name}()" if name else "a call of brokerless"
    on = "" if thing is None else f" on {thing!r}"
    time = _since_the_beginning() if seconds is None else f", {seconds:.1f} s"
    rest = "; the socket can be used on" if isinstance(thing, Socket) and not thing.closed else ""
    return f"interrupted while {what} waited{on}{time}{rest}"


def _since_the_beginning() -> str:
    return "" if _began is None else f", {time.monotonic() - _began:.1f} s after the cell began"


def _where(place: interrupt_where.Place) -> str:
    if place.function:
        return f" (line {place.line}, in {place.function}())"
    return f" (line {place.line})" if place.line > 1 else ""


def _line(shell: Any, error: KeyboardInterrupt) -> List[str]:
    """The line as the shell colours it."""
    return list(shell.InteractiveTB.get_exception_only(KeyboardInterrupt, error))


def _cut(tb: Optional[types.TracebackType]) -> None:
    """Takes our own handler of the signal off the end of a traceback: it says nothing of the program."""
    while tb is not None and tb.tb_next is not None:
        if tb.tb_next.tb_frame.f_globals is vars(await_stop):
            tb.tb_next = None
        tb = tb.tb_next


def _let_go(shell: Any, value: BaseException) -> None:
    """Lets go of the frames of what was interrupted, wherever the shell and Python keep them."""
    seen = set()
    known: List[Optional[BaseException]] = [value]
    while known:
        error = known.pop()
        if error is not None and id(error) not in seen:
            seen.add(id(error))
            error.__traceback__ = None
            known += (error.__cause__, error.__context__)
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        vars(sys).pop(name, None)
    shell.InteractiveTB.tb = None
