"""The inside of ZMQStream: when the loop has it receive and send, and what becomes of the callbacks.

What can be sent at once is sent at once. A message that was received gets a turn of the loop of its own, so that what
its callback has scheduled comes before the next one.
"""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections import deque
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Callable, Deque, List, NamedTuple, Optional, Set, Tuple, Union
from weakref import WeakSet

from tornado.log import gen_log

from .. import _core
from ..constants import DONTWAIT, POLLIN, POLLOUT, Errno, SocketOption
from ..error import ContextTerminated, ZMQError
from ..socket import Socket
from ..tracker import MessageTracker
from . import IOLoop

#: How a send ended: not tracked, tracked, or not at all.
Status = Union[MessageTracker, ZMQError, None]
OnRecv = Callable[[List[Any]], Any]
OnSend = Callable[[Any, Status], Any]


#: The streams that exist, for who closes sockets without knowing of them.
streams: WeakSet[Turns] = WeakSet()


class Outgoing(NamedTuple):
    """A message that is not sent yet."""

    msg: Any
    flags: int
    #: None is "not now", True is "sent", anything else tracks what was sent.
    attempt: Callable[[], Any]


class Waiting(Deque[Outgoing]):
    """What waits for room. pyzmq has a `queue.Queue` in its place, whose size some programs go by."""

    def qsize(self) -> int:
        return len(self)

    def empty(self) -> bool:
        return not self


class Ear:
    """What the loop has of a stream: a descriptor that tells when to look at the socket.

    The socket's own would not do: calls of other threads use up its edges. For a loop that closes all that it watches,
    to close this is to close the socket.
    """

    def __init__(self, socket: Socket[Any]) -> None:
        self.socket = socket
        self.waiter = _core.Waiter(socket)
        self.number = self.waiter.fileno()
        self.closed = False

    def fileno(self) -> int:
        return self.number

    def close(self, linger: Optional[int] = None) -> None:
        self.closed = True
        self.waiter.close()
        self.socket.close(linger)


