"""Runs pyzmq's own tests with brokerless in pyzmq's place, and says how many of them pass.

    python -m tools.compat [--check] [-v] [NAME ...]    all files, or those whose names contain NAME

Fetches pyzmq's sdist and makes an environment of its own, in build/compat, where there is no pyzmq: `zmq` is what
`brokerless.install_as_zmq()` makes of it. Each file runs in a process of its own, each test for 20 seconds at most, two
files at a time. tools/compat_suite.py says which tests count, tools/compat_expected.txt which of them cannot pass and
why, and how many do. With --check it ends with 1 if fewer pass than are recorded there.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from tools.compat_run import FileRun, Outcome, Runner
from tools.compat_setup import BUILD, ROOT, environment, site, suite
from tools.compat_suite import COUNTS, LEFT_OUT, RERUNS, VERSION, counts
from tools.sdist_tests import SetupError

EXPECTED = ROOT / "tools" / "compat_expected.txt"

#: Seconds for one test, as the largest of them sends 2 GiB; and for everything.
LIMIT, ALL = 20.0, 1500.0
JOBS = 2


def read_expected(text: str) -> Tuple[int, Dict[str, str]]:
    """The recorded number of passes, and the tests that cannot pass, with the reasons."""
    passes, reasons = 0, {}
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "passed":
            passes = int(rest)
        elif word and not word.startswith("#"):
            if not rest.strip():
                raise ValueError(f"{word} is listed without a reason")
            reasons[word] = rest.strip()
    return passes, reasons


def tests_of(run: FileRun) -> int:
    """How many tests of a file count: those that pyzmq passes."""
    return COUNTS.get(run.name) or sum(map(counts, run.collected))


def passed(run: FileRun) -> int:
    """How many of them passed."""
    return sum(outcome.kind == "passed" for test, outcome in run.outcomes.items() if counts(test))


def beyond(run: FileRun) -> int:
    """How many passed of those that pyzmq skips."""
    return sum(outcome.kind == "passed" for test, outcome in run.outcomes.items() if not counts(test))


def failures(run: FileRun) -> Iterator[Tuple[str, Outcome]]:
    """The tests that count and did not pass, and those that pyzmq skips and that failed."""
    for test in run.collected:
        outcome = run.outcomes.get(test, Outcome("not run", run.problem))
        if outcome.kind not in (("passed",) if counts(test) else ("passed", "skipped", "not run")):
            yield test, outcome


def row(run: FileRun) -> str:
    """A file's line in the table."""
    kinds = [outcome.kind for _, outcome in failures(run)]
    notes = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
    if not run.collected:
        notes.append("cannot be run")
    if run.reruns:
        notes.append(f"{run.reruns} run again")
    if beyond(run):
        notes.append(f"and {beyond(run)} that pyzmq skips")
    return line(run.name, tests_of(run), passed(run), ", ".join(notes))


def line(name: object, tests: object, passes: object, notes: str = "") -> str:
    return f"{name:<26} {tests:>6} {passes:>7}   {notes}".rstrip()


def run_all(files: Sequence[Path], runner: Runner) -> List[FileRun]:
    """Run the files, and print the table as it grows."""

    def run(file: Path) -> FileRun:
        return runner.run(str(file.relative_to(runner.root)), RERUNS.get(file.name, 0))

    print(f"{line('file', 'tests', 'passed')}\n{line('-' * 26, '-' * 6, '-' * 7)}")
    runs = []
    with ThreadPoolExecutor(max_workers=JOBS) as pool:
        try:
            for done in pool.map(run, files):
                runs.append(done)
                print(row(done), flush=True)
        finally:
            runner.stop.set()
    more = sum(map(beyond, runs))
    print(
        line("total", sum(map(tests_of, runs)), sum(map(passed, runs)), f"and {more} that pyzmq skips" if more else "")
    )
    return runs


def gist(outcome: Outcome) -> str:
    """The one line that says most of why a test did not pass."""
    lines = outcome.text.strip().splitlines() or [""]
    if outcome.kind == "hung":
        where = [line.strip() for line in lines if "/tests/" in line]
        return f"after {LIMIT:.0f} s: {where[0] if where else lines[-1]}"
    errors = [line[1:].strip() for line in lines if line.startswith("E  ")]
    return errors[0] if errors else lines[-1]


def explain(runs: Sequence[FileRun], reasons: Mapping[str, str], verbose: bool) -> None:
    """Name what did not pass and is not listed; with `verbose`, all that did not pass, and all that is said about it."""
    for run in runs:
        if run.problem:
            print(f"\n{run.name} was not run to its end:\n{run.problem.strip()}")
        for test, outcome in failures(run):
            reason = reasons.get(test)
            if outcome.kind == "not run" or (reason and not verbose):
                continue
            print(f"\n{outcome.kind}: {test}" + (f"\nlisted: {reason}" if reason else ""))
            print(outcome.text.strip() if verbose else f"    {gist(outcome)}")
        for test in sorted(reasons):
            if run.outcomes.get(test, Outcome("")).kind == "passed":
                print(f"\n{test} is listed as one that cannot pass, and passes")


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="tools.compat", description=f"Run pyzmq {VERSION}'s tests on brokerless.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only files whose names contain NAME")
    parser.add_argument("--check", action="store_true", help="end with 1 if fewer tests pass than are recorded")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the whole of each failure")
    options = parser.parse_args(arguments)
    if options.check and options.names:
        parser.error("--check needs all files")
    recorded, reasons = read_expected(EXPECTED.read_text(encoding="utf-8"))
    started = time.monotonic()
    try:
        if sys.version_info < (3, 9):
            raise SetupError(f"pyzmq {VERSION} and its tests are for Python 3.9 and newer")
        BUILD.mkdir(parents=True, exist_ok=True)
        python = environment()
        root = suite(python)
        files = [path for path in sorted((root / "tests").glob("test_*.py")) if path.name not in LEFT_OUT]
        files = [path for path in files if not options.names or any(name in path.name for name in options.names)]
        if not files:
            parser.error(f"no file's name contains {' or '.join(options.names)}")
        with site() as variables, TemporaryDirectory(prefix="compat-") as reports:
            runs = run_all(files, Runner(python, root, Path(reports), variables, LIMIT, started + ALL))
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    explain(runs, reasons, options.verbose)
    total = sum(map(passed, runs))
    print(f"\n{total} of {sum(map(tests_of, runs))} pass, in {time.monotonic() - started:.0f} s")
    listed = f"{recorded} are recorded in {EXPECTED.relative_to(ROOT)}"
    if total < recorded and not options.names:
        print(f"{listed}: {recorded - total} fewer pass now")
        return 1 if options.check else 0
    if total > recorded and not options.names:
        print(f"{listed}: write down that more pass now")
    return 0


if __name__ == "__main__":
    sys.exit(main())
