"""pyzmq's name for the module of Socket."""

from ..socket import Socket, SyncSocket

__all__ = ["Socket", "SyncSocket"]
