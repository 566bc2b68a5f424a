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
from typing import Any, Callable, Optional, Tuple
from weakref import WeakSet

from .. import _port_holder
from ..error import ContextTerminated, SocketClosed
from . import cells
from .closing import close, parts, still_open

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
    _port_holder.peer_name = _peer_name


def unload(shell: Any) -> None:
    """Leaves everything open from now on."""
    global _shell, _former_hook
    if _shell is not shell:
        return
    _shell = None
    cells.began.remove(_began)
    for name in _MAGICS:
        shell.magics_manager.magics["line"].pop(name, None)
    _port_holder.peer_name = _no_name
    if threading.excepthook is _thread_failed and _former_hook is not None:
        threading.excepthook, _former_hook = _former_hook, None


def is_on() -> bool:
    """Whether cells close what they opened, as `%own` says."""
    return _on


def keep(*things: Any) -> None:
    """Has these outlive the next run of the cell that opened them: contexts, sockets, devices, pipeline roles.

    Raises TypeError for what no cell has opened.
    """
    for thing in things:
        known = [cells.keep(part) for part in (thing, *parts(thing))]
        if not any(known):
            raise TypeError(f"no cell has opened {thing!r}")


def _began(cell: cells.Cell) -> None:
    left = still_open(cells.opened_in(cell.id)) if _on else []
    if left:
        _bereaved.update(thread for thread in threading.enumerate() if thread is not threading.current_thread())
        close(left)


def _thread_failed(args: Any) -> None:
    """Takes the place of threading's hook: who ends because its cell was run again is no failure to show."""
    expected = issubclass(args.exc_type, (SocketClosed, ContextTerminated))
    if not (expected and args.thread in _bereaved) and _former_hook is not None:
        _former_hook(args)


def _peer_name(pid: int) -> Optional[str]:
    """Which peer of the notebook a process is, and how it is ended."""
    from . import peers

    found = next((peer.name for peer in peers.find() if peer.pid == pid and peer.kind == "process"), None)
    return None if found is None else f"the peer {found} holds it: `%stop {found}` ends it"


def _no_name(_pid: int) -> Optional[str]:
    return None


# The magics


def _keep_magic(line: str) -> None:
    """Have what a cell opens outlive the cell's next run.

    `%keep` anywhere in a cell: everything that this run of it opens, before and after. `%keep sock device`: what these
    variables have, or the peers that are called so, whichever cell has opened it. Without it, a cell that is run again first
    closes what its last run opened.
    """
    names = line.split()
    cell = cells.current()
    if not names and cell is not None:
        cell.keeps = True
    for name in names:
        is_peers = _keep_peer(name)
        if name not in _shell.user_ns and not is_peers:
            raise _usage(f"there is no variable {name!r}, and no peer: %keep, or %keep and the names of such")
        try:
            keep(_shell.user_ns.get(name))
        except TypeError as error:
            if not is_peers:
                raise _usage(f"{name}: {error}") from None


def _keep_peer(name: str) -> bool:
    from . import peers

    found = [peer for peer in peers.find() if peer.is_alive and peer.name == name]
    for peer in found:
        peer.kept = True
    return bool(found)


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
