"""Arrays by awaited sockets: the frames are those of `zmq.Socket`, the waiting is a lane's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Awaitable, Optional

from . import _core
from ._future import _AsyncSocket
from .tracker import MessageTracker

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._lane import Lane


class AsyncArrays(_AsyncSocket):
    """The part of the awaited sockets that sends and receives numpy arrays."""

    if TYPE_CHECKING:

        def _lane(self) -> Lane: ...

    def send_array(  # type: ignore[override]
        self,
        array: npt.NDArray[Any],
        flags: int = 0,
        copy: bool = False,
        track: bool = False,
        *,
        timeout: Optional[float] = None,
    ) -> Awaitable[Optional[MessageTracker]]:
        """Sends a numpy array; see `zmq.Socket.send_array`. It must not change until this is done, even with copy=True."""
        lane = self._lane()
        try:
            parts, tracker = _core.array_frames(array, None if copy else self.copy_threshold, track)
        except Exception as wrong:
            return lane.failed(wrong)
        send = lane.waiter.send_multipart

        def attempt() -> Any:
            return None if send(parts, flags) is None else tracker or True

        return lane.send(self, attempt, flags, timeout)

    def recv_array(
        self, flags: int = 0, copy: bool = False, *, timeout: Optional[float] = None
    ) -> Awaitable[npt.NDArray[Any]]:
        """The next message as a numpy array; see `zmq.Socket.recv_array`."""
        lane = self._lane()
        return lane.receive(self, flags, False, True, timeout, lambda frames: _core.array_from_frames(frames, copy))
