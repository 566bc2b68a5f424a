"""brokerless for asyncio: the same sockets, whose calls are awaited.

    import brokerless.asyncio

    context = brokerless.asyncio.Context()
    socket = context.socket(zmq.PULL)
    message = await socket.recv()

A call that can be done at once is done at once, before it returns. The others are done in the order in which they were
made, while the loop runs; an `await` that is cancelled loses no message. Other threads may use the sockets meanwhile.
"""

from __future__ import annotations

import asyncio
import math
import pickle
import selectors
import warnings
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    List,
    Optional,
    Sequence,
    Type,
    TypeVar,
    Union,
    overload,
)

from . import _core, constants, context, error
from . import socket as _socket
from ._aio_poller import Poller
from ._async_arrays import AsyncArrays
from ._async_batch import AsyncBatches
from ._lane import Lane, current_loop
from .tracker import MessageTracker
from .utils import jsonapi

__all__ = ["Context", "Poller", "Socket", "ZMQEventLoop", "install"]

_S = TypeVar("_S", bound="Socket")

#: Seconds between two looks at whether a wait for peers, which a thread does, is still wanted.
_SLICE = 0.1


class Socket(AsyncArrays, AsyncBatches):
    """A socket whose calls return awaitables.

    `recv`, `send` and their relatives, `poll` and `request` take what those of `zmq.Socket` take, and return at once with
    a future. It is done already if the call could be done without waiting, and otherwise it is when its turn comes:
    receives are done in the order of the calls, and so are sends. Errors come out of the `await`. RCVTIMEO, SNDTIMEO and
    `timeout=` (seconds) end in `zmq.Again`.

    Cancelling is safe: a receive that is cancelled (by `asyncio.wait_for`, say) has taken no message, and one whose
    message had just come gives it back, as the next to be received. A send whose future is cancelled has sent nothing.
    `close()` cancels what waits.

    `Socket(other)` and `Socket.from_socket(other)` make an awaited handle to the socket of another one, of any class.
    """

    _repr_cls = "zmq.asyncio.Socket"

    def __init__(
        self,
        context: Any = None,
        socket_type: int = -1,
        io_loop: Any = None,
        _from_socket: Optional[_socket.Socket[Any]] = None,
        **kwargs: Any,
    ) -> None:
        """Opens a socket of the context, or shares that of another `zmq.Socket`; see `zmq.Socket`.

        `io_loop` is deprecated: what counts is the loop that runs at the time of a call.
        """
        if io_loop is not None:
            warnings.warn("io_loop= is deprecated: the loop that runs counts", DeprecationWarning, stacklevel=2)
        self._lanes = {}
        if _from_socket is None:
            super().__init__(context, socket_type, **kwargs)
        else:
            super().__init__(_from_socket, **kwargs)

    @classmethod
    def from_socket(cls: Type[_S], socket: _socket.Socket[Any], io_loop: Any = None) -> _S:
        """An awaited handle to the socket of another `zmq.Socket`, whatever its class; both can be used."""
        return cls(_from_socket=socket, io_loop=io_loop)

    def _lane(self) -> Lane:
        loop = current_loop()
        lane = self._lanes.get(loop)
        if lane is None:
            # Other threads may add theirs meanwhile.
            for other, old in list(self._lanes.items()):
                if other.is_closed():
                    self._lanes.pop(other, None)
                    old.end()
            lane = self._lanes[loop] = Lane(self, loop)
            self._enter()
        self._enter_loop(loop, lane, lane.waiter)
        return lane

    def _enter(self) -> None:
        """Called in a loop that is new to this socket."""

    def close(self, linger: Optional[int] = None) -> None:
        """Closes as `zmq.Socket.close` does, and cancels every call that waits in it."""
        for loop, lane in list(self._lanes.items()):
            if loop is _running() or not loop.is_running():
                lane.end()
            else:
                lane.end_soon()
        super().close(linger)

    def __del__(self) -> None:
        super().__del__()
        # A collection may come in the middle of anything, in any thread.
        for lane in list(self.__dict__.get("_lanes", {}).values()):
            lane.end_soon()

    # Receiving. recv() and recv_multipart() are the core's, and so are send() and send_multipart(): they come here, to
    # the methods that end in "_wait", with what cannot be done at once.

    @staticmethod
    def _tracked(got: Any) -> Any:
        # What was received is nobody's memory but libzmq's: its tracker is done.
        if isinstance(got, list):
            return [_core.Frame(frame, track=True) for frame in got]
        return _core.Frame(got, track=True)

    def recv_into(  # type: ignore[override]
        self, buffer: Any, /, *, nbytes: int = 0, flags: int = 0, timeout: Optional[float] = None
    ) -> Awaitable[int]:
        """The next frame, into memory that is there already; its size. See `zmq.Socket.recv_into`."""
        try:
            target = _target(buffer, nbytes)
        except Exception as wrong:
            return self._lane().failed(wrong)

        def fill(frame: Any) -> int:
            # Afterwards the buffer is free: one that is exported cannot grow.
            with target, memoryview(frame) as data:
                target[: len(data)] = data[: len(target)]
                return len(data)

        return self._recv(flags, False, False, timeout, fill)

    def recv_string(  # type: ignore[override]
        self, flags: int = 0, encoding: str = "utf-8", *, timeout: Optional[float] = None
    ) -> Awaitable[str]:
        """The next frame as text; see `zmq.Socket.recv_string`."""
        return self._recv(flags, True, False, timeout, lambda data: data.decode(encoding))

    recv_unicode = recv_string  # type: ignore[assignment]

    def recv_json(self, flags: int = 0, *, timeout: Optional[float] = None, **kwargs: Any) -> Awaitable[Any]:
        """The object that the next frame has as JSON; see `zmq.Socket.recv_json`."""
        return self._recv(flags, True, False, timeout, lambda data: jsonapi.loads(data, **kwargs))

    def recv_pyobj(self, flags: int = 0, *, timeout: Optional[float] = None) -> Awaitable[Any]:
        """The object that the next frame has as a pickle: only from peers you trust. See `zmq.Socket.recv_pyobj`."""
        return self._recv(flags, True, False, timeout, pickle.loads)

    def recv_serialized(
        self,
        deserialize: Callable[[List[Any]], Any],
        flags: int = 0,
        copy: bool = True,
        *,
        timeout: Optional[float] = None,
    ) -> Awaitable[Any]:
        """What `deserialize` makes of the next message's frames; see `zmq.Socket.recv_serialized`."""
        return self._recv(flags, copy, True, timeout, deserialize)

    # Sending

    def _send_wait(
        self,
        data: Any,
        flags: int,
        copy: bool,
        track: bool,
        routing_id: Optional[int],
        group: Optional[str],
        timeout: Optional[float],
        tried: bool,
    ) -> Awaitable[Optional[MessageTracker]]:
        lane = self._lane()
        send = lane.waiter.send
        threshold = None if copy else self.copy_threshold
        return lane.send(self, lambda: send(data, flags, threshold, track, routing_id, group), flags, timeout, tried)

    def _send_multipart_wait(
        self,
        msg_parts: Iterable[Any],
        flags: int,
        copy: bool,
        track: bool,
        routing_id: Optional[int],
        group: Optional[str],
        timeout: Optional[float],
        tried: bool,
    ) -> Awaitable[Optional[MessageTracker]]:
        lane = self._lane()
        send = lane.waiter.send_multipart
        threshold = None if copy else self.copy_threshold
        # An iterator can be read only once, and a send may be tried several times.
        parts = msg_parts if isinstance(msg_parts, (list, tuple)) else list(msg_parts)
        return lane.send(self, lambda: send(parts, flags, threshold, track, routing_id, group), flags, timeout, tried)

    def _fail(self, error: BaseException) -> Awaitable[Any]:
        return self._lane().failed(error)

    def send_string(  # type: ignore[override]
        self,
        u: str,
        flags: int = 0,
        copy: bool = True,
        encoding: str = "utf-8",
        *,
        timeout: Optional[float] = None,
        **kwargs: Any,
    ) -> Awaitable[Optional[MessageTracker]]:
        """Sends text; see `zmq.Socket.send_string`."""
        if not isinstance(u, str):
            raise TypeError("str objects only")
        return self.send(u.encode(encoding), flags, copy, timeout=timeout, **kwargs)

    send_unicode = send_string  # type: ignore[assignment]

    def send_json(  # type: ignore[override]
        self, obj: Any, flags: int = 0, *, timeout: Optional[float] = None, **kwargs: Any
    ) -> Awaitable[Optional[MessageTracker]]:
        """Sends an object as JSON; see `zmq.Socket.send_json`."""
        send = {key: kwargs.pop(key) for key in ("routing_id", "group") if key in kwargs}
        return self.send(jsonapi.dumps(obj, **kwargs), flags, timeout=timeout, **send)

    def send_pyobj(  # type: ignore[override]
        self,
        obj: Any,
        flags: int = 0,
        protocol: int = pickle.DEFAULT_PROTOCOL,
        *,
        timeout: Optional[float] = None,
        **kwargs: Any,
    ) -> Awaitable[Optional[MessageTracker]]:
        """Sends an object as a pickle; see `zmq.Socket.send_pyobj`."""
        return self.send(pickle.dumps(obj, protocol), flags, timeout=timeout, **kwargs)

    def send_serialized(  # type: ignore[override]
        self, msg: Any, serialize: Callable[[Any], Sequence[Any]], flags: int = 0, copy: bool = True, **kwargs: Any
    ) -> Awaitable[Optional[MessageTracker]]:
        """Sends the frames that `serialize` makes of `msg`; see `zmq.Socket.send_serialized`."""
        return self.send_multipart(serialize(msg), flags=flags, copy=copy, **kwargs)

    # Asking

    def request(  # type: ignore[override]
        self, data: Any, *, timeout: Optional[float] = None, retries: int = 0
    ) -> Awaitable[Union[bytes, List[bytes]]]:
        """Sends a request until its reply comes; see `zmq.Socket.request`. `timeout` is in seconds, for each try."""
        parts = data if isinstance(data, (list, tuple)) else [data]
        return current_loop().create_task(self._ask(parts, timeout, retries))

    async def _ask(self, parts: Sequence[Any], timeout: Optional[float], retries: int) -> Union[bytes, List[bytes]]:
        if self.type != constants.SocketType.REQ:
            raise error._make(constants.Errno.ENOTSUP, f"request() is for REQ sockets, not for {self.type.name}")
        self.set(constants.SocketOption.REQ_RELAXED, 1)
        self.set(constants.SocketOption.REQ_CORRELATE, 1)
        clock = current_loop().time
        patience = math.inf if timeout is None else timeout
        for _ in range(retries + 1):
            end = clock() + patience
            try:
                await self.send_multipart(parts, timeout=patience)
                reply: List[bytes] = await self.recv_multipart(timeout=max(0.0, end - clock()))
            except error.Again:
                continue
            return reply[0] if len(reply) == 1 else reply
        return self._no_reply(timeout, retries)

    async def __aiter__(self) -> AsyncIterator[Union[bytes, List[bytes]]]:
        """`async for message in socket`: bytes, or a list of bytes; ends when the socket is closed or its context is."""
        while True:
            waiting = self.recv_multipart()
            try:
                message = await waiting
            except (error.SocketClosed, error.ContextTerminated):
                return
            except asyncio.CancelledError:
                # By close(), which cancels the future; or the task that iterates, by somebody else.
                if self.closed and waiting.cancelled():  # type: ignore[attr-defined]
                    return
                raise
            yield message[0] if len(message) == 1 else message

    def __iter__(self) -> Any:
        raise TypeError("an asyncio socket is iterated by `async for`")

    # Events and peers

    def poll(  # type: ignore[override]
        self, timeout: Optional[float] = None, flags: int = constants.POLLIN
    ) -> Awaitable[int]:
        """Waits for events; `timeout` is in milliseconds, as pyzmq has it here. Ends in those that are there, or 0."""
        poller = Poller()
        poller.register(self, flags)
        return poller._start(timeout, lambda events: constants.PollEvent(events[0][1] if events else 0))

    async def wait_for_peers(  # type: ignore[override]
        self, n: int = 1, timeout: Optional[float] = None
    ) -> int:
        """Waits until `n` peers are connected; see `zmq.Socket.wait_for_peers`. `timeout` is in seconds."""
        wait = super().wait_for_peers
        return await _in_thread(lambda limit: wait(n, limit), timeout)

    async def wait_for_subscribers(  # type: ignore[override]
        self, n: int = 1, topic: Union[str, bytes, None] = None, timeout: Optional[float] = None
    ) -> int:
        """Waits until there are `n` subscriptions; see `zmq.Socket.wait_for_subscribers`. `timeout` is in seconds."""
        wait = super().wait_for_subscribers
        return await _in_thread(lambda limit: wait(n, topic, limit), timeout)


