"""An aarch64 system in a folder: a Python, the C library of its time, and what is installed for it; qemu runs its programs.

qemu translates one program at a time and looks for files in the folder first. There is no chroot, nothing is registered with
the kernel, and no root rights are needed. The processor is a Cortex-A57, the original Nano's: an instruction that came later
ends the program. What such a program starts itself would have to be started by qemu again: it can have threads, not children.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence

from tools.debian import AptRoot, unpack
from tools.extras import requirements

PROCESSOR = "cortex-a57"


@dataclass(frozen=True)
class System:
    """A release of Debian: which Python it has, and the glibc, which wheels from PyPI may need."""

    suite: str
    python: str
    glibc: str

    def __str__(self) -> str:
        return f"CPython {self.python} on glibc {self.glibc} ({self.suite})"


# The first is as old as Debian still offers: a glibc like JetPack 5's. The second is Raspberry Pi OS.
SYSTEMS = (System("bullseye", "3.9", "2.31"), System("bookworm", "3.11", "2.36"))


class Board:
    """One system in `folder`, and the emulator that runs it."""

    def __init__(self, system: System, folder: Path, emulator: Path) -> None:
        self.system = system
        self.root = folder / system.suite
        self._apt = folder / f"apt-{system.suite}"
        self.packages = self.root / "opt" / "packages"
        self._emulator = emulator

    def prepare(self) -> None:
        """Unpack the system, and install the course's packages for it, unless that was done before."""
        wanted = "\n".join([self.system.python, *_course()])
        done = self.root / "complete"
        if done.exists() and done.read_text() == wanted:
            return
        shutil.rmtree(self.root, ignore_errors=True)
        # As it was released: what runs here is nobody's system, and bullseye's updates are gone.
        apt = AptRoot(self._apt, self.system.suite, "arm64", security=False)
        apt.update()
        unpack(apt.fetch(f"python{self.system.python}", "libc-bin"), self.root)
        self.install(_course())
        (self.root / "tmp").mkdir()
        done.write_text(wanted)

    def install(self, packages: Sequence[str], *more: str) -> None:
        """Install wheels as this system's own pip would choose them; uv knows what another Python and platform want."""
        command = [
            *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--target", str(self.packages)),
            *("--python-version", self.system.python, "--only-binary", ":all:"),
            *("--python-platform", f"aarch64-manylinux_{self.system.glibc.replace('.', '_')}"),
        ]
        run([*command, *more, *packages])

    def command(self, *arguments: str) -> List[str]:
        """The command that runs this system's Python with these arguments."""
        python = self.root / "usr" / "bin" / f"python{self.system.python}"
        return [str(self._emulator), "-cpu", PROCESSOR, "-L", str(self.root), str(python), *arguments]

    def environment(self) -> Dict[str, str]:
        """What the emulated program is to know: nothing of the environment that this runs in."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.root / "tmp"),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(self.packages),
        }


def _course() -> List[str]:
    return ["numpy", *(name for name in requirements(["course"]) if not name.startswith(("nbclient", "jupytext")))]


def fetch_emulator(folder: Path) -> Path:
    """qemu for this machine, from Debian, unless it is there."""
    program = folder / "qemu" / "usr" / "bin" / "qemu-aarch64-static"
    if not program.exists():
        apt = AptRoot(folder / "apt-qemu", "bookworm", "amd64")
        apt.update()
        unpack(apt.fetch("qemu-user-static", dependencies=False), folder / "qemu")
    return program


def run(command: Sequence[str], timeout: float = 600, **more: Dict[str, str]) -> str:
    """Run a command and return what it printed; RuntimeError has its words if it fails."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        env=more.get("env"),
    )
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout.strip()}")
    return done.stdout
