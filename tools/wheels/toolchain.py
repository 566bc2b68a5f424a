"""Finds a Rust that compiles for what is wanted: the one in the PATH if it can, else Debian's, unpacked into build/.

Debian has a second compiler beside its old one, kept new for its browsers (rustc-web), and the standard library for each
architecture as a package. Compiler and library must be of the very same version, and come from the same release of Debian.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence

from tools.debian import AptRoot, DebianError, unpack
from tools.wheels.targets import Target

SUITE = "bookworm"
VERSION = "1.96.0+dfsg1-1~deb12u2"

_TRIPLET = "x86_64-linux-gnu"
# The C library of this machine serves, and so do its compiler and linker, which build scripts are linked with.
_PROVIDED = ("libc6", "gcc", "binutils")


@dataclass(frozen=True)
class Toolchain:
    """A cargo and a rustc: what they are, for the log, and the folder of their programs."""

    name: str
    programs: Path

    def environment(self) -> Dict[str, str]:
        """The environment to build in: these programs come first in the PATH, then those of the Python that runs this."""
        first = [str(self.programs), str(Path(sys.executable).parent)]
        return {**os.environ, "PATH": os.pathsep.join([*first, os.environ["PATH"]])}


def find(targets: Sequence[Target], folder: Path) -> Dict[str, Toolchain]:
    """A toolchain for each architecture; what is downloaded stays in `folder`. DebianError says why there is none."""
    found: Dict[str, Toolchain] = {}
    rustc = shutil.which("rustc")
    if rustc and shutil.which("cargo"):
        version = subprocess.run([rustc, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        ready = Toolchain(f"{version}, from the PATH", Path(rustc).parent)
        found = {target.arch: ready for target in targets if _has_library(rustc, target.triple)}
    lacking = [target for target in targets if target.arch not in found]
    if lacking:
        debians = _from_debian(sorted({target.debian for target in lacking}), folder)
        found.update((target.arch, debians) for target in lacking)
    return found


def _has_library(rustc: str, triple: str) -> bool:
    question = [rustc, "--print", "target-libdir", "--target", triple]
    done = subprocess.run(question, capture_output=True, text=True)
    return done.returncode == 0 and any(Path(done.stdout.strip()).glob("libstd-*.rlib"))


def newest_common(offers: Sequence[Sequence[str]], pinned: str) -> str:
    """The pinned version if all offer it, else the first of the first's that all the others offer, too."""
    common = [version for version in offers[0] if all(version in offer for offer in offers[1:])]
    if not common:
        raise DebianError(f"no version of rustc-web is there for all architectures: {offers}")
    return pinned if pinned in common else common[0]


def with_source(folder: Path) -> Toolchain:
    """Debian's Rust, with the source of its standard library: for who compiles that, too."""
    return _from_debian([], folder, ["rust-web-src"])


def _from_debian(architectures: Sequence[str], folder: Path, also: Sequence[str] = ()) -> Toolchain:
    if platform.machine() != "x86_64":
        wanted = " and ".join(architectures) or "this"
        raise DebianError(
            f"no Rust for {wanted} in the PATH; with rustup: rustup target add ..., component add rust-src"
        )
    host = AptRoot(folder / "apt-amd64", SUITE, "amd64", _PROVIDED)
    others = [AptRoot(folder / f"apt-{name}", SUITE, name) for name in architectures if name != "amd64"]
    done = folder / "rust" / "complete"
    if not (done.exists() and set(architectures) <= set(done.read_text().split()[1:])):
        print(f"Fetching Rust for {' and '.join(architectures or ['amd64'])} from Debian, into {folder}", flush=True)
        for root in (host, *others):
            root.update()
        version = newest_common(
            [host.versions("rustc-web"), *(root.versions("libstd-rust-web-dev") for root in others)], VERSION
        )
        if version != VERSION:
            print(f"Debian has no rustc-web {VERSION} any more: this is {version}", flush=True)
        shutil.rmtree(folder / "rust", ignore_errors=True)
        unpack(_packages(host, others, version, also), folder / "rust")
        _write_programs(folder / "rust")
        done.write_text(" ".join([version, "amd64", *architectures]))
    return Toolchain(f"rustc {done.read_text().split()[0]}, Debian's", folder / "rust" / "programs")


def _packages(host: AptRoot, others: Sequence[AptRoot], version: str, also: Sequence[str]) -> List[Path]:
    # Each by its version: apt would take the newest of those that another depends on.
    found = host.fetch(*(f"{name}={version}" for name in ("rustc-web", "cargo-web", "libstd-rust-web-dev", *also)))
    for root in others:
        found += root.fetch(f"libstd-rust-web-dev={version}", dependencies=False)
    return found


def _write_programs(rust: Path) -> None:
    """cargo and rustc that find their libraries, and that leave everybody else's alone."""
    (rust / "programs").mkdir()
    for name in ("cargo", "rustc", "rustdoc"):
        program = rust / "programs" / name
        libraries = rust / "usr" / "lib" / _TRIPLET
        program.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH="{libraries}" exec "{rust}/usr/bin/{name}" "$@"\n')
        program.chmod(0o755)
