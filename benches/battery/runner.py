"""Plays faults: each for one contender after the other, in a fresh process that may crash or hang as it likes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Sequence

from benches.battery.fault import Fault, Outcome
from benches.battery.scene import Counter
from benches.child import NOT_AVAILABLE
from benches.processes import ROOT

#: What a quick look does less.
SHORTER = 10
#: The same dice for everybody, and in every run.
SEED = 20

Progress = Callable[[str], None]


@dataclass
class Told:
    """What is known of one contender under one fault."""

    outcome: Outcome
    seconds: float
    #: Why there is no outcome: "not installed".
    absent: str = ""


@dataclass
class Row:
    """What came of one fault, by contender."""

    fault: Fault
    told: Dict[str, Told] = field(default_factory=dict)


def choose(faults: Iterable[Fault], names: Sequence[str]) -> List[Fault]:
    """The faults whose names contain one of these; without any, all."""
    return [fault for fault in faults if not names or any(name in fault.name for name in names)]


def run(fault: Fault, *, quick: bool, progress: Progress) -> Row:
    """Plays a fault for each contender."""
    times = max(1, fault.times // SHORTER) if quick and fault.shorter else fault.times
    row = Row(fault)
    for contender in fault.contenders:
        progress(f"{fault.name}: {contender}")
        row.told[contender] = play(fault, contender, times)
    return row


def play(fault: Fault, contender: str, times: int) -> Told:
    """Plays a fault for one contender."""
    with tempfile.TemporaryDirectory(prefix="battery-") as folder, tempfile.TemporaryFile() as errors:
        path = Path(folder) / "count"
        counter = Counter.create(path)
        words = ["play", fault.name, contender, str(times), str(SEED), str(path)]
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "benches.battery.child", *words],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        hung = False
        try:
            out, _ = process.communicate(timeout=fault.limit)
        except subprocess.TimeoutExpired:
            hung = True
        finally:
            _end(process)
        seconds = time.monotonic() - started
        count = counter.value
        counter.close()
        if hung:
            return Told(Outcome(count, "", (f"hung: not done after {fault.limit:.0f} s",)), seconds)
        errors.seek(0)
        return _told(process.returncode, out, errors.read().decode(errors="replace"), count, seconds)


def _told(status: int, out: bytes, errors: str, count: int, seconds: float) -> Told:
    words = errors.strip().splitlines()
    last = words[-1][:160] if words else ""
    if status == NOT_AVAILABLE:
        return Told(Outcome(0, ""), seconds, absent=last)
    if status < 0:
        # A signal that some libraries send to themselves says less than their last words.
        name = signal.Signals(-status).name
        return Told(Outcome(count, "", (f"crashed: {name}{f' ({last})' if last else ''}",), crashed=1), seconds)
    if status != 0:
        return Told(Outcome(count, "", (f"failed: {last or f'status {status}'}",)), seconds)
    fields = json.loads(out)
    return Told(Outcome(**{**fields, "wrong": tuple(fields["wrong"])}), seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
