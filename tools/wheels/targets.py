"""Which wheels there are: one for each CPython that pyproject.toml names, on each architecture.

Not one for all Pythons (abi3): lending the memory of an array needs the buffer protocol, which the stable ABI has from 3.11 on
only, and JetPack 6 comes with 3.10.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Sequence

from tools.extras import settings

# The C library of CentOS 7 and everything since; pip 20.0.2 of Ubuntu 20.04 knows manylinux2014 and nothing newer.
COMPATIBILITY = "manylinux2014"
GLIBC = (2, 17)

DEBIAN_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Target:
    """One wheel that is to be: for a version of Python ("3.10") on an architecture ("aarch64")."""

    arch: str
    python: str

    @property
    def tag(self) -> str:
        return "cp" + self.python.replace(".", "")

    @property
    def triple(self) -> str:
        """What Rust calls the platform."""
        return f"{self.arch}-unknown-linux-gnu"

    @property
    def debian(self) -> str:
        """What Debian calls the architecture."""
        return DEBIAN_NAMES[self.arch]

    def __str__(self) -> str:
        return f"{self.arch} {self.tag}"


def pythons() -> List[str]:
    """The versions that the package says it supports, oldest first."""
    classifiers = settings()["project"]["classifiers"]
    found = (re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in classifiers)
    return sorted((match.group(1) for match in found if match), key=lambda version: int(version[2:]))


def all_targets() -> List[Target]:
    return [Target(arch, python) for arch in DEBIAN_NAMES for python in pythons()]


def wanted(only: Sequence[str]) -> List[Target]:
    """The targets that words like "aarch64" and "cp310" leave: any of the architectures, any of the Pythons.

    Without words it is all of them; ValueError names a word that means none.
    """
    targets = all_targets()
    archs, tags = {target.arch for target in targets}, {target.tag for target in targets}
    unknown = [word for word in only if word not in archs | tags]
    if unknown:
        known = " ".join([*sorted(archs), *dict.fromkeys(target.tag for target in targets)])
        raise ValueError(f"no wheel is called {' '.join(unknown)}; there are: {known}")
    archs, tags = archs & set(only) or archs, tags & set(only) or tags
    return [target for target in targets if target.arch in archs and target.tag in tags]
