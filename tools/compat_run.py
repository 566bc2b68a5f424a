"""Runs the files of a test suite, each in a process of its own, and each test to its end whatever the others do.

A test that crashes or hangs ends its process; the file is then run again from the test that follows. What happened is in
the report that tools/compat_plugin.py writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Tuple

#: How much of what a process printed is kept, of one that crashed.
LINES = 40


@dataclass(frozen=True)
class Outcome:
    """How a test ended."""

    #: "passed", "skipped", "failed", "crashed" (it took the process with it) or "hung" (it passed its limit).
    kind: str
    #: What pytest says about it, or how the process ended.
    text: str = ""


@dataclass
class FileRun:
    """What a file's tests came to."""

    name: str
    collected: List[str] = field(default_factory=list)
    outcomes: Dict[str, Outcome] = field(default_factory=dict)
    #: The test that runs.
    started: Optional[str] = None
    reruns: int = 0
    #: Why tests of this file were not run: it cannot be imported, or time was up.
    problem: str = ""

    def missing(self) -> List[str]:
        """The tests that were found but not run."""
        return [test for test in self.collected if test not in self.outcomes]


@dataclass
class Runner:
    """How to run a suite: by which interpreter, with which environment, and for how long."""

    python: str
    #: The suite's root: pytest's working directory.
    root: Path
    #: Where reports and what is printed go, for as long as it runs.
    output: Path
    environment: Mapping[str, str]
    #: Seconds for each test.
    limit: float = 20.0
    #: Seconds beyond that, also for starting and ending, after which a process without news is killed.
    grace: float = 30.0
    #: When all ends, as time.monotonic() says it.
    deadline: float = float("inf")
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, file: str, reruns: int = 0) -> FileRun:
        """Run one file, such as "tests/test_socket.py", and then what has not passed of it, up to so many times.

        What has hung is run again once in any case: the machine may have been busy with something else.
        """
        name = Path(file).name
        report = self.output / f"{name}.jsonl"
        report.write_text("", encoding="utf-8")
        run, rounds = FileRun(name), 0
        while not self._is_over():
            before = len(run.outcomes)
            status, printed = self._process(file, report)
            run = _read(name, report)
            if run.started is not None:
                _append(report, ended=run.started, **_end_of_process(status, printed, report.with_suffix(".hung")))
                run = _read(name, report)
            if run.collected and not run.missing():
                kinds = {"failed", "crashed", "hung"} if rounds < reruns else {"hung"} if rounds == 0 else set()
                again = [test for test, outcome in run.outcomes.items() if outcome.kind in kinds]
                if not again:
                    return run
                rounds += 1
                for test in again:
                    _append(report, rerun=test)
                run = _read(name, report)
            elif len(run.outcomes) == before:
                run.problem = run.problem or f"pytest ended with {status} before any test\n{printed}"
                return run
        run.problem = "time was up"
        return run

    def _is_over(self) -> bool:
        return self.stop.is_set() or time.monotonic() > self.deadline

    def _process(self, file: str, report: Path) -> Tuple[int, str]:
        """Run pytest on what the report does not have yet; returns how it ended (a signal is negative) and its output."""
        # What Python prints belongs into a failure's report; what C or Rust print as they die must not be lost with it.
        command = [self.python, "-m", "pytest", "-p", "compat_plugin", "-p", "no:cacheprovider", "--capture=sys"]
        environment = {
            **self.environment,
            "BROKERLESS_COMPAT_REPORT": str(report),
            "BROKERLESS_COMPAT_LIMIT": str(self.limit),
        }
        log = report.with_suffix(".log")
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [*command, file],
                cwd=str(self.root),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status = self._wait(process, report)
            finally:
                # Its children too: a test that crashed could not end those that it had started.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        _drop_half_a_line(report)
        return status, "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES:])

    def _wait(self, process: subprocess.Popen[bytes], report: Path) -> int:
        size, news = -1, time.monotonic()
        while process.poll() is None:
            now = time.monotonic()
            if report.stat().st_size != size:
                size, news = report.stat().st_size, now
            if now > min(news + self.limit + self.grace, self.deadline) or self.stop.wait(0.1):
                return -signal.SIGKILL
        return process.returncode


def _read(name: str, report: Path) -> FileRun:
    run = FileRun(name)
    for line in report.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "collected" in entry:
            run.collected = entry["collected"]
        elif "broken" in entry:
            run.problem = entry["broken"]
        elif "started" in entry:
            run.started = entry["started"]
        elif "rerun" in entry:
            run.reruns += 1
            run.outcomes.pop(entry["rerun"], None)
        else:
            run.started = None
            run.outcomes[entry["ended"]] = Outcome(entry["outcome"], entry["text"])
    return run


def _append(report: Path, **entry: str) -> None:
    with report.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _drop_half_a_line(report: Path) -> None:
    """A process that was killed may have been writing."""
    text = report.read_bytes()
    report.write_bytes(text[: text.rfind(b"\n") + 1])


def _end_of_process(status: int, printed: str, hung: Path) -> Dict[str, str]:
    """The outcome of the test in which the process ended."""
    stacks = hung.read_text(encoding="utf-8")
    if stacks:
        return {"outcome": "hung", "text": stacks}
    if status == -signal.SIGKILL:
        return {"outcome": "hung", "text": f"{printed}\nit did not even end itself at its limit, and was killed"}
    how = signal.Signals(-status).name if status < 0 else str(status)
    return {"outcome": "crashed", "text": f"{printed}\nthe process ended with {how}"}
