"""A cell owns what it opens: run again, it first closes what its last run left open, so that the port is free.

The sockets are closed, the devices and pipeline roles stopped, and the contexts ended that the cell made and in which nobody
else has a socket (never `Context.instance()`, which everybody shares). It does not matter what else still refers to them: a
variable, `Out`, a traceback, a task, a thread that waits in recv(), which gets SocketClosed. What was sent has a second to
leave, in the background. A socket that several cells use is that of the cell which opened it.

What is meant to persist can be kept, as here, where a run after the first would find a closed socket:

    %keep
    if "sock" not in globals():
        sock = ctx.socket(zmq.SUB)

`%keep` is about everything that this cell opens, `%keep sock` about one thing, `%own off` about all cells.
"""

from __future__ import annotations

import threading
import time
import warnings
from typing import Any, Callable, Iterable, List, Optional, Tuple
from weakref import WeakSet

from .. import _opened, _port_holder
from ..constants import SocketOption
from ..context import Context
from ..device import _Device
from ..devices import ProcessDevice
from ..error import Again, ContextTerminated, SocketClosed, ZMQError
from ..pipeline.worker import Worker
from ..socket import LAST_WORDS, Socket
from . import cells

#: Seconds that devices and workers have to end, all together. They need milliseconds; a job in hand may need for ever.
_PATIENCE = 1.0

#: What is stopped, and not just closed.
_STOPPED: Tuple[Any, ...] = (_Device, ProcessDevice, Worker)
_MAGICS: Tuple[str, ...] = ("keep", "own")

_shell: Any = None
_on = True
#: Threads that were there when a cell's sockets were closed, and that may end of it.
_bereaved: WeakSet[threading.Thread] = WeakSet()
_former_hook: Optional[Callable[[Any], Any]] = None


def load(shell: Any) -> None:
    """Has cells close what they opened when they are run again, from now on; `cells` must be loaded."""
    global _shell, _on, _former_hook
    if _shell is not None:
        unload(_shell)
    _shell, _on = shell, True
    cells.began.append(_began)
    for name, magic in zip(_MAGICS, (_keep_magic, _own_magic)):
        shell.register_magic_function(magic, magic_kind="line", magic_name=name)
    _former_hook, threading.excepthook = threading.excepthook, _thread_failed
    _port_holder.process_name = _peer_name


def unload(shell: Any) -> None:
    """Leaves everything open from now on."""
    global _shell, _former_hook
    if _shell is not shell:
        return
    _shell = None
    cells.began.remove(_began)
    for name in _MAGICS:
        shell.magics_manager.magics["line"].pop(name, None)
    _port_holder.process_name = _no_name
    if threading.excepthook is _thread_failed and _former_hook is not None:
        threading.excepthook, _former_hook = _former_hook, None


def keep(*things: Any) -> None:
    """Has these outlive the next run of the cell that opened them: contexts, sockets, devices, pipeline roles.

    Raises TypeError for what no cell has opened.
    """
    for thing in things:
        known = [cells.keep(part) for part in (thing, *_parts(thing))]
        if not any(known):
            raise TypeError(f"no cell has opened {thing!r}")


def close(things: Iterable[Any]) -> None:
    """Closes sockets, stops devices and roles, and ends contexts if no other socket is open in them, without lingering here.

    What goes wrong with one of them is a RuntimeWarning, and does not save the others.
    """
    several = [thing for thing in things if not _is_over(thing)]
    if not several:
        return
    _bereaved.update(thread for thread in threading.enumerate() if thread is not threading.current_thread())
    devices = [thing for thing in several if isinstance(thing, _Device) and thing.running]
    workers = [thing for thing in several if isinstance(thing, Worker)]
    processes = [thing for thing in several if isinstance(thing, ProcessDevice)]
    others = [thing for thing in several if not isinstance(thing, (Context, Socket, *_STOPPED))]
    # All are asked before one is waited for.
    for device in devices:
        _try(device, device._running("stop").ask_stop, 0)
    for worker in workers:
        _try(worker, worker._loop.stop)
    for device in processes:
        _try(device, device.launcher.terminate)
    end = time.monotonic() + _PATIENCE
    for device in [*devices, *processes]:
        _try(device, device.join, max(0.0, end - time.monotonic()))
    for worker in workers:
        _try(worker, _join, worker, end)
    # What has not ended by now does so when it finds its sockets closed.
    sockets = [socket for socket in several if isinstance(socket, Socket)]
    for socket in [*sockets, *(part for thing in several for part in _parts(thing))]:
        _try(socket, _close_socket, socket)
    for other in others:
        _try(other, other.close)
    for context in several:
        if isinstance(context, Context):
            _try(context, _end_context, context)


