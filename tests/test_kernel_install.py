"""Adding the kernel to Jupyter's kernels, and taking it away: what is written where, and what is said when it cannot be."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ipykernel")

from brokerless.kernel import KernelError, _install, install, installed, main, uninstall


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Spares the tests that are not about it the process that asks ipykernel."""
    answer = {"argv": ["x"], "language": "python", "metadata": {"debugger": True}}
    monkeypatch.setattr(_install, "_ask", lambda: dict(answer))
    return answer


def kernels(prefix: Path) -> Path:
    return prefix / "share" / "jupyter" / "kernels"


def foreign(prefix: Path, name: str = "brokerless") -> Path:
    """Puts somebody else's kernel there."""
    folder = kernels(prefix) / name
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({"argv": ["R"], "display_name": "R"}), encoding="utf-8")
    return folder


def test_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install", "--prefix", str(tmp_path)]) == 0
    folder = kernels(tmp_path) / "brokerless"
    printed = capsys.readouterr()
    assert printed.out == f"installed {folder}\n"
    assert "JUPYTER_PATH=" + str(tmp_path / "share" / "jupyter") in printed.err
    spec = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))
    assert spec["argv"] == [sys.executable, "-m", "brokerless.kernel", "-f", "{connection_file}"]
    assert spec["display_name"] == "Python 3 (brokerless)"
    assert spec["language"] == "python" and spec["metadata"]["debugger"] is True
    assert [path.name for path in kernels(tmp_path).iterdir()] == ["brokerless"], "what it was made in is left"
    assert folder.stat().st_mode & 0o777 == 0o755


def test_jupyter_finds_it_and_then_does_not(
    asked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    assert main(["install", "--prefix", str(tmp_path), "--name", "Two", "--display-name", "My Python"]) == 0
    assert capsys.readouterr().err == ""
    folder = kernels(tmp_path) / "two"
    assert [found for found, _ in installed()] == [folder]
    assert main(["list"]) == 0
    assert capsys.readouterr().out == f"two  My Python  {folder}  ({sys.executable})\n"
    assert main(["uninstall", "--prefix", str(tmp_path), "--name", "two"]) == 0
    assert capsys.readouterr().out == f"removed {folder}\n"
    assert not folder.exists() and installed() == []
    assert main(["list"]) == 0
    assert "finds no kernel of brokerless" in capsys.readouterr().out


def test_where_it_goes(asked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "base"))
    assert install() == kernels(tmp_path / "env") / "brokerless", "a virtual environment is the place"
    assert install(user=True) == tmp_path / "data" / "kernels" / "brokerless"
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    uninstall(user=True)
    assert install() == tmp_path / "data" / "kernels" / "brokerless", "outside of one, the user's"
    assert main(["uninstall", "--sys-prefix"]) == 0
    assert not (kernels(tmp_path / "env") / "brokerless").exists()


def test_a_name_of_its_own_shows(asked: Any, tmp_path: Path) -> None:
    spec = json.loads((install(prefix=tmp_path, name="lab2") / "kernel.json").read_text(encoding="utf-8"))
    assert spec["display_name"] == "Python 3 (brokerless: lab2)"


