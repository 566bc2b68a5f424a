"""Where a fault is played: the contender's module, dice, a counter that outlives a crash, and further processes."""

from __future__ import annotations

import mmap
import random
import struct
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, List, Mapping, Optional, Type

from benches.battery.part import Part
from benches.processes import free_endpoints

_COUNT = struct.Struct("=q")


class Counter:
    """How often something has been done, in a file that two processes share: it can be read when one has crashed."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("r+b")
        self._memory = mmap.mmap(self._file.fileno(), _COUNT.size)

    @classmethod
    def create(cls, path: Path) -> Counter:
        path.write_bytes(_COUNT.pack(0))
        return cls(path)

    @property
    def value(self) -> int:
        return int(_COUNT.unpack(self._memory[:])[0])

    @value.setter
    def value(self, count: int) -> None:
        self._memory[:] = _COUNT.pack(count)

    def close(self) -> None:
        self._memory.close()
        self._file.close()


class Scene:
    """What `Fault.play` is given. All that it starts ends with it."""

    def __init__(self, contender: str, zmq: Any, times: int, seed: int, counter: Counter) -> None:
        self.contender = contender
        #: The contender's module.
        self.zmq = zmq
        #: How often the fault is to be done.
        self.times = times
        #: The same dice for all contenders.
        self.dice = random.Random(seed)
        self._counter = counter
        self._folder = tempfile.TemporaryDirectory(prefix="battery-")
        #: All further processes so far.
        self.parts: List[Part] = []

    @property
    def ours(self) -> bool:
        """Whether what only brokerless has may be used."""
        return self.contender == "brokerless"

    @property
    def folder(self) -> Path:
        """A folder for this fault only: short enough for ipc endpoints."""
        return Path(self._folder.name)

    def done(self, count: int = 1) -> None:
        """The fault has been done once more: what the table says if this process does not live to tell."""
        self._counter.value += count

    def endpoint(self) -> str:
        """A tcp endpoint of loopback at which nobody listens."""
        return free_endpoints(1)[0]

    def start(
        self,
        role: Callable[..., Any],
        *arguments: Any,
        contender: Optional[str] = None,
        env: Optional[Mapping[str, str]] = None,
    ) -> Part:
        """Starts `role(zmq, link, *arguments)` in a process of its own; `role` is a function of a module, arguments are JSON.

        `env` is added to the environment.
        """
        part = Part(role, contender or self.contender, arguments, env)
        self.parts.append(part)
        return part

    def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Looks again and again whether it holds, for so long at most; says whether it does."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        return True

    def __enter__(self) -> Scene:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        self.end()

    def end(self) -> None:
        """Ends the parts, and removes the folder."""
        for part in self.parts:
            part.end()
        self._folder.cleanup()
