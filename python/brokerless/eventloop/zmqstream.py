"""ZMQStream: a socket in tornado's event loop that calls back for each message, as Jupyter's packages use it."""

from __future__ import annotations

import pickle
import warnings
from functools import partial
from typing import Any, Callable, List, Literal, Optional, Sequence, overload

from tornado.log import gen_log

from .. import _core
from .._future import _AsyncSocket
from ..poll import Poller
from ..socket import Socket
from ..utils import jsonapi
from . import IOLoop
from ._turns import OnRecv, OnSend, Outgoing, Status, Turns

__all__ = ["ZMQStream"]


class ZMQStream(Turns):
    """A socket in a tornado IOLoop: on_recv() and on_send() register callbacks, send() and its relatives send.

    The callbacks run in the loop's thread, and may be coroutines; what they raise is logged, and goes to the loop.
    `socket` is the stream's socket, until it is closed, and `io_loop` its loop, which holds it until then. bind(),
    connect(), and the setters and getters of options are those of the socket.
    """

    socket: Socket[bytes]
    poller: Poller
    bind: Callable[..., Any]
    bind_to_random_port: Callable[..., int]
    connect: Callable[..., Any]
    setsockopt: Callable[[int, Any], None]
    getsockopt: Callable[[int], Any]
    setsockopt_string: Callable[..., None]
    setsockopt_unicode: Callable[..., None]
    getsockopt_string: Callable[..., str]
    getsockopt_unicode: Callable[..., str]

    def __init__(self, socket: Socket[Any], io_loop: Optional[IOLoop] = None) -> None:
        """A stream over a `zmq.Socket`, in `io_loop` or the current loop.

        An asyncio socket is taken as the plain one that it shares, with a RuntimeWarning.
        """
        if isinstance(socket, _AsyncSocket):
            warnings.warn(
                "a ZMQStream is made of a plain socket: zmq.Socket(shadow=socket), or "
                "context.socket(kind, socket_class=zmq.Socket)",
                RuntimeWarning,
                stacklevel=2,
            )
            socket = Socket(shadow=socket)
        super().__init__(socket, io_loop or IOLoop.current())
        self.poller = Poller()
        self.bind = socket.bind
        self.bind_to_random_port = socket.bind_to_random_port
        self.connect = socket.connect
        self.setsockopt = socket.setsockopt
        self.getsockopt = socket.getsockopt
        self.setsockopt_string = self.setsockopt_unicode = socket.setsockopt_string
        self.getsockopt_string = self.getsockopt_unicode = socket.getsockopt_string

    # Receiving

    @overload
    def on_recv(self, callback: Optional[Callable[[List[bytes]], Any]], copy: Literal[True] = True) -> None: ...

    @overload
    def on_recv(self, callback: Callable[[List[_core.Frame]], Any], copy: Literal[False]) -> None: ...

    @overload
    def on_recv(self, callback: Optional[OnRecv], copy: bool = True) -> None: ...

    def on_recv(self, callback: Optional[Callable[..., Any]], copy: bool = True) -> None:
        """Has `callback(frames)` called for each message from now on: a list of bytes, or of Frames with copy=False.

        There is one such callback; this one takes the place of the last. None leaves messages in the socket.
        """
        self._check_closed()
        assert callback is None or callable(callback)
        self._recv_callback = callback
        self._recv_copy = copy
        self._listen()
        if callback is not None:
            self._schedule()

    @overload
    def on_recv_stream(
        self, callback: Optional[Callable[[ZMQStream, List[bytes]], Any]], copy: Literal[True] = True
    ) -> None: ...

    @overload
    def on_recv_stream(self, callback: Callable[[ZMQStream, List[_core.Frame]], Any], copy: Literal[False]) -> None: ...

    @overload
    def on_recv_stream(self, callback: Optional[Callable[[ZMQStream, List[Any]], Any]], copy: bool = True) -> None: ...

    def on_recv_stream(self, callback: Optional[Callable[..., Any]], copy: bool = True) -> None:
        """As on_recv(), with `callback(stream, frames)`: one callback for several streams."""
        if callback is None:
            self.stop_on_recv()
        else:
            self.on_recv(partial(callback, self), copy=copy)

    def stop_on_recv(self) -> None:
        """Leaves messages in the socket, as on_recv(None) does."""
        self.on_recv(None)

    def receiving(self) -> bool:
        """Whether a callback is registered for messages."""
        return self._recv_callback is not None

    # Sending

    def on_send(self, callback: Optional[OnSend]) -> None:
        """Has `callback(msg, status)` called, in the loop, after each message that is sent.

        `msg` is the list of what was sent; `status` is None or a MessageTracker, as the socket's send_multipart() returns
        it, or the ZMQError that it raised. There is one such callback; this one takes the place of the last. None ends it.
        """
        self._check_closed()
        assert callback is None or callable(callback)
        self._send_callback = callback

    def on_send_stream(self, callback: Optional[Callable[[ZMQStream, Any, Status], Any]]) -> None:
        """As on_send(), with `callback(stream, msg, status)`: one callback for several streams."""
        if callback is None:
            self.stop_on_send()
        else:
            self.on_send(partial(callback, self))

    def stop_on_send(self) -> None:
        """Ends the callbacks for what is sent, as on_send(None) does."""
        self.on_send(None)

    def sending(self) -> bool:
        """Whether there are messages that are not sent yet, or that the loop has yet to call back for."""
        return bool(self._sent or self._send_queue)

    def send(
        self,
        msg: Any,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        callback: Optional[OnSend] = None,
        **kwargs: Any,
    ) -> None:
        """Sends a message of one frame; see send_multipart()."""
        self.send_multipart([msg], flags=flags, copy=copy, track=track, callback=callback, **kwargs)

    def send_multipart(
        self,
        msg: Sequence[Any],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        callback: Optional[OnSend] = None,
        *,
        routing_id: Optional[int] = None,
        group: Optional[str] = None,
    ) -> None:
        """Sends the frames of a message: now, or when there is room for it, in the order of the calls.

        The parameters are those of `zmq.Socket.send_multipart`; `callback` becomes that of on_send(). `routing_id` and
        `group` are for messages of one frame. A ZMQError is logged, and goes to the callback; parts that are no bytes, the
        loop reports as a TypeError in its next turn. Any thread may send. Raises OSError when the stream is closed.
        """
        self._check_closed()
        if callback is not None:
            self.on_send(callback)
        # What an iterator yields can be had only once.
        parts = msg if isinstance(msg, (list, tuple)) else list(msg)
        threshold = None if copy else self.socket.copy_threshold
        waiter = self._ear.waiter
        if routing_id is None and group is None:
            attempt = partial(waiter.send_multipart, parts, flags, threshold, track)
        elif len(parts) == 1:
            attempt = partial(waiter.send, parts[0], flags, threshold, track, routing_id, group)
        else:
            raise TypeError("routing_id and group are for messages of one frame")
        self._put(Outgoing(msg, flags, attempt))

    def send_string(
        self,
        u: str,
        flags: int = 0,
        encoding: str = "utf-8",
        callback: Optional[OnSend] = None,
        **kwargs: Any,
    ) -> None:
        """Sends text; see `zmq.Socket.send_string`, and send_multipart()."""
        if not isinstance(u, str):
            raise TypeError("str objects only")
        self.send(u.encode(encoding), flags=flags, callback=callback, **kwargs)

    send_unicode = send_string

    def send_json(self, obj: Any, flags: int = 0, callback: Optional[OnSend] = None, **kwargs: Any) -> None:
        """Sends an object as JSON; see `zmq.Socket.send_json`, and send_multipart()."""
        self.send(jsonapi.dumps(obj), flags=flags, callback=callback, **kwargs)

    def send_pyobj(
        self, obj: Any, flags: int = 0, protocol: int = -1, callback: Optional[OnSend] = None, **kwargs: Any
    ) -> None:
        """Sends an object as a pickle; see `zmq.Socket.send_pyobj`, and send_multipart()."""
        self.send(pickle.dumps(obj, protocol), flags=flags, callback=callback, **kwargs)

    # The end, and what is deprecated

    def set_close_callback(self, callback: Optional[Callable[[], Any]]) -> None:
        """Has `callback()` called when the stream is closed."""
        self._close_callback = callback

    def on_err(self, callback: Callable[..., Any]) -> None:
        """Deprecated: does nothing."""
        gen_log.warning("on_err does nothing, and will be removed")

    def stop_on_err(self) -> None:
        """Deprecated: does nothing."""
        gen_log.warning("on_err does nothing, and will be removed")
