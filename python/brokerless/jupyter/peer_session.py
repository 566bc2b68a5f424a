"""What a peer's process starts in its turn ends with it, and with the kernel.

A peer's process leads a session of its own, which all belong to that it starts, unless they ask for another session
(`start_new_session=True`, a daemon). When it has ended, in whatever way, those that are left get SIGTERM, and soon SIGKILL. If
the kernel is killed, nobody is there to do it: then the system itself kills the peer's process group. For that the peer asks to
be told by SIGKILL when the other end of a pipe is closed, which the kernel holds and nobody else.
"""

from __future__ import annotations

import os
import signal
import time
from typing import List, Set

#: How long those that are left have between SIGTERM and SIGKILL, in seconds.
_PATIENCE = 0.3
_LOOK = 0.005

#: The kernel's ends of such pipes.
_lives: Set[int] = set()


def open_life() -> List[int]:
    """A pipe that is open as long as this process lives; returns the peer's end and the kernel's."""
    theirs, ours = os.pipe()
    _lives.add(ours)
    return [theirs, ours]


def close_life(ours: int) -> None:
    """Closes the kernel's end."""
    if ours in _lives:
        _lives.discard(ours)
        os.close(ours)


def _in_child() -> None:
    # What the kernel forks may live longer than the kernel.
    for ours in list(_lives):
        close_life(ours)


os.register_at_fork(after_in_child=_in_child)


def has_ended(pid: int) -> bool:
    """Whether a child of this process has ended. It stays known to the system, so that its number means nobody else."""
    if not hasattr(os, "waitid"):
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        # Somebody else has taken note of its end, and who has its number by now is not known.
        return False


def end(leader: int) -> None:
    """Ends the session of a peer's process that has ended and is still known to the system."""
    left = _left(leader)
    _signal(left, signal.SIGTERM)
    give_up = time.monotonic() + _PATIENCE
    while left and time.monotonic() < give_up:
        time.sleep(_LOOK)
        left = _left(leader)
    _signal(left, signal.SIGKILL)


def _signal(pids: List[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            # It has just ended, or has become another user's.
            continue


def _left(leader: int) -> List[int]:
    """The processes of a session that have not ended. Without /proc it is the group that answers for them."""
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return [-leader]
    return [int(name) for name in names if _session(name) == leader]


def _session(name: str) -> int:
    """The session of a process; 0 of one that has ended."""
    try:
        with open(f"/proc/{name}/stat", encoding="utf8", errors="replace") as file:
            state, _parent, _group, session = file.read().rpartition(")")[2].split()[:4]
    except OSError:
        return 0
    return 0 if state in "ZX" else int(session)
