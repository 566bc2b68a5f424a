"""Whether a finished wheel is what it should be: its tags, its size, what is in it, and the module itself."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, List, Set

from tools.wheels import elf, symbols
from tools.wheels.source import ROOT
from tools.wheels.targets import GLIBC, Target

LIMIT = 2_000_000  # bytes; a class that installs at once shares one access point

# What is linked in that is no Rust crate: its licence among the wheel's licences, its name in an SBOM.
LINKED = {
    "libzmq": ("libzmq.txt", "Mozilla Public License Version 2.0"),
    "libsodium": ("libsodium.txt", "ISC License"),
    "libc++": ("llvm-runtimes.txt", "LLVM Exceptions"),
}


@dataclass
class Report:
    """What was seen of one wheel; it may be published when there are no faults."""

    wheel: Path
    target: Target
    size: int
    tags: List[str]
    glibc: str = "none"
    faults: List[str] = field(default_factory=list)


def inspect(wheel: Path, target: Target) -> Report:
    """Look at a wheel that was built for the target."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (info,) = {name.split("/")[0] for name in names if name.split("/")[0].endswith(".dist-info")}
        metadata = archive.read(f"{info}/WHEEL").decode().splitlines()
        report = Report(
            wheel, target, wheel.stat().st_size, [line[5:] for line in metadata if line.startswith("Tag: ")]
        )
        report.faults += _tags(report.tags, wheel, target)
        if report.size >= LIMIT:
            report.faults.append(f"it has {report.size:,} bytes, and {LIMIT:,} is too much")
        report.faults += _notebooks(names)
        report.faults += _licences(archive, names, info)
        report.faults += _sboms(archive, names, info)
        modules = [name for name in names if name.endswith(".so")]
        if len(modules) != 1 or not modules[0].startswith(f"brokerless/_core.cpython-{target.tag[2:]}-"):
            report.faults.append(f"it has {', '.join(modules) or 'no module'} instead of one for {target.tag}")
        for name in modules:
            module = elf.read(archive.read(name))
            report.glibc = ".".join(map(str, module.glibc)) or "none"
            report.faults += elf.faults(module, target) + symbols.faults(module, target)
    report.faults += _auditwheel(wheel, target)
    return report


def _tags(tags: List[str], wheel: Path, target: Target) -> List[str]:
    platforms = [f"manylinux2014_{target.arch}", f"manylinux_{GLIBC[0]}_{GLIBC[1]}_{target.arch}"]
    expected = {f"{target.tag}-{target.tag}-{platform}" for platform in platforms}
    if set(tags) != expected or not all(platform in wheel.name for platform in platforms):
        return [f"its tags are {' '.join(tags)}, not {' '.join(sorted(expected))}"]
    return []


def _notebooks(names: Set[str]) -> List[str]:
    course = ROOT / "notebooks"
    expected = [path.relative_to(course) for folder in ("", "roles") for path in (course / folder).glob("*.py")]
    lacking = [str(path) for path in expected if f"brokerless/notebooks/{path.as_posix()}" not in names]
    return [f"notebooks are missing: {', '.join(sorted(lacking))}"] if lacking or not expected else []


def _licences(archive: zipfile.ZipFile, names: Set[str], info: str) -> List[str]:
    folder = f"{info}/licenses"
    found = [] if f"{folder}/LICENSE" in names else ["our own licence is missing"]
    for library, (file, title) in LINKED.items():
        name = f"{folder}/licenses/{file}"
        if name not in names or title not in archive.read(name).decode():
            found.append(f"the licence of {library} is missing ({file})")
    crates = f"{folder}/licenses/rust-crates.txt"
    text = archive.read(crates).decode() if crates in names else ""
    # "excluded" ones take part in the build alone.
    required = {part["name"] for part in _components(archive, names, info) if part.get("scope") == "required"}
    linked = {name for name in required - {"zmq-sys", *LINKED} if not _is_build_part(name)}
    lacking = sorted(name for name in linked if f"\n{name}: " not in text)
    if lacking:
        found.append(f"the licences of crates are missing: {', '.join(lacking)} (run `python -m tools.licences`)")
    return found


def _is_build_part(crate: str) -> bool:
    """Procedural macros, and what they are made of: they write code, and none of theirs is in the wheel."""
    made_of = {"heck", "proc-macro2", "quote", "syn", "unicode-ident"}
    return crate in made_of or crate.endswith(("-macros", "-macros-backend", "-impl"))


def _sboms(archive: zipfile.ZipFile, names: Set[str], info: str) -> List[str]:
    listed = {component["name"] for component in _components(archive, names, info)}
    lacking = sorted({*LINKED, "pyo3", "zmq"} - listed)
    return [f"no SBOM lists {', '.join(lacking)}"] if lacking else []


def _components(archive: zipfile.ZipFile, names: Set[str], info: str) -> List[Any]:
    sboms = sorted(name for name in names if name.startswith(f"{info}/sboms/") and name.endswith(".json"))
    return [component for name in sboms for component in json.loads(archive.read(name))["components"]]


def _auditwheel(wheel: Path, target: Target) -> List[str]:
    """What auditwheel thinks of it: it knows the rules of manylinux, which allow more than ours."""
    command = [sys.executable, "-m", "auditwheel", "show", "--json", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        return [f"auditwheel cannot read it: {done.stdout.strip()} {done.stderr.strip()}"]
    policy = f"manylinux_{GLIBC[0]}_{GLIBC[1]}_{target.arch}"
    found = json.loads(done.stdout)["overall_tag"]
    return [] if found == policy else [f"auditwheel calls it {found}, not {policy}"]
