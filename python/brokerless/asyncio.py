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
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterator,
    Awaitable,
    Callable,
    Dict,
    List,
    Literal,
    Optional,
    Sequence,
    TypeVar,
    Union,
    overload,
)

from . import _core, constants, context, error, socket
from ._aio_poller import Poller
from ._lane import Finish, Lane, current_loop
from .utils import jsonapi

__all__ = ["Context", "Poller", "Socket"]

_S = TypeVar("_S", bound="Socket")

#: Seconds between two looks at whether a wait for peers, which a thread does, is still wanted.
_SLICE = 0.1


class Socket(socket.Socket):
    """A socket whose calls return awaitables.

    `recv`, `send` and their relatives, `poll` and `request` take what those of `zmq.Socket` take, and return at once with
    a future. It is done already if the call could be done without waiting, and otherwise it is when its turn comes:
    receives are done in the order of the calls, and so are sends. Errors come out of the `await`. RCVTIMEO, SNDTIMEO and
    `timeout=` (seconds) end in `zmq.Again`.

    Cancelling is safe: a receive that is cancelled (by `asyncio.wait_for`, say) has taken no message, and one whose
    message had just come gives it back, as the next to be received. `close()` cancels what waits.
    """

    _lanes: Dict[asyncio.AbstractEventLoop, Lane]

    def __init__(self, ctx: Any, socket_type: int, **kwargs: Any) -> None:
        self._lanes = {}
        super().__init__(ctx, socket_type, **kwargs)

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
        return lane

    def close(self, linger: Optional[int] = None) -> None:
        """Closes as `zmq.Socket.close` does, and cancels every call that waits in it."""
        for loop, lane in list(self._lanes.items()):
            # In another thread's loop the core's wake-up does it: futures belong to the thread of their loop.
            if loop is _running() or not loop.is_running():
                lane.end()
        super().close(linger)

    # Receiving

    @overload  # type: ignore[override]
    def recv(
        self, flags: int = 0, copy: Literal[True] = True, track: bool = False, *, timeout: Optional[float] = None
    ) -> Awaitable[bytes]: ...

    @overload
    def recv(
        self, flags: int = 0, *, copy: Literal[False], track: bool = False, timeout: Optional[float] = None
    ) -> Awaitable[_core.Frame]: ...

    @overload
    def recv(
        self, flags: int = 0, copy: bool = True, track: bool = False, *, timeout: Optional[float] = None
    ) -> Awaitable[Union[bytes, _core.Frame]]: ...

    def recv(
        self, flags: int = 0, copy: bool = True, track: bool = False, *, timeout: Optional[float] = None
    ) -> Awaitable[Any]:
        """The next frame; see `zmq.Socket.recv`."""
        return self._recv(flags, copy, False, timeout)

    @overload  # type: ignore[override]
    def recv_multipart(
        self, flags: int = 0, copy: Literal[True] = True, track: bool = False, *, timeout: Optional[float] = None
    ) -> Awaitable[List[bytes]]: ...

    @overload
    def recv_multipart(
        self, flags: int = 0, *, copy: Literal[False], track: bool = False, timeout: Optional[float] = None
    ) -> Awaitable[List[_core.Frame]]: ...

    @overload
    def recv_multipart(
        self, flags: int = 0, copy: bool = True, track: bool = False, *, timeout: Optional[float] = None
    ) -> Awaitable[Union[List[bytes], List[_core.Frame]]]: ...

    def recv_multipart(
        self, flags: int = 0, copy: bool = True, track: bool = False, *, timeout: Optional[float] = None
    ) -> Awaitable[Any]:
        """All frames of the next message; see `zmq.Socket.recv_multipart`."""
        return self._recv(flags, copy, True, timeout)

    def recv_string(  # type: ignore[override]
        self, flags: int = 0, encoding: str = "utf-8", *, timeout: Optional[float] = None
    ) -> Awaitable[str]:
        """The next frame as text; see `zmq.Socket.recv_string`."""
        return self._recv(flags, True, False, timeout, lambda data: data.decode(encoding))

    recv_unicode = recv_string  # type: ignore[assignment]

    def recv_json(self, flags: int = 0, *, timeout: Optional[float] = None, **kwargs: Any) -> Awaitable[Any]:
        """The object that the next frame has as JSON; see `zmq.Socket.recv_json`."""
        return self._recv(flags, True, False, timeout, lambda data: jsonapi.loads(data, **kwargs))

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

    def _recv(
        self, flags: int, copy: bool, multipart: bool, timeout: Optional[float], finish: Finish = None
    ) -> Awaitable[Any]:
        return self._lane().receive(self, flags, copy, multipart, timeout, finish)

    # Sending

    def send(  # type: ignore[override]
        self,
        data: Any,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: Optional[int] = None,
        group: Optional[str] = None,
        *,
        timeout: Optional[float] = None,
    ) -> Awaitable[None]:
        """Sends one frame; see `zmq.Socket.send`. `data` must not change until this is done."""
        lane = self._lane()
        if (track and not copy) or routing_id is not None or group is not None:
            # What the core does not offer, it says itself.
            return lane.send(
                self,
                lambda: _sent(super(Socket, self).send(data, flags, copy, track, routing_id, group)),
                flags,
                timeout,
            )
        return lane.send(self, lambda: lane.waiter.send(data, flags), flags, timeout)

    def send_multipart(  # type: ignore[override]
        self,
        msg_parts: Sequence[Any],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        *,
        timeout: Optional[float] = None,
    ) -> Awaitable[None]:
        """Sends all frames as one message, or none; see `zmq.Socket.send_multipart`."""
        lane = self._lane()
        if track and not copy:
            return lane.send(
                self, lambda: _sent(super(Socket, self).send_multipart(msg_parts, flags, copy, track)), flags, timeout
            )
        # An iterator can be read only once, and a send may be tried several times.
        parts = msg_parts if isinstance(msg_parts, (list, tuple)) else list(msg_parts)
        return lane.send(self, lambda: lane.waiter.send_multipart(parts, flags), flags, timeout)

    def send_string(  # type: ignore[override]
        self,
        u: str,
        flags: int = 0,
        copy: bool = True,
        encoding: str = "utf-8",
        *,
        timeout: Optional[float] = None,
        **kwargs: Any,
    ) -> Awaitable[None]:
        """Sends text; see `zmq.Socket.send_string`."""
        if not isinstance(u, str):
            raise TypeError("str objects only")
        return self.send(u.encode(encoding), flags, copy, timeout=timeout, **kwargs)

    send_unicode = send_string  # type: ignore[assignment]

    def send_json(  # type: ignore[override]
        self, obj: Any, flags: int = 0, *, timeout: Optional[float] = None, **kwargs: Any
    ) -> Awaitable[None]:
        """Sends an object as JSON; see `zmq.Socket.send_json`."""
        send = {key: kwargs.pop(key) for key in ("routing_id", "group") if key in kwargs}
        return self.send(jsonapi.dumps(obj, **kwargs), flags, timeout=timeout, **send)

    def send_serialized(  # type: ignore[override]
        self, msg: Any, serialize: Callable[[Any], Sequence[Any]], flags: int = 0, copy: bool = True, **kwargs: Any
    ) -> Awaitable[None]:
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
        raise error._make(
            constants.Errno.EAGAIN,
            f"no reply to {retries + 1} tries of {timeout} s each; is a server there, and does it reply in time?",
        )

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


class Context(context.Context):
    """A context whose sockets are asyncio's; all else is as in `zmq.Context`. Its instance() is its own, too."""

    _instance = None
    _instance_pid = None
    _socket_class = Socket

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def socket(self, socket_type: int, socket_class: None = None, **kwargs: Any) -> Socket: ...

        @overload
        def socket(self, socket_type: int, socket_class: Callable[..., _S], **kwargs: Any) -> _S: ...

        def socket(self, socket_type: int, socket_class: Any = None, **kwargs: Any) -> Any: ...


def _running() -> Optional[asyncio.AbstractEventLoop]:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _sent(_: None) -> bool:
    return True


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
