"""Devices that are told what sockets to open, and open them where they run: in a thread, in a process, or right here.

New programs have an easier way: `zmq.Queue`, `zmq.Forwarder` and `zmq.Streamer`.
"""

from __future__ import annotations

import threading
from multiprocessing import Process
from threading import Thread
from typing import Any, Callable, ClassVar, Dict, List, Optional, Set, Tuple

from .. import _opened
from ..constants import DeviceType, Errno
from ..context import Context
from ..device import proxy
from ..error import ZMQError
from ..socket import Socket
from ._sides import Side, free_port


class Device:
    """A device that runs in the calling thread; ThreadDevice and ProcessDevice run it elsewhere.

    It is given types of sockets, not sockets: they are opened, set up and closed where it runs. What `bind_in`,
    `connect_out`, `setsockopt_in` and the like ask for is noted, and done in start().

    Parameters
    ----------
    device_type : DeviceType
        zmq.QUEUE, zmq.FORWARDER or zmq.STREAMER. For people to read: what is moved depends on the types of the sockets.
    in_type, out_type : SocketType
        The sockets' types. A negative `out_type`: the first socket is both sides.

    Attributes
    ----------
    daemon : bool
        Whether the thread or process may be left running at the end of the program. True, unless set otherwise.
    done : bool
        Whether it has ended, in the process where it runs.
    context_factory : callable
        Returns the context to open sockets in: Context.instance; a new Context in a ProcessDevice.
    """

    context_factory: Callable[[], Context] = Context.instance
    daemon: bool
    device_type: int
    in_type: int
    out_type: int

    def __init__(
        self, device_type: int = DeviceType.QUEUE, in_type: Optional[int] = None, out_type: Optional[int] = None
    ) -> None:
        """Note the types.

        Raises
        ------
        TypeError
            Without `in_type` or `out_type`.
        """
        if in_type is None or out_type is None:
            raise TypeError(f"{'in_type' if in_type is None else 'out_type'} must be specified")
        self.device_type = device_type
        self.in_type = in_type
        self.out_type = out_type
        self.daemon = True
        self._in = Side(in_type)
        self._out = Side(out_type)
        self._random_addrs: Set[str] = set()
        self._sockets: List[Socket] = []
        self._ended = threading.Event()

    # A process of its own gets the notes; where nothing was opened yet, that is all there is.
    _HERE_ONLY: ClassVar[Tuple[str, ...]] = ("_sockets", "_ended", "launcher", "_opened_by")

    def __getstate__(self) -> Dict[str, Any]:
        """What a process that is spawned needs to know."""
        return {name: value for name, value in self.__dict__.items() if name not in self._HERE_ONLY}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        """The same device in another process."""
        self.__dict__.update(state)
        self._sockets = []
        self._ended = threading.Event()

    # What the sockets shall be

    def bind_in(self, addr: str) -> None:
        """Let the first socket bind to `addr`."""
        self._in.binds.append(addr)

    def bind_in_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Let the first socket bind to a free port of the interface `addr`, such as "tcp://127.0.0.1"; returns the port.

        Further arguments are those of Socket.bind_to_random_port.
        """
        return self._bind_somewhere(self._in, addr, *args, **kwargs)

    def connect_in(self, addr: str) -> None:
        """Let the first socket connect to `addr`."""
        self._in.connects.append(addr)

    def setsockopt_in(self, opt: int, value: Any) -> None:
        """Set an option of the first socket, before it binds and connects."""
        self._in.options.append((opt, value))

    def bind_out(self, addr: str) -> None:
        """Let the second socket bind to `addr`."""
        self._out.binds.append(addr)

    def bind_out_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Let the second socket bind to a free port of the interface `addr`; returns the port."""
        return self._bind_somewhere(self._out, addr, *args, **kwargs)

    def connect_out(self, addr: str) -> None:
        """Let the second socket connect to `addr`."""
        self._out.connects.append(addr)

    def setsockopt_out(self, opt: int, value: Any) -> None:
        """Set an option of the second socket, before it binds and connects."""
        self._out.options.append((opt, value))

    def _bind_somewhere(self, side: Side, addr: str, *args: int, **kwargs: int) -> int:
        port = free_port(addr, self._random_addrs, *args, **kwargs)
        side.binds.append(f"{addr}:{port}")
        return port

    # Its run

    def _open(self, side: Side) -> Socket:
        socket = side.open(self._context)
        self._sockets.append(socket)
        return socket

    def _setup_sockets(self) -> Tuple[Socket, ...]:
        """Open the sockets; those that a subclass adds come after the two of the device."""
        self._context = self.context_factory()
        first = self._open(self._in)
        if self.out_type < 0:
            self._out.prepare(first)
            return first, first
        return first, self._open(self._out)

    def run_device(self) -> None:
        """Open the sockets and move messages until something ends it. start() and run() call this."""
        frontend, backend, *_ = self._setup_sockets()
        proxy(frontend, backend)

    def run(self) -> None:
        """Run the device, and close its sockets. That its context ends, or a socket is closed, is no error."""
        try:
            self.run_device()
        except ZMQError as error:
            if error.errno not in (Errno.ETERM, Errno.ENOTSOCK):
                raise
        finally:
            for socket in self._sockets:
                socket.close()
            self._ended.set()

    @property
    def done(self) -> bool:
        """Whether it has ended, in the process where it runs. A subclass with a run() of its own may set it."""
        return self._ended.is_set()

    @done.setter
    def done(self, value: bool) -> None:
        if value:
            self._ended.set()
        else:
            self._ended.clear()

    def start(self) -> None:
        """Run the device; returns when it has ended.

        Raises
        ------
        ZMQError
            If a socket cannot be opened, bound or connected, or has no such option.
        KeyboardInterrupt
            If a signal ends it; its sockets are closed.
        """
        self.run()

    def join(self, timeout: Optional[float] = None) -> None:
        """Wait until it has ended, for `timeout` seconds at most; `done` tells whether it has."""
        self._ended.wait(timeout)


class BackgroundDevice(Device):
    """What devices in threads and in processes have in common."""

    launcher: Any = None
    _launch_class: Any = None

    def start(self) -> None:
        """Start the thread or process, and return. What goes wrong in there is reported there."""
        self.launcher = self._launch_class(target=self.run)
        self.launcher.daemon = self.daemon
        self.launcher.start()

    def join(self, timeout: Optional[float] = None) -> None:
        """Wait until the thread or process has ended, for `timeout` seconds at most."""
        self.launcher.join(timeout)


class ThreadDevice(BackgroundDevice):
    """A Device in a thread of its own, which needs no GIL for its messages."""

    _launch_class = Thread


class ProcessDevice(BackgroundDevice):
    """A Device in a process of its own."""

    _launch_class = Process
    # A context that came with a fork() would not work there.
    context_factory: Callable[[], Context] = Context

    def start(self) -> None:
        """Start the process, and return. What goes wrong in there is reported there."""
        super().start()
        _opened.process_opened(self)


__all__ = ["Device", "ProcessDevice", "ThreadDevice"]
