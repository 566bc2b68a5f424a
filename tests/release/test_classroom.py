"""Whose folder is made for a class, and what it refuses. Nothing is downloaded here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import classroom
from tools.classroom import KNOWN, BundleError, machine_of


def test_each_jetpack_has_its_python() -> None:
    found = {name: (machine.python, machine.glibc) for name, machine in KNOWN.items() if name.startswith("jetpack")}
    assert found == {"jetpack5": ("3.8", "2.31"), "jetpack6": ("3.10", "2.35"), "jetpack7": ("3.12", "2.39")}


def test_platforms_go_down_from_the_machines_glibc_to_ours() -> None:
    platforms = KNOWN["jetpack5"].platforms
    assert platforms[0] == "manylinux_2_31_aarch64"
    assert platforms[-2:] == ["manylinux_2_17_aarch64", "manylinux2014_aarch64"]
    assert len(platforms) == 31 - 17 + 2


def test_other_machines_are_named_by_what_they_are() -> None:
    machine = machine_of(["x86_64", "3.11"])
    assert (machine.arch, machine.python, machine.glibc) == ("x86_64", "3.11", "2.17")
    assert machine_of(["aarch64", "3.13", "2.41"]).platforms[0] == "manylinux_2_41_aarch64"


@pytest.mark.parametrize(
    "words", [[], ["jetpack4"], ["riscv64", "3.11"], ["x86_64", "3.7"], ["x86_64", "3.11", "2.36", "x"]]
)
def test_what_it_does_not_know(words: list[str]) -> None:
    with pytest.raises(
        BundleError, match="say one of jetpack5, jetpack6, jetpack7, pios12, pios13, or an architecture"
    ):
        machine_of(words)


def test_a_wheel_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classroom, "WHEELS", tmp_path)
    with pytest.raises(BundleError, match='run `make wheels ONLY="aarch64 cp310"` first'):
        classroom.make(KNOWN["jetpack6"])