def _began(cell: cells.Cell) -> None:
    if _on:
        close(cells.opened_in(cell.id))


def _try(thing: Any, step: Callable[..., Any], *args: Any) -> None:
    try:
        step(*args)
    except Exception as error:
        text = f"{thing!r}, which the last run of this cell had opened, did not end well: {error}"
        warnings.warn(text, RuntimeWarning, stacklevel=3)


def _is_over(thing: Any) -> bool:
    if isinstance(thing, _Device):
        return all(socket.closed for socket in thing._sockets) and not thing.running
    if isinstance(thing, ProcessDevice):
        return not thing.launcher.is_alive()
    if isinstance(thing, (Context, Socket)) and thing._shadow:
        # Another handle to what somebody else opened.
        return True
    over: bool = thing.closed
    return over


def _parts(thing: Any) -> List[Any]:
    """The sockets of a device or role."""
    if isinstance(thing, _Device):
        return list(thing._sockets)
    held = (getattr(thing, name, None) for name in ("socket", "source", "sink"))
    return [] if isinstance(thing, (Context, Socket)) else [socket for socket in held if isinstance(socket, Socket)]


def _join(worker: Worker, end: float) -> None:
    try:
        worker.stop(max(0.0, end - time.monotonic()))
    except Again:
        # The job in hand goes on, and its result is nobody's.
        return


def _close_socket(socket: Any) -> None:
    if socket.closed:
        return
    try:
        linger = socket.get(SocketOption.LINGER)
    except ZMQError:
        # Somebody closes it, or ends its context, at this moment.
        linger = 0
    most = int(LAST_WORDS * 1000)
    try:
        socket.close(most if linger < 0 else min(linger, most))
    finally:
        # A class of the program's own may do otherwise.
        if not socket.closed:
            socket._abandon(LAST_WORDS)


def _end_context(context: Any) -> None:
    shared = getattr(type(context), "_instance", None) is context
    if context.closed or shared:
        return
    address = context.underlying
    if not any(socket.context.underlying == address for socket in _opened.sockets()):
        context._abandon(LAST_WORDS)


def _thread_failed(args: Any) -> None:
    """Takes the place of threading's hook: who ends because its cell was run again is no failure to show."""
    expected = issubclass(args.exc_type, (SocketClosed, ContextTerminated))
    if not (expected and args.thread in _bereaved) and _former_hook is not None:
        _former_hook(args)


def _peer_name(pid: int) -> Optional[str]:
    """What the notebook calls a process."""
    from . import peers

    return next((f"the peer {peer.name}" for peer in peers.find() if peer.pid == pid), None)


def _no_name(_pid: int) -> Optional[str]:
    return None


# The magics


def _keep_magic(line: str) -> None:
    """Have what a cell opens outlive the cell's next run.

    `%keep` anywhere in a cell: everything that this run of it opens, before and after. `%keep sock device`: what these
    variables have, whichever cell has opened it. Without it, a cell that is run again first closes what its last run opened.
    """
    names = line.split()
    cell = cells.current()
    if not names and cell is not None:
        cell.keeps = True
    for name in names:
        if name not in _shell.user_ns:
            raise _usage(f"there is no variable {name!r}: %keep, or %keep and the names of variables")
        try:
            keep(_shell.user_ns[name])
        except TypeError as error:
            raise _usage(f"{name}: {error}") from None


def _own_magic(line: str) -> None:
    """Whether cells that are run again first close what their last run opened: `%own off`, `%own on`; `%own` tells.

    What is opened while it is off is closed by the next run after it is on again; see also %keep.
    """
    global _on
    wanted = line.strip()
    if wanted not in ("", "on", "off"):
        raise _usage(f"%own on, %own off, or %own to see which it is, not {wanted!r}")
    if wanted:
        _on = wanted == "on"
    else:
        print(
            "on: a cell that is run again first closes what it opened"
            if _on
            else "off: cells leave open what they opened"
        )


def _usage(text: str) -> Exception:
    from IPython.core.error import UsageError

    made: Exception = UsageError(text)
    return made
