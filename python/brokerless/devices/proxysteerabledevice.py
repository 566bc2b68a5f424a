"""Proxies with a fourth socket by which they are told to pause, to go on and to end."""

from __future__ import annotations

from typing import Any, Optional

from ..constants import SocketType
from ..device import proxy_steerable
from ._sides import Side
from .proxydevice import ProcessProxy, Proxy, ProxyBase, ThreadProxy


class ProxySteerableBase(ProxyBase):
    """What all steerable proxies have in common.

    Parameters
    ----------
    in_type, out_type, mon_type : SocketType
        As of a Proxy.
    ctrl_type : SocketType, optional
        The type of the control socket, such as zmq.REP or zmq.PAIR; see zmq.proxy_steerable. None: a Proxy like any other.
    """

    ctrl_type: Optional[int]

    def __init__(
        self, in_type: int, out_type: int, mon_type: int = SocketType.PUB, ctrl_type: Optional[int] = None
    ) -> None:
        """Note the types."""
        super().__init__(in_type, out_type, mon_type)
        self.ctrl_type = ctrl_type
        self._ctrl = Side(-1 if ctrl_type is None else ctrl_type)

    def bind_ctrl(self, addr: str) -> None:
        """Let the control socket bind to `addr`."""
        self._ctrl.binds.append(addr)

    def bind_ctrl_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Let the control socket bind to a free port of the interface `addr`; returns the port."""
        return self._bind_somewhere(self._ctrl, addr, *args, **kwargs)

    def connect_ctrl(self, addr: str) -> None:
        """Let the control socket connect to `addr`."""
        self._ctrl.connects.append(addr)

    def setsockopt_ctrl(self, opt: int, value: Any) -> None:
        """Set an option of the control socket, before it binds and connects."""
        self._ctrl.options.append((opt, value))

    def run_device(self) -> None:
        """Open the sockets and move messages until TERMINATE, or something else, ends it. start() and run() call this."""
        frontend, backend, monitor, *_ = self._setup_sockets()
        control = None if self.ctrl_type is None else self._open(self._ctrl)
        proxy_steerable(frontend, backend, monitor, control)


class ProxySteerable(ProxySteerableBase, Proxy):
    """A Proxy, in the calling thread, that obeys what its control socket receives: PAUSE, RESUME, TERMINATE, STATISTICS."""


class ThreadProxySteerable(ProxySteerableBase, ThreadProxy):
    """A ProxySteerable in a thread of its own, which needs no GIL for its messages."""


class ProcessProxySteerable(ProxySteerableBase, ProcessProxy):
    """A ProxySteerable in a process of its own."""


__all__ = ["ProcessProxySteerable", "ProxySteerable", "ThreadProxySteerable"]
