"""MessageTracker: tells when libzmq is done with memory that was sent without a copy."""

from __future__ import annotations

import time
from typing import Any, Set, Union

from ._core import Frame
from .error import NotDone

__all__ = ["MessageTracker"]


class MessageTracker:
    """Follows messages that were sent with copy=False, until libzmq needs their memory no more.

    `MessageTracker(*towatch)` follows frames that were made with track=True, other trackers, and `threading.Event`s. It
    is done when all of them are: from then on the buffers that were sent may be changed. Raises ValueError for a frame
    that is not tracked, TypeError for anything else.
    """

    #: What must be set: each has `is_set()` and `wait(timeout=seconds)`, as a `threading.Event` has.
    events: Set[Any]
    #: The other trackers that must be done.
    peers: Set[MessageTracker]

    def __init__(self, *towatch: Union[MessageTracker, Frame, Any]) -> None:
        self.events = set()
        self.peers = set()
        for item in towatch:
            if isinstance(item, MessageTracker):
                self.peers.add(item)
            elif isinstance(item, Frame):
                if item.tracker is None:
                    raise ValueError("this frame is not tracked: make it with track=True")
                self.peers.add(item.tracker)
            elif callable(getattr(item, "is_set", None)) and callable(getattr(item, "wait", None)):
                self.events.add(item)
            else:
                raise TypeError(f"frames, trackers and events can be followed, not {type(item)}")

    @property
    def done(self) -> bool:
        """Whether libzmq is done with all of it."""
        return all(event.is_set() for event in self.events) and all(peer.done for peer in self.peers)

    def wait(self, timeout: Union[float, bool] = -1) -> None:
        """Waits until libzmq is done with all of it.

        `timeout` is in seconds; negative (the default) and False wait for ever. Raises NotDone at its end. A signal
        (Ctrl-C) ends the wait. Raises ValueError for NaN.
        """
        if timeout != timeout:
            raise ValueError("timeout is in seconds, not NaN")
        end = None if timeout is False or timeout < 0 else time.monotonic() + timeout
        for event in self.events:
            event.wait(timeout=_left(end))
            if not event.is_set():
                raise NotDone(f"libzmq still needs the message after {timeout} s")
        for peer in self.peers:
            left = _left(end)
            peer.wait(-1 if left is None else left)


def _left(end: float | None) -> float | None:
    return None if end is None else max(0.0, end - time.monotonic())


#: Of what was copied: libzmq never needed the caller's memory.
_FINISHED_TRACKER = MessageTracker()
