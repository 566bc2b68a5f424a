"""Counts instructions instead of time: they are the same on a busy machine, and on a slow one.

A run with N messages and one with 2N differ by N messages and nothing else: the interpreter's start falls out.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess

from benches.case import Case, Contender, Job
from benches.child import NOT_AVAILABLE
from benches.processes import ROOT, NoFigure, command


def available() -> bool:
    """Whether valgrind is there."""
    return shutil.which("valgrind") is not None


def instructions(case: Case, contender: Contender, job: Job) -> float:
    """Instructions for each of the job's `count`, in all threads of the process. Raises NoFigure."""
    if not available():
        raise NoFigure("not measured: valgrind is missing")
    once, twice = (_collected(case, contender, dataclasses.replace(job, count=factor * job.count)) for factor in (1, 2))
    return (twice - once) / job.count


def _collected(case: Case, contender: Contender, job: Job) -> int:
    [role] = contender.roles
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    try:
        done = subprocess.run(
            [*valgrind, *command(case, contender, role, job)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=case.limit,
        )
    except subprocess.TimeoutExpired:
        raise NoFigure(f"hung: not done under callgrind after {case.limit:.0f} s") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line and not line.startswith("==")]
        why = said[-1] if said else f"status {done.returncode}"
        raise NoFigure(f"{'n/a' if done.returncode == NOT_AVAILABLE else 'failed'}: {why}")
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise NoFigure("failed: callgrind has not said how many instructions it collected")
    return int(found.group(1))