class Context(context.Context[Socket]):
    """A context whose sockets are asyncio's; all else is as in `zmq.Context`. Its instance() is its own, too.

    `Context(other)` shares another context, of whatever class, and so its inproc names.
    """

    _instance = None
    _instance_pid = None
    _socket_class = Socket
    _repr_cls = "zmq.asyncio.Context"

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def socket(self, socket_type: int, socket_class: None = None, **kwargs: Any) -> Socket: ...

        @overload
        def socket(self, socket_type: int, socket_class: Callable[..., _S], **kwargs: Any) -> _S: ...

        def socket(self, socket_type: int, socket_class: Any = None, **kwargs: Any) -> Any: ...


class ZMQEventLoop(asyncio.SelectorEventLoop):
    """Deprecated: asyncio's own loop. The sockets work in any loop."""

    def __init__(self, selector: Optional[selectors.BaseSelector] = None) -> None:
        _deprecated()
        super().__init__(selector)


def install() -> None:
    """Deprecated: does nothing. The sockets work in any loop."""
    _deprecated()


def _deprecated() -> None:
    text = "ZMQEventLoop and zmq.asyncio.install() are not needed any more: the sockets work in any loop"
    warnings.warn(text, DeprecationWarning, stacklevel=3)


def _running() -> Optional[asyncio.AbstractEventLoop]:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _target(buffer: Any, nbytes: int) -> memoryview:
    """The memory to fill, as bytes; refuses what the core's recv_into() refuses."""
    view = memoryview(buffer)
    if view.readonly:
        raise BufferError("the buffer is read-only: receive into a bytearray, or an array")
    if not view.c_contiguous:
        raise BufferError("the buffer is not contiguous")
    room = view.nbytes
    if not 0 <= nbytes <= room:
        raise ValueError(
            f"nbytes={nbytes} is " + ("negative" if nbytes < 0 else f"more than the buffer's {room} bytes")
        )
    # What has no bytes may have a shape that cannot be cast.
    return (view.cast("B") if room else memoryview(bytearray()))[: nbytes or room]


async def _in_thread(wait: Callable[[float], int], timeout: Optional[float]) -> int:
    """Waits in a thread, in slices: after a cancellation, the thread is free again soon."""
    loop = current_loop()
    end = math.inf if timeout is None else loop.time() + timeout
    while True:
        left = end - loop.time()
        try:
            return await loop.run_in_executor(None, wait, max(0.0, min(left, _SLICE)))
        except error.Again:
            if left <= _SLICE:
                raise
