"""Socket: how it lives and ends, its endpoints, and who is there. Its options and messages have files of their own."""

from __future__ import annotations

import os
import warnings
import weakref
from typing import TYPE_CHECKING, Any, Generic, List, Optional, Type, Union, overload

from . import _core, _opened
from ._monitoring import Monitoring
from ._watched import Watched
from .constants import Errno, SocketOption, SocketType
from .error import ZMQBindError, ZMQError
from .utils.interop import cast_int_addr

#: Seconds that an abandoned socket (garbage, end of a `with`, exit) may go on delivering. An explicit close() keeps LINGER.
LAST_WORDS = 1.0

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    # A plain `Socket` is one of bytes.
    _Received = TypeVar("_Received", covariant=True, default=bytes)
else:
    from typing import TypeVar

    #: What recv() returns: bytes, or with asyncio an awaitable of them.
    _Received = TypeVar("_Received", covariant=True)
_S = TypeVar("_S", bound="Socket[Any]")


def _usual_threshold() -> int:
    """`zmq.COPY_THRESHOLD`, which programs may set."""
    from . import COPY_THRESHOLD

    return COPY_THRESHOLD


def _tell_all(error: ZMQError) -> None:
    """Puts all that is known of a failed bind or connect into `strerror`, where programs look for the endpoint."""
    error.strerror, error.detail = str(error), None


def _has_name(endpoint: str) -> bool:
    """Whether the host in an endpoint may be a name that has to be looked up: a quick look, to spare others the slow one."""
    return endpoint.startswith(("tcp://", "ws://")) and any(
        letter.isalpha() for letter in endpoint[6:].rpartition(":")[0]
    )


def _holder_of_path(addr: Any) -> Optional[str]:
    """Which socket of this process has the path that an ipc endpoint is about to take from it; libzmq asks nobody."""
    endpoint = addr.decode(errors="replace") if isinstance(addr, bytes) else addr
    # A name that is no path cannot be taken.
    if not isinstance(endpoint, str) or not endpoint.startswith("ipc://"):
        return None
    if endpoint[6:7] in ("", "*", "@") or not os.path.exists(endpoint[6:]):
        return None
    from ._port_holder import holder_here

    return holder_here(endpoint)


class _Binding:
    """What bind() and connect() return: leaves the endpoint at the end of a `with`, whose target is the socket.

    Holds the socket weakly, so that a cell ending in `s.bind(...)` does not pin it in IPython's `Out`.
    """

    def __init__(self, socket: Socket[Any], kind: str, addr: str) -> None:
        self._socket = weakref.ref(socket)
        self._held: Optional[Socket[Any]] = None
        self.kind = kind
        self.addr = addr

    @property
    def socket(self) -> Optional[Socket[Any]]:
        return self._socket()

    def __repr__(self) -> str:
        return f"<SocketContext({self.kind}={self.addr!r})>"

    def __enter__(self) -> Socket[Any]:
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