class Turns:
    """The part of ZMQStream that the loop calls."""

    #: None once it is closed, which any callback may do.
    socket: Any
    io_loop: IOLoop

    def __init__(self, socket: Socket[bytes], io_loop: IOLoop) -> None:
        self.socket = socket
        self.io_loop = io_loop
        self._recv_callback: Optional[OnRecv] = None
        self._recv_copy = False
        self._send_callback: Optional[OnSend] = None
        self._close_callback: Optional[Callable[[], Any]] = None
        #: What has to wait for room, and before it what was sent and whose callback is to come.
        self._send_queue = Waiting()
        self._sent: Deque[Tuple[Any, Status]] = deque()
        # Any thread may send.
        self._lock = threading.RLock()
        self._listened = 0
        self._turn_is_due = False
        #: From a flush() to the loop's next turn.
        self._flushed = False
        self._tasks: Set[asyncio.Future[Any]] = set()
        self._ear = Ear(socket)
        self.io_loop.add_handler(self._ear, self._handle_events, IOLoop.READ)
        streams.add(self)

    def flush(self, flag: int = POLLIN | POLLOUT, limit: Optional[int] = None) -> int:
        """Handles what can be received (POLLIN) and sent (POLLOUT) now, without the loop; returns how many messages.

        At most `limit` messages, if given. With POLLIN and no callback for it, messages are received and dropped. Until
        the loop's next turn the stream then handles nothing else.
        """
        self._check_closed()
        flushed, self._flushed = self._flushed, False
        count, before = 0, -1
        while before < count and not self.closed() and not (limit and count >= limit):
            before = count
            if flag & POLLIN:
                frames = self._take()
                if frames is not None:
                    count += 1
                    self._received(frames)
            if flag & POLLOUT and self.socket is not None and not (limit and count >= limit):
                count += self._hand_over()
        if count and not flushed and self.socket is not None:
            self.io_loop.add_callback(self._after_flush)
        self._flushed = flushed or count > 0
        return count

    def close(self, linger: Optional[int] = None) -> None:
        """Closes the stream and its socket, as `zmq.Socket.close` does. What could not be sent yet is dropped."""
        socket = self.socket
        if socket is None:
            return
        by_others = socket.closed and not self._ear.closed
        self.io_loop.remove_handler(self._ear.number)
        self._ear.close(linger)
        self.socket = None
        try:
            if by_others:
                warnings.warn(
                    "the stream leaves its loop only now, after closing socket and stream apart: "
                    "call stream.close(), which closes both",
                    stacklevel=2,
                )
        finally:
            if self._close_callback is not None:
                self._run_callback(self._close_callback)

    def closed(self) -> bool:
        """Whether the stream is closed. If its socket was closed by others, this closes the stream."""
        if self.socket is None:
            return True
        if self.socket.closed:
            self.close()
            return True
        return False

    def _check_closed(self) -> None:
        if self.socket is None:
            raise OSError("Stream is closed")

    # Turns of the loop

    def _handle_events(self, fd: Any = None, events: int = 0) -> None:
        """Called by the loop: the socket may have changed."""
        if self.socket is None:
            return
        self._ear.waiter.drain()
        if not self._listened:
            # Otherwise the descriptor would go on telling what nobody wants to know.
            self._guarded(lambda: self.socket.get(SocketOption.EVENTS))
        elif not self._turn_is_due:
            self._turn()

    def _schedule(self) -> None:
        if not self._turn_is_due:
            self._turn_is_due = True
            self.io_loop.add_callback(self._turn)

    def _turn(self) -> None:
        """Receives one message, sends what there is room for, calls back for one of these, and comes back for the rest."""
        self._turn_is_due = False
        if self.socket is None or self._flushed:
            return
        more = True
        try:
            frames = self._take() if self._recv_callback is not None else None
            if frames is not None:
                self._received(frames)
            while self.socket is not None and self._send_next():
                pass
            if self.socket is not None:
                self._hand_over()
            more = frames is not None or bool(self._sent)
        finally:
            if more and self.socket is not None:
                self._schedule()

    def _after_flush(self) -> None:
        self._flushed = False
        self._turn()

    def _listen(self) -> None:
        """Has the loop told of what is waited for. What is there already is for the next turn."""
        with self._lock:
            want = (POLLIN if self._recv_callback is not None else 0) | (POLLOUT if self._send_queue else 0)
            if want != self._listened and self.socket is not None:
                self._ear.waiter.listen(want)
                self._listened = want

    # One message

    def _take(self) -> Optional[List[Any]]:
        """The frames of a message, if one is there."""
        frames: Optional[List[Any]] = self._guarded(lambda: self._ear.waiter.recv(self._recv_copy, True))
        return frames

    def _received(self, frames: List[Any]) -> None:
        if self._recv_callback is not None:
            self._run_callback(self._recv_callback, frames)

    def _put(self, outgoing: Outgoing) -> None:
        """Sends a message, or has it wait for its turn."""
        over, status = False, None
        with self._lock:
            if not self._send_queue:
                # What is no message is for the loop to find, and to report: pyzmq's programs go on after a send().
                with suppress(Exception):
                    over, status = self._try(outgoing)
            if over:
                self._sent.append((outgoing.msg, status))
            else:
                self._send_queue.append(outgoing)
        if not over:
            self._listen()
        self._schedule()

    def _hand_over(self) -> bool:
        """Whether a message was sent, and its callback called."""
        if not self._sent and not self._send_next():
            return False
        msg, status = self._sent.popleft()
        if self._send_callback is not None:
            self._run_callback(self._send_callback, msg, status)
        return True

    def _send_next(self) -> bool:
        """Sends what waits first, if there is room for it."""
        with self._lock:
            if not self._send_queue:
                return False
            outgoing = self._send_queue[0]
            over, status = True, None
            try:
                over, status = self._try(outgoing)
            finally:
                # What cannot be sent at all must not keep the others waiting.
                if over:
                    self._send_queue.popleft()
            if not over:
                return False
            self._sent.append((outgoing.msg, status))
        self._listen()
        return True

    def _try(self, outgoing: Outgoing) -> Tuple[bool, Status]:
        """Whether it is over with this message, and how it ended."""
        try:
            sent = outgoing.attempt()
        except ZMQError as error:
            if error.errno == Errno.EFSM:
                # A REQ that waits for its reply, or a REP for its request: it is not its turn.
                return False, None
            failed = error
        else:
            if sent is not None:
                return True, None if sent is True else sent
            if not outgoing.flags & DONTWAIT:
                return False, None
            failed = self._ear.waiter.again(False)
        gen_log.error("SEND Error: %s", failed)
        return True, failed

    def _guarded(self, call: Callable[[], Any]) -> Any:
        """None if the socket has nothing to say any more, or not now."""
        try:
            return call()
        except ContextTerminated:
            gen_log.warning("Got events for stream %s after terminating context", self)
            self.io_loop.update_handler(self._ear.number, 0)
        except ZMQError as error:
            if error.errno in (Errno.EFSM, Errno.ENOTSUP) and not self.socket.closed:
                # A REQ that has nothing to wait for, or a type that never receives.
                return None
            if self.closed():
                gen_log.warning("Got events for stream %s attached to closed socket: %s", self, error)
            else:
                gen_log.error("Error getting events for %s: %s", self, error)
        return None

    # Callbacks

    def _run_callback(self, callback: Callable[..., Any], *args: Any) -> None:
        try:
            result = callback(*args)
        except Exception:
            gen_log.error("Uncaught exception in ZMQStream callback", exc_info=True)
            raise
        if result is not None and isinstance(result, Awaitable):
            task = asyncio.ensure_future(result)
            # The loop itself would let it be collected half-done.
            self._tasks.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            gen_log.error("Uncaught exception in ZMQStream callback", exc_info=task.exception())
