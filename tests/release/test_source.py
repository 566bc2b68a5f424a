"""The copy that wheels are built from holds what the sdist holds, and leaves alone what has not changed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from tools.wheels.source import lay_out


def sdist(tmp_path: Path, files: dict[str, str]) -> Path:
    path = tmp_path / "brokerless-1.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"brokerless-1/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def test_new_changed_and_gone(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    lay_out(sdist(tmp_path, {"Cargo.toml": "one", "src/lib.rs": "two", "src/old.rs": "three"}), copy)
    assert (copy / "src" / "old.rs").read_text() == "three"
    before = (copy / "Cargo.toml").stat().st_mtime_ns
    (copy / "src" / "lib.rs").touch()
    touched = (copy / "src" / "lib.rs").stat().st_mtime_ns
    lay_out(sdist(tmp_path, {"Cargo.toml": "one", "src/lib.rs": "new"}), copy)
    assert sorted(path.name for path in copy.rglob("*") if path.is_file()) == ["Cargo.toml", "lib.rs"]
    assert (copy / "src" / "lib.rs").read_text() == "new"
    assert (copy / "Cargo.toml").stat().st_mtime_ns == before, "cargo would compile it all again"
    assert (copy / "src" / "lib.rs").stat().st_mtime_ns >= touched, "cargo would not see the change"
