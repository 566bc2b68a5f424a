"""A pytest plugin that says line by line what happens, so that nothing is lost when a test takes the process with it.

The report (BROKERLESS_COMPAT_REPORT) has one JSON object a line: what was collected, which test started, how it ended.
What it says has ended, and is to be run once only, is not run again. A test that takes longer than BROKERLESS_COMPAT_LIMIT seconds ends the process
from a native thread, which no lock can keep from it; where every thread was is then in the report's neighbour `.hung`.

Runs in the environment of pyzmq's tests: it imports nothing of tools.
"""

from __future__ import annotations

import faulthandler
import json
import os
from pathlib import Path
from typing import Any, Dict, List

import pytest

#: How they rank: a test whose call passed and whose teardown failed has failed.
_WORST = ["passed", "skipped", "failed"]


class Reporter:
    """Writes the report of one process."""

    def __init__(self, path: Path, limit: float) -> None:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.ended = set()
        for entry in map(json.loads, lines):
            if "ended" in entry:
                self.ended.add(entry["ended"])
            elif "rerun" in entry:
                self.ended.discard(entry["rerun"])
        self.limit = limit
        self.process = os.getpid()
        self.report = path.open("a", encoding="utf-8")
        self.hung = path.with_suffix(".hung").open("w", encoding="utf-8")
        self.outcome = ""
        self.text = ""

    def write(self, **entry: Any) -> None:
        # A child that a test forks has this plugin too, but it is not what is reported on.
        if os.getpid() == self.process:
            self.report.write(json.dumps(entry) + "\n")
            self.report.flush()

    def _watch(self) -> None:
        faulthandler.dump_traceback_later(self.limit, exit=True, file=self.hung)

    # Last, so that what the suite's own conftest adds is there.
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: List[pytest.Item]) -> None:
        self.write(collected=[item.nodeid for item in items])
        done = [item for item in items if item.nodeid in self.ended]
        config.hook.pytest_deselected(items=done)
        items[:] = [item for item in items if item.nodeid not in self.ended]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.write(broken=str(report.longrepr))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.outcome, self.text = "passed", ""
        self.write(started=nodeid)
        self._watch()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome: str = report.outcome
        if outcome == "rerun":
            # pytest-rerunfailures: a new attempt, with a new limit.
            self.outcome, self.text = "passed", ""
            self.write(rerun=report.nodeid)
            self._watch()
        elif _WORST.index(outcome) > _WORST.index(self.outcome):
            self.outcome = outcome
            # A skip's is (file, line, reason).
            self.text = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        faulthandler.cancel_dump_traceback_later()
        self.write(ended=nodeid, outcome=self.outcome, text=self.text)


def pytest_configure(config: pytest.Config) -> None:
    environment: Dict[str, str] = dict(os.environ)
    # A run with pyzmq says what to expect.
    if "BROKERLESS_COMPAT_REFERENCE" not in environment:
        _check_zmq()
    path, limit = environment["BROKERLESS_COMPAT_REPORT"], environment["BROKERLESS_COMPAT_LIMIT"]
    config.pluginmanager.register(Reporter(Path(path), float(limit)), "brokerless-compat")


def _check_zmq() -> None:
    import zmq

    import brokerless

    if zmq is not brokerless:
        raise pytest.UsageError(f"zmq is not brokerless here, but {zmq.__file__}")
