"""The tool that runs pyzmq's tests, on small suites made up here: nothing that a test does may keep the others from running."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from conftest import wait_until

from tools import compat, compat_setup, compat_suite
from tools.compat_run import FileRun, Outcome, Runner

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
    """A suite with these files, and pytest's configuration."""

    def write(**files: str) -> Path:
        root = tmp_path / "suite"
        (root / "tests").mkdir(parents=True, exist_ok=True)
        (root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        for name, text in files.items():
            (root / "tests" / f"{name}.py").write_text(text, encoding="utf-8")
        return root

    return write


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
    assert list(run.outcomes) == run.collected
    assert (run.name, run.reruns, run.missing(), run.problem) == ("test_mixed.py", 1, [], "")

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


def test_a_process_that_stopped_itself_is_killed(
    suite: Callable[..., Path], make_runner: Callable[..., Runner]
) -> None:
    root = suite(test_stops="import os, signal\ndef test_a(): os.kill(0, signal.SIGSTOP)\ndef test_b(): pass\n")
    run = make_runner(root, limit=0.5, grace=2.0).run("tests/test_stops.py")
    assert [outcome.kind for outcome in run.outcomes.values()] == ["hung", "passed"]
    assert "was killed" in run.outcomes["tests/test_stops.py::test_a"].text


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


def test_a_row() -> None:
    run = FileRun("test_draft.py", ["a", "b", "c", "d"], {"a": Outcome("passed"), "b": Outcome("hung")}, reruns=2)
    run.outcomes["c"] = Outcome("skipped")
    run.problem = "time was up"
    assert compat.row(run).split(None, 3) == ["test_draft.py", "4", "1", "1 hung, 1 skipped, 1 not run, 2 run again"]
    assert compat.row(FileRun("test_auth.py")).split(None, 3) == ["test_auth.py", "31", "0", "cannot be run"]


def test_what_pyzmq_skips_is_a_gain_but_no_duty() -> None:
    draft, green = next(iter(compat_suite.PYZMQ_SKIPS)), "tests/test_imports.py::test_all_exports[PUSH-zmq.green]"
    for kind, gains, named in (("passed", 2, []), ("skipped", 0, []), ("failed", 0, [draft, green])):
        outcomes = {draft: Outcome(kind), green: Outcome(kind), "other": Outcome("passed")}
        run = FileRun("test_it.py", list(outcomes), outcomes)
        assert (compat.tests_of(run), compat.passed(run), compat.beyond(run)) == (1, 1, gains)
        assert [test for test, _ in compat.failures(run)] == named


def test_the_sum_is_335() -> None:
    assert sum(compat_suite.COUNTS.values()) == 335
    assert len(compat_suite.PYZMQ_SKIPS) == 14
    assert not set(compat_suite.LEFT_OUT) & set(compat_suite.COUNTS)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (
            Outcome("failed", "def test_it():\n>   f(1)\nE   ValueError: no\nE   really\n\ntest.py:3: ValueError"),
            "ValueError: no",
        ),
        (Outcome("crashed", "some output\nthe process ended with SIGABRT"), "the process ended with SIGABRT"),
        (
            Outcome(
                "hung",
                'Timeout!\n  File "/lib/x.py", line 1 in f\n  File "/suite/tests/test_it.py", line 7 in test_it\n',
            ),
            'after 20 s: File "/suite/tests/test_it.py", line 7 in test_it',
        ),
        (Outcome("failed"), ""),
    ],
)
def test_the_gist(outcome: Outcome, expected: str) -> None:
    assert compat.gist(outcome) == expected


def test_what_is_expected_is_listed_with_a_reason() -> None:
    text = "# a comment\n\npassed 12\ntests/test_a.py::test_b[x]  asks for what no other implementation has\n"
    passes, reasons = compat.read_expected(text)
    assert passes == 12
    assert reasons == {"tests/test_a.py::test_b[x]": "asks for what no other implementation has"}
    with pytest.raises(ValueError, match="test_b is listed without a reason"):
        compat.read_expected("passed 1\ntests/test_a.py::test_b \n")


def test_the_list_in_the_repository_can_be_read() -> None:
    passes, reasons = compat.read_expected(compat.EXPECTED.read_text(encoding="utf-8"))
    assert 0 < passes <= 335 - len(reasons)
    assert all(test.split("::")[0].split("/")[1] in compat_suite.COUNTS for test in reasons)


