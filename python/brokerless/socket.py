"""Socket: pyzmq's names and policy on top of the core's socket, and the new calls."""

from __future__ import annotations

import random
import warnings
import weakref
from typing import Any, Callable, Iterator, List, Optional, Sequence, TypeVar, Union

from . import _core
from ._options import OptionAttributes
from ._reclaim import reclaim
from .constants import Errno, PollEvent, SocketOption, SocketType, _OptType
from .error import ZMQBindError, ZMQError
from .utils import jsonapi

#: Seconds that an abandoned socket (garbage, end of a `with`, exit) may go on delivering. An explicit close() keeps LINGER.
LAST_WORDS = 1.0

_S = TypeVar("_S", bound="Socket")


class _Binding:
    """What bind() and connect() return: leaves the endpoint at the end of a `with`.

    Holds the socket weakly, so that a cell ending in `s.bind(...)` does not pin it in IPython's `Out`.
    """

    def __init__(self, socket: Socket, kind: str, addr: str) -> None:
        self._socket = weakref.ref(socket)
        self._held: Optional[Socket] = None
        self.kind = kind
        self.addr = addr

    @property
    def socket(self) -> Optional[Socket]:
        return self._socket()

    def __repr__(self) -> str:
        return f"<SocketContext({self.kind}={self.addr!r})>"

    def __enter__(self) -> Socket:
        socket = self._socket()
        if socket is None:
            raise ZMQError(Errno.ENOTSOCK, "the socket is gone")
        self._held = socket
        return socket

    def __exit__(self, *exc_info: Any) -> None:
        socket, self._held = self._held, None
        if socket is None or socket.closed:
            return
        if self.kind == "bind":
            socket.unbind(self.addr)
        else:
            socket.disconnect(self.addr)


