"""A further process of a fault, and the lines of JSON that it and the fault say to each other."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO, Any, Callable, Mapping, Optional, Sequence

from benches.processes import ROOT


class Silent(Exception):
    """Nothing was said in time, or nobody is there any more to say it."""


class Link:
    """A part's own end."""

    def __init__(self, ears: IO[str], mouth: IO[str]) -> None:
        self._ears = ears
        self._mouth = mouth

    def say(self, words: Any) -> None:
        """Something that is JSON."""
        self._mouth.write(json.dumps(words) + "\n")
        self._mouth.flush()

    def hear(self) -> Any:
        """What the fault says next. Raises EOFError when it has gone."""
        line = self._ears.readline()
        if not line:
            raise EOFError("the fault has ended")
        return json.loads(line)

    def heard(self) -> threading.Event:
        """Listens in the background: is set when the fault has said something, whatever it was, or has gone."""
        event = threading.Event()

        def listen() -> None:
            self._ears.readline()
            event.set()

        threading.Thread(target=listen, daemon=True).start()
        return event


class Part:
    """The fault's end."""

    def __init__(
        self,
        role: Callable[..., Any],
        contender: str,
        arguments: Sequence[Any],
        env: Optional[Mapping[str, str]] = None,
    ) -> None:
        words = [f"{role.__module__}:{role.__qualname__}", contender, json.dumps(list(arguments))]
        self._errors = tempfile.TemporaryFile()
        self._unread = b""
        # In the group of the process that plays: whoever ends that group ends this one.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benches.battery.child", "part", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=None if env is None else {**os.environ, **env},
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def say(self, words: Any) -> None:
        """Something that is JSON, for its link.hear()."""
        if self.process.stdin is None:
            raise Silent("its ears are closed")
        self.process.stdin.write(json.dumps(words).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self, seconds: float = 20.0) -> Any:
        """What it says next. Raises Silent when it says nothing in time, or has ended."""
        mouth = self.process.stdout
        if mouth is None:
            raise Silent("its mouth is closed")
        deadline = time.monotonic() + seconds
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([mouth], [], [], left)[0]:
                raise Silent(f"it said nothing in {seconds:g} s")
            more = mouth.read1(65536) if hasattr(mouth, "read1") else mouth.read(1)
            if not more:
                raise Silent(f"it ended, with {self.wait(5)}: {self.last_words()}")
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Sends it a signal."""
        self.process.send_signal(how)

    def wait(self, seconds: float) -> Optional[int]:
        """Its exit status, negative for a signal; None when it has not ended in time."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def last_words(self) -> str:
        """The last line that it wrote to stderr."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def end(self) -> None:
        """Ends it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    # What was not written is for nobody.
                    continue
        self._errors.close()
