"""Runs the tests of Jupyter's own packages with brokerless in pyzmq's place, and then a whole JupyterLab.

    python -m tools.compat_jupyter [--check] [--reference] [-v] [NAME ...]

ipykernel and jupyter_client are what of Jupyter uses zmq. Their sdists' tests run in an environment without pyzmq, in which
`brokerless.install_as_zmq()` makes `zmq` in every process, kernels included; a file in a process of its own, three files at a
time, as they mostly wait. Then tools/compat_jupyter_lab.py starts JupyterLab there, on the alias, and works with a kernel
through its server. With NAME, only files (or "lab") whose names contain one.

tools/compat_jupyter_expected.txt has the tests that do not pass with pyzmq, with the reasons, and how many do. With --check
it ends with 1 if fewer pass, or the lab fails. --reference runs the suites with pyzmq instead, to write that file.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from tools.compat import gist
from tools.compat_jupyter_setup import BUILD, SUITES, Suite, environment, fetch, lab_variables, variables
from tools.compat_run import FileRun, Outcome, Runner
from tools.compat_setup import ROOT
from tools.sdist_tests import SetupError

EXPECTED = ROOT / "tools" / "compat_jupyter_expected.txt"
LAB = ROOT / "tools" / "compat_jupyter_lab.py"

#: Seconds for one test, of which jupyter_client's own limit is 100; for everything; and for JupyterLab.
LIMIT, ALL, LAB_LIMIT = 110.0, 900.0, 120.0
JOBS = 3

#: What takes long is begun first.
SLOW = ("test_kernelmanager.py", "test_restarter.py", "test_client.py", "test_subshells.py", "test_debugger.py")

#: How often what has not passed of a file is run again. Many of these tests wait for a kernel for a time that a busy machine
#: exceeds; of test_curve, some end a context while a thread is about to use it, and fail one time in a hundred with pyzmq.
RERUNS = {"ipykernel/test_curve.py": 3}

Job = Tuple[Suite, Path]


def read_expected(text: str) -> Tuple[Dict[str, int], Dict[str, str]]:
    """The recorded number of passes of each suite, and the tests that do not pass with pyzmq, with the reasons."""
    passes: Dict[str, int] = {}
    reasons: Dict[str, str] = {}
    for entry in text.splitlines():
        if not entry.strip() or entry.startswith("#"):
            continue
        # A test's parameters may have spaces, which two of them before a reason tell from.
        test, _, rest = entry.partition("  ")
        if test.startswith("passed "):
            _, suite, number = test.split()
            passes[suite] = int(number)
        elif not rest.strip():
            raise ValueError(f"{test} is listed without a reason")
        else:
            reasons[test] = rest.strip()
    return passes, reasons


def label(job: Job) -> str:
    """A file as it is shown: "ipykernel/inprocess/test_kernel.py"."""
    suite, file = job
    return f"{suite.package}/{file.relative_to(suite.folder / 'tests')}"


def jobs(names: Sequence[str]) -> List[Job]:
    """The files to run, what takes long first."""
    every = [(suite, file) for suite in SUITES for file in suite.files()]
    wanted = [job for job in every if not names or any(name in label(job) for name in names)]
    return sorted(wanted, key=lambda job: SLOW.index(job[1].name) if job[1].name in SLOW else len(SLOW))


def line(name: object, tests: object, passes: object, notes: str = "") -> str:
    return f"{name:<42} {tests:>6} {passes:>7}   {notes}".rstrip()


def kind_of(run: FileRun, test: str) -> str:
    return run.outcomes.get(test, Outcome("not run")).kind


def passed(run: FileRun) -> int:
    return sum(outcome.kind == "passed" for outcome in run.outcomes.values())


def failures(run: FileRun, reasons: Mapping[str, str]) -> List[str]:
    """The tests that did not pass and are not listed."""
    package = run.name.partition("/")[0]
    return [test for test in run.collected if kind_of(run, test) != "passed" and f"{package}/{test}" not in reasons]


def row(run: FileRun, reasons: Mapping[str, str]) -> str:
    """A file's line in the table."""
    kinds = [kind_of(run, test) for test in failures(run, reasons)]
    notes = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
    if not run.collected:
        notes.append("cannot be run")
    if run.reruns:
        notes.append(f"{run.reruns} run again")
    return line(run.name, len(run.collected), passed(run), ", ".join(notes))


