"""Interrupts a blocking call once it really waits, and measures how long it takes to end.

A fixed pause before the signal would be too short on a busy board and too long everywhere else; the system itself knows
whether a thread sleeps in poll(2), where every wait of brokerless (and of pyzmq) ends up.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Callable

# poll and ppoll on x86-64, aarch64, and 32 bit ARM. What one of them means elsewhere is no call that a test makes.
_POLLS = {"7", "271", "73", "168", "336"}

#: How long a call may take until it waits.
PATIENCE = 20.0


class NotInterrupted(AssertionError):
    """The call returned, or never began to wait."""


def is_asleep(thread: int) -> bool:
    """Whether a thread of this process (by the system's number) sleeps in poll(2)."""
    task = Path(f"/proc/self/task/{thread}")
    try:
        return (task / "syscall").read_text().split()[0] in _POLLS
    except PermissionError:
        # Some systems do not tell which call it is; that it sleeps must do.
        return (task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "S"


def wait_until_asleep(thread: int, enough: threading.Event | None = None) -> bool:
    """Wait until a thread sleeps in poll(2); False if it never does, or if `enough` was set first."""
    enough = enough or threading.Event()
    deadline = time.monotonic() + PATIENCE
    while not is_asleep(thread):
        if time.monotonic() > deadline or enough.wait(0.001):
            return False
    return True


class _Sender:
    """Sends this process a signal when its main thread sleeps, unless the call is over by then."""

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.sent_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="interrupting", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        main = threading.main_thread().native_id
        if main is None or not wait_until_asleep(main, self._over):
            return
        with self._lock:
            if not self._over.is_set():
                self.sent_at = time.monotonic()
                self._send()

    def stop(self) -> None:
        with self._lock:
            self._over.set()
        self._thread.join()


def interrupt(call: Callable[[], Any], send: Callable[[], None] | None = None) -> float:
    """Interrupt `call()` once it waits; returns how many seconds later KeyboardInterrupt came.

    `send` sends the signal, by default as a notebook's Stop button does: SIGINT to the process.
    """
    sender = _Sender(send or (lambda: os.kill(os.getpid(), signal.SIGINT)))
    try:
        call()
    except KeyboardInterrupt:
        came = time.monotonic()
        if sender.sent_at is None:
            raise
        return came - sender.sent_at
    finally:
        sender.stop()
    raise NotInterrupted("the call returned instead of being interrupted")


def disturb(call: Callable[[], Any], signum: int) -> Any:
    """Send a signal whose handler does not raise once `call()` waits; returns what the call returns."""
    sender = _Sender(lambda: os.kill(os.getpid(), signum))
    try:
        result = call()
    finally:
        sender.stop()
    if sender.sent_at is None:
        raise NotInterrupted("the call never waited")
    return result
