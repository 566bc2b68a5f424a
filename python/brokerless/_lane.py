"""What waits for one socket in one event loop: receives and sends, each kind in the order in which they were asked for.

Whatever can be done now is done in the call itself. Only what cannot gets into a lane, which watches the socket for as
long as something is in it: through a `_core.Waiter`, whose descriptor also tells when other threads have used the socket.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Callable, Generator, List, Optional

from . import _core
from .constants import DONTWAIT, POLLIN, POLLOUT
from .error import SocketClosed

if TYPE_CHECKING:
    _Future = asyncio.Future[Any]
    _Queue = OrderedDict["Delivery", None]
else:
    _Future = asyncio.Future

# As ints: an enum's operators take their time.
_IN, _OUT = int(POLLIN), int(POLLOUT)

#: What becomes of the message, or frame, that was received.
Finish = Optional[Callable[[Any], Any]]


def current_loop() -> asyncio.AbstractEventLoop:
    """The loop that runs, or the one that will: a future may be made for `loop.run_until_complete()`."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.get_event_loop()


class Delivery(_Future):
    """The future of a call that had to wait.

    A task may be cancelled when its message has come but it has not run yet: then the message is in here, and nobody
    would ever look at it. So an `await` that is cancelled gives it back to its socket, as the next to be received.
    """

    #: The lane that it is or was in.
    lane: Lane
    #: The socket: it must not be collected while somebody waits for it.
    owner: Any = None
    #: What the lane tries; None is "not now".
    attempt: Optional[Callable[[], Any]] = None
    finish: Finish = None
    timer: Optional[asyncio.TimerHandle] = None
    #: The frames of the result, until somebody has it.
    frames: Optional[List[_core.Frame]] = None
    _awaiting = 0

    def cancel(self, *args: Any, **kwargs: Any) -> bool:
        """Leaves the lane at once, and tells whether it did."""
        cancelled = super().cancel(*args, **kwargs)
        if cancelled:
            self.lane.leave(self)
        return cancelled

    def let_go(self) -> None:
        """Drops what only a wait needs: this holds what was to be sent, or the buffer to receive into."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.owner = self.attempt = self.finish = None

    def __await__(self) -> Generator[Any, None, Any]:
        self._awaiting += 1
        try:
            yield from super().__await__()
        except BaseException as error:
            if not self.done() or self.cancelled() or error is not self.exception():
                # Not this future's own outcome, which nobody gets then.
                self._awaiting -= 1
                self._give_back()
                raise
        self._awaiting -= 1
        self.frames = None
        return self.result()

    def _give_back(self) -> None:
        frames = self.frames
        if frames is None or self._awaiting:
            return
        self.frames = None
        try:
            self.lane.waiter.give_back(frames)
        except SocketClosed:
            # What a socket has not handed out ends with it.
            pass

    __iter__ = __await__


class Lane:
    """The calls that wait for a socket in one loop. Everything in here happens in the thread of that loop."""

    def __init__(self, socket: _core.Socket, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiter = _core.Waiter(socket, by_tries=True)
        # Sets that keep their order, and that are quick to leave from anywhere.
        self._receives: _Queue = OrderedDict()
        self._sends: _Queue = OrderedDict()
        #: Whether the loop knows the descriptor.
        self._registered = False

    def receive(
        self,
        owner: Any,
        flags: int,
        copy: bool,
        multipart: bool,
        timeout: Optional[float],
        finish: Finish = None,
        tried: bool = False,
    ) -> _Future:
        """A future of the next frame or message: the next after those that are asked for already.

        `tried`: a try has just found none, and nobody waits.
        """
        if not tried:
            if self._receives:
                self._look()
            if not self._receives:
                try:
                    got = self.waiter.recv(copy, multipart)
                    if got is not None:
                        return self.done(got if finish is None else finish(got))
                except Exception as error:
                    return self.failed(error)
        waiter = self.waiter
        if copy:
            finish = _in_turn(_to_bytes, finish)
        return self._wait(self._receives, _IN, owner, lambda: waiter.recv(False, multipart), flags, timeout, finish)

    def send(
        self, owner: Any, attempt: Callable[[], Any], flags: int, timeout: Optional[float], tried: bool = False
    ) -> _Future:
        """A future that is done when `attempt` has sent, which says None for "not now", True, or who tracks the message.

        Its turn is after those that wait already. `tried`: an attempt has just found no room, and nobody waits.
        """
        if not tried:
            if self._sends:
                self._look()
            if not self._sends:
                try:
                    sent = attempt()
                    if sent is not None:
                        return self.done(_outcome(sent))
                except Exception as error:
                    return self.failed(error)
        return self._wait(self._sends, _OUT, owner, attempt, flags, timeout, None)

    def done(self, result: Any) -> _Future:
        """A future with its result already."""
        future = self.loop.create_future()
        future.set_result(result)
        return future

    def failed(self, error: BaseException) -> _Future:
        """A future that has failed already."""
        future = self.loop.create_future()
        future.set_exception(error)
        return future

    def leave(self, delivery: Delivery) -> None:
        """Takes out what is over."""
        self._receives.pop(delivery, None)
        self._sends.pop(delivery, None)
        delivery.let_go()
        self._watch()

    @property
    def receives(self) -> List[Delivery]:
        """What waits to receive."""
        return list(self._receives)

    @property
    def sends(self) -> List[Delivery]:
        """What waits to send."""
        return list(self._sends)

    def end(self) -> None:
        """Cancels what waits, and lets go of the loop and of the descriptors."""
        for queue in (self._receives, self._sends):
            waiting = list(queue)
            queue.clear()
            for delivery in waiting:
                # A closed loop has nobody to tell.
                if not self.loop.is_closed():
                    delivery.cancel()
        self._watch()
        self._unregister()
        self.waiter.close()

    def end_soon(self) -> None:
        """Has the loop do that, in whichever thread it runs: futures and descriptors belong to that one."""
        if self._registered or self._receives or self._sends:
            try:
                self.loop.call_soon_threadsafe(self.end)
            except RuntimeError:
                # The loop is closed: it watches nothing, and its futures have nobody to tell.
                self.waiter.close()

    def _wait(
        self,
        queue: _Queue,
        event: int,
        owner: Any,
        attempt: Callable[[], Any],
        flags: int,
        timeout: Optional[float],
        finish: Finish,
    ) -> _Future:
        wrong: Optional[Exception] = None
        if timeout is None:
            option = self.waiter.timeouts[0 if event == _IN else 1]
            timeout = option / 1000 if option >= 0 else math.inf
        elif not timeout >= 0:
            wrong = ValueError(f"timeout is in seconds, 0 or more (or None: for ever), not {timeout}")
        if wrong is None and (flags & DONTWAIT or timeout == 0):
            wrong = self.waiter.again(event == _IN)
        if wrong is not None:
            # A try may have begun to listen.
            self._watch()
            return self.failed(wrong)

        delivery = Delivery(loop=self.loop)
        delivery.lane = self
        delivery.owner = owner
        delivery.attempt = attempt
        delivery.finish = finish
        if timeout != math.inf:
            delivery.timer = self.loop.call_later(timeout, self._late, delivery, event == _IN, timeout)
        queue[delivery] = None
        if self.waiter.listens & event:
            # Since a try that failed: what comes later will be told.
            self._register()
        else:
            # Listening first: what happened before is found by the look, and what happens after it is told.
            self._watch()
            self._look()
        return delivery

    @property
    def _watched(self) -> int:
        return self.waiter.listens

    def _watch(self) -> None:
        """Watches for what the calls in the lane wait for, and not at all when there are none."""
        want = (_IN if self._receives else 0) | (_OUT if self._sends else 0)
        if want != self.waiter.listens:
            if want:
                self._register()
            self.waiter.listen(want)

    def _register(self) -> None:
        if not self._registered:
            self.loop.add_reader(self.waiter.fileno(), self._ready)
            self._registered = True

    def _unregister(self) -> None:
        if self._registered:
            self._registered = False
            if not self.loop.is_closed():
                self.loop.remove_reader(self.waiter.fileno())

    def _ready(self) -> None:
        if self._receives or self._sends:
            self.waiter.drain()
            self._look()
        else:
            # Only now: the next call often waits soon, and a loop takes its time to learn and to forget a descriptor.
            self._watch()
            self._unregister()

    def _look(self) -> None:
        """Does what can be done now."""
        for queue in (self._receives, self._sends):
            while queue:
                delivery = next(iter(queue))
                if not delivery.done() and not self._try(queue, delivery):
                    break
                if delivery in queue:
                    del queue[delivery]
                    delivery.let_go()
        self._watch()

    def _try(self, queue: _Queue, delivery: Delivery) -> bool:
        """Whether the call is over, one way or the other."""
        try:
            got = delivery.attempt()  # type: ignore[misc]
        except SocketClosed:
            # By another thread, or by the garbage collector; in this thread, close() has ended the lane already.
            self.end()
            return True
        except Exception as error:
            delivery.set_exception(error)
            return True
        if got is None:
            return False
        # From here on, as `finish` may use the socket itself.
        queue.pop(delivery, None)
        finish = delivery.finish
        delivery.let_go()
        if queue is self._sends:
            delivery.set_result(_outcome(got))
            return True
        delivery.frames = got if isinstance(got, list) else [got]
        try:
            delivery.set_result(got if finish is None else finish(got))
        except Exception as error:
            delivery.set_exception(error)
        return True

    def _late(self, delivery: Delivery, receiving: bool, timeout: float) -> None:
        # A last look: a busy loop may come to its timers sooner than to its messages.
        self._look()
        if not delivery.done():
            delivery.set_exception(self.waiter.again(receiving, timeout))
            self.leave(delivery)


def _outcome(sent: Any) -> Any:
    return None if sent is True else sent


def _to_bytes(got: Any) -> Any:
    return [frame.bytes for frame in got] if isinstance(got, list) else got.bytes


def _in_turn(first: Callable[[Any], Any], second: Finish) -> Callable[[Any], Any]:
    return first if second is None else lambda got: second(first(got))