class Socket(_core.Socket, OptionAttributes):
    context: Any
    type: SocketType

    def __init__(self, ctx: Any, socket_type: int, *, copy_threshold: Optional[int] = None) -> None:
        self.context = ctx
        self.copy_threshold = 65536 if copy_threshold is None else copy_threshold
        self._open(ctx, socket_type)
        self.__dict__["type"] = SocketType(socket_type)
        ctx._sockets.add(self)

    copy_threshold: int

    # Life

    def close(self, linger: Optional[int] = None) -> None:
        super().close(linger)
        self.context._sockets.discard(self)

    def __enter__(self: _S) -> _S:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        # Keeps LINGER, and so what was sent: libzmq delivers in the background, nothing here waits for it.
        self.close()

    def __del__(self) -> None:
        if not self.closed:
            text = f"Unclosed socket {self!r}"
            # First, as a warning may be an error.
            self._abandon(LAST_WORDS)
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        kind = self.__dict__.get("type")
        name = kind.name if kind is not None else "UNKNOWN"
        where = "".join(f" {'bound to' if bound else 'connected to'} {at}" for at, bound in self._endpoints)
        closed = " closed" if self.closed else ""
        return f"<zmq.Socket(zmq.{name}) at {hex(id(self))}{where}{closed}>"

    # Endpoints

    def bind(self, addr: Union[str, bytes]) -> Any:
        try:
            super().bind(addr)
        except ZMQError as error:
            if error.errno != Errno.EADDRINUSE or not reclaim(addr):
                raise
            super().bind(addr)
        return _Binding(self, "bind", self._endpoints[-1][0])

    def connect(self, addr: Union[str, bytes]) -> Any:
        super().connect(addr)
        return _Binding(self, "connect", addr.decode() if isinstance(addr, bytes) else addr)

    def bind_to_random_port(
        self, addr: str, min_port: int = 49152, max_port: int = 65536, max_tries: int = 100
    ) -> int:
        if (min_port, max_port) == (49152, 65536):
            # The system knows which ports are free.
            self.bind(f"{addr}:*")
            return int(self._endpoints[-1][0].rsplit(":", 1)[1])
        for _ in range(max_tries):
            port = random.randrange(min_port, max_port)
            try:
                self.bind(f"{addr}:{port}")
            except ZMQError as error:
                if error.errno != Errno.EADDRINUSE:
                    raise
            else:
                return port
        raise ZMQBindError("Could not bind socket to random port.")

    @property
    def endpoints(self) -> List[str]:
        return [endpoint for endpoint, _ in self._endpoints]

    # Options

    setsockopt = _core.Socket.set
    getsockopt = _core.Socket.get

    def _set_option(self, name: str, number: int, value: Any) -> None:
        self.set(number, value)

    def _get_option(self, name: str, number: int) -> Any:
        value = self.get(number)
        return PollEvent(value) if number == SocketOption.EVENTS else value

    def __setattr__(self, key: str, value: Any) -> None:
        # Both a method and an option: `s.subscribe("x")` and `s.subscribe = "x"`.
        if key.lower() in ("subscribe", "unsubscribe"):
            getattr(self, key.lower())(value)
        else:
            super().__setattr__(key, value)

    def set_string(self, option: int, optval: str, encoding: str = "utf-8") -> None:
        if not isinstance(optval, str):
            raise TypeError(f"strings only, not {type(optval)}: {optval!r}")
        self.set(option, optval.encode(encoding))

    setsockopt_string = setsockopt_unicode = set_string

    def get_string(self, option: int, encoding: str = "utf-8") -> str:
        if SocketOption(option)._opt_type != _OptType.bytes:
            raise TypeError(f"option {option} will not return a string to be decoded")
        value: bytes = self.get(option)
        return value.decode(encoding)

    getsockopt_string = getsockopt_unicode = get_string

    def subscribe(self, topic: Union[str, bytes]) -> None:
        self.set(SocketOption.SUBSCRIBE, topic.encode("utf8") if isinstance(topic, str) else topic)

    def unsubscribe(self, topic: Union[str, bytes]) -> None:
        self.set(SocketOption.UNSUBSCRIBE, topic.encode("utf8") if isinstance(topic, str) else topic)

    def get_hwm(self) -> int:
        value: int = self.get(SocketOption.SNDHWM)
        return value

    def set_hwm(self, value: int) -> None:
        self.set(SocketOption.SNDHWM, value)
        self.set(SocketOption.RCVHWM, value)

    hwm = property(get_hwm, set_hwm)

    def fileno(self) -> int:
        value: int = self.get(SocketOption.FD)
        return value

    def __dir__(self) -> List[str]:
        return [*super().__dir__(), *SocketOption.__members__]

    # Messages

    def send_string(
        self, u: str, flags: int = 0, copy: bool = True, encoding: str = "utf-8", *, timeout: Optional[float] = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(u, str):
            raise TypeError("str objects only")
        self.send(u.encode(encoding), flags, copy, timeout=timeout, **kwargs)

    send_unicode = send_string

    def recv_string(self, flags: int = 0, encoding: str = "utf-8", *, timeout: Optional[float] = None) -> str:
        data: bytes = self.recv(flags, timeout=timeout)
        return data.decode(encoding)

    recv_unicode = recv_string

    def send_json(self, obj: Any, flags: int = 0, *, timeout: Optional[float] = None, **kwargs: Any) -> None:
        send = {key: kwargs.pop(key) for key in ("routing_id", "group") if key in kwargs}
        if kwargs or send or not self._send_json(obj, flags, timeout):
            self.send(jsonapi.dumps(obj, **kwargs), flags, timeout=timeout, **send)

    def recv_json(self, flags: int = 0, *, timeout: Optional[float] = None, **kwargs: Any) -> Any:
        if kwargs:
            return jsonapi.loads(self.recv(flags, timeout=timeout), **kwargs)
        known, value = self._recv_json(flags, timeout)
        return value if known else jsonapi.loads(value)

    def send_serialized(
        self, msg: Any, serialize: Callable[[Any], Sequence[Any]], flags: int = 0, copy: bool = True, **kwargs: Any
    ) -> None:
        self.send_multipart(serialize(msg), flags=flags, copy=copy, **kwargs)

    def recv_serialized(self, deserialize: Callable[[List[Any]], Any], flags: int = 0, copy: bool = True) -> Any:
        return deserialize(self.recv_multipart(flags=flags, copy=copy))

    def __iter__(self) -> Iterator[Union[bytes, List[bytes]]]:
        while True:
            message = self._next()
            if message is None:
                return
            yield message

    def request(
        self, data: Any, *, timeout: Optional[float] = None, retries: int = 0
    ) -> Union[bytes, List[bytes]]:
        parts = data if isinstance(data, (list, tuple)) else [data]
        reply = self._request(parts, timeout, retries)
        return reply[0] if len(reply) == 1 else reply

    def poll(self, timeout: Optional[float] = None, flags: int = PollEvent.POLLIN) -> int:
        return PollEvent(super().poll(timeout, flags))

    # Who is there

    def wait_for_subscribers(
        self, n: int = 1, topic: Union[str, bytes, None] = None, timeout: Optional[float] = None
    ) -> int:
        return self._wait_for_subscribers(n, topic.encode("utf8") if isinstance(topic, str) else topic, timeout)
