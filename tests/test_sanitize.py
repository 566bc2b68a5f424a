"""With which Rust `make sanitize` runs: one that can compile std for ThreadSanitizer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools import sanitize
from tools.debian import DebianError
from tools.wheels.toolchain import Toolchain

HOST = "x86_64-unknown-linux-gnu"


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def runtime(sysroot: Path, channel: str, text: str = "") -> Path:
    return put(sysroot / "lib" / "rustlib" / HOST / "lib" / f"librustc-{channel}_rt.tsan.a", text)


def test_who_has_the_source_of_std_uses_it(tmp_path: Path) -> None:
    put(tmp_path / "lib" / "rustlib" / "src" / "rust" / "library" / "Cargo.lock")
    assert sanitize.std_environment(tmp_path, HOST, tmp_path / "debian") == dict(os.environ)


def test_else_debians_rust_gets_the_runtime_of_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = tmp_path / "debian" / "rust"
    (theirs / "usr" / "lib" / "rustlib" / HOST / "lib").mkdir(parents=True)
    monkeypatch.setattr(sanitize, "with_source", lambda folder: Toolchain("Debian's", theirs / "programs"))
    runtime(tmp_path, "nightly", "checks")
    environment = sanitize.std_environment(tmp_path, HOST, tmp_path / "debian")
    assert environment["PATH"].startswith(str(theirs / "programs"))
    given = theirs / "usr" / "lib" / "rustlib" / HOST / "lib" / "librustc-stable_rt.tsan.a"
    assert given.read_text() == "checks"


def test_without_a_runtime_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="rustup toolchain install nightly --component rust-src"):
        sanitize.std_environment(tmp_path, HOST, tmp_path / "debian")


def test_without_debians_it_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> Toolchain:
        raise DebianError("no network")

    runtime(tmp_path, "stable")
    monkeypatch.setattr(sanitize, "with_source", refuse)
    with pytest.raises(SystemExit, match=r"rust-src.*no network"):
        sanitize.std_environment(tmp_path, HOST, tmp_path / "debian")


def test_there_is_no_other_tool(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        sanitize.main(["--tool", "memory"])
    assert "invalid choice" in capsys.readouterr().err


def test_what_is_suppressed_has_a_reason() -> None:
    lines = (Path(sanitize.__file__).parent / "tsan.supp").read_text(encoding="utf-8").splitlines()
    blocks = "\n".join(lines).split("\n\n")[1:]
    assert blocks
    for block in blocks:
        *reason, rule = block.splitlines()
        assert reason and all(line.startswith("# ") for line in reason)
        assert rule.startswith("race:zmq::")
