"""What can be wrong in a pipeline that is not ZeroMQ's business. (`zmq.Again` is raised when a time is over.)"""

from __future__ import annotations

from typing import Any, Dict, List, Optional

__all__ = ["EndOfStream", "MessageError", "TallyError"]


class EndOfStream(EOFError):
    """There will be no more results: everybody who sent some has gone, and none is left."""


class MessageError(ValueError):
    """A message came that is not one frame of JSON. It was taken out of the queue; the next one can be received."""

    #: Which message it was, counted from 1 by the role that received it.
    number: Optional[int] = None
    #: The message: its frames, as they came.
    frames: List[bytes]

    def __init__(self, text: str, number: Optional[int] = None, frames: Optional[List[bytes]] = None) -> None:
        super().__init__(text)
        self.number = number
        self.frames = [] if frames is None else frames


class TallyError(MessageError):
    """A result came that cannot be counted: not an object, without the key, or with a list or an object at the key."""

    #: What was counted before.
    counts: Dict[Any, int]

    def __init__(self, text: str, number: Optional[int] = None, frames: Optional[List[bytes]] = None) -> None:
        super().__init__(text, number, frames)
        self.counts = {}
