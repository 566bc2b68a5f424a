"""Debian packages unpacked into a folder: nothing is installed, and the system's own apt is left as it is.

An `AptRoot` is all that apt needs to know of one release of Debian for one architecture: where it downloads from, what is
"installed" there (nothing, or what we say), and its caches. So a package of another architecture, or of another release,
comes with all that it depends on, its signatures checked as ever, and no root rights are needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict, Iterable, List, Sequence

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_MIRROR = "http://deb.debian.org"

_SETTINGS = """\
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "0";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State "{root}/state";
Dir::State::status "{root}/status";
Dir::Cache "{root}/cache";
Dir::Etc::sourcelist "{root}/sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
"""


class DebianError(Exception):
    """Packages cannot be had; the text says why, and what would help."""


class AptRoot:
    """One release of Debian for one architecture, in a folder of its own.

    `provided` are packages that count as installed: what depends on them does not bring them. `security` is whether the
    release still has an archive of security updates; the packages of one that Debian supports no more are gone from there.
    """

    def __init__(
        self, folder: Path, suite: str, architecture: str, provided: Sequence[str] = (), *, security: bool = True
    ) -> None:
        self.root = folder.resolve()
        self.suite = suite
        self.architecture = architecture
        self._provided = provided
        self._archives = [f"debian {suite}"] + [f"debian-security {suite}-security"] * security

    def update(self) -> None:
        """Write the settings and fetch the lists of packages."""
        _check_programs()
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "sources").write_text(
            "".join(f"deb [signed-by={_KEYRING}] {_MIRROR}/{archive} main\n" for archive in self._archives)
        )
        (self.root / "status").write_text("".join(map(self._installed, self._provided)))
        (self.root / "apt.conf").write_text(_SETTINGS.format(architecture=self.architecture, root=self.root))
        self._apt("apt-get", "--quiet=2", "update")

    def versions(self, package: str) -> List[str]:
        """The versions of a package that can be downloaded, newest first."""
        lines = self._apt("apt-cache", "madison", package).splitlines()
        return [line.split("|")[1].strip() for line in lines if "Packages" in line]

    def fetch(self, *packages: str, dependencies: bool = True) -> List[Path]:
        """Download packages ("name" or "name=version"), with all that they depend on unless told otherwise.

        Returns the files. Those of an earlier call are gone.
        """
        folder = self.root / "cache" / "archives"
        for old in folder.glob("*.deb"):
            old.unlink()
        if dependencies:
            self._apt("apt-get", "--quiet=2", "--yes", "--download-only", "install", *packages)
        else:
            self._apt("apt-get", "--quiet=2", "download", *packages, cwd=folder)
        return sorted(folder.glob("*.deb"))

    def _installed(self, package: str) -> str:
        # gcc also stands for what Debian calls a C compiler and its headers.
        stands_for = "Provides: c-compiler, libc-dev\n" if package == "gcc" else ""
        return (
            f"Package: {package}\nStatus: install ok installed\nVersion: 999\nArchitecture: {self.architecture}\n"
            f"Maintainer: nobody\nDescription: provided\n{stands_for}\n"
        )

    def _apt(self, *command: str, cwd: Path | None = None) -> str:
        environment: Dict[str, str] = {**os.environ, "APT_CONFIG": str(self.root / "apt.conf"), "LC_ALL": "C"}
        done = subprocess.run(
            command, env=environment, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900
        )
        if done.returncode:
            what = f"`{' '.join(command)}` for {self.suite} on {self.architecture}"
            raise DebianError(f"{what} ended with {done.returncode}:\n{done.stderr.strip()}")
        return done.stdout


def unpack(packages: Iterable[Path], target: Path) -> None:
    """Unpack downloaded packages into a folder; none of their scripts runs."""
    target.mkdir(parents=True, exist_ok=True)
    for package in packages:
        subprocess.run(["dpkg-deb", "--extract", str(package), str(target)], check=True, timeout=300)


def _check_programs() -> None:
    lacking = [program for program in ("apt-get", "apt-cache", "dpkg-deb") if shutil.which(program) is None]
    if lacking:
        raise DebianError(f"no {', '.join(lacking)} here: this needs Debian, or Ubuntu, or anything with their apt")
    if not _KEYRING.exists():
        raise DebianError("the keys of Debian's archive are missing. With root: apt-get install debian-archive-keyring")
