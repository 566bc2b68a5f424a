"""What runs pyzmq's tests, on suites made up here: nothing that a test does may keep the others from running."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest
from conftest import wait_until
from made_up_suite import write_suite

from tools import compat, compat_setup
from tools.compat_run import FileRun, Runner

MIXED = """
import ctypes, os, subprocess, sys, threading
import pytest
import zmq
import brokerless

def test_passes():
    assert zmq is brokerless

def test_fails():
    assert zmq is None, "this is why"

def test_skips():
    pytest.skip("no reason")

def test_hangs():
    threading.Event().wait()

def test_after_the_hang(): pass

def test_segfault():
    os.write(2, b"last words")
    ctypes.string_at(0)

@pytest.fixture
def fails_after():
    yield
    raise RuntimeError("in teardown")

def test_teardown(fails_after): pass

def test_exits():
    # A child which would run for ever.
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    with open("child", "w") as file:
        file.write(str(child.pid))
    os._exit(0)

@pytest.mark.parametrize("text", ["a b", "[", "ü"])
def test_names(text): pass

def test_forks():
    pid = os.fork()
    if pid == 0:
        try:
            pytest.fail("only in the child")
        except BaseException:
            os._exit(1)
    os.waitpid(pid, 0)

def test_again(): pass

def test_children_have_it():
    subprocess.run([sys.executable, "-c", "import zmq; assert zmq.__name__ == 'brokerless'"], check=True)
"""

# What pytest-rerunfailures does to a report, once.
RERUN = """
import pytest
seen = []

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if item.name == "test_again" and call.when == "call" and not seen:
        seen.append(item)
        report.outcome = "rerun"
"""


@pytest.fixture
def suite(tmp_path: Path) -> Callable[..., Path]:
    """A suite with these files."""
    return lambda **files: write_suite(tmp_path / "suite", **files)


@pytest.fixture
def make_runner(tmp_path: Path) -> Iterator[Callable[..., Runner]]:
    """A runner by this interpreter, whose environment is the one that the tool makes."""
    with compat_setup.site() as variables:
        yield lambda root, **options: Runner(sys.executable, root, tmp_path, variables, **options)


def test_every_test_runs_whatever_the_others_do(suite: Callable[..., Path], make_runner: Callable[..., Runner]) -> None:
    root = suite(test_mixed=MIXED, conftest=RERUN)
    run = make_runner(root, limit=3.0).run("tests/test_mixed.py")
    kinds = {test.partition("::")[2]: outcome.kind for test, outcome in run.outcomes.items()}
    assert kinds == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_skips": "skipped",
        "test_hangs": "hung",
        "test_after_the_hang": "passed",
        "test_segfault": "crashed",
        "test_teardown": "failed",
        "test_exits": "crashed",
        "test_names[a b]": "passed",
        "test_names[[]": "passed",
        "test_names[\\xfc]": "passed",
        "test_forks": "passed",
        "test_again": "passed",
        "test_children_have_it": "passed",
    }
    assert set(run.outcomes) == set(run.collected)
    assert (run.name, run.reruns, run.missing(), run.problem) == ("test_mixed.py", 2, [], "")

    texts = {test.partition("::")[2]: outcome.text for test, outcome in run.outcomes.items()}
    assert "this is why" in texts["test_fails"]
    assert texts["test_skips"].endswith("no reason")
    assert "in test_hangs" in texts["test_hangs"]
    assert "last words" in texts["test_segfault"]
    assert texts["test_segfault"].endswith("the process ended with SIGSEGV")
    assert "in teardown" in texts["test_teardown"]
    assert texts["test_exits"].endswith("the process ended with 0")

    child = int((root / "child").read_text())
    assert wait_until(lambda: not is_running(child)), "what a test leaves running ends with it"


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Ended, but nobody has asked for its exit code.
    return ") Z " not in Path(f"/proc/{pid}/stat").read_text()


def test_a_file_that_cannot_be_imported_says_why(
    suite: Callable[..., Path], make_runner: Callable[..., Runner]
) -> None:
    root = suite(test_broken="import zmq.missing", test_empty="", test_exits="import os; os._exit(5)")
    runner = make_runner(root)
    assert "No module named 'zmq.missing'" in runner.run("tests/test_broken.py").problem
    assert "no tests ran" in runner.run("tests/test_empty.py").problem
    assert "pytest ended with 5 before any test" in runner.run("tests/test_exits.py").problem


def test_what_races_is_run_again(suite: Callable[..., Path], make_runner: Callable[..., Runner]) -> None:
    """Whether it failed, hung or crashed; what has passed is not."""
    root = suite(
        test_races="""
