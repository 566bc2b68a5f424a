"""Devices with a third socket, the monitor, that gets a copy of each message."""

from __future__ import annotations

from typing import Any, Tuple

from ..constants import DeviceType, SocketType
from ..device import proxy
from ..socket import Socket
from ._sides import Side
from .basedevice import Device, ProcessDevice, ThreadDevice


class ProxyBase(Device):
    """What all proxies have in common.

    Parameters
    ----------
    in_type, out_type : SocketType
        The types of the two sockets between which messages are moved; see Device.
    mon_type : SocketType
        The type of the monitor. A PUB drops the copies that nobody reads; with a PUSH, the proxy waits for its reader.
    """

    mon_type: int

    def __init__(self, in_type: int, out_type: int, mon_type: int = SocketType.PUB) -> None:
        """Note the types."""
        super().__init__(DeviceType.QUEUE, in_type, out_type)
        self.mon_type = mon_type
        self._mon = Side(mon_type)

    def bind_mon(self, addr: str) -> None:
        """Let the monitor bind to `addr`."""
        self._mon.binds.append(addr)

    def bind_mon_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Let the monitor bind to a free port of the interface `addr`; returns the port."""
        return self._bind_somewhere(self._mon, addr, *args, **kwargs)

    def connect_mon(self, addr: str) -> None:
        """Let the monitor connect to `addr`."""
        self._mon.connects.append(addr)

    def setsockopt_mon(self, opt: int, value: Any) -> None:
        """Set an option of the monitor, before it binds and connects."""
        self._mon.options.append((opt, value))

    def _setup_sockets(self) -> Tuple[Socket, ...]:
        return (*super()._setup_sockets(), self._open(self._mon))

    def run_device(self) -> None:
        """Open the sockets and move messages until something ends it. start() and run() call this."""
        frontend, backend, monitor, *_ = self._setup_sockets()
        proxy(frontend, backend, monitor)


class Proxy(ProxyBase):
    """A proxy in the calling thread: a Device whose monitor gets a copy of each message, both ways."""


class ThreadProxy(ProxyBase, ThreadDevice):
    """A Proxy in a thread of its own, which needs no GIL for its messages."""


class ProcessProxy(ProxyBase, ProcessDevice):
    """A Proxy in a process of its own."""


__all__ = ["ProcessProxy", "Proxy", "ThreadProxy"]
