"""A wheel is built once from the same files, and again when they or the compiler have changed; maturin is played by a script."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path
from typing import Dict, List

import pytest

from tools.wheels import build
from tools.wheels.build import build_arch
from tools.wheels.targets import Target
from tools.wheels.toolchain import Toolchain

TARGET = Target("aarch64", "3.10")
NAME = "brokerless-1-cp310-cp310-manylinux2014_aarch64.whl"


@pytest.fixture
def maturin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for maturin: writes a wheel to the last argument, and notes what Cargo.lock it saw."""
    script = tmp_path / "maturin"
    script.write_text(
        f"#!{shutil.which('sh')}\nfor out; do :; done\nmkdir -p $out\ncat Cargo.lock >> {tmp_path}/seen\n"
        f"echo wheel > $out/{NAME}\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(build, "maturin", lambda: str(script))
    return tmp_path / "seen"


def run(tmp_path: Path, files: Dict[str, str], compiler: str = "rustc 1") -> List[float]:
    sdist = tmp_path / "brokerless-1.tar.gz"
    with tarfile.open(sdist, "w:gz") as tar:
        for name, text in {"Cargo.lock": "locked\n", **files}.items():
            member = tarfile.TarInfo(f"brokerless-1/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    built = list(build_arch([TARGET], Toolchain(compiler, tmp_path), sdist, tmp_path / "folder", out))
    assert [one.wheel for one in built] == [out / NAME]
    return [one.seconds for one in built]


def test_once_until_something_changes(tmp_path: Path, maturin: Path) -> None:
    for expected, files, compiler in [
        (1, {"src": "one"}, "rustc 1"),
        (1, {"src": "one"}, "rustc 1"),
        (2, {"src": "two"}, "rustc 1"),
        (3, {"src": "two"}, "rustc 2"),
    ]:
        run(tmp_path, files, compiler)
        assert maturin.read_text().count("locked") == expected


def test_a_wheel_that_is_gone_is_built_again(tmp_path: Path, maturin: Path) -> None:
    run(tmp_path, {})
    (tmp_path / "out" / NAME).unlink()
    run(tmp_path, {})
    assert maturin.read_text().count("locked") == 2


def test_what_maturin_says_when_it_fails(tmp_path: Path, maturin: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "maturin").write_text(f"#!{shutil.which('sh')}\necho 'no zig' >&2\nexit 3\n")
    with pytest.raises(RuntimeError, match=r"could not build the wheel for aarch64 cp310 \(exit 3\)"):
        run(tmp_path, {})
    assert "no zig" in capfd.readouterr().err
