"""Proves the aarch64 wheels under emulation: a smoke test on each system, and a lecture in a kernel there.

    python -m tools.jetson         # each system that there is
    python -m tools.jetson 3.9     # those with these Pythons

The wheels of these systems' Pythons are built first, as far as they are not. Of other aarch64 wheels that are in build/wheels,
it is looked at whether their Python has every function that they call. Ends with 1 if anything fails, at the first failure.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List, Sequence

from tools.debian import DebianError
from tools.jetson.board import SYSTEMS, Board, System, fetch_emulator, run
from tools.jetson.lecture import LECTURE, run_lecture
from tools.wheels.__main__ import OUT, build
from tools.wheels.build import pattern
from tools.wheels.contents import inspect
from tools.wheels.source import ROOT
from tools.wheels.targets import Target, all_targets

BUILD = ROOT / "build" / "jetson"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.jetson", description="Tries aarch64 wheels in an emulator.")
    known = [system.python for system in SYSTEMS]
    parser.add_argument("only", nargs="*", metavar="PYTHON", help=f"any of {', '.join(known)}")
    only = parser.parse_args(arguments).only
    if not set(only) <= set(known):
        parser.error(f"there is no system with {', '.join(set(only) - set(known))}, but with {', '.join(known)}")
    systems = [system for system in SYSTEMS if not only or system.python in only]
    started = time.monotonic()
    try:
        # What is downloaded comes while the compiler runs.
        with ThreadPoolExecutor(max_workers=1) as pool:
            boards = pool.submit(prepare, systems)
            wheels = build_wheels(systems)
        for board, wheel in zip(boards.result(), wheels):
            try_out(board, wheel)
        others = look_at_others(systems)
    except (DebianError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"make jetson-test: {error}", file=sys.stderr)
        return 1
    passed = f"{len(systems)} of {len(SYSTEMS)} systems passed"
    print(f"\n{passed}, {others} more aarch64 wheels fit their Pythons, in {time.monotonic() - started:.0f} s")
    return 0


def prepare(systems: Sequence[System]) -> List[Board]:
    started = time.monotonic()
    BUILD.mkdir(parents=True, exist_ok=True)
    emulator = fetch_emulator(BUILD)
    boards = [Board(system, BUILD, emulator) for system in systems]
    for board in boards:
        board.prepare()
    print(f"laid out {len(boards)} aarch64 systems in {time.monotonic() - started:.0f} s", flush=True)
    return boards


def build_wheels(systems: Sequence[System]) -> List[Path]:
    """The wheels that the systems need; one that was made from what the sdist holds now is not built again."""
    found = build([Target("aarch64", system.python) for system in systems], with_sdist=False)
    faults = [f"{report.wheel.name}: {fault}" for report, _ in found for fault in report.faults]
    if faults:
        raise RuntimeError("\n".join(faults))
    return [report.wheel for report, _ in found]


def try_out(board: Board, wheel: Path) -> None:
    """The smoke test and the lecture, with this wheel, on this board."""
    print(f"\n== {board.system}: {wheel.name}", flush=True)
    started = time.monotonic()
    board.install([str(wheel)], "--no-deps", "--reinstall")
    smoke = str(ROOT / "tools" / "smoke.py")
    print(run(board.command(smoke), env=board.environment()), end="")
    print(f"smoke test: {time.monotonic() - started:.0f} s", flush=True)
    done = run_lecture(board)
    if not done.ok:
        raise RuntimeError(f"{LECTURE.name} failed in a kernel on {board.system}:\n{done.error}")
    messages = sum(figures.messages for figures in done.figures)
    print(f"{LECTURE.name} in an emulated kernel: {messages:,} messages, {done.seconds:.0f} s", flush=True)


def look_at_others(tried: Sequence[System]) -> int:
    """Look at the aarch64 wheels for Pythons that ran on no board: whether their Python has all that they call."""
    ran = {system.python for system in tried}
    reports = [
        inspect(wheel, target)
        for target in all_targets()
        if target.arch == "aarch64" and target.python not in ran
        for wheel in OUT.glob(pattern(target))
    ]
    faults = [f"{report.wheel.name}: {fault}" for report in reports for fault in report.faults]
    if faults:
        raise RuntimeError("\n".join(faults))
    return len(reports)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
