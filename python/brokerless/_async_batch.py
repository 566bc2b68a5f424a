"""Many messages in one awaited call: taken and sent in batches by the core, while the loop goes on in between."""

from __future__ import annotations

import asyncio
import math
from itertools import islice
from typing import TYPE_CHECKING, Any, Callable, Iterable, List, Optional, Union

from . import _core, error
from ._future import _AsyncSocket
from .constants import DONTWAIT
from .utils import jsonapi

if TYPE_CHECKING:
    from ._lane import Lane

#: How many messages are taken from an iterable at once; the core sends no more under one lock.
_CHUNK = 256


class AsyncBatches(_AsyncSocket):
    """The part of `brokerless.asyncio.Socket` that sends and receives many messages at once."""

    if TYPE_CHECKING:

        def _lane(self) -> Lane: ...

    async def send_many(  # type: ignore[override]
        self, messages: Iterable[Any], flags: int = 0, *, timeout: Optional[float] = None
    ) -> int:
        """Sends many messages; see `zmq.Socket.send_many`. An iterator is read up to 256 messages ahead.

        A task that is cancelled has sent some of them: the CancelledError has `sent` and `unsent`, as every exception.
        """
        if isinstance(messages, (bytes, str, bytearray, memoryview)):
            one = TypeError(f"{type(messages)} is one message: send_many([message]) takes an iterable of them")
            _tell(one, 0, [])
            raise one
        return await _Posting(self, self._lane(), flags, timeout).run(messages, None)

    async def send_json_many(  # type: ignore[override]
        self, objs: Iterable[Any], flags: int = 0, *, timeout: Optional[float] = None
    ) -> int:
        """Sends many objects as JSON; see `zmq.Socket.send_json_many`, and send_many() here."""
        return await _Posting(self, self._lane(), flags, timeout).run(objs, jsonapi.dumps)

    async def recv_many(  # type: ignore[override]
        self, max: int = 1000, flags: int = 0, *, min: int = 1, timeout: Optional[float] = None
    ) -> List[Union[bytes, List[bytes]]]:
        """Receives up to `max` messages at once; see `zmq.Socket.recv_many`.

        Its turn is after the receives that were asked for before. A call that is cancelled has taken none.
        """
        return (await self._catch(max, flags, min, timeout)).messages()

    async def recv_json_many(  # type: ignore[override]
        self, max: int = 1000, flags: int = 0, *, min: int = 1, timeout: Optional[float] = None
    ) -> List[Any]:
        """Receives up to `max` messages of JSON at once; see `zmq.Socket.recv_json_many`, and recv_many() here."""
        return (await self._catch(max, flags, min, timeout)).objects()

    async def recv_many_into(  # type: ignore[override]
        self, buffer: Any, flags: int = 0, *, min: int = 1, timeout: Optional[float] = None
    ) -> int:
        """Receives messages into the records of an array; see `zmq.Socket.recv_many_into`, and recv_many() here.

        The array is written to when the messages are there, all at once.
        """
        count, size = _core.record_layout(buffer)
        return (await self._catch(count, flags, min, timeout, size)).fill(buffer)

    async def _catch(self, most: int, flags: int, least: int, timeout: Optional[float], record: int = 0) -> _core.Haul:
        """Takes messages. What was taken goes back if this does not end well."""
        if not 1 <= least <= most:
            raise ValueError(f"1 <= min <= max, but min={least} and max={most}")
        _only_dontwait(flags)
        lane = self._lane()
        end = _end(lane, timeout, receiving=True)
        haul = _core.Haul(self, record)
        try:
            while len(haul) < least and not haul.odd:
                left = max(0.0, end - lane.loop.time())
                try:
                    frames: Any = await lane.receive(self, flags, False, True, left)
                except error.Again:
                    if len(haul):
                        break
                    raise
                haul.add(frames)
                haul.take(most)
        except BaseException:
            haul.give_back()
            raise
        return haul


class _Posting:
    """A call that sends, and how far it is."""

    def __init__(self, socket: AsyncBatches, lane: Lane, flags: int, timeout: Optional[float]) -> None:
        self.socket = socket
        self.lane = lane
        self.flags = flags
        self.timeout = timeout
        self.end = math.inf
        self.sent = 0
        #: Taken, and not sent.
        self.taken: List[Any] = []

    async def run(self, messages: Iterable[Any], write: Optional[Callable[[Any], bytes]]) -> int:
        source: Any = messages
        try:
            _only_dontwait(self.flags)
            self.end = _end(self.lane, self.timeout, receiving=False)
            source = iter(messages)
            while await self.go_on(source, write):
                # The other tasks have their turn between two chunks.
                await asyncio.sleep(0)
        except BaseException as wrong:
            # An iterator keeps what it has; a list has all of them.
            rest = source if type(messages) in (list, tuple) else ()
            _tell(wrong, self.sent, [*self.taken, *rest])
            raise
        return self.sent

    async def go_on(self, source: Any, write: Optional[Callable[[Any], bytes]]) -> bool:
        """Sends the next chunk; whether there may be another."""
        failed: Optional[Exception] = None
        try:
            # Unlike list(), this keeps what came before an exception.
            self.taken.extend(islice(source, _CHUNK))
        except Exception as wrong:
            failed = wrong
        whole = len(self.taken) == _CHUNK
        ready = self.taken
        if write is not None:
            ready = []
            try:
                ready.extend(map(write, self.taken))
            except (TypeError, ValueError) as wrong:
                text = f"message {self.sent + len(ready)}: {wrong}"
                failed = type(wrong)(text) if type(wrong) in (TypeError, ValueError) else wrong
        await self.send(list(ready))
        if failed is not None:
            raise failed
        return whole

    async def send(self, ready: List[Any]) -> None:
        send, base, done = self.lane.waiter.send_many, self.sent, 0

        def attempt() -> Optional[bool]:
            nonlocal done
            count = send(ready, done, base)
            # At once: nobody may be told of it, when the task is cancelled.
            done += count
            self.sent += count
            del self.taken[:count]
            return True if count else None

        while done < len(ready):
            left = max(0.0, self.end - self.lane.loop.time())
            await self.lane.send(self.socket, attempt, self.flags, left)


def _only_dontwait(flags: int) -> None:
    if flags & ~DONTWAIT:
        raise ValueError(f"flags is 0 or DONTWAIT, not {int(flags)}: a batch has whole messages")


def _end(lane: Lane, timeout: Optional[float], receiving: bool) -> float:
    """When a call gives up, by the loop's clock."""
    if timeout is None:
        option = lane.waiter.timeouts[0 if receiving else 1]
        timeout = option / 1000 if option >= 0 else math.inf
    elif not timeout >= 0:
        raise ValueError(f"timeout is in seconds, 0 or more (or None: for ever), not {timeout}")
    return lane.loop.time() + timeout


def _tell(wrong: Any, sent: int, unsent: List[Any]) -> None:
    """Has an exception tell how far the call came."""
    wrong.sent, wrong.unsent = sent, unsent
