"""What a process takes: memory and descriptors, as the system counts them."""

from __future__ import annotations

import os


def resident(pid: str = "self") -> int:
    """Bytes of memory that the process has in use."""
    return _status(pid, "VmRSS")


def peak(pid: str = "self") -> int:
    """Bytes of memory that the process had in use at most."""
    return _status(pid, "VmHWM")


def _status(pid: str, field: str) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    raise LookupError(field)


def descriptors(pid: str = "self", kind: str = "") -> int:
    """How many descriptors the process has open; with a kind ("socket", "anon_inode"), only those."""
    folder, count = f"/proc/{pid}/fd", 0
    for number in os.listdir(folder):
        try:
            count += os.readlink(f"{folder}/{number}").startswith(kind)
        except FileNotFoundError:
            # That of the listing itself, or one that was closed meanwhile.
            continue
    return count