def test_its_own_is_replaced_and_somebody_elses_is_not(
    asked: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(prefix=tmp_path, display_name="old")
    assert "new" in (install(prefix=tmp_path, display_name="new") / "kernel.json").read_text(encoding="utf-8")
    folder = foreign(tmp_path / "other")
    (folder / "logo.svg").write_text("<svg/>", encoding="utf-8")
    for command in ("install", "uninstall"):
        assert main([command, "--prefix", str(tmp_path / "other")]) == 1
        assert "(R)" in capsys.readouterr().err
        assert (folder / "logo.svg").exists()
    assert main(["install", "--prefix", str(tmp_path / "other"), "--force"]) == 0
    assert [path.name for path in folder.iterdir()] == ["kernel.json"]


def test_a_link_is_replaced_and_what_it_leads_to_stays(asked: Any, tmp_path: Path) -> None:
    theirs = foreign(tmp_path / "theirs")
    folder = kernels(tmp_path) / "brokerless"
    folder.parent.mkdir(parents=True)
    folder.symlink_to(theirs)
    install(prefix=tmp_path, force=True)
    assert not folder.is_symlink() and (theirs / "kernel.json").exists()
    linked = kernels(tmp_path) / "linked"
    linked.symlink_to(folder)
    uninstall(prefix=tmp_path, name="linked")
    assert not linked.exists() and folder.exists()


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_broken_kernel_is_somebody_elses(asked: Any, tmp_path: Path, content: str) -> None:
    (foreign(tmp_path) / "kernel.json").write_text(content, encoding="utf-8")
    with pytest.raises(KernelError, match="another kernel"):
        install(prefix=tmp_path)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", "ä"])
def test_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(KernelError, match="cannot be a kernel's name"):
        install(prefix=tmp_path, name=name)


def test_one_place_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KernelError, match="one of them"):
        install(user=True, prefix=tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["install", "--user", "--prefix", str(tmp_path)])
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["instal"]])
def test_what_is_not_a_command(arguments: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "COMMAND" in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "-f CONNECTION_FILE" in capsys.readouterr().out


def test_nothing_to_remove_but_elsewhere(
    asked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    there = install(prefix=tmp_path)
    assert main(["uninstall", "--prefix", str(tmp_path / "wrong")]) == 1
    said = capsys.readouterr().err
    assert f"there is no kernel in {kernels(tmp_path / 'wrong') / 'brokerless'}; it is in {there}" in said


def test_a_folder_that_cannot_be_written(
    asked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["install", "--prefix", str(tmp_path / "file")]) == 1
    assert "Not a directory" in capsys.readouterr().err

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", "/usr/share/jupyter")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert main(["install", "--prefix", "/usr"]) == 1
    assert capsys.readouterr().err == (
        "brokerless.kernel: /usr/share/jupyter: Permission denied (--user installs for you alone)\n"
    )


def test_a_failure_leaves_what_was_there(asked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = install(prefix=tmp_path, display_name="old")

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(OSError, match="No space left"):
        install(prefix=tmp_path)
    assert "old" in (there / "kernel.json").read_text(encoding="utf-8")
    assert list(there.parent.iterdir()) == [there]


def without_ipykernel(folder: Path) -> Path:
    """A folder that, on the path, makes Python find no ipykernel."""
    (folder / "ipykernel.py").write_text("raise ModuleNotFoundError(\"No module named 'ipykernel'\", name='ipykernel')")
    return folder


def test_without_ipykernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(without_ipykernel(tmp_path)))
    assert main(["install", "--prefix", str(tmp_path)]) == 1
    assert f"ipykernel is missing: {sys.executable} -m pip install ipykernel" in capsys.readouterr().err
    assert not kernels(tmp_path).exists()
    monkeypatch.setitem(sys.modules, "jupyter_core", None)
    assert main(["list"]) == 1
    assert "jupyter_core is missing" in capsys.readouterr().err


def test_an_ipykernel_that_does_not_go_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ipykernel.py").write_text("import zmq\nzmq.not_there", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(KernelError, match=r"cannot be imported on brokerless: AttributeError: .*not_there"):
        install(prefix=tmp_path)


def test_a_kernel_that_cannot_start(run_python: Any, tmp_path: Path) -> None:
    start = "from brokerless.kernel import main\nsys.exit(main(['-f', 'nowhere.json']))"
    done = run_python(f"import sys\nsys.path.insert(0, {str(without_ipykernel(tmp_path))!r})\n{start}", check=False)
    assert done.returncode == 1 and "ipykernel is missing" in done.stderr and "Traceback" not in done.stderr
    done = run_python(f"import sys, zmq\n{start}", check=False)
    assert done.returncode == 1 and "imported zmq already" in done.stderr and "Traceback" not in done.stderr


def test_nothing_of_jupyter_is_imported_before_it_is_needed(run_python: Any) -> None:
    done = run_python(
        "import sys, brokerless.kernel\n"
        "print([name for name in ('argparse', 'json', 'subprocess', 'jupyter_core', 'ipykernel') if name in sys.modules])\n"
        "assert brokerless.kernel.install is brokerless.kernel.install\n"
        "try:\n    brokerless.kernel.nothing\nexcept AttributeError as error:\n    print(error)"
    )
    assert done.stdout.splitlines()[0] == "[]"
    assert "no attribute 'nothing'" in done.stdout
