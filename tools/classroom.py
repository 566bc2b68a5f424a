"""Makes a folder that a class installs from without internet: brokerless, the course, JupyterLab, and all that they need.

    python -m tools.classroom jetpack6              # into build/classroom/jetpack6
    python -m tools.classroom x86_64 3.11           # for any other machine: architecture, Python, and glibc (2.17)
    python -m tools.classroom aarch64 3.13 2.41

In it: the wheels, `requirements.txt` with the exact versions, `SHA256SUMS`, and `install.sh`, which checks and installs them. It
ends with a proof: all of it is installed once more, from that folder alone.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import List, Sequence

from tools.wheels.source import ROOT
from tools.wheels.targets import GLIBC, Target, all_targets

WHEELS = ROOT / "build" / "wheels"
OUT = ROOT / "build" / "classroom"


@dataclass(frozen=True)
class Machine:
    """What the machines of a class have in common."""

    name: str
    arch: str
    python: str
    glibc: str

    @property
    def platforms(self) -> List[str]:
        """The tags of wheels that these machines can use, best first."""
        minors = range(int(self.glibc.partition(".")[2]), GLIBC[1] - 1, -1)
        return [*(f"manylinux_2_{minor}_{self.arch}" for minor in minors), f"manylinux2014_{self.arch}"]


KNOWN = {
    machine.name: machine
    for machine in (
        Machine("jetpack5", "aarch64", "3.8", "2.31"),
        Machine("jetpack6", "aarch64", "3.10", "2.35"),
        Machine("jetpack7", "aarch64", "3.12", "2.39"),
        Machine("pios12", "aarch64", "3.11", "2.36"),
        Machine("pios13", "aarch64", "3.13", "2.41"),
    )
}

_INSTALL = """\
#!/bin/sh
# Installs the course from this folder, without a network: sh install.sh [FOLDER FOR IT]
# Needs {python} and nothing else; pip comes from here, since the system's may be missing, or too old for these wheels.
set -eu
cd "$(dirname "$0")"
target=${{1:-$HOME/brokerless}}
sha256sum --check --quiet SHA256SUMS
{python} -m venv --without-pip "$target"
"$target/bin/python" wheels/{pip}/pip install --quiet --no-index --find-links wheels pip --requirement requirements.txt
echo "Done. Start it with: $target/bin/brokerless course"
"""


class BundleError(Exception):
    """The folder cannot be made; the text says what would help."""


def machine_of(words: Sequence[str]) -> Machine:
    """The machine that a name, or an architecture with a Python and perhaps a glibc, means."""
    if len(words) == 1 and words[0] in KNOWN:
        return KNOWN[words[0]]
    if len(words) in (2, 3) and Target(words[0], words[1]) in all_targets():
        glibc = words[2] if len(words) == 3 else ".".join(map(str, GLIBC))
        return Machine("-".join(words), words[0], words[1], glibc)
    raise BundleError(f"say one of {', '.join(KNOWN)}, or an architecture and a Python, such as x86_64 3.11")


def make(machine: Machine) -> Path:
    """Fill the machine's folder; returns it."""
    target = Target(machine.arch, machine.python)
    own = sorted(WHEELS.glob(f"brokerless-*-{target.tag}-{target.tag}-*_{target.arch}.whl"))
    if not own:
        raise BundleError(f'there is no wheel for it yet: run `make wheels ONLY="{target}"` first')
    folder = OUT / machine.name
    shutil.rmtree(folder, ignore_errors=True)
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    shutil.copy(own[-1], wheels)
    pinned = folder / "requirements.txt"
    pinned.write_text(_resolve(machine, wheels))
    _pip("download", "--dest", str(wheels), *_source(wheels), "--requirement", str(pinned), "pip", machine=machine)
    (pip,) = wheels.glob("pip-*.whl")
    install = folder / "install.sh"
    install.write_text(_INSTALL.format(python=f"python{machine.python}", pip=pip.name))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files)
    (folder / "SHA256SUMS").write_text("".join(sums))
    return folder


def _source(wheels: Path) -> List[str]:
    return ["--find-links", str(wheels)]


def _resolve(machine: Machine, wheels: Path) -> str:
    """The exact versions for that Python and platform: uv reads conditions as that machine would, pip as this one."""
    command = [
        *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--no-header", "--no-annotate", "-"),
        *("--python-version", machine.python, "--only-binary", ":all:", *_source(wheels)),
        *("--python-platform", f"{machine.arch}-manylinux_{machine.glibc.replace('.', '_')}"),
    ]
    return _run(command, "brokerless[course,lab,numpy]\n")


def prove(machine: Machine, folder: Path) -> str:
    """Install all of it from the folder alone: with its own script where that runs, else laid out by pip for the machine."""
    with tempfile.TemporaryDirectory(prefix="classroom-") as target:
        python = shutil.which(f"python{machine.python}")
        if machine.arch == platform.machine() and python:
            _run(["sh", str(folder / "install.sh"), f"{target}/course"])
            _run([f"{target}/course/bin/python", str(ROOT / "tools" / "smoke.py")])
            _run([f"{target}/course/bin/jupyter", "lab", "--version"])
            return "installed by its script, without a network, and tried"
        requirements = ("--requirement", str(folder / "requirements.txt"))
        _pip("install", "--no-index", "--target", target, *_source(folder / "wheels"), *requirements, machine=machine)
        return "every requirement was installed for that machine from the folder alone, on this one"


def _pip(command: str, *arguments: str, machine: Machine) -> None:
    platforms = [word for name in machine.platforms for word in ("--platform", name)]
    python = ["--python-version", machine.python, "--implementation", "cp", "--only-binary", ":all:", "--no-deps"]
    _run([sys.executable, "-m", "pip", command, "--quiet", *python, *platforms, *arguments])


def _run(command: Sequence[str], text: str = "") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=1800)
    if done.returncode:
        raise BundleError(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}".strip())
    return done.stdout


def main(words: Sequence[str]) -> int:
    try:
        machine = machine_of(words)
        folder = make(machine)
        proof = prove(machine, folder)
    except BundleError as error:
        print(f"make classroom-bundle: {error}", file=sys.stderr)
        return 1
    wheels = list((folder / "wheels").iterdir())
    size = sum(path.stat().st_size for path in wheels) / 1e6
    print(f"{folder.relative_to(ROOT)}: {len(wheels)} wheels, {size:.0f} MB; {proof}")
    print(f"On each machine: sh {folder.name}/install.sh")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
