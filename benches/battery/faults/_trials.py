"""Programs that are started many times, some at once, and how they ended: the one thing that a crash cannot hide."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, List, Sequence, Tuple

from benches.battery.fault import Outcome
from benches.battery.part import Part
from benches.battery.scene import Scene

_AT_ONCE = 3


@dataclass
class Ends:
    """How the programs ended."""

    programs: int = 0
    crashed: int = 0
    hung: int = 0
    failed: int = 0
    #: How often which program ended badly, and its last words.
    bad: Counter[str] = field(default_factory=Counter)
    #: What those that ended well have said, if anything.
    said: List[Any] = field(default_factory=list)

    def outcome(self, times: int, happened: str, *more: str, lost: Any = None, doubled: Any = None) -> Outcome:
        """What to say of them; `more` is wrong, too."""
        wrong = [
            f"{count} of {self.programs} processes {how}"
            for count, how in ((self.crashed, "crashed"), (self.hung, "hung"), (self.failed, "failed"))
            if count
        ]
        if wrong:
            shown = ", ".join(f"{name} {count}x" for name, count in self.bad.most_common(4))
            wrong[-1] += f" ({shown})"
        return Outcome(times, happened, (*wrong, *more), lost=lost, duplicated=doubled, crashed=self.crashed)


def trials(
    scene: Scene,
    programs: Iterable[Tuple[Callable[..., Any], Sequence[Any]]],
    seconds: float,
    *,
    speaks: bool = False,
) -> Ends:
    """Starts each of these roles with its arguments; each has so many seconds. `speaks`: it says something before it ends."""
    ends = Ends()
    waiting = list(reversed(list(programs)))
    running: List[Tuple[Part, str, float]] = []
    while waiting or running:
        while waiting and len(running) < _AT_ONCE:
            role, arguments = waiting.pop()
            running.append((scene.start(role, *arguments), role.__name__, time.monotonic() + seconds))
        for part, name, until in list(running):
            if part.process.poll() is None and time.monotonic() < until:
                continue
            running.remove((part, name, until))
            _note(ends, part, name, speaks)
            scene.done()
        time.sleep(0.005)
    return ends


def _note(ends: Ends, part: Part, name: str, speaks: bool) -> None:
    status = part.process.poll()
    ends.programs += 1
    if status is None:
        ends.hung += 1
        ends.bad[name] += 1
    elif status < 0:
        ends.crashed += 1
        ends.bad[f"{name}: {part.last_words()[:80]}"] += 1
    elif status > 0:
        ends.failed += 1
        ends.bad[f"{name}: {part.last_words()[:80]}"] += 1
    elif speaks:
        ends.said.append(part.hear(1))
    part.end()
