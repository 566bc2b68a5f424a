"""pyzmq's name for the module of Frame."""

from .._core import Frame

Message = Frame

__all__ = ["Frame", "Message"]
