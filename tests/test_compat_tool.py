"""The tool that runs pyzmq's tests: what it counts, what it prints, what it fetches."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from made_up_suite import write_suite

from tools import compat, compat_setup, compat_suite, sdist_tests
from tools.compat_run import FileRun, Outcome

#: pyzmq's tests, and with them the tool, need that.
needs_python_39 = pytest.mark.skipif(sys.version_info < (3, 9), reason="pyzmq's tests need Python 3.9")


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
def run_tool(tmp_path: Path, monkeypatch: Any, capsys: Any) -> Callable[..., Any]:
    """The whole tool, on a suite of ours and by this interpreter; returns its exit code and what it printed."""
    root = write_suite(
        tmp_path / "suite",
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


@needs_python_39
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
    status, printed = run_tool("passed 1\n" + listed, "--check")
    assert status == 0
    assert "1 are recorded in expected.txt: write down that more pass now" in printed


@needs_python_39
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


@needs_python_39
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
        raise sdist_tests.SetupError("no network")

    monkeypatch.setattr(compat, "suite", lacking)
    assert run_tool("passed 0\n")[0] == 2


@needs_python_39
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
    with pytest.raises(sdist_tests.SetupError, match="sha256 differs"):
        compat_setup.suite("no python is needed")
    assert not (archive.parent / f"pyzmq-{compat_suite.VERSION}").exists()


def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(sdist_tests.SetupError, match="exit\\(3\\)` ended with 3"):
        sdist_tests.run([sys.executable, "-c", "exit(3)"])
