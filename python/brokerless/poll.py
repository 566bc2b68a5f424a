"""Poller and select: pyzmq's interface to the core's poll over sockets and descriptors."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from . import _core
from ._shown import Shown
from .constants import POLLERR, POLLIN, POLLOUT

#: How many of those that are polled repr() names.
_SHOWN = 5


class Poller(Shown):
    """Waits for several sockets, file descriptors and objects with a fileno(), whichever is ready first (zmq_poll).

    `sockets` lists what is registered, as (object, events) in the order of registration. A socket may be used by other
    threads meanwhile; the poller itself belongs to one thread at a time.
    """

    sockets: List[Tuple[Any, int]]
    #: What repr() calls it; a subclass has its own name.
    _repr_cls = "zmq.Poller"

    def __init__(self) -> None:
        self.sockets = []
        self._places: Dict[Any, int] = {}

    def __contains__(self, socket: Any) -> bool:
        """Whether this socket or descriptor is registered."""
        return socket in self._places

    def register(self, socket: Any, flags: int = POLLIN | POLLOUT) -> None:
        """Registers a socket, a file descriptor (int) or an object with a fileno(), or changes its events.

        `flags` are the events to wait for: POLLIN, POLLOUT, and for descriptors POLLERR and POLLPRI. 0 unregisters.
        """
        if not flags:
            if socket in self._places:
                self.unregister(socket)
            return
        if socket in self._places:
            self.sockets[self._places[socket]] = (socket, flags)
        else:
            self._places[socket] = len(self.sockets)
            self.sockets.append((socket, flags))

    def modify(self, socket: Any, flags: int = POLLIN | POLLOUT) -> None:
        """Changes the events of what is registered; the same as register()."""
        self.register(socket, flags)

    def unregister(self, socket: Any) -> None:
        """Forgets a socket or descriptor. Raises KeyError if it is not registered."""
        place = self._places.pop(socket)
        del self.sockets[place]
        for later, _ in self.sockets[place:]:
            self._places[later] -= 1

    def poll(self, timeout: Optional[float] = None) -> List[Tuple[Any, int]]:
        """Waits until something is ready; returns [(socket or descriptor, events)] of all that is, as pyzmq does.

        `timeout` is in milliseconds, as pyzmq has it here; None and negative wait for ever. At its end the list is empty,
        as it is at once when nothing is registered. `dict(poller.poll())` is handy. A signal (Ctrl-C) ends the wait. Raises
        SocketClosed if a socket is closed or gets closed, TypeError for what cannot be polled.
        """
        return _core.poll_ready(self.sockets, timeout)

    def __repr__(self) -> str:
        # Another thread may register something meanwhile.
        items = [item for item, _ in list(getattr(self, "sockets", ()))]
        names = ", ".join(map(_name, items[:_SHOWN]))
        more = f", and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
        return f"<{self._called()}({names}{more}) at {hex(id(self))}>"


def _name(item: Any) -> str:
    """What is polled, in a word: somebody else's object may have a long repr(), or one that fails."""
    if isinstance(item, int):
        return f"descriptor {item}"
    kind = getattr(item, "__dict__", {}).get("type") if isinstance(item, _core.Socket) else None
    return type(item).__name__ if kind is None else f"zmq.{kind.name}"


def zmq_poll(sockets: List[Tuple[Any, int]], timeout: float = -1) -> List[Tuple[Any, int]]:
    """Polls a list of (socket or descriptor, events), and returns [(socket or descriptor, events)] of those that are ready.

    `timeout` is in milliseconds; negative waits for ever. Poller.poll() is this for what is registered.
    """
    return _core.poll_ready(sockets, timeout)


def select(
    rlist: List[Any], wlist: List[Any], xlist: List[Any], timeout: Optional[float] = None
) -> Tuple[List[Any], List[Any], List[Any]]:
    """select.select() for sockets and descriptors: the lists of those that can be read, written, or have failed.

    `timeout` is in seconds, as select.select() has it; None and negative wait for ever.
    """
    wanted: Dict[Any, int] = {}
    for objects, flag in ((rlist, POLLIN), (wlist, POLLOUT), (xlist, POLLERR)):
        for item in objects:
            wanted[item] = wanted.get(item, 0) | flag
    milliseconds = None if timeout is None or timeout < 0 else timeout * 1000
    events = dict(zip(wanted, _core.poll(list(wanted.items()), milliseconds)))
    ready = (
        [item for item in objects if events[item] & flag]
        for objects, flag in ((rlist, POLLIN), (wlist, POLLOUT), (xlist, POLLERR))
    )
    readable, writable, failed = ready
    return readable, writable, failed


__all__ = ["Poller", "select", "zmq_poll"]
