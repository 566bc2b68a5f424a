"""pyzmq's name for the module of Context."""

from ..context import Context, SyncContext

__all__ = ["Context", "SyncContext"]
