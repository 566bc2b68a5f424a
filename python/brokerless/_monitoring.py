"""Reading a socket's own monitor: the PAIR that receives what happens on its connections."""

from __future__ import annotations

import os
import threading
from typing import Any, Optional, TypeVar

from ._messages import Messages
from .constants import EVENT_ALL, SocketType

_S = TypeVar("_S", bound="Monitoring")

#: One opens a monitor at a time: a PAIR talks to one other, and of two that are opened at once one would be left alone.
#: That one may be asked again: by a signal handler, or a finalizer, which its own thread runs meanwhile.
_opening = threading.RLock()


class Monitoring(Messages):
    """The part of `Socket` that opens monitors."""

    context: Any
    #: What get_monitor_socket() has opened; None before, and after disable_monitor().
    _monitor_socket: Optional[Any] = None

    def get_monitor_socket(self: _S, events: Optional[int] = None, addr: Optional[str] = None) -> _S:
        """Starts to monitor the socket, and returns a PAIR socket, as this socket's context makes them, that receives the events.

        `utils.monitor.recv_monitor_message()` receives one and takes it apart. `events` are those to report (EVENT_ALL
        without it), `addr` is the inproc endpoint to use (one of its own without it): see monitor(). While that PAIR is
        open, further calls return it, whatever they ask for. Close it when it is not needed any more.
        """
        with _opening:
            known = self._known_monitor()
            if known is None:
                address = f"inproc://monitor.s-{self._id}" if addr is None else addr
                made = self._open_monitor(EVENT_ALL if events is None else events, address)
                known = self._known_monitor()
                if known is None:
                    self._monitor_socket = known = made
                else:
                    made.close(0)
            return known  # type: ignore[no-any-return]

    def _known_monitor(self) -> Any:
        known = self._monitor_socket
        return None if known is None or known.closed else known

    def _open_monitor(self, events: int, addr: str) -> Any:
        self.monitor(addr, events)
        reader: Any = None
        try:
            reader = self.context.socket(SocketType.PAIR)
            reader.connect(addr)
        except BaseException:
            if reader is not None:
                reader.close(0)
            self.monitor(None)
            raise
        return reader

    def disable_monitor(self) -> None:
        """Ends the monitor, if there is one: its reader receives what happened so far, and EVENT_MONITOR_STOPPED.

        The PAIR of get_monitor_socket() stays open for that, but is no longer kept here: a later call opens a new one.
        """
        with _opening:
            self._monitor_socket = None
            self.monitor(None)


def _in_child() -> None:
    # Another thread may have held the parent's lock as it forked.
    global _opening
    _opening = threading.RLock()


os.register_at_fork(after_in_child=_in_child)
