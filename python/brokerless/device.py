"""Devices: middlemen between clients and servers, publishers and subscribers, producers and workers.

`Queue`, `Forwarder` and `Streamer` run on a native thread and need no GIL for their messages: they go on while Python is
busy. `device`, `proxy` and `proxy_steerable` are pyzmq's way, on the same engine, in the calling thread.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar, List, Optional, Sequence, TypeVar, Union

from . import _core, _opened
from ._watched import Watched
from .constants import DeviceType, Errno, SocketOption, SocketType
from .context import Context
from .error import ForkedProcessError, ZMQError
from .socket import LAST_WORDS, Socket

if TYPE_CHECKING:
    from .security.clients import Clients, Key
    from .security.gate import Gate
    from .security.keys import Keys

#: One endpoint or several; "@" before one binds (as without it), ">" connects.
Endpoints = Union[str, Sequence[str]]

#: How many bytes libzmq reads from a connection of a device, or writes to it, at once. With its own 8 KiB a device spends
#: its time on system calls and wake-ups: 1.5 times as many messages of 128 bytes pass with this. Idle connections need no
#: more memory for it.
BATCH_BYTES = 32 * 1024

_D = TypeVar("_D", bound="_Device")


class _Device(Watched):
    """What the three devices have in common."""

    _frontend_type: ClassVar[SocketType]
    _backend_type: ClassVar[SocketType]

    def __init__(
        self,
        frontend: Endpoints,
        backend: Endpoints,
        *,
        capture: Optional[Endpoints] = None,
        context: Optional[Context] = None,
        keys: Optional[Keys] = None,
        clients: Optional[Clients] = None,
        server_key: Optional[Key] = None,
    ) -> None:
        """Open the sockets and bind (or connect) them; nothing is moved before start().

        Parameters
        ----------
        frontend, backend : str or sequence of str
            Where the device is to be found: endpoints that it binds to, such as "tcp://*:5559". ">tcp://host:5559"
            connects instead, "@tcp://*:5559" binds as well. A list has several; they are all served alike.
        capture : str or sequence of str, optional
            Endpoints of a PUB socket which gets a copy of each message, in both directions. SUB sockets read it; copies
            that nobody has subscribed to are dropped.
        context : Context, optional
            Whose sockets they are; Context.instance() otherwise.
        keys, clients : Keys, and who may come, optional
            With keys, everything is encrypted, and only `clients` may connect to what is bound: on both sides, and at
            `capture`. They are those of zmq.secure(), with the same default.
        server_key : str, bytes or Keys, optional
            The public key of whom ">" endpoints connect to.

        Raises
        ------
        ZMQError
            If an endpoint cannot be bound or connected to. Nothing is left open then.
        TypeError, ValueError
            If an endpoint is no str, or a list of endpoints has none; for keys as zmq.secure() does.
        """
        self._sockets: List[Socket] = []
        self._device: Optional[_core.Device] = None
        self._context = context if context is not None else Context.instance()
        #: Who may come, of each socket with keys that is bound: see zmq.secure().
        self.gates: List[Gate] = []
        self._security = (keys, clients, server_key)
        if self._security != (None, None, None):
            self._check_security([frontend, backend, *([] if capture is None else [capture])])
        try:
            #: The socket that clients, publishers or producers meet. Set its options before start().
            self.frontend: Socket = self._open(self._frontend_type, frontend)
            #: The socket that servers, subscribers or workers meet. Set its options before start().
            self.backend: Socket = self._open(self._backend_type, backend)
            #: The PUB socket that gets the copies, if there is to be one.
            self.capture: Optional[Socket] = None if capture is None else self._open(SocketType.PUB, capture)
            # Kept: a socket that was closed has none.
            self._frontend_endpoints = self.frontend.endpoints
            self._backend_endpoints = self.backend.endpoints
            _opened.device_opened(self)
        except BaseException:
            self._close()
            raise

    def _open(self, kind: SocketType, endpoints: Endpoints) -> Socket:
        several = _several(endpoints)
        socket: Socket = self._context.socket(kind)
        self._sockets.append(socket)
        for option in (SocketOption.IN_BATCH_SIZE, SocketOption.OUT_BATCH_SIZE):
            socket.set(option, BATCH_BYTES)
        if self._security != (None, None, None):
            self._secure(socket, several)
        for endpoint in several:
            if endpoint.startswith(">"):
                socket.connect(endpoint[1:])
            else:
                socket.bind(endpoint[1:] if endpoint.startswith("@") else endpoint)
        return socket

    def _check_security(self, ends: List[Endpoints]) -> None:
        from .security.ends import check_arguments

        several = [endpoint for end in ends for endpoint in _several(end)]
        connects = [endpoint.startswith(">") for endpoint in several]
        check_arguments(*self._security, binds=not all(connects), connects=any(connects))

    def _secure(self, socket: Socket, endpoints: List[str]) -> None:
        from .security.ends import secure_end

        keys, clients, server_key = self._security
        connects = [endpoint.startswith(">") for endpoint in endpoints]
        binds = not all(connects)
        # What is for the other side was checked before.
        gate = secure_end(
            socket,
            keys,
            binds=binds,
            connects=any(connects),
            clients=clients if binds else None,
            server_key=server_key if any(connects) else None,
        )
        if gate is not None:
            self.gates.append(gate)

    def _close(self) -> None:
        for socket in self._sockets:
            socket.close()

    # Life

    def start(self: _D) -> _D:
        """Start to move messages, on a native thread; returns the device itself.

        Raises
        ------
        RuntimeError
            If it was started before: a device runs once.
        ZMQError
            If a socket was closed meanwhile.
        """
        if self._device is not None:
            raise RuntimeError(f"{self!r} was started before; make a new one")
        for socket in self._sockets:
            # Raises if it is closed: here, and not in a thread where nobody sees it.
            socket.get(SocketOption.EVENTS)
        self._device = _core.Device(self.frontend, self.backend, self.capture)
        return self

    def stop(self, timeout: Optional[float] = None) -> None:
        """End the device, and return when it has ended and its ports are free.

        It takes in nothing more, passes on what it has taken in, and closes its sockets, which deliver what they hold in
        the background. A Queue also waits for the replies to the requests that its servers have.

        Parameters
        ----------
        timeout : float, optional
            Seconds for passing on the rest. Without it the device goes on for as long as something moves (until nothing
            has moved for a quarter of a second), but for 5 seconds at most.

        Raises
        ------
        ZMQError
            If the device had ended before, by an error.
        KeyboardInterrupt
            If a signal ends the wait; the device goes on ending.
        """
        if self._device is None:
            self._close()
            return
        try:
            self._device.ask_stop(timeout)
            self._device.join()
        except ForkedProcessError:
            # As with a socket's close(): the child has nothing to end, the parent's device goes on.
            pass

    def join(self, timeout: Optional[float] = None) -> bool:
        """Wait until the device has ended, for `timeout` seconds at most; whether it has.

        Raises
        ------
        RuntimeError
            If it was not started.
        ZMQError
            What made it end, if that was an error.
        """
        return self._running("join").join(timeout)

    def pause(self) -> None:
        """Stop the flow: once this returns, nothing is moved until resume(). Peers wait when their queues are full.

        Raises RuntimeError if the device was not started. Pausing a device that has ended does nothing.
        """
        self._running("pause").pause()

    def resume(self) -> None:
        """Let messages flow again. Raises RuntimeError if the device was not started."""
        self._running("resume").resume()

    def _running(self, verb: str) -> _core.Device:
        if self._device is None:
            raise RuntimeError(f"{self!r} was not started: start() it before you {verb} it")
        return self._device

    def __enter__(self: _D) -> _D:
        """Start the device, unless it runs already."""
        return self if self._device is not None else self.start()

    def __exit__(self, *exc_info: Any) -> None:
        """Stop the device."""
        self.stop()

    def __del__(self) -> None:
        forgotten = [socket for socket in self._sockets if not socket.closed]
        if forgotten:
            text = f"Unclosed device {self!r}: stop() it, or use it in a `with`"
            # Here, so that it is one warning and not one for each socket; first, as a warning may be an error.
            for socket in forgotten:
                socket._abandon(LAST_WORDS)
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)

    # What can be seen

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended; a paused device is running."""
        return self._device is not None and self._device.phase != "ended"

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._device is not None and self._device.phase == "paused"

    @property
    def stats(self) -> _core.DeviceStats:
        """What it has moved so far, in messages and bytes each way; also after its end."""
        return _core.DeviceStats() if self._device is None else self._device.stats

    @property
    def frontend_endpoints(self) -> List[str]:
        """The frontend's endpoints, with the ports that the system chose where a `*` was given."""
        return self._frontend_endpoints

    @property
    def backend_endpoints(self) -> List[str]:
        """The backend's endpoints, with the ports that the system chose where a `*` was given."""
        return self._backend_endpoints

    @property
    def frontend_endpoint(self) -> str:
        """The frontend's first endpoint, for connect()."""
        return self._frontend_endpoints[0]

    @property
    def backend_endpoint(self) -> str:
        """The backend's first endpoint, for connect()."""
        return self._backend_endpoints[0]

    def __repr__(self) -> str:
        """The device, where it is and what it does."""
        state = "not started" if self._device is None else self._device.phase
        ends = (", ".join(ends) for ends in (self._frontend_endpoints, self._backend_endpoints))
        return f"<zmq.{type(self).__name__} {' | '.join(ends)} ({state})>"


