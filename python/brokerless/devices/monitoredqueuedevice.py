"""Proxies whose monitor tells by a first frame which way a message went."""

from __future__ import annotations

from ..constants import SocketType
from .monitoredqueue import monitored_queue
from .proxydevice import ProcessProxy, Proxy, ProxyBase, ThreadProxy


class MonitoredQueueBase(ProxyBase):
    """What all monitored queues have in common.

    Parameters
    ----------
    in_type, out_type, mon_type : SocketType
        As of a Proxy. The first two may both be zmq.ROUTER; see monitored_queue.
    in_prefix, out_prefix : bytes
        The frame before the copy of what came from the first socket and from the second.
    """

    def __init__(
        self,
        in_type: int,
        out_type: int,
        mon_type: int = SocketType.PUB,
        in_prefix: bytes = b"in",
        out_prefix: bytes = b"out",
    ) -> None:
        """Note the types and the frames."""
        super().__init__(in_type, out_type, mon_type)
        self._in_prefix = in_prefix
        self._out_prefix = out_prefix

    def run_device(self) -> None:
        """Open the sockets and move messages until something ends it. start() and run() call this."""
        frontend, backend, monitor, *_ = self._setup_sockets()
        monitored_queue(frontend, backend, monitor, self._in_prefix, self._out_prefix)


class MonitoredQueue(MonitoredQueueBase, Proxy):
    """A monitored queue in the calling thread: a Proxy whose copies begin with `in_prefix` or `out_prefix`."""


class ThreadMonitoredQueue(MonitoredQueueBase, ThreadProxy):
    """A MonitoredQueue in a thread of its own, which needs no GIL for its messages."""


class ProcessMonitoredQueue(MonitoredQueueBase, ProcessProxy):
    """A MonitoredQueue in a process of its own."""


__all__ = ["MonitoredQueue", "ProcessMonitoredQueue", "ThreadMonitoredQueue"]
