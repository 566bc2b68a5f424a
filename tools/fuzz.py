"""Looks for what breaks: inputs that nobody thinks of, and calls in an order that nobody tries.

    python -m tools.fuzz [--minutes N] [NAME ...]    all targets and machines, or those whose names contain NAME

The targets in fuzz/ are run by libFuzzer, which follows what its inputs reach in the code. It needs no more than the stable
compiler: cargo is told to have LLVM count edges, as `cargo fuzz` does, for which nobody has to fetch a nightly one. The state
machines in tests/test_*_machine.py are run by hypothesis. All take turns, each for an equal part of the time; then there is a
table. Ends with 1 if something was found: build/fuzz/findings has the inputs, build/fuzz the logs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Sequence

from tools.extras import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # maturin brings it, where Python has none

FUZZ = ROOT / "fuzz"
OUTPUT = ROOT / "build" / "fuzz"

# What LLVM is to add: a counter for each edge, a table of where they are, and a call for each comparison.
EDGES = ["level=4", "inline-8bit-counters", "pc-table", "trace-compares"]
FLAGS = ["--cfg", "fuzzing", "-Cpasses=sancov-module"] + [f"-Cllvm-args=-sanitizer-coverage-{what}" for what in EDGES]

# No input may take longer, in seconds, or more memory, in MiB; libFuzzer makes none longer than that, in bytes.
LIMITS = {"timeout": 25, "rss_limit_mb": 2048, "max_len": 2048}


class FuzzError(Exception):
    """Nothing can be run here; the text says why."""


@dataclass
class Row:
    """What came of a target or of a machine."""

    name: str
    seconds: float = 0.0
    executions: int = 0
    edges: int | None = None
    corpus: int | None = None
    findings: list[str] = field(default_factory=list)
    skipped: str = ""


def targets() -> list[str]:
    """The targets' names; fuzz/Cargo.toml has them."""
    with (FUZZ / "Cargo.toml").open("rb") as file:
        return [target["name"] for target in tomllib.load(file)["bin"]]


def needs_python() -> set[str]:
    """The targets with a Python in them."""
    with (FUZZ / "Cargo.toml").open("rb") as file:
        return {one["name"] for one in tomllib.load(file)["bin"] if "python" in one.get("required-features", [])}


def machines() -> list[str]:
    """The state machines, as pytest names its tests."""
    files = sorted((ROOT / "tests").glob("test_*_machine.py"))
    found = [(path, re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)) for path in files]
    return [f"{path.relative_to(ROOT)}::{name}" for path, names in found for name in names]


def lacks_libpython() -> str:
    """Why this Python cannot be put into another program, if it cannot."""
    if sys.version_info < (3, 9):
        return "pyo3 starts at Python 3.9"
    places = [sysconfig.get_config_var(name) for name in ("LIBDIR", "LIBPL")]
    library = sysconfig.get_config_var("LDLIBRARY") or "libpython"
    # Debian puts it into a folder of the machine's kind.
    places += [os.path.join(place, sysconfig.get_config_var("MULTIARCH") or "") for place in places if place]
    if any(place and os.path.exists(os.path.join(place, library)) for place in places):
        return ""
    return f"this Python has no {library} (on Debian: apt install python3-dev)"


def host() -> str:
    """The machine, as rustc calls it."""
    told = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"^host: (\S+)$", told, re.MULTILINE)
    if found is None:
        raise FuzzError(f"rustc does not say what machine this is:\n{told}")
    return found[1]


