"""Thousands of raw connections from one process: strangers to a socket, who say what they are told to, and then go or stay."""

from __future__ import annotations

import heapq
import itertools
import random
import select
import socket
import struct
import time
from typing import Any, Dict, List, Optional, Tuple

from benches.battery.part import Link
from benches.battery.zmtp import KINDS, peer

#: A stranger to whom nobody says anything goes after so many seconds.
_PATIENCE = 2.0
_RESET = struct.pack("ii", 1, 0)


def address(endpoint: str) -> Tuple[str, int]:
    """Host and port of a tcp endpoint."""
    host, _, port = endpoint[len("tcp://") :].rpartition(":")
    return host, int(port)


class _Stranger:
    """One of them."""

    def __init__(self, where: Tuple[str, int], words: bytes, more: bytes, silent: bool) -> None:
        self.words = words
        #: For when the other side has said READY.
        self.more = more
        #: Whether nothing is to be expected from the other side.
        self.silent = silent
        self.answered = False
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(where)


class Crowd:
    """Who is connected, is about to be, or was: all that happens to them happens in `turn()`."""

    def __init__(self, hold: Optional[float]) -> None:
        #: Seconds that each stays after the first byte of an answer; None: until `leave()`.
        self._hold = hold
        self._epoll = select.epoll()
        self._here: Dict[int, _Stranger] = {}
        self._ends: List[Tuple[float, int, _Stranger]] = []
        self._ticks = itertools.count()
        self.begun = 0
        #: How many the other side has said something to, how many it has turned out, and how many never got through to it.
        self.answered, self.closed, self.failed = 0, 0, 0

    def __len__(self) -> int:
        return len(self._here)

    def begin(self, where: Tuple[str, int], words: bytes, more: bytes = b"", silent: bool = False) -> None:
        """One more, who says this as soon as it is connected, and more when the handshake is over."""
        stranger = _Stranger(where, words, more, silent)
        self.begun += 1
        self._here[stranger.socket.fileno()] = stranger
        self._epoll.register(stranger.socket, select.EPOLLOUT)
        if self._hold is not None:
            self._ends_in(_PATIENCE, stranger)

    def turn(self, wait: float) -> None:
        """Goes on with all who can, after so many seconds at most."""
        for number, _ in self._epoll.poll(wait, 1000):
            stranger = self._here[number]
            try:
                if stranger.words:
                    stranger.socket.send(stranger.words)
                    stranger.words = b""
                    self._epoll.modify(number, select.EPOLLIN)
                    if stranger.silent:
                        self._answer(stranger)
                    continue
                heard = stranger.socket.recv(65536)
                if not heard:
                    self._turned_out(number)
                elif stranger.more and b"READY" in heard:
                    stranger.socket.send(stranger.more)
                    stranger.more = b""
                if heard and not stranger.more and not stranger.answered:
                    self._answer(stranger)
            except BlockingIOError:
                continue
            except OSError:
                self._turned_out(number)
        now = time.monotonic()
        while self._ends and self._ends[0][0] < now:
            stranger = heapq.heappop(self._ends)[2]
            if stranger.socket.fileno() != -1:
                self._go(stranger)

    def _answer(self, stranger: _Stranger) -> None:
        stranger.answered = True
        self.answered += 1
        if self._hold is not None:
            self._ends_in(self._hold, stranger)

    def _ends_in(self, seconds: float, stranger: _Stranger) -> None:
        heapq.heappush(self._ends, (time.monotonic() + seconds, next(self._ticks), stranger))

    def _turned_out(self, number: int) -> None:
        stranger = self._here.pop(number)
        if stranger.words:
            self.failed += 1
        else:
            self.closed += 1
        stranger.socket.close()

    def _go(self, stranger: _Stranger) -> None:
        del self._here[stranger.socket.fileno()]
        if next(self._ticks) % 2:
            # Some go without a good-bye.
            stranger.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        stranger.socket.close()

    def leave(self) -> None:
        """All go."""
        for stranger in list(self._here.values()):
            self._go(stranger)
        self._epoll.close()


def attack(zmq: Any, link: Link, kind: str, targets: Dict[str, str], count: int, at_once: int, hold: float) -> None:
    """Sends so many strangers of a kind to the endpoints of the socket types, and says how many were answered and turned out."""
    dice = random.Random(kind)
    words = KINDS[kind]
    crowd = Crowd(hold)
    types = itertools.cycle(targets.items())
    while crowd.begun < count or len(crowd):
        while crowd.begun < count and len(crowd) < at_once:
            target, endpoint = next(types)
            said, first = words(dice, target), peer(target)
            # A STREAM knows of no handshake.
            raw = target == "STREAM"
            at = len(first) if said.startswith(first) and not raw else len(said)
            crowd.begin(address(endpoint), said[:at], said[at:], silent=raw)
        crowd.turn(0.01)
    crowd.leave()
    link.say({"answered": crowd.answered, "closed": crowd.closed, "failed": crowd.failed})


def settle(zmq: Any, link: Link, targets: Dict[str, str], count: int, handshake: bool, patience: float) -> None:
    """Connects so many strangers who say next to nothing, or what a handshake takes, and stay until it hears something.

    Says how many are there as soon as all are, or after so many seconds.
    """
    crowd = Crowd(None)
    types = itertools.cycle(targets.items())
    deadline = time.monotonic() + patience
    while crowd.answered + crowd.failed + crowd.closed < count and time.monotonic() < deadline:
        while crowd.begun < count and crowd.begun - crowd.answered - crowd.closed < 500:
            target, endpoint = next(types)
            # A single byte is the least that one can say.
            crowd.begin(address(endpoint), peer(target) if handshake else b"\xff")
        crowd.turn(0.05)
    link.say({"answered": crowd.answered, "closed": crowd.closed, "failed": crowd.failed})
    link.hear()
    crowd.leave()
    link.say("gone")
