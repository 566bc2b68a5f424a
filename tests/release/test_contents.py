"""What is found missing in a wheel; the wheels here are zip files made up for it, with our own files in them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Callable

import pytest

from tools.wheels import contents
from tools.wheels.source import ROOT
from tools.wheels.targets import Target

INFO = "brokerless-0.1.0.dist-info"
TARGET = Target("aarch64", "3.10")
NAME = "brokerless-0.1.0-cp310-cp310-manylinux2014_aarch64.manylinux_2_17_aarch64.whl"
CRATES = [{"name": name, "scope": "required"} for name in ("pyo3", "zmq", "pyo3-macros", "zmq-sys")]

Make = Callable[..., zipfile.ZipFile]


def whole() -> dict[str, str]:
    files = {f"{INFO}/licenses/LICENSE": "MIT"}
    for path in (ROOT / "licenses").glob("*.txt"):
        files[f"{INFO}/licenses/licenses/{path.name}"] = path.read_text()
    files[f"{INFO}/sboms/linked.cdx.json"] = (ROOT / "licenses" / "linked.cdx.json").read_text()
    files[f"{INFO}/sboms/brokerless.cyclonedx.json"] = json.dumps({"components": CRATES})
    for folder in ("", "roles/"):
        for path in (ROOT / "notebooks" / folder).glob("*.py"):
            files[f"brokerless/notebooks/{folder}{path.name}"] = ""
    return files


def faults(tmp_path: Path, files: dict[str, str]) -> list[str]:
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        found = contents._notebooks(names) + contents._licences(archive, names, INFO)
        return found + contents._sboms(archive, names, INFO)


def test_nothing_is_wrong_with_a_whole_one(tmp_path: Path) -> None:
    assert faults(tmp_path, whole()) == []


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("brokerless/notebooks/roles/collector.py", "notebooks are missing: roles/collector.py"),
        (f"{INFO}/licenses/LICENSE", "our own licence is missing"),
        (f"{INFO}/licenses/licenses/libzmq.txt", "the licence of libzmq is missing (libzmq.txt)"),
        (f"{INFO}/licenses/licenses/libsodium.txt", "the licence of libsodium is missing (libsodium.txt)"),
        (f"{INFO}/sboms/linked.cdx.json", "no SBOM lists libc++, libsodium, libzmq"),
        (f"{INFO}/sboms/brokerless.cyclonedx.json", "no SBOM lists pyo3, zmq"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, lost: str, words: str) -> None:
    files = whole()
    del files[lost]
    assert faults(tmp_path, files) == [words]


def test_a_crate_without_its_terms_is_named(tmp_path: Path) -> None:
    files = whole()
    news = [*CRATES, {"name": "brand-new", "scope": "required"}, {"name": "cc", "scope": "excluded"}]
    files[f"{INFO}/sboms/brokerless.cyclonedx.json"] = json.dumps({"components": news})
    [fault] = faults(tmp_path, files)
    assert fault.startswith("the licences of crates are missing: brand-new (")


def test_a_licence_that_is_another_ones(tmp_path: Path) -> None:
    files = whole()
    files[f"{INFO}/licenses/licenses/libzmq.txt"] = "GPL"
    assert faults(tmp_path, files) == ["the licence of libzmq is missing (libzmq.txt)"]


def test_tags() -> None:
    good = ["cp310-cp310-manylinux2014_aarch64", "cp310-cp310-manylinux_2_17_aarch64"]
    assert contents._tags(good, Path(NAME), TARGET) == []
    [fault] = contents._tags(["cp310-cp310-linux_aarch64"], Path(NAME), TARGET)
    assert fault.startswith("its tags are cp310-cp310-linux_aarch64, not cp310-cp310-manylinux2014_aarch64")
    assert contents._tags(good, Path(NAME.replace("manylinux2014_aarch64.", "")), TARGET)