@pytest.fixture
def run_tool(suite: Callable[..., Path], tmp_path: Path, monkeypatch: Any, capsys: Any) -> Callable[..., Any]:
    """The whole tool, on a suite of ours and by this interpreter; returns its exit code and what it printed."""
    root = suite(
        test_good="def test_a(): pass\ndef test_b(): pass\n",
        test_bad="def test_c(): assert 0, 'not yet'\ndef test_d(): assert 0, 'never'\n",
        test_mypy="1 / 0",
    )
    monkeypatch.setattr(compat, "BUILD", tmp_path / "build")
    monkeypatch.setattr(compat, "ROOT", tmp_path)
    monkeypatch.setattr(compat, "EXPECTED", tmp_path / "expected.txt")
    monkeypatch.setattr(compat, "environment", lambda: sys.executable)
    monkeypatch.setattr(compat, "suite", lambda python: root)

    def run(expected: str, *arguments: str) -> Any:
        compat.EXPECTED.write_text(expected)
        status = compat.main([*arguments])
        return status, capsys.readouterr().out

    return run


def test_the_whole_tool(run_tool: Callable[..., Any]) -> None:
    listed = "tests/test_bad.py::test_d no other implementation has it\n"
    status, printed = run_tool("passed 2\n" + listed, "--check")
    assert status == 0
    table = [line.split() for line in printed.splitlines()[2:5]]
    assert table == [["test_bad.py", "2", "0", "2", "failed"], ["test_good.py", "2", "2"], ["total", "4", "2"]]
    assert "failed: tests/test_bad.py::test_c\n    AssertionError: not yet" in printed
    assert "test_d" not in printed
    assert "2 of 4 pass" in printed

    status, printed = run_tool("passed 3\n" + listed, "--check")
    assert status == 1
    assert "3 are recorded in expected.txt: 1 fewer pass now" in printed
    assert run_tool("passed 3\n" + listed)[0] == 0, "only --check judges"


def test_the_tool_on_some_files(run_tool: Callable[..., Any]) -> None:
    listed = "tests/test_bad.py::test_d no other implementation has it\n"
    status, printed = run_tool("passed 2\n" + listed, "-v", "bad")
    assert status == 0
    assert "test_good.py" not in printed
    assert "listed: no other implementation has it" in printed
    assert "assert 0, 'not yet'" in printed
    assert (
        "test_a is listed as one that cannot pass, and passes" in run_tool("tests/test_good.py::test_a so", "good")[1]
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nothing-like-it"], "no file's name contains nothing-like-it"),
        (["--check", "good"], "--check needs all files"),
    ],
)
def test_the_tool_refuses(run_tool: Callable[..., Any], capsys: Any, arguments: Any, text: str) -> None:
    with pytest.raises(SystemExit) as end:
        run_tool("passed 0\n", *arguments)
    assert end.value.code == 2
    assert text in capsys.readouterr().err


def test_the_tool_says_what_it_lacks(run_tool: Callable[..., Any], monkeypatch: Any, capsys: Any) -> None:
    def lacking(python: str) -> Any:
        raise compat_setup.SetupError("no network")

    monkeypatch.setattr(compat, "suite", lacking)
    assert run_tool("passed 0\n")[0] == 2


def test_ctrl_c_ends_the_tool(run_tool: Callable[..., Any], monkeypatch: Any) -> None:
    @contextmanager
    def interrupted() -> Iterator[Any]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(compat, "site", interrupted)
    assert run_tool("passed 0\n")[0] == 130


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: Any) -> Path:
    """What passes for pyzmq's sdist, already fetched."""
    name = f"pyzmq-{compat_suite.VERSION}"
    path = tmp_path / f"{name}.tar.gz"
    files = {"pytest.ini": "[pytest]", "tests/test_a.py": "a", "tests/data/b.txt": "b", "zmq/__init__.py": "c"}
    with tarfile.open(path, "w:gz") as tar:
        for member, text in files.items():
            info = tarfile.TarInfo(f"{name}/{member}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    monkeypatch.setattr(compat_setup, "BUILD", tmp_path)
    monkeypatch.setattr(compat_setup, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_only_the_tests_are_unpacked(archive: Path) -> None:
    root = compat_setup.suite("no python is needed")
    files = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert files == ["pytest.ini", "tests/data/b.txt", "tests/test_a.py"]
    archive.unlink()
    assert compat_setup.suite("no python is needed") == root, "once is enough"


def test_another_archive_is_refused(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes() + b"\0")
    with pytest.raises(compat_setup.SetupError, match="sha256 differs"):
        compat_setup.suite("no python is needed")
    assert not (archive.parent / f"pyzmq-{compat_suite.VERSION}").exists()


def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(compat_setup.SetupError, match="exit\\(3\\)` ended with 3"):
        compat_setup._run([sys.executable, "-c", "exit(3)"])
