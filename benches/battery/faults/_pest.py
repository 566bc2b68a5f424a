"""A process that interrupts another at random moments, and how that one bears it and keeps exact accounts.

Between "libzmq took the message" and "the program has counted it" are a few instructions of Python's, and a KeyboardInterrupt
may come there: a message that a plain loop had in its hands is then gone, with any library. Whoever wants to know what the library
loses must not let Python's interpreter in between. `iter(sock.recv, None)` and `map(sock.send, ...)` are called by list.extend()
and deque() in C: an interrupt comes out of them only if the library itself has raised it.
"""

from __future__ import annotations

import itertools
import os
import random
import select
import signal
import statistics
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, Callable, Iterable, List, Tuple

from benches.battery.part import Link
from benches.battery.scene import Counter, Scene

#: What is promised, in milliseconds.
LIMIT_MS = 50.0
#: A signal that led to nothing is sent again after so many seconds: it has been overlooked.
AGAIN = 0.5
#: The shortest and the longest pause before a signal, in seconds.
_PAUSES = (0.0001, 0.004)


def annoy(zmq: Any, link: Link, victim: int, path: str, seed: int) -> None:
    """Each time it is told to, sends `victim` a SIGINT after a random pause; notes when, by the system's clock."""
    sent_at = Counter(Path(path))
    dice = random.Random(seed)
    while True:
        try:
            link.hear()
        except EOFError:
            return
        time.sleep(dice.uniform(*_PAUSES))
        sent_at.value = time.monotonic_ns()
        os.kill(victim, signal.SIGINT)
        # It says when it has noticed.
        while not select.select([sys.stdin], [], [], AGAIN)[0]:
            os.kill(victim, signal.SIGINT)
        link.hear()


def _waited_ms() -> float:
    """How long this thread has been ready and had no processor, so far."""
    return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e6


class Pest:
    """Lets calls be interrupted, and keeps the times."""

    def __init__(self, scene: Scene, seconds: float = 12.0) -> None:
        self._scene = scene
        self._until = time.monotonic() + seconds
        self._sent_at = Counter.create(scene.folder / "sent-at")
        self._part = scene.start(annoy, os.getpid(), str(scene.folder / "sent-at"), scene.dice.randrange(2**32))
        self._milliseconds: List[float] = []
        self._late = 0

    @property
    def times(self) -> int:
        """Interrupts so far."""
        return len(self._milliseconds)

    def rounds(self, most: int) -> Iterable[int]:
        """So many, or as many as there is time for."""
        for number in range(most):
            if time.monotonic() > self._until:
                return
            yield number

    def interrupt(self, call: Callable[[], Any]) -> None:
        """Calls it again and again until a KeyboardInterrupt comes out."""
        # Only now: nothing else is to be interrupted. A shell may have had us ignore it, too, and Python then does not raise.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        waited = _waited_ms()
        try:
            self._part.say("now")
            while True:
                call()
        except KeyboardInterrupt:
            came = time.monotonic_ns()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._part.say("noticed")
        took = (came - self._sent_at.value) / 1e6
        self._milliseconds.append(took)
        # On a busy machine, waiting for a processor is nobody's fault.
        self._late += took > LIMIT_MS and took - (_waited_ms() - waited) > LIMIT_MS
        self._scene.done()

    def findings(self) -> Tuple[str, List[str]]:
        """How long it took, and what was wrong with that."""
        self._part.end()
        times = self._milliseconds
        overlooked = sum(time > AGAIN * 1000 for time in times)
        wrong = [f"{self._late} of {len(times):,} interrupts took more than {LIMIT_MS:.0f} ms"] if self._late else []
        if overlooked:
            wrong.append(f"{overlooked} of them were overlooked until a second one came")
        middle, most = statistics.median(times), max(times)
        return f"KeyboardInterrupt after {middle:.2f} ms in the middle, {most:.1f} at most", wrong


class Numbers:
    """Sends 0, 1, 2, ... by a function that may be interrupted, and goes on with the first that was not sent."""

    def __init__(self, pack: Callable[[int], Any]) -> None:
        self._pack = pack
        #: The number to send next: so many have been sent.
        self.next = 0

    def send(self, send: Callable[[Any], Any]) -> None:
        """Sends on and on. A call that raises KeyboardInterrupt is taken at its word: it has sent nothing."""
        numbers = itertools.count(self.next)
        try:
            deque(map(send, map(self._pack, numbers)), maxlen=0)
        finally:
            # How many were asked of the counter, without asking it for one more: the last of them was not sent.
            asked = int(numbers.__reduce__()[1][0]) - self.next
            self.next += max(0, asked - 1)


def account(seen: Iterable[int], count: int) -> Tuple[int, int]:
    """How many of 0 ... count-1 are missing, and how many came once too often."""
    numbers = list(seen)
    return len(set(range(count)) - set(numbers)), len(numbers) - len(set(numbers))
