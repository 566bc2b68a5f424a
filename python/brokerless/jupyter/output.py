"""Output belongs to its cell: what a thread prints or displays appears in the cell that started the thread.

A kernel of ipykernel 7 knows whose output something is by variables of the context (see `contextvars`), which tasks of
asyncio inherit and threads do not: what they print lands in the cell that runs at that moment. While this is loaded, a
thread inherits these variables from whoever starts it, and a job of a thread pool from whoever submits it. It inherits no
others: the precision of `decimal`, say, stays what Python makes of it. Threads that ran before stay as they are.

A ZMQStream's callbacks belong to the cell that asked for them: the loop calls them on behalf of whoever used the stream last.
"""

from __future__ import annotations

import _thread
import functools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, ContextVar, copy_context
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import cells

#: The variables, by their names: which request ipykernel answers, and which cell is at work.
_INHERITED = frozenset(("parent_header", "shell_parent", "shell_parent_ident", "brokerless_cell"))

_Inherited = List[Tuple["ContextVar[Any]", Any]]

#: What was there before: (class or module, name) -> (theirs, ours).
_patched: Dict[Tuple[Any, str], Tuple[Any, Any]] = {}
#: ipykernel 6's publisher of what is displayed, which knows one cell for all threads.
_publisher: Any = None


def load(shell: Any) -> None:
    """From now on threads belong to the cells that start them."""
    global _publisher
    unload(shell)
    if not getattr(sys.flags, "thread_inherit_context", False):
        _patch(threading.Thread, "start", _starting)
    # `threading` has it under a name of its own: this is for who calls it himself.
    _patch(_thread, "start_new_thread", _starting_new)
    _patch(ThreadPoolExecutor, "submit", _submitting)
    if hasattr(shell, "kernel"):
        from ..eventloop.zmqstream import ZMQStream

        _patch(ZMQStream, "on_recv", _calling_back)
        _patch(ZMQStream, "on_send", _calling_back)
    publisher = getattr(shell, "display_pub", None)
    if publisher is not None and hasattr(publisher, "register_hook") and not hasattr(publisher, "_parent_header"):
        _publisher = publisher
        publisher.register_hook(_address)


def unload(shell: Any) -> None:
    """Threads that start from now on are Python's own again; those that run keep their cells."""
    global _publisher
    for (owner, name), (theirs, ours) in list(_patched.items()):
        del _patched[owner, name]
        # Who has put something on top of ours calls it still; it does nothing any more.
        if owner.__dict__.get(name) is ours:
            setattr(owner, name, theirs)
    if _publisher is not None:
        _publisher.unregister_hook(_address)
        _publisher = None


def _patch(owner: Any, name: str, make: Callable[[Any, Callable[[], bool]], Any]) -> None:
    theirs = owner.__dict__[name]
    ours = make(theirs, lambda: _patched.get((owner, name), (None, None))[1] is ours)
    _patched[owner, name] = theirs, ours
    setattr(owner, name, ours)


def _starting(theirs: Any, wanted: Callable[[], bool]) -> Any:
    @functools.wraps(theirs)
    def start(self: Any) -> None:
        home = _home() if wanted() else None
        if home is None:
            theirs(self)
            return
        # Before Thread's own first step: subclasses replace run(), and tracebacks begin after this step.
        self._bootstrap = functools.partial(home.run, _begin, self._bootstrap)
        try:
            theirs(self)
        finally:
            del self._bootstrap

    return start


def _starting_new(theirs: Any, wanted: Callable[[], bool]) -> Any:
    @functools.wraps(theirs)
    def start_new_thread(function: Any, *args: Any) -> Any:
        home = _home() if wanted() and callable(function) else None
        return theirs(function if home is None else functools.partial(home.run, function), *args)

    return start_new_thread


def _submitting(theirs: Any, wanted: Callable[[], bool]) -> Any:
    @functools.wraps(theirs)
    def submit(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        home = _home() if wanted() else None
        return theirs(self, fn if home is None else functools.partial(home.run, fn), *args, **kwargs)

    return submit


def _calling_back(theirs: Any, wanted: Callable[[], bool]) -> Any:
    @functools.wraps(theirs)
    def on(self: Any, callback: Any, *args: Any, **kwargs: Any) -> None:
        inherited = _inherited() if wanted() and callable(callback) else []
        # What the kernel itself asks for is no cell's.
        if any(variable.name == "brokerless_cell" and value is not None for variable, value in inherited):
            callback = functools.partial(_call_back, inherited, callback)
        theirs(self, callback, *args, **kwargs)

    return on


def _call_back(inherited: _Inherited, callback: Callable[..., Any], *args: Any) -> Any:
    return _with(copy_context(), inherited).run(callback, *args)


def _inherited() -> _Inherited:
    return [(variable, value) for variable, value in copy_context().items() if variable.name in _INHERITED]


def _with(context: Context, inherited: _Inherited) -> Context:
    for variable, value in inherited:
        context.run(variable.set, value)
    return context


def _home() -> Optional[Context]:
    """A new context with what is to be inherited from the current one; None if that is nothing."""
    inherited = _inherited()
    return _with(Context(), inherited) if inherited else None


def _begin(bootstrap: Callable[[], None]) -> None:
    publisher = _publisher
    if publisher is not None:
        publisher.register_hook(_address)
    bootstrap()


def _address(message: Dict[str, Any]) -> Dict[str, Any]:
    """Tells ipykernel 6 whose a displayed message is; it calls this in the thread that displays."""
    cell = cells.current()
    if cell is not None and "header" in cell.parent:
        message["parent_header"] = cell.parent["header"]
    return message
