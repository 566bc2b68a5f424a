"""What an interrupted cell shows: one line. Of what waited, a call of ours or an `await`, it says for what and how long; of all
other code, where it was. `%tb` shows the whole traceback.

A traceback would keep the sockets of the functions that were interrupted, and so their ports. So these functions lose their
local variables; those that have nothing of ours keep them for `%debug`. A KeyboardInterrupt that the cell's own code raises
is no interrupt, and shows its traceback.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import signal
import subprocess
import time
import types
from typing import Any, List, Optional, Sequence, Tuple

from ..socket import Socket
from . import await_stop, closed_late, deadlock, interrupt_end, interrupt_own, interrupt_where

#: What an interrupt may come as; IPython's `%%bash` and its like raise the last one.
_STOPS = (KeyboardInterrupt, asyncio.CancelledError, subprocess.CalledProcessError)

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
    shell.set_custom_exc((*shell.custom_exceptions, *_STOPS), _show)
    _ours = shell.custom_exceptions
    shell.events.register("pre_run_cell", _begins)
    # What takes its time at the first use would take it when somebody waits for Stop.
    importlib.import_module("pure_eval")
    _line(shell, KeyboardInterrupt())
    await_stop.load(shell)
    deadlock.load(shell)
    interrupt_end.load(shell)
    closed_late.load()


def unload(shell: Any) -> None:
    """Interrupts are the shell's own again."""
    global _shell, _before, _ours
    if _shell is None:
        return
    closed_late.unload()
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
    is_ours = True
    if stop is not None and issubclass(etype, asyncio.CancelledError):
        text = _awaited(interrupt_where.awaited(steps), stop)
    elif _is_stop(shell, value, steps):
        seconds: Optional[float] = getattr(value, "_waited", None)
        # Only what waits is worth more words than where it is; and to read which call it is takes its time.
        call = None if seconds is None else interrupt_where.our_call(steps, certain=True)
        is_ours = call is not None
        text = interrupt_own.line(steps, shell) if call is None else _told(call, seconds)
    else:
        shell.showtraceback((etype, value, tb), running_compiled_code=True)
        return None
    line = KeyboardInterrupt(text)
    if isinstance(value, subprocess.CalledProcessError):
        # Without a code its str() fails, and IPython has not always waited for one.
        value.returncode = value.returncode or -signal.SIGINT
    # The reply to the front end is made of it.
    value.args = line.args
    shell._showtraceback(KeyboardInterrupt, line, _line(shell, line))
    _let_go(value, steps, is_ours)
    _remember(shell, line, value, tb)
    return None


def _is_stop(shell: Any, value: BaseException, steps: Sequence[types.TracebackType]) -> bool:
    """Whether it is an interrupt of which we say more than it does itself, as that of `%%peer --wait` can."""
    if isinstance(value, subprocess.CalledProcessError):
        is_ipythons = bool(steps) and str(steps[-1].tb_frame.f_globals.get("__name__")).startswith("IPython.")
        return is_ipythons and isinstance(value.__context__, KeyboardInterrupt)
    if not isinstance(value, KeyboardInterrupt) or hasattr(value, "_render_traceback_"):
        return False
    return hasattr(value, "_waited") or not interrupt_own.is_raised(steps, shell)


def _told(call: interrupt_where.Place, seconds: Optional[float]) -> str:
    return _waited(call.name, call.thing, seconds, _stays(call, call.thing)) + _where(call)


def _stays(call: Optional[interrupt_where.Place], thing: Any) -> bool:
    """Whether the notebook still has what was waited on; what only the function had is about to go."""
    return call is None or not call.function or any(value is thing for value in _shell.user_ns.values())


def _awaited(place: Optional[interrupt_where.Place], stop: await_stop.Stop) -> str:
    socket, what, seconds = stop.waited
    thing = place.thing if place is not None and place.thing is not None else socket
    if interrupt_where.is_ours(thing):
        name = place.name if place is not None and place.name else what
        return _waited(name, thing, seconds, _stays(place, thing)) + (_where(place) if place is not None else "")
    code = f" {place.code}" if place is not None and place.code else ""
    return f"interrupted while it awaited{code}{_since_the_beginning()}" + (_where(place) if place is not None else "")


def _waited(name: str, thing: Any, seconds: Optional[float], stays: bool) -> str:
    known = "" if thing is None else closed_late.name(thing)
    if name == interrupt_where.LOOP:
        what = f"the loop over {known or 'a socket'} waited"
    else:
        what = f"{name}()" if name else "a call of brokerless"
        what += f" waited on {known}" if known else " waited"
    time = _since_the_beginning() if seconds is None else f", {seconds:.1f} s"
    rest = ""
    if isinstance(thing, Socket):
        rest = "; the socket is closed now" if thing.closed else "; the socket is still usable" if stays else ""
    return f"interrupted while {what}{time}{rest}"


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


def _let_go(value: BaseException, steps: Sequence[types.TracebackType], all_of_them: bool) -> None:
    """Lets go of what the functions had that were interrupted: of all of them, or of those that have something of ours."""
    emptied = False
    for step in steps:
        frame = step.tb_frame
        if all_of_them or interrupt_where.holds_ours(frame):
            emptied = _empty(frame) or emptied
    if not emptied:
        return
    # What led to it, or was at work when it came, may have the same.
    seen = {id(value)}
    known: List[Optional[BaseException]] = [value.__cause__, value.__context__]
    while known:
        error = known.pop()
        if error is not None and id(error) not in seen:
            seen.add(id(error))
            error.__traceback__ = None
            known += (error.__cause__, error.__context__)


def _empty(frame: types.FrameType) -> bool:
    """Takes its local variables from a function that has ended; whether it was one."""
    if not frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        return False
    try:
        frame.clear()
    except RuntimeError:
        # It runs, as what has called us does.
        return False
    # Before Python 3.12, who has looked at them has made a copy, which this brings up to date.
    _ = frame.f_locals
    return True


def _remember(shell: Any, line: KeyboardInterrupt, value: BaseException, tb: Optional[types.TracebackType]) -> None:
    """Has `%tb` and `%debug` find it, as the shell's own way of showing an exception does."""
    line.__cause__, line.__context__ = value.__cause__, value.__context__
    line.__suppress_context__ = value.__suppress_context__
    shell._get_exc_info((KeyboardInterrupt, line.with_traceback(tb), tb))
    shell.InteractiveTB.tb = tb
    # Before a cell's reply IPython makes a text of all that its exception has, which takes its time.
    value.__traceback__ = value.__cause__ = value.__context__ = None
