"""asyncio's poller: one descriptor in the loop for all that is polled, whoever else watches the same things."""

from __future__ import annotations

import asyncio
import select
from typing import Any, Awaitable, Callable, List, Optional, Tuple

from . import _core, constants, error, poll
from ._lane import current_loop


class Poller(poll.Poller):
    """A poller whose poll() is awaited. It takes asyncio's sockets, others of ours, and descriptors."""

    _repr_cls = "zmq.asyncio.Poller"

    def poll(  # type: ignore[override]
        self, timeout: Optional[float] = -1
    ) -> Awaitable[List[Tuple[Any, int]]]:
        """Waits for events of what is registered; see `zmq.Poller.poll`. `timeout` is in milliseconds."""
        return self._start(timeout, lambda events: events)

    def _now(self) -> List[Tuple[Any, int]]:
        return super().poll(0)

    def _start(self, timeout: Optional[float], finish: Callable[[List[Tuple[Any, int]]], Any]) -> Awaitable[Any]:
        loop = current_loop()
        future = loop.create_future()
        try:
            events = self._now()
            if events or timeout == 0 or not self.sockets:
                future.set_result(finish(events))
            else:
                _Polling(self, loop, future, finish).start(timeout)
        except Exception as failed:
            future.set_exception(failed)
        return future


class _Polling:
    """A poll that has to wait. One descriptor of its own stands for all that it watches, whoever else watches them."""

    def __init__(
        self,
        poller: Poller,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Any],
        finish: Callable[[List[Tuple[Any, int]]], Any],
    ) -> None:
        self.poller = poller
        self.loop = loop
        self.future = future
        self.finish = finish
        self.epoll: Optional[select.epoll] = None
        self.waiters: List[_core.Waiter] = []
        self.watched: Optional[int] = None
        self.timer: Optional[asyncio.TimerHandle] = None

    def start(self, timeout: Optional[float]) -> None:
        try:
            watched = self.watch()
            self.loop.add_reader(watched, self.look)
        except BaseException:
            self.end()
            raise
        self.watched = watched
        self.future.add_done_callback(self.end)
        if timeout is not None and timeout >= 0:
            self.timer = self.loop.call_later(timeout / 1000, self.look, True)
        self.look()

    def watch(self) -> int:
        """Begins to listen; the descriptor that tells."""
        sockets = self.poller.sockets
        if len(sockets) == 1 and isinstance(sockets[0][0], _core.Socket):
            return self.listen(*sockets[0])
        self.epoll = select.epoll()
        for item, flags in sockets:
            if isinstance(item, _core.Socket):
                self.epoll.register(self.listen(item, flags), select.EPOLLIN)
            else:
                descriptor = item if isinstance(item, int) else item.fileno()
                self.epoll.register(descriptor, _epoll_flags(flags))
        return self.epoll.fileno()

    def listen(self, socket: _core.Socket, flags: int) -> int:
        waiter = _core.Waiter(socket)
        self.waiters.append(waiter)
        waiter.listen(flags)
        return waiter.fileno()

    def look(self, late: bool = False) -> None:
        if self.future.done():
            return
        for waiter in self.waiters:
            waiter.drain()
        try:
            events = self.poller._now()
            if events or late:
                self.future.set_result(self.finish(events))
        except error.SocketClosed:
            self.future.cancel()
        except Exception as failed:
            self.future.set_exception(failed)

    def end(self, _: Any = None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.watched is not None and not self.loop.is_closed():
            self.loop.remove_reader(self.watched)
        self.watched = None
        if self.epoll is not None:
            self.epoll.close()
        for waiter in self.waiters:
            waiter.close()


def _epoll_flags(flags: int) -> int:
    pairs = (
        (constants.POLLIN, select.EPOLLIN),
        (constants.POLLOUT, select.EPOLLOUT),
        (constants.POLLPRI, select.EPOLLPRI),
    )
    return sum(there for ours, there in pairs if flags & ours)
