"""The tool that runs Jupyter's tests: what it counts, what it lists, and when it fails."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest
from made_up_suite import write_suite

from tools import compat_jupyter as tool
from tools import compat_jupyter_setup as setup
from tools.compat_run import FileRun, Outcome

needs_python_311 = pytest.mark.skipif(sys.version_info < (3, 11), reason="ipykernel 7 needs Python 3.11")


def suite(folder: Path, sha256: str = "") -> setup.Suite:
    class Here(setup.Suite):
        @property
        def folder(self) -> Path:
            return folder

    return Here("ipykernel", "1.0", sha256, "-p no:asyncio")


def test_what_is_recorded() -> None:
    passes, reasons = tool.read_expected(tool.EXPECTED.read_text(encoding="utf-8"))
    assert set(passes) == {"ipykernel", "jupyter_client"}
    assert {test.partition("/")[0] for test in reasons} <= set(passes)


def test_reading_what_is_recorded() -> None:
    text = "# why\n\npassed ipykernel 3\nipykernel/tests/test_a.py::test[a b]  needs a display\n"
    assert tool.read_expected(text) == ({"ipykernel": 3}, {"ipykernel/tests/test_a.py::test[a b]": "needs a display"})
    with pytest.raises(ValueError, match="without a reason"):
        tool.read_expected("ipykernel/tests/test_a.py::test\n")


def test_a_row_and_the_sums(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = {"a": Outcome("passed"), "b": Outcome("failed", "E  ValueError: no"), "c": Outcome("skipped")}
    run = FileRun("ipykernel/test_it.py", ["a", "b", "c", "d"], outcomes, reruns=1)
    reasons = {"ipykernel/c": "not here", "ipykernel/a": "why not"}
    assert tool.row(run, reasons).split(None, 3) == [
        "ipykernel/test_it.py",
        "4",
        "1",
        "1 failed, 1 not run, 1 run again",
    ]
    assert tool.row(FileRun("ipykernel/test_it.py"), {}).split(None, 3)[1:] == ["0", "0", "cannot be run"]
    assert tool.totals([run, run]) == {"ipykernel": (8, 2)}
    tool.explain([run], reasons, verbose=False)
    said = capsys.readouterr().out
    assert "failed: ipykernel/b\n    ValueError: no" in said and "ipykernel/a is listed" in said and "/c" not in said


@pytest.mark.parametrize(
    ("passes", "lab", "partial", "code"),
    [(3, True, False, 0), (2, True, False, 1), (2, True, True, 0), (3, False, True, 1)],
)
def test_when_it_fails(passes: int, lab: bool, partial: bool, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.conclude({"ipykernel": (4, passes)}, {"ipykernel": 3}, lab, 1.0, partial=partial) == code
    said = capsys.readouterr().out
    assert f"ipykernel: {passes} of 4 pass" in said and ("JupyterLab does not work" in said) is not lab


def test_what_takes_long_is_begun_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_suite(tmp_path, test_a="", test_client="", utils="")
    (tmp_path / "tests" / "inprocess").mkdir()
    (tmp_path / "tests" / "inprocess" / "test_a.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(tool, "SUITES", (suite(tmp_path),))
    labels = [tool.label(job) for job in tool.jobs([])]
    assert labels == ["ipykernel/test_client.py", "ipykernel/inprocess/test_a.py", "ipykernel/test_a.py"]
    assert [tool.label(job) for job in tool.jobs(["inprocess"])] == ["ipykernel/inprocess/test_a.py"]


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite of our own, run here and now, in this environment; two of its files have one name."""
    root = write_suite(
        tmp_path / "suite", test_it="import zmq\ndef test_zmq():\n    assert 'brokerless' in zmq.__file__\n"
    )
    (root / "tests" / "inner").mkdir()
    (root / "tests" / "inner" / "test_it.py").write_text("def test_fails():\n    assert not 'it'\n", encoding="utf-8")
    (root / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n", encoding="utf-8")
    (tmp_path / "expected.txt").write_text(
        "passed ipykernel 1\nipykernel/tests/inner/test_it.py::test_fails  it fails\n"
    )
    monkeypatch.setattr(tool, "SUITES", (suite(root),))
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "BUILD", tmp_path / "build")
    monkeypatch.setattr(tool, "EXPECTED", tmp_path / "expected.txt")
    monkeypatch.setattr(tool, "RERUNS", {"ipykernel/test_it.py": 0, "ipykernel/inner/test_it.py": 0})
    monkeypatch.setattr(tool, "environment", lambda pyzmq: sys.executable)
    monkeypatch.setattr(tool, "fetch", lambda suite, python: None)
    monkeypatch.setattr(tool, "check_lab", lambda python: True)
    return root


