"""Frees a port that only a dead function still holds.

A cell that was interrupted, or failed, leaves its sockets in the traceback that the shell keeps; run again, it finds its
own port taken. Such a socket belongs to no running code any more: bind() closes it here and tries again.

Whether a socket is lost is found as Python's own garbage collector finds it, with one difference: a frame that has ended
counts as garbage although a traceback keeps it. Everything that leads to the socket is gathered; if one of these objects
has a reference that none of them explains, then somebody may still use it, and the socket is left alone.
"""

from __future__ import annotations

import gc
import operator
import sys
import types
import warnings
from typing import Any, Dict, Iterator, List, Tuple, Union

#: A socket that more objects than this lead to is no forgotten local variable.
_MOST = 500

_GENERATORS: Tuple[Any, ...] = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


def reclaim(addr: Union[str, bytes]) -> bool:
    """Closes what only garbage and dead frames hold on this port; whether a second bind may work."""
    from .socket import LAST_WORDS

    # Cycles first: many a lost socket closes itself then.
    freed = gc.collect() > 0
    port = (addr.decode() if isinstance(addr, bytes) else addr).rsplit(":", 1)[-1]
    candidates = _bound_sockets(port)
    while candidates:
        # In one list and nowhere else: each reference to it counts.
        found = [candidates.pop()]
        if _is_lost(found):
            text = f"{found[0]!r} was left behind by code that is no longer running; closed it to free its port"
            found[0]._abandon(LAST_WORDS)
            freed = True
            warnings.warn(text, ResourceWarning, stacklevel=3)
    return freed


def _bound_sockets(port: str) -> List[Any]:
    from .socket import Socket

    # By type(), as isinstance() would ask objects that lie about their class, and wake lazy ones.
    sockets = [found for found in gc.get_objects() if issubclass(type(found), Socket)]
    return [
        socket
        for socket in sockets
        if any(bound and endpoint.rsplit(":", 1)[-1] == port for endpoint, bound in socket._endpoints)
    ]


def _is_lost(objects: List[Any]) -> bool:
    """Whether only frames that have ended lead to `objects[0]`. What leads to it is added to the list."""
    running = {id(frame) for frame in _running_frames()}
    places: Dict[int, int] = {id(objects[0]): 0}
    dead: List[types.FrameType] = []
    own = {id(objects), id(dead)}
    level = 0
    while level < len(objects):
        asked = objects[level:]
        holders = gc.get_referrers(*asked)
        own.update((id(asked), id(holders)))
        level = len(objects)
        holders = [holders[number] for number in range(len(holders)) if not _is_call(holders, number, asked)]
        own.add(id(holders))
        for holder in holders:
            if id(holder) in own or id(holder) in places:
                continue
            if isinstance(holder, (types.ModuleType, type)):
                return False
            if isinstance(holder, types.FrameType):
                if id(holder) in running:
                    if holder.f_globals is globals():
                        continue
                    return False
                if not _is_suspended(holder):
                    dead.append(holder)
                    places[id(holder)] = -1
                    continue
            places[id(holder)] = len(objects)
            objects.append(holder)
        del holder, holders, asked
        if len(objects) > _MOST:
            return False
    return bool(dead) and _explained(objects, dead, places)


def _is_call(holders: List[Any], number: int, asked: List[Any]) -> bool:
    """Whether it is what the call itself had put its arguments in, which from Python 3.13 on is found, too.

    Nothing but this list refers to that any more; a tuple of the program's own belongs to somebody.
    """
    if type(holders[number]) is not tuple or len(holders[number]) != len(asked):
        return False
    probe = [object()]
    alone = sys.getrefcount(holders[number]) <= sys.getrefcount(probe[0])
    return alone and all(map(operator.is_, holders[number], asked))


def _explained(objects: List[Any], dead: List[types.FrameType], places: Dict[int, int]) -> bool:
    """Whether every reference to these objects comes from one of them, or from a dead frame."""
    counted = [0] * len(objects)
    for holders in (objects, dead):
        for number in range(len(holders)):
            for target in map(id, gc.get_referents(holders[number])):
                place = places.get(target, -1)
                if place >= 0:
                    counted[place] += 1
    # What the list itself, and the asking, add to every count.
    probe = [object()]
    asking = sys.getrefcount(probe[0])
    return all(sys.getrefcount(objects[number]) - asking <= counted[number] for number in range(len(objects)))


def _running_frames() -> Iterator[types.FrameType]:
    for frame in sys._current_frames().values():
        walk: Any = frame
        while walk is not None:
            yield walk
            walk = walk.f_back


def _is_suspended(frame: types.FrameType) -> bool:
    """Whether it is the frame of a generator or coroutine that may go on (before Python 3.11 these refer to frames)."""
    return any(
        isinstance(holder, _GENERATORS)
        and frame in (getattr(holder, name, None) for name in ("gi_frame", "cr_frame", "ag_frame"))
        for holder in gc.get_referrers(frame)
    )
