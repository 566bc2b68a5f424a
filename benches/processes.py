"""One run of one contender: its roles in fresh processes, with a time limit, none of which outlives it."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Dict, List, Tuple

from benches.case import Case, Contender, Job
from benches.child import NOT_AVAILABLE

ROOT = Path(__file__).resolve().parent.parent
C_TOOLS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "examples" / "c_tools"


class NoFigure(Exception):
    """A run has no figure; the text says why: "n/a: ...", "not measured: ...", "hung: ...", "failed: ..."."""


def command(case: Case, contender: Contender, role: str, job: Job) -> List[str]:
    """What to start for a role."""
    function = contender.roles[role]
    if not isinstance(function, str):
        text = json.dumps(dataclasses.asdict(job))
        return [sys.executable, "-m", "benches.child", case.name, contender.name, role, text]
    if not C_TOOLS.exists():
        raise NoFigure("n/a: the C tools are not built (cargo build --release --example c_tools)")
    name, _, where = function.partition(" ")
    numbers = [str(number) for number in (job.count, job.warmup, job.size, job.hwm)]
    return [str(C_TOOLS), name, where.format(*job.endpoints) or "-", *numbers]


def free_endpoints(count: int) -> Tuple[str, ...]:
    """So many tcp endpoints at which nobody listens, below the range that the system takes outgoing ports from."""
    ports: List[int] = []
    while len(ports) < count:
        port = random.randrange(20_000, 32_768)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return tuple(f"tcp://127.0.0.1:{port}" for port in ports)


class Run:
    """The processes of one run."""

    def __init__(self, case: Case, contender: Contender, job: Job) -> None:
        self.case = case
        self.job = dataclasses.replace(job, endpoints=free_endpoints(case.endpoints))
        self.commands = {role: command(case, contender, role, self.job) for role in contender.roles}
        self.processes: Dict[str, subprocess.Popen[bytes]] = {}
        self.outputs: Dict[str, Tuple[IO[bytes], IO[bytes]]] = {}

    def figure(self) -> float:
        """What the role that holds the clock has printed. Raises NoFigure."""
        deadline = time.monotonic() + self.case.limit
        try:
            for role, words in self.commands.items():
                # Files and not pipes: nobody has to read while a child writes.
                self.outputs[role] = (tempfile.TemporaryFile(), tempfile.TemporaryFile())
                out, err = self.outputs[role]
                self.processes[role] = subprocess.Popen(words, cwd=ROOT, stdout=out, stderr=err, start_new_session=True)
            self._wait(deadline)
            return self._read()
        finally:
            self._end()

    def _wait(self, deadline: float) -> None:
        working = {role for role in self.processes if role not in self.case.servers}
        while working:
            for role, process in self.processes.items():
                if process.poll() is None:
                    continue
                if process.returncode == NOT_AVAILABLE:
                    raise NoFigure(f"n/a: {self._last_words(role)}")
                if process.returncode != 0:
                    raise NoFigure(f"failed: {role}: {self._last_words(role) or f'status {process.returncode}'}")
                working.discard(role)
            if working and time.monotonic() > deadline:
                raise NoFigure(f"hung: {', '.join(sorted(working))} not done after {self.case.limit:.0f} s")
            time.sleep(0.01)

    def _read(self) -> float:
        for out, _ in self.outputs.values():
            out.seek(0)
            text = out.read().decode()
            if text.strip():
                return self.case.unit.figure(float(text), self.job)
        raise NoFigure("failed: nobody has printed a figure")

    def _last_words(self, role: str) -> str:
        _, err = self.outputs[role]
        err.seek(0)
        lines = err.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _end(self) -> None:
        for process in self.processes.values():
            # The whole group: a role may have started others.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        for out, err in self.outputs.values():
            out.close()
            err.close()
