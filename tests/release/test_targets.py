"""Which wheels there are, what of them words choose, and what builds each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools.wheels.build import command_for
from tools.wheels.targets import Target, all_targets, pythons, wanted


def test_there_is_a_wheel_for_each_python_that_the_package_claims() -> None:
    assert pythons()[0] == "3.8"
    assert "{}.{}".format(*sys.version_info) in pythons()
    assert [int(version[2:]) for version in pythons()] == list(range(8, 8 + len(pythons())))
    assert len(all_targets()) == 2 * len(pythons())


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (["aarch64", "cp310"], ["aarch64 cp310"]),
        (["cp38"], ["x86_64 cp38", "aarch64 cp38"]),
        (["aarch64", "x86_64", "cp39", "cp311"], ["x86_64 cp39", "x86_64 cp311", "aarch64 cp39", "aarch64 cp311"]),
    ],
)
def test_words_choose(words: list[str], chosen: list[str]) -> None:
    assert [str(target) for target in wanted(words)] == chosen


def test_one_architecture_is_all_its_pythons() -> None:
    assert [target.python for target in wanted(["aarch64"])] == pythons()
    assert wanted([]) == all_targets()


def test_a_word_that_means_nothing_is_named() -> None:
    with pytest.raises(ValueError, match="no wheel is called cp37; there are: aarch64 x86_64 cp38"):
        wanted(["cp310", "cp37"])


def test_what_maturin_is_told() -> None:
    command = command_for(Target("aarch64", "3.10"), Path("out"))
    assert " ".join(command[1:]) == (
        "build --release --locked --zig --target aarch64-unknown-linux-gnu --compatibility manylinux2014 "
        "--compression-level 9 --interpreter python3.10 --out out"
    )