def _several(endpoints: Endpoints) -> List[str]:
    several = [endpoints] if isinstance(endpoints, (str, bytes)) else list(endpoints)
    for endpoint in several:
        if not isinstance(endpoint, str):
            raise TypeError(f"an endpoint is a str such as 'tcp://*:5559', not {endpoint!r}")
    if not several:
        raise ValueError("a device needs an endpoint at each side, such as 'tcp://*:5559'")
    return several


class Queue(_Device):
    """Between REQ clients and REP servers: requests go to the servers in turn, replies back to who asked.

    ROUTER in front, DEALER behind. Clients and servers may come and go; each connects to the device.
    """

    _frontend_type = SocketType.ROUTER
    _backend_type = SocketType.DEALER


class Forwarder(_Device):
    """Between PUB publishers and SUB subscribers, all of whom connect to the device.

    XSUB in front, XPUB behind: subscriptions travel through the device to the publishers, which send no topic that nobody
    has subscribed to.
    """

    _frontend_type = SocketType.XSUB
    _backend_type = SocketType.XPUB


class Streamer(_Device):
    """Between PUSH producers and PULL workers: jobs of all producers go to the workers in turn.

    PULL in front, PUSH behind. A job is taken from the producers only while a worker has room for it.
    """

    _frontend_type = SocketType.PULL
    _backend_type = SocketType.PUSH


