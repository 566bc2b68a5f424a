"""Packages from Debian: which version is taken, what apt is told, and what is said where there is no apt."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import pytest

from tools import debian
from tools.debian import AptRoot, DebianError
from tools.wheels.targets import Target
from tools.wheels.toolchain import find, newest_common


def test_the_pinned_version_where_all_have_it() -> None:
    assert newest_common([["3", "2", "1"], ["2", "1"]], "1") == "1"


def test_the_newest_that_all_have_where_it_is_gone() -> None:
    assert newest_common([["4", "3", "2"], ["3", "2"]], "1") == "3"


def test_no_version_that_all_have() -> None:
    with pytest.raises(DebianError, match="no version of rustc-web is there for all"):
        newest_common([["2"], ["1"]], "1")


def programs(folder: Path, **scripts: str) -> str:
    """A PATH with these programs and no others."""
    folder.mkdir()
    for name, script in scripts.items():
        program = folder / name.replace("_", "-")
        program.write_text(f"#!{shutil.which('sh')}\n{script}\n")
        program.chmod(0o755)
    return str(folder)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="elsewhere, a Rust has to be there")
def test_where_there_is_no_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path / "bin"))
    with pytest.raises(DebianError, match="no apt-get, apt-cache, dpkg-deb here: this needs Debian"):
        find([Target("aarch64", "3.10")], tmp_path / "build")


def test_what_apt_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says = 'echo "E: no network" >&2; exit 100'
    monkeypatch.setenv("PATH", programs(tmp_path / "bin", apt_get=says, apt_cache="", dpkg_deb=""))
    monkeypatch.setattr(debian, "_KEYRING", tmp_path)
    with pytest.raises(
        DebianError, match="`apt-get --quiet=2 update` for bookworm on arm64 ended with 100:\nE: no network"
    ):
        AptRoot(tmp_path / "apt", "bookworm", "arm64").update()


def test_apt_is_kept_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "PATH", programs(tmp_path / "bin", apt_get=f'echo "$APT_CONFIG" > {tmp_path}/told', apt_cache="", dpkg_deb="")
    )
    monkeypatch.setattr(debian, "_KEYRING", tmp_path)
    root = AptRoot(tmp_path / "apt", "bullseye", "arm64", ["gcc"], security=False)
    root.update()
    assert (tmp_path / "told").read_text().strip() == str(root.root / "apt.conf")
    settings = (root.root / "apt.conf").read_text()
    assert 'APT::Architecture "arm64";' in settings
    assert f'Dir::State "{root.root}/state";' in settings
    sources = (root.root / "sources").read_text()
    assert sources.count("deb ") == 1
    assert "bullseye main" in sources
    assert "Package: gcc\nStatus: install ok installed\n" in (root.root / "status").read_text()


def test_a_compiler_of_ones_own_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = tmp_path / "lib"
    libraries.mkdir()
    (libraries / "libstd-0123.rlib").touch()
    rustc = f'case "$*" in --version) echo rustc 1.99 ;; *aarch64*) echo {libraries} ;; *) exit 1 ;; esac'
    path = programs(tmp_path / "bin", rustc=rustc, cargo="")
    monkeypatch.setenv("PATH", path)
    found = find([Target("aarch64", "3.10")], tmp_path / "build")
    assert found["aarch64"].name == "rustc 1.99, from the PATH"
    assert str(found["aarch64"].programs) == path
    assert found["aarch64"].environment()["PATH"].startswith(path)
