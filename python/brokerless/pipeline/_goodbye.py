"""How reliable producers and collectors end that nobody has closed.

Their workers have to hear what is acknowledged, and that it is over: one that does not looks for them as long as it lives. So a
script may end behind its last result, and a function may return, without a word to them.
"""

from __future__ import annotations

import sys
import time
from typing import Any, List, Tuple

from .. import _core, _opened
from ..error import ZMQError

__all__ = ["forgotten"]

#: How long the end of a process waits for the workers, in seconds.
_LAST_WORDS = 2.0

#: The native ends of roles that are garbage, with the sockets through which they speak, which would be closed as garbage, too.
_parting: List[Tuple[Any, Any]] = []


def forgotten(role: Any) -> None:
    """`__del__` of a role: what is behind it says goodbye in the background, and then closes the socket."""
    if sys.is_finalizing():
        return
    for end in _ends_of(role):
        if not role.closed:
            end.stop()
            _parting.append((end, role.socket))


def _ends_of(role: Any) -> List[Any]:
    return [part for part in vars(role).values() if isinstance(part, (_core.Dispatcher, _core.Gatherer))]


def _end_all() -> None:
    """At the end of the process: all say goodbye, and get their time for it."""
    ends = [end for role in _opened.roles() for end in _ends_of(role)]
    for end in ends:
        end.stop()
    until = time.monotonic() + _LAST_WORDS
    for end in [*ends, *(end for end, _ in _parting)]:
        try:
            end.join(max(0.0, until - time.monotonic()))
        except ZMQError:
            # In a forked child, whose parent has the thread.
            continue


def _let_go(_: Any) -> None:
    """Whenever something is opened: drops those that have said all."""
    for entry in list(_parting):
        if entry[1].closed:
            try:
                _parting.remove(entry)
            except ValueError:
                continue  # another thread was faster


_opened.hooks.append(_let_go)
_opened.ending.append(_end_all)