def run_all(
    todo: Sequence[Job], python: str, environment: Mapping[str, str], reasons: Mapping[str, str]
) -> List[FileRun]:
    """Run the files, and print the table as it grows."""
    ends = time.monotonic() + ALL
    runners: List[Runner] = []

    def run(job: Job) -> FileRun:
        suite, file = job
        with TemporaryDirectory(prefix="compat-") as reports:
            own = {**environment, "PYTEST_ADDOPTS": suite.options}
            runner = Runner(python, suite.folder, Path(reports), own, LIMIT, deadline=ends)
            runners.append(runner)
            done = runner.run(str(file.relative_to(suite.folder)), RERUNS.get(label(job), 1))
        return replace(done, name=label(job))

    print(line("file", "tests", "passed"))
    runs = []
    with ThreadPoolExecutor(max_workers=JOBS) as pool:
        try:
            for done in pool.map(run, todo):
                runs.append(done)
                print(row(done, reasons), flush=True)
        finally:
            for runner in runners:
                runner.stop.set()
            pool.shutdown(cancel_futures=True)
    return runs


def explain(runs: Sequence[FileRun], reasons: Mapping[str, str], verbose: bool) -> None:
    """Name what did not pass and is not listed, and what is listed and passes."""
    for run in runs:
        if run.problem:
            print(f"\n{run.name} was not run to its end:\n{run.problem.strip()}")
        for test in failures(run, reasons):
            outcome = run.outcomes.get(test, Outcome("not run"))
            print(f"\n{outcome.kind}: {run.name.partition('/')[0]}/{test}")
            print(outcome.text.strip() if verbose else f"    {gist(outcome)}")
        for test in run.collected:
            name = f"{run.name.partition('/')[0]}/{test}"
            if name in reasons and kind_of(run, test) == "passed":
                print(f"\n{name} is listed as one that does not pass with pyzmq, and passes")


def totals(runs: Sequence[FileRun]) -> Dict[str, Tuple[int, int]]:
    """For each suite, how many tests there are and how many passed."""
    found = {suite.package: [0, 0] for suite in SUITES}
    for run in runs:
        sums = found[run.name.partition("/")[0]]
        sums[0] += len(run.collected)
        sums[1] += passed(run)
    return {package: (tests, passes) for package, (tests, passes) in found.items() if tests}


def check_lab(python: str) -> bool:
    """Have JupyterLab started and used; what was done is printed."""
    print("\nJupyterLab, server and kernels", flush=True)
    with lab_variables() as (environment, folder):
        try:
            done = subprocess.run([python, str(LAB)], env=environment, cwd=str(folder), timeout=LAB_LIMIT)
        except subprocess.TimeoutExpired:
            print(f"not done after {LAB_LIMIT:.0f} s")
            return False
    return done.returncode == 0


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="tools.compat_jupyter", description="Run Jupyter's own tests on brokerless.")
    parser.add_argument("names", nargs="*", metavar="NAME", help='only files (or "lab") whose names contain NAME')
    parser.add_argument("--check", action="store_true", help="end with 1 if fewer tests pass than are recorded")
    parser.add_argument("--reference", action="store_true", help="with pyzmq, to see what it passes here")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the whole of each failure")
    options = parser.parse_args(arguments)
    if options.check and (options.names or options.reference):
        parser.error("--check needs all files, on brokerless")
    recorded, reasons = read_expected(EXPECTED.read_text(encoding="utf-8"))
    started = time.monotonic()
    try:
        BUILD.mkdir(parents=True, exist_ok=True)
        python = environment(options.reference)
        for suite in SUITES:
            fetch(suite, python)
        todo = jobs(options.names)
        lab = not options.reference and (not options.names or any(name in "lab" for name in options.names))
        if not todo and not lab:
            parser.error(f"no file's name contains {' or '.join(options.names)}")
        runs = []
        if todo:
            with variables(options.reference) as found:
                runs = run_all(todo, python, found, reasons)
        explain(runs, reasons, options.verbose)
        lab_works = check_lab(python) if lab else True
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    return conclude(totals(runs), recorded, lab_works, time.monotonic() - started, partial=bool(options.names))


def conclude(
    found: Mapping[str, Tuple[int, int]], recorded: Mapping[str, int], lab: bool, took: float, *, partial: bool
) -> int:
    """Print the sums, and return the exit code: 1 if they are lower than those recorded, or the lab failed."""
    print()
    fewer = False
    for package, (tests, passes) in found.items():
        print(f"{package}: {passes} of {tests} pass" + ("" if partial else f"; with pyzmq {recorded[package]}"))
        fewer = fewer or (not partial and passes < recorded[package])
    print(f"{'fewer than are recorded, ' if fewer else ''}in {took:.0f} s")
    if not lab:
        print("JupyterLab does not work")
    return 1 if fewer or not lab else 0


if __name__ == "__main__":
    # A run in the background has SIGINT ignored, and so would every kernel that it starts.
    import signal

    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
