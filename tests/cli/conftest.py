"""Running the command `brokerless` as a shell does: as a process, whose output, errors and exit code are looked at."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from typing import Any, Callable, Iterator, Optional, Union

import pytest

from tests.conftest import PATIENCE

COMMAND = [sys.executable, "-W", "error", "-m", "brokerless"]


class Running:
    """A command that runs beside the test."""

    def __init__(self, process: Any) -> None:
        self.process = process

    def line(self, stream: str = "stdout") -> str:
        """The next line of its output, without its end."""
        return str(self.bytes_until(b"\n", stream).decode()).rstrip("\n")

    def bytes_until(self, end: bytes, stream: str = "stdout") -> bytes:
        """What it writes next, up to and with `end`."""
        got, file = b"", getattr(self.process, stream).fileno()
        deadline = time.monotonic() + PATIENCE
        while not got.endswith(end):
            ready, _, _ = select.select([file], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"nothing more within {PATIENCE:.0f} s after {got!r}"
            more = os.read(file, 1)
            assert more, f"it ended after {got!r}"
            got += more
        return got

    def endpoint(self) -> str:
        """Where it says, in its next line of standard error, that it is bound to."""
        line = self.line("stderr")
        found = re.fullmatch(r"brokerless \w+: [A-Z]+ is bound to (\S+)", line)
        assert found, line
        return found[1]

    def ends(self) -> Any:
        """Wait for its end: (exit code, what was left of its output, and of its standard error)."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.decode(), err.decode()


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """start("recv", "PULL", endpoint): a command that runs beside the test; it is ended after it."""
    processes = []

    def run(
        *arguments: str, stdout: Any = subprocess.PIPE, stdin: Any = subprocess.DEVNULL, **settings: Any
    ) -> Running:
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, bufsize=0, **settings
        )
        processes.append(process)
        return Running(process)

    yield run
    for process in processes:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def command() -> Callable[..., Any]:
    """command("send", "PUSH", endpoint, "Hello", input=None): run one to its end; its outputs are text, or bytes if input is."""

    def run(*arguments: str, input: Optional[Union[str, bytes]] = None, **settings: Any) -> Any:
        settings.setdefault("text", not isinstance(input, bytes))
        given = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        return subprocess.run([*COMMAND, *arguments], capture_output=True, timeout=PATIENCE, **given, **settings)

    return run