class Socket(Monitoring, Watched, Generic[_Received]):
    """A ZeroMQ socket. `Context.socket()` makes it.

    Any thread may call any method at any time: calls that must wait wait together, and a multipart message is sent and
    received whole. A signal (Ctrl-C, the Stop button of a notebook) ends every wait, and the socket is still usable.

    Use it in a `with`, which closes it at its end, or call close(). A socket that is forgotten is closed when it is
    collected, with a ResourceWarning; what it has sent then has a second to leave. Options are attributes (`linger`,
    `rcvtimeo`, `last_endpoint`); see setsockopt().
    """

    #: The context that made it.
    context: Any
    #: Its type, such as SocketType.REP.
    type: SocketType
    #: The socket (or address) that this is another handle to, if it was made as one.
    _shadow_obj: Union[Socket[Any], int, None] = None
    _shadow: bool = False
    #: What repr() calls it; a subclass has its own name.
    _repr_cls = "zmq.Socket"

    @overload
    def __init__(self, ctx_or_socket: Any, socket_type: int = 0, *, copy_threshold: Optional[int] = None) -> None: ...

    @overload
    def __init__(self, *, shadow: Union[Socket[Any], int], copy_threshold: Optional[int] = None) -> None: ...

    def __init__(
        self,
        ctx_or_socket: Any = None,
        socket_type: int = 0,
        *,
        shadow: Union[Socket[Any], int] = 0,
        copy_threshold: Optional[int] = None,
    ) -> None:
        """Opens a socket of a context (zmq_socket), or becomes another handle to a socket: Socket(other), see shadow().

        `copy_threshold` is in bytes, see there. Raises ZMQError(EINVAL) for what is no type of socket, EMFILE when the
        context has MAX_SOCKETS open, TypeError without a context or socket.
        """
        if isinstance(ctx_or_socket, _core.Socket):
            shadow = ctx_or_socket  # type: ignore[assignment]
        self.copy_threshold = _usual_threshold() if copy_threshold is None else copy_threshold
        if isinstance(shadow, _core.Socket) or shadow:
            self._become(shadow)
        elif not isinstance(ctx_or_socket, _core.Context):
            raise TypeError(
                f"a socket is made from a Context and a type, or from another socket, not {ctx_or_socket!r}"
            )
        else:
            self.context = ctx_or_socket
            # Known first, so that no other thread's destroy() can miss it once it is open.
            self.context._sockets.add(self)
            self._open(ctx_or_socket, socket_type)
        # Past the options, of which it is one; not by way of the dictionary, which Python does not keep until it is asked for.
        object.__setattr__(self, "type", SocketType(self.get(SocketOption.TYPE)))
        if not self._shadow:
            _opened.socket_opened(self)

    def _become(self, shadow: Union[Socket[Any], int]) -> None:
        self._shadow = True
        self._shadow_obj = shadow
        if isinstance(shadow, _core.Socket):
            self._share(shadow)
            self.context = shadow.context
        else:
            from .context import Context

            self.context = Context.shadow(self._share_address(cast_int_addr(shadow)))

    @classmethod
    def shadow(cls: Type[_S], address: Union[Socket[Any], int]) -> _S:
        """Another handle to the same socket, of this class: an asyncio one to a plain one, or the other way round.

        `address` is a socket, or the `underlying` of one. Both handles can be used at any time; closing either closes the
        socket, forgetting this one does not. Raises ZMQError(ENOTSOCK) for an address that is no open socket of brokerless.
        """
        return cls(shadow=address)

    def __copy__(self: _S, memo: Any = None) -> _S:
        """Another handle to the same socket; see shadow()."""
        return type(self).shadow(self)

    __deepcopy__ = __copy__

    # Life

    def close(self, linger: Optional[int] = None) -> None:
        """Closes the socket (zmq_close); closing it again does nothing.

        What was sent goes on being delivered in the background, for LINGER milliseconds (by default for ever), or for
        `linger` milliseconds if that is given; 0 drops it. When close() returns, the ports are free for the next bind,
        which takes half a second at the very most. Calls that wait in it in other threads raise SocketClosed.
        """
        for hook in _opened.closing:
            hook(self)
        super().close(linger)
        context = self.__dict__.get("context")
        if context is not None:
            context._sockets.discard(self)

    def __enter__(self: _S) -> _S:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        # Keeps LINGER, and so what was sent: libzmq delivers in the background, nothing here waits for it.
        self.close()

    def __del__(self) -> None:
        if not self.closed and not self._shadow:
            text = f"Unclosed socket {self!r}"
            # First, as a warning may be an error.
            self._abandon(LAST_WORDS)
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        kind = self.__dict__.get("type")
        name = kind.name if kind is not None else "UNKNOWN"
        where = "".join(f" {'bound to' if bound else 'connected to'} {at}" for at, bound in self._endpoints)
        closed = " closed" if self.closed else ""
        return f"<{self._called()}(zmq.{name}) at {hex(id(self))}{where}{closed}>"

    # Endpoints

    def bind(self, addr: Union[str, bytes]) -> Any:
        """Binds to an endpoint (zmq_bind), so that peers can connect: "tcp://*:5555", "ipc:///run/some.sock", "inproc://a".

        "*" as the address is every interface, "*" as the port one that is free: `last_endpoint` tells it. What is returned
        can be used in a `with`, at whose end the socket leaves the endpoint.

        A port that only a lost socket still holds (in the traceback of a cell that failed, say) is freed first, with a
        ResourceWarning. Raises ZMQError with EADDRINUSE, saying who has the port: which socket (and cell) of this process,
        or which other process, by its number and command; EADDRNOTAVAIL, ENODEV, EINVAL, EPROTONOSUPPORT for endpoints
        that cannot be. The path of an "ipc://" is never taken: the last one who binds has it, by libzmq's rule, with a
        RuntimeWarning if a socket of this process had it before.
        """
        holder = _holder_of_path(addr)
        for again in (True, False):
            try:
                bound = super().bind(addr)
                break
            except ZMQError as error:
                if error.errno == Errno.EADDRINUSE:
                    # Here and not above, as few programs ever need them.
                    from ._port_holder import explain, left
                    from ._reclaim import reclaim

                    endpoint = addr.decode() if isinstance(addr, bytes) else addr
                    if again and (reclaim(addr) or left(endpoint)):
                        continue
                    error.detail = explain(endpoint, error.detail)
                _tell_all(error)
                raise
        if holder is not None:
            text = (
                f"{bound} was bound by {holder}, which keeps the connections that it has; who connects from now on comes here: "
                "close() it first, or bind to another path"
            )
            warnings.warn(text, RuntimeWarning, stacklevel=2)
        return _Binding(self, "bind", bound)

    def connect(self, addr: Union[str, bytes]) -> Any:
        """Connects to an endpoint (zmq_connect), and goes on trying until somebody is bound there.

        Returns at once: whether somebody is there, wait_for_peers() tells. "tcp://address:port" with a name or number;
        "ipc://path"; "inproc://name" within this context. What is returned can be used in a `with`, at whose end the
        socket leaves the endpoint. Raises ZMQError with EINVAL or EPROTONOSUPPORT for endpoints that cannot be. A host name
        that turns out at once to have no address is warned about (RuntimeWarning).
        """
        try:
            super().connect(addr)
        except ZMQError as error:
            _tell_all(error)
            raise
        endpoint = addr.decode() if isinstance(addr, bytes) else addr
        if _has_name(endpoint):
            from ._names import warn_of_unknown

            warn_of_unknown(self, endpoint)
        return _Binding(self, "connect", endpoint)

    def bind_to_random_port(self, addr: str, min_port: int = 49152, max_port: int = 65536, max_tries: int = 100) -> int:
        """Binds to `addr` ("tcp://127.0.0.1", without a port) at some port from `min_port` up to below `max_port`.

        Returns the port. With the default range the system picks a free one; in any other range at most `max_tries` ports
        are tried at random, and ZMQBindError is raised if all of them were in use.
        """
        if (min_port, max_port) == (49152, 65536):
            # The system knows which ports are free.
            return int(self.bind(f"{addr}:*").addr.rsplit(":", 1)[1])
        import random

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
    def socket_type(self) -> int:
        """Deprecated in pyzmq: `type`."""
        warnings.warn("Socket.socket_type is deprecated: use Socket.type", DeprecationWarning, stacklevel=2)
        return self.type

    @property
    def endpoints(self) -> List[str]:
        """What the socket is bound and connected to now, in order, as libzmq has resolved it: a bound port is a number."""
        return [endpoint for endpoint, _ in self._endpoints]

    # Who is there

    def wait_for_subscribers(
        self, n: int = 1, topic: Union[str, bytes, None] = None, timeout: Optional[float] = None
    ) -> int:
        """Waits until a PUB socket has at least `n` subscriptions, and returns how many it has.

        With a `topic` (a str is encoded as UTF-8), those count that a message beginning with it would match. `timeout` is
        in seconds; None waits for ever. A message published afterwards reaches all of them: no sleep() is needed before the
        first one. Raises Again when the time is over, saying how many there were; ZMQError(ENOTSUP) for other types.
        """
        return self._wait_for_subscribers(n, topic.encode("utf8") if isinstance(topic, str) else topic, timeout)


#: pyzmq's name for the type of sockets whose calls wait, unlike asyncio's.
SyncSocket = Socket[bytes]

__all__ = ["Socket", "SyncSocket"]