def test_a_run(made_up: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["--check"]) == 0
    said = capsys.readouterr().out
    assert "ipykernel: 1 of 2 pass; with pyzmq 1" in said and "failed:" not in said
    tool.EXPECTED.write_text("passed ipykernel 2\n", encoding="utf-8")
    assert tool.main(["--check"]) == 1
    said = capsys.readouterr().out
    assert "failed: ipykernel/tests/inner/test_it.py::test_fails" in said and "fewer than are recorded" in said


def test_a_run_with_pyzmq(made_up: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("zmq")
    assert tool.main(["--reference", "-v", "test_it"]) == 0
    assert "AssertionError" in capsys.readouterr().out, "with pyzmq, zmq is not brokerless"


def test_what_cannot_be_run(made_up: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["nothing_of_that_name"], ["--check", "test_it"], ["--check", "--reference"]):
        with pytest.raises(SystemExit, match="2"):
            tool.main(arguments)

    def fail(pyzmq: bool) -> str:
        raise setup.SetupError("no network")

    monkeypatch.setattr(tool, "environment", fail)
    assert tool.main([]) == 2
    assert "no network" in capsys.readouterr().err


def test_the_lab_is_run_with_brokerless_and_without_the_alias(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "lab.py"
    monkeypatch.setattr(tool, "LAB", program)
    monkeypatch.setenv("JUPYTER_PATH", "/nowhere")
    program.write_text("import os, sys, brokerless\nprint('JUPYTER_PATH' in os.environ, 'zmq' in sys.modules)")
    assert tool.check_lab(sys.executable)
    assert "False False" in capfd.readouterr().out
    program.write_text("raise SystemExit(1)")
    assert not tool.check_lab(sys.executable)
    program.write_text("import threading\nthreading.Event().wait()")
    monkeypatch.setattr(tool, "LAB_LIMIT", 0.5)
    assert not tool.check_lab(sys.executable)
    assert "not done after" in capfd.readouterr().out


def sdist(folder: Path, **files: str) -> str:
    """Writes an sdist into a folder, and returns its sha256."""
    archive = folder / "ipykernel-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(
                "ipykernel-1.0/" + name.replace("__", "/") + (".toml" if "project" in name else ".py")
            )
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def test_only_the_tests_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "BUILD", tmp_path)
    sha256 = sdist(tmp_path, pyproject="[tool]", ipykernel__kernel="own = 1", tests__inner__test_a="")
    found = suite(tmp_path / "ipykernel-1.0", sha256)
    setup.fetch(found, sys.executable)
    assert sorted(path.name for path in found.folder.iterdir()) == ["pyproject.toml", "tests"]
    assert [path.name for path in found.files()] == ["test_a.py"]
    (tmp_path / "ipykernel-1.0.tar.gz").unlink()
    setup.fetch(found, "not needed again")


def test_another_sdist_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "BUILD", tmp_path)
    sdist(tmp_path, pyproject="[tool]")
    with pytest.raises(setup.SetupError, match="sha256 differs"):
        setup.fetch(suite(tmp_path / "ipykernel-1.0", "0" * 64), sys.executable)


@contextmanager
def site_of(folder: Path) -> Iterator[Dict[str, str]]:
    (folder / "sitecustomize.py").write_text("")
    yield {"PYTHONPATH": str(folder), "JUPYTER_PATH": "/x", "CI": "true", "HOME": "/root", "PATH": "/bin"}


def test_what_the_suites_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup.compat_setup, "site", lambda: site_of(tmp_path))
    with setup.variables(pyzmq=False) as found:
        assert (tmp_path / "sitecustomize.py").exists()
        assert set(found) == {"PYTHONPATH", "HOME", "PATH"} and found["HOME"] != "/root"
    with setup.variables(pyzmq=True) as found:
        assert not (tmp_path / "sitecustomize.py").exists() and "BROKERLESS_COMPAT_REFERENCE" in found


@needs_python_311
def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "BUILD", tmp_path)

    def run(command: Any) -> None:
        commands.append(command)
        if "venv" in command:
            (tmp_path / Path(command[-1]).name / "bin").mkdir(parents=True)

    monkeypatch.setattr(setup.sdist_tests, "run", run)
    status = [0]
    monkeypatch.setattr(subprocess, "call", lambda command: status[0])
    python = setup.environment(pyzmq=False)
    assert commands[-1] == [python, "-m", "pip", "uninstall", "--quiet", "--yes", "pyzmq"]
    assert setup.environment(pyzmq=False) == python and len(commands) == 3
    assert setup.environment(pyzmq=True) != python and "uninstall" not in commands[-1]
    monkeypatch.setattr(subprocess, "call", lambda command: "-I" in command)
    with pytest.raises(setup.SetupError, match="has pyzmq"):
        setup.environment(pyzmq=False)


def test_an_older_python_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup.sys, "version_info", (3, 10, 0))
    with pytest.raises(setup.SetupError, match=r"Python 3\.11"):
        setup.environment(pyzmq=False)
