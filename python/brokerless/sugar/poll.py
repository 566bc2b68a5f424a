"""pyzmq's name for the module of Poller."""

from ..poll import Poller, select

__all__ = ["Poller", "select"]