def device(device_type: int, frontend: Socket, backend: Socket) -> int:
    """Move messages between two sockets, in the calling thread, until something ends it.

    An interrupt ends it within 50 ms, with both sockets still open and no message lost. Other threads go on meanwhile.

    Parameters
    ----------
    device_type : DeviceType
        zmq.QUEUE, zmq.FORWARDER or zmq.STREAMER. The sockets' types decide what is moved, as in libzmq.
    frontend, backend : Socket
        Bound or connected already; they may be the same socket.

    Raises
    ------
    ZMQError
        EINVAL for an unknown device, or for sockets between which nothing can pass; ENOTSOCK when one is closed.
    ContextTerminated
        When their context ends.
    """
    try:
        DeviceType(device_type)
    except ValueError:
        raise ZMQError(Errno.EINVAL, f"{device_type!r} is no device: take QUEUE, FORWARDER or STREAMER") from None
    return proxy(frontend, backend)


def proxy(frontend: Socket, backend: Socket, capture: Optional[Socket] = None) -> int:
    """Move messages between two sockets, in the calling thread, with a copy of each to `capture` (zmq_proxy(3)).

    A capture socket that does not drop (PUSH, PAIR, DEALER) holds the proxy up until its peer reads. Ends and raises as
    device() does.
    """
    _core.proxy(frontend, backend, capture)
    return 0


def proxy_steerable(
    frontend: Socket, backend: Socket, capture: Optional[Socket] = None, control: Optional[Socket] = None
) -> int:
    """proxy() that obeys commands which `control` receives (zmq_proxy_steerable(3)).

    PAUSE, RESUME and TERMINATE (upon which this returns 0), and STATISTICS, which is answered with 8 frames of 64 bits:
    messages and bytes received and sent, by the frontend and then by the backend. A REP gets an empty answer to the others.
    """
    _core.proxy(frontend, backend, capture, control)
    return 0


__all__ = ["Forwarder", "Queue", "Streamer", "device", "proxy", "proxy_steerable"]
