"""What a peer's process and a peer's thread have in common: a name, a state, a cell, and how they are ended."""

from __future__ import annotations

import abc
import threading
import time
from typing import Any, Dict, List, Optional, Sequence

from . import cells
from .interrupted import interrupted
from .peer_output import CellOutput, PeerFailed, coloured


class Peer(abc.ABC):
    """A cell that runs beside the others."""

    #: "process" or "thread".
    kind = ""
    #: How long each step of ending it may take, in seconds; press() knows the steps.
    patience: Sequence[float] = ()

    def __init__(self, name: str, shell: Any, output: CellOutput, is_awaited: bool) -> None:
        self.name = name
        self.shell = shell
        self.output = output
        #: The cell that started it.
        self.cell = cells.current()
        #: Whether the next run of its cell ends it, if that starts no peer in its place; and what `%keep` says of it.
        self.kill_on_rerun = True
        self.kept = False
        #: Set when it has ended, and all that it wrote is in its cell.
        self.ended = threading.Event()
        #: Whether someone had it ended: "stopped" or "replaced".
        self.stopped_as = ""
        #: What ended the cell, as peer_code.describe() tells it.
        self.error: Optional[Dict[str, str]] = None
        self.trouble = ""
        #: The repr() of the cell's last expression.
        self.value: Optional[str] = None
        #: Whether wait() is going to tell how it ended.
        self._is_awaited = is_awaited
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._over: Optional[float] = None

    @property
    @abc.abstractmethod
    def pid(self) -> Optional[int]:
        """The process that it runs in."""

    @property
    @abc.abstractmethod
    def state(self) -> str:
        """What it does, in few words."""

    @abc.abstractmethod
    def press(self, step: int) -> None:
        """Asks it to end, the more urgently the higher the step (from 0)."""

    @abc.abstractmethod
    def sockets(self, timeout: float) -> Optional[List[Dict[str, Any]]]:
        """Surveys of its sockets; None if it does not tell within `timeout` seconds."""

    @property
    def age(self) -> float:
        """For how many seconds it runs, or ran."""
        return (self._over or time.monotonic()) - self._started

    def is_left_by(self, cell: Optional[cells.Cell]) -> bool:
        """Whether an earlier run of this cell has started it, and nobody wants it to outlive that."""
        mine = self.cell
        if cell is None or mine is None or mine is cell or mine.id != cell.id:
            return False
        return not (self.kept or mine.keeps)

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return not self.ended.is_set()

    def wait(self) -> Optional[str]:
        """Waits for the end of one that was made to be awaited; the repr() of its cell's last expression.

        Raises PeerFailed if it failed or was stopped, KeyboardInterrupt if the wait is interrupted.
        """
        try:
            self.ended.wait()
        except KeyboardInterrupt:
            self.wait_no_more()
            goes_on = f"the peer {self.name} goes on; `%stop {self.name}` ends it"
            raise interrupted(goes_on if self.is_alive else f"the peer {self.name} has just ended") from None
        if self.stopped_as:
            raise PeerFailed(f"the peer {self.name} was {self.stopped_as}")
        if self.error is not None:
            text = f"{self.error['type']}: {self.error['value']} (peer {self.name})"
            raise PeerFailed(text, coloured(self.shell, self.error["traceback"])) from None
        if self.trouble:
            raise PeerFailed(self.trouble)
        return self.value

    def wait_no_more(self) -> None:
        """From now on nobody waits: its value, and how it ends, is to be said in its cell. To be called by that cell."""
        with self._lock:
            if not self._is_awaited:
                return
            self._is_awaited = False
            if self.value is not None:
                self.output.say(self.value)
            if not self.is_alive:
                self._say_how_it_ended()

    def finish(self) -> None:
        """Says in its cell how it ended, where that is worth a line; to be called last, in a thread of its output's."""
        self._over = time.monotonic()
        with self._lock:
            is_awaited = self._is_awaited
            if not is_awaited:
                self._say_how_it_ended()
            self.output.flush()
            self.ended.set()

    def _say_how_it_ended(self) -> None:
        if self.stopped_as:
            if self.stopped_as == "stopped":
                self.output.say(f"the peer {self.name} was stopped")
            return
        if self.error is not None:
            self.output.show_error(self.error["traceback"])
        if self.trouble:
            self.output.say(self.trouble, is_trouble=True)

    def show_value(self, text: str) -> None:
        """Keeps the value for who waits, or else writes it."""
        with self._lock:
            self.value = text
            if not self._is_awaited:
                self.output.say(text)


def end(peers: Sequence[Peer], reason: str = "stopped", haste: float = 1.0) -> List[Peer]:
    """Ends them all at the same time; returns those that have not ended in spite of all. `haste` multiplies the patience."""
    left = [peer for peer in peers if peer.is_alive]
    for peer in left:
        peer.stopped_as = peer.stopped_as or reason
    for step in range(max((len(peer.patience) for peer in left), default=0)):
        pressed = [peer for peer in left if step < len(peer.patience)]
        for peer in pressed:
            peer.press(step)
        begun = time.monotonic()
        for peer in pressed:
            peer.ended.wait(max(0.0, begun + peer.patience[step] * haste - time.monotonic()))
        left = [peer for peer in left if peer.is_alive]
    return left