def build(names: Sequence[str]) -> Path:
    """Build these targets; returns the folder that they are in."""
    # cargo gives the flags only to what runs on the target, not to build scripts, if the target is named.
    machine = host()
    place = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "fuzz"
    command = ["cargo", "build", "--release", "--locked", f"--manifest-path={FUZZ / 'Cargo.toml'}"]
    command += [f"--target={machine}", f"--target-dir={place}", *(f"--bin={name}" for name in names)]
    environment = {**os.environ, "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(FLAGS)}
    if needs_python().intersection(names):
        command.append("--features=python")
        environment["PYO3_PYTHON"] = sys.executable
    print(f"Building {len(names)} targets (the first time takes a few minutes)", flush=True)
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        raise FuzzError("the targets cannot be built")
    return place / machine / "release"


def run_target(program: Path, seconds: int, seeds: Path, output: Path) -> Row:
    """Run a target for so many seconds, from what earlier runs have left and from its seeds."""
    row = Row(program.name)
    corpus, findings, log = output / "corpus" / row.name, output / "findings", output / f"{row.name}.log"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    command = [str(program), f"-max_total_time={seconds}", f"-artifact_prefix={findings}/{row.name}-"]
    command += ["-print_final_stats=1", *(f"-{name}={most}" for name, most in LIMITS.items())]
    libraries = [os.environ.get("LD_LIBRARY_PATH", ""), sysconfig.get_config_var("LIBDIR") or ""]
    environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(filter(None, libraries))}
    begun = time.monotonic()
    with log.open("w", encoding="utf-8") as file:
        # libFuzzer looks at the clock between two inputs.
        limit = seconds + 2 * LIMITS["timeout"] + 60
        try:
            done = subprocess.run(
                [*command, str(corpus), str(seeds)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=limit,
                env=environment,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            done = None
    row.seconds = time.monotonic() - begun
    read_figures(row, log.read_text(encoding="utf-8", errors="replace"))
    row.findings = [f"run again: {program} {path}" for path in sorted(set(findings.iterdir()) - before)]
    if done != 0 and not row.findings:
        how = "did not end" if done is None else f"ended with {done}"
        row.findings = [f"it {how}: see {log}"]
    return row


def read_figures(row: Row, log: str) -> None:
    """What libFuzzer tells while it runs, and at its end."""
    told = re.findall(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: \d+ corp: (\d+)/", log, re.MULTILINE)
    if told:
        row.executions, row.edges, row.corpus = map(int, told[-1])
    total = re.search(r"^stat::number_of_executed_units:\s+(\d+)$", log, re.MULTILINE)
    if total is not None:
        row.executions = int(total[1])


def run_machine(test: str, seconds: int, output: Path) -> Row:
    """Run a state machine for so many seconds."""
    row = Row(test.rpartition("::")[2])
    figures, log = output / f"{row.name}.json", output / f"{row.name}.log"
    output.mkdir(parents=True, exist_ok=True)
    figures.unlink() if figures.exists() else None
    # Beyond the time there is the example that has begun, and what hypothesis does to find a short one that fails.
    limit = seconds + 600
    command = [sys.executable, "-X", "faulthandler", "-m", "pytest", "-q", "--hypothesis-profile=long", test]
    environment = {**os.environ, "MACHINE_SECONDS": str(seconds), "MACHINE_FIGURES": str(figures)}
    begun = time.monotonic()
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            [*command, f"--timeout={limit}", f"--override-ini=faulthandler_timeout={limit - 10}"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            check=False,
        ).returncode
    row.seconds = time.monotonic() - begun
    if figures.exists():
        row.executions = json.loads(figures.read_text(encoding="utf-8"))["examples"]
    if done:
        row.findings = [f"pytest ended with {done}: see {log}"]
    return row


def table(rows: Sequence[Row]) -> str:
    """All rows, one line each; machines know no edges, and keep no corpus."""
    cells = [("target", "seconds", "executions", "edges", "corpus", "findings")]
    for row in rows:
        if row.skipped:
            cells.append((row.name, "-", "-", "-", "-", "not run"))
            continue
        figures = [f"{row.executions:,}", *("-" if one is None else f"{one:,}" for one in (row.edges, row.corpus))]
        cells.append((row.name, f"{row.seconds:.0f}", figures[0], figures[1], figures[2], str(len(row.findings))))
    widths = [max(len(line[column]) for line in cells) for column in range(6)]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *(line[at].rjust(widths[at]) for at in range(1, 6))]) for line in cells
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def share(minutes: float, count: int) -> int:
    """The seconds for each of so many."""
    return max(1, round(minutes * 60 / max(1, count)))


def run(names: Sequence[str], minutes: float) -> list[Row]:
    """Run what has one of these names, one after the other."""

    def wanted(name: str) -> bool:
        return not names or any(part in name for part in names)

    own, tests = [name for name in targets() if wanted(name)], [test for test in machines() if wanted(test)]
    if not own and not tests:
        raise FuzzError(f"no target's name contains {' or '.join(names)}")
    reason = lacks_libpython()
    left_out = sorted(needs_python().intersection(own)) if reason else []
    own = [name for name in own if name not in left_out]
    place = build(own) if own else Path()
    seconds = share(minutes, len(own) + len(tests))
    rows = [Row(name, skipped=f"{name} was not run: {reason}") for name in left_out]
    print(f"{len(own) + len(tests)} in turn, {seconds} s each", flush=True)
    for name in own:
        rows.append(run_target(place / name, seconds, FUZZ / "seeds" / name, OUTPUT))
        print(f"{name}: {rows[-1].executions:,} inputs", flush=True)
    for test in tests:
        rows.append(run_machine(test, seconds, OUTPUT))
        print(f"{rows[-1].name}: {rows[-1].executions:,} examples", flush=True)
    return rows


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tools.fuzz", description="Look for inputs and orders of calls that break.")
    parser.add_argument("--minutes", type=float, default=10.0, help="for all of them together, after the build (10)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only those whose names contain NAME")
    given = parser.parse_args(arguments)
    try:
        rows = run(given.names, given.minutes)
    except FuzzError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    print(f"\n{table(rows)}\n")
    for row in rows:
        for line in [*row.findings, *filter(None, [row.skipped])]:
            print(f"{row.name}: {line}")
    return 1 if any(row.findings for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
