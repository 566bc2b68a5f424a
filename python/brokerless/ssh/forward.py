"""Forwards a port of this machine through a connection of paramiko's: what `ssh -L` does."""

from __future__ import annotations

import logging
import math
import socket
import socketserver
import threading
import time
from contextlib import suppress
from typing import Any

_log = logging.getLogger("ssh")

# Seconds between two looks whether there is still anything to forward for.
_GLANCE = 0.25


class ForwardServer(socketserver.ThreadingTCPServer):
    """Listens at a local port; each connection gets a channel through the transport, and two directions."""

    daemon_threads = True
    # A port that was in use a moment ago; one that is in use is refused all the same.
    allow_reuse_address = True
    timeout = _GLANCE

    def __init__(self, local_port: int, remote_host: str, remote_port: int, transport: Any) -> None:
        """Listen at once. Raises OSError if the port is taken."""
        self.remote = (remote_host, remote_port)
        self.transport = transport
        self._busy = 0
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", local_port), _Connection)

    def forward(self, seconds: float = math.inf) -> None:
        """Forward for so many seconds, then until nobody is connected; or until the transport has ended."""
        end = time.monotonic() + seconds
        while self.transport.is_active() and (time.monotonic() < end or self._busy):
            self.handle_request()

    def count(self, change: int) -> None:
        """Note that a connection has come (1) or gone (-1)."""
        with self._lock:
            self._busy += change

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own; counted here, so that no look misses it."""
        self.count(1)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """The end of a connection."""
        super().shutdown_request(request)
        self.count(-1)


class _Connection(socketserver.BaseRequestHandler):
    """One connection through the tunnel."""

    server: ForwardServer

    def handle(self) -> None:
        where = "{}:{}".format(*self.server.remote)
        try:
            channel = self.server.transport.open_channel("direct-tcpip", self.server.remote, self.request.getpeername())
        except Exception as error:
            # Whatever paramiko and the server say; the client sees that its connection ends.
            _log.warning("the ssh server does not connect to %s: %s", where, error)
            return
        _log.debug("connected to %s", where)
        try:
            back = threading.Thread(target=_copy, args=(channel, self.request), name=f"from {where}", daemon=True)
            back.start()
            _copy(self.request, channel)
            back.join()
        finally:
            channel.close()


def _copy(source: Any, target: Any) -> None:
    """Pass on what comes, and then the end of it, which may come long before that of the other direction."""
    try:
        while True:
            data = source.recv(65536)
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)
    except OSError as error:
        _log.debug("a connection broke: %s", error)
        # Not close(): that would not wake the thread of the other direction.
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def forward_tunnel(local_port: int, remote_host: str, remote_port: int, transport: Any) -> None:
    """Forward connections to this machine's own `local_port` to where the ssh server can reach, until the transport ends.

    Parameters
    ----------
    local_port : int
        Listened at on 127.0.0.1. Raises OSError if it is taken.
    remote_host, remote_port : str, int
        Where each connection goes, as seen from the server.
    transport : paramiko.Transport
        A connection that is logged in: client.get_transport().
    """
    with ForwardServer(local_port, remote_host, remote_port, transport) as server:
        server.forward()


__all__ = ["forward_tunnel"]
