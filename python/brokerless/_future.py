"""pyzmq's name for the module of sockets that are awaited, and those of its private names that other packages use."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from typing import Any, Awaitable, Dict, List

from . import _core, socket
from ._aio_poller import Poller as _AsyncPoller
from ._lane import Delivery, Lane, current_loop

__all__ = ["_AsyncPoller", "_AsyncSocket"]


class _AsyncSocket(_core.AsyncSocket, socket.Socket[Awaitable[bytes]]):
    """What the awaited sockets of every event loop have in common."""

    _lanes: Dict[AbstractEventLoop, Lane]

    def _get_loop(self) -> Any:
        return current_loop()

    @property
    def _recv_futures(self) -> List[Delivery]:
        return [future for lane in list(self._lanes.values()) for future in lane.receives]

    @property
    def _send_futures(self) -> List[Delivery]:
        return [future for lane in list(self._lanes.values()) for future in lane.sends]

    @property
    def _shadow_sock(self) -> socket.Socket[bytes]:
        known = self.__dict__.get("_plain")
        if known is None:
            known = self.__dict__["_plain"] = socket.Socket.shadow(self)
        return known
