"""Memory and descriptors of those who stay, over time: they have to stay flat."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Tuple

#: Growth from the second quarter to the last that is none: allocators keep what a busy moment has asked for, and the queue of
#: a slow subscriber is such a moment. What is in use in the end says more, and has to be what it was in the beginning.
FLAT_MIB = 16.0


def figures(pid: int) -> Tuple[float, int]:
    """Resident memory in MiB, and open descriptors, of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir(f"/proc/{pid}/fd"))


@dataclass
class Watch:
    """Looks at several processes by their names."""

    pids: Dict[str, int]
    started: float = field(default_factory=time.monotonic)
    #: By name: seconds since the start, MiB, descriptors.
    seen: Dict[str, List[Tuple[float, float, int]]] = field(default_factory=dict)

    def look(self) -> str:
        """Once; a line that says what was seen."""
        now = time.monotonic() - self.started
        words = []
        for name, pid in self.pids.items():
            memory, descriptors = figures(pid)
            self.seen.setdefault(name, []).append((now, memory, descriptors))
            words.append(f"{name} {memory:.1f} MiB {descriptors} fds")
        return ", ".join(words)

    def wrong(self) -> List[str]:
        """Whose memory has grown."""
        found = []
        for name, seen in self.seen.items():
            memories = [memory for _, memory, _ in seen]
            quarter = len(memories) // 4
            if not quarter:
                continue
            early = statistics.median(memories[quarter : 2 * quarter])
            late = statistics.median(memories[-quarter:])
            if late > early + FLAT_MIB:
                found.append(f"{name} grew from {early:.1f} to {late:.1f} MiB")
        return found