import os, threading
from pathlib import Path

def attempt(name):
    with open(name, "a") as file:
        file.write("x")
    return Path(name).stat().st_size

def test_fails_once(): assert attempt("fails") == 2
def test_hangs_once():
    if attempt("hangs") == 1:
        threading.Event().wait()
def test_crashes_twice():
    if attempt("crashes") < 3:
        os._exit(1)
def test_passes(): assert attempt("passes") == 1
def test_never_passes(): assert not attempt("never")
"""
    )
    run = make_runner(root, limit=1.0).run("tests/test_races.py", reruns=3)
    kinds = {test.partition("::")[2]: outcome.kind for test, outcome in run.outcomes.items()}
    assert kinds == {
        "test_fails_once": "passed",
        "test_hangs_once": "passed",
        "test_crashes_twice": "passed",
        "test_passes": "passed",
        "test_never_passes": "failed",
    }
    assert (root / "never").stat().st_size == 4
    assert run.reruns == 1 + 1 + 2 + 3
    assert run.problem == ""


def test_what_hangs_gets_a_second_chance(suite: Callable[..., Path], make_runner: Callable[..., Runner]) -> None:
    """And what fails does not, unless it is told so."""
    root = suite(
        test_busy="""
import threading
from pathlib import Path

def test_hangs_once():
    if not Path("hung").exists():
        Path("hung").touch()
        threading.Event().wait()

def test_fails_once():
    Path("failed").mkdir()
    assert 0
"""
    )
    run = make_runner(root, limit=1.0).run("tests/test_busy.py")
    assert [outcome.kind for outcome in run.outcomes.values()] == ["failed", "passed"]
    assert run.reruns == 1


def test_a_process_that_stopped_itself_is_killed(
    suite: Callable[..., Path], make_runner: Callable[..., Runner]
) -> None:
    root = suite(test_stops="import os, signal\ndef test_a(): os.kill(0, signal.SIGSTOP)\ndef test_b(): pass\n")
    run = make_runner(root, limit=0.5, grace=2.0).run("tests/test_stops.py")
    assert run.outcomes["tests/test_stops.py::test_a"].kind == "hung"
    assert "was killed" in run.outcomes["tests/test_stops.py::test_a"].text
    assert run.outcomes["tests/test_stops.py::test_b"].kind == "passed"


def test_it_ends_when_time_is_up(suite: Callable[..., Path], make_runner: Callable[..., Runner]) -> None:
    waits = "import threading\ndef test_a(): threading.Event().wait()\ndef test_b(): pass\n"
    runner = make_runner(suite(test_waits=waits), deadline=time.monotonic() + 2.0)
    run = runner.run("tests/test_waits.py")
    assert run.problem == "time was up"
    assert run.missing() == ["tests/test_waits.py::test_b"]
    assert [outcome.kind for _, outcome in compat.failures(run)] == ["hung", "not run"]
    assert runner.run("tests/test_waits.py") == FileRun("test_waits.py", problem="time was up")


def test_pyzmq_is_no_way_out(suite: Callable[..., Path], tmp_path: Path) -> None:
    """Where zmq is pyzmq, as it is here without the tool's environment, nothing runs."""
    root = suite(test_one="def test_it(): pass")
    with compat_setup.site() as variables:
        folder = Path(variables["PYTHONPATH"])
        assert sorted(path.name for path in folder.iterdir()) == ["brokerless", "compat_plugin.py", "sitecustomize.py"]
        (folder / "sitecustomize.py").write_text("")
        run = Runner(sys.executable, root, tmp_path, variables).run("tests/test_one.py")
    assert "zmq is not brokerless here, but" in run.problem
    assert run.outcomes == {}
