"""pyzmq's name for the module of MessageTracker."""

from ..tracker import _FINISHED_TRACKER, MessageTracker

__all__ = ["MessageTracker", "_FINISHED_TRACKER"]
