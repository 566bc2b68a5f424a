"""Frees a port that only a dead function still holds.

A cell that was interrupted, or failed, leaves its sockets in the traceback that the shell keeps; run again, it finds its
own port taken. Such a socket belongs to no running code any more: bind() closes it here and tries again.
"""

from __future__ import annotations

import gc
import sys
import types
import warnings
from typing import Any, Iterator, Set, Union


def reclaim(addr: Union[str, bytes]) -> bool:
    """Closes what only garbage and dead frames hold on this port; whether a second bind may work."""
    # Cycles first: many a lost socket closes itself then.
    collected = gc.collect() > 0
    port = (addr.decode() if isinstance(addr, bytes) else addr).rsplit(":", 1)[-1]
    closed = False
    alive = {id(frame) for frame in _running_frames()}
    for socket in _bound_sockets(port):
        if _abandoned(socket, alive):
            warnings.warn(
                f"{socket!r} was left behind by code that is no longer running; closed it to free its port",
                ResourceWarning,
                stacklevel=4,
                source=socket,
            )
            socket.close(0)
            closed = True
    return closed or collected


def _bound_sockets(port: str) -> list[Any]:
    from .socket import Socket

    return [
        found
        for found in gc.get_objects()
        if isinstance(found, Socket)
        and any(bound and endpoint.rsplit(":", 1)[-1] == port for endpoint, bound in found._endpoints)
    ]


def _running_frames() -> Iterator[types.FrameType]:
    for frame in sys._current_frames().values():
        walk: Any = frame
        while walk is not None:
            yield walk
            walk = walk.f_back


def _abandoned(socket: Any, alive: Set[int]) -> bool:
    """Whether every way to the socket leads through frames that have ended."""
    own = sys._getframe()
    dead = False
    for holder in gc.get_referrers(socket):
        if holder is own or id(holder) in alive and _is_ours(holder):
            continue
        if isinstance(holder, types.FrameType) and id(holder) not in alive:
            dead = True
        elif not _is_bookkeeping(holder):
            return False
    return dead


def _is_ours(holder: Any) -> bool:
    return isinstance(holder, types.FrameType) and holder.f_globals.get("__name__", "").startswith("brokerless.")


def _is_bookkeeping(holder: Any) -> bool:
    """The list of candidates, and the weak references of contexts and bindings."""
    return isinstance(holder, list) and len(holder) < 64 and all(type(item).__name__ == "Socket" for item in holder)
