"""Builds wheels with maturin and zig: zig has the headers and symbols of old C libraries, and a C++ runtime to link in.

So no container of an old distribution is needed, nor a compiler for another architecture. The Pythons need not be there
either: maturin knows what they are like.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

from tools.wheels.source import ROOT, digest, lay_out, maturin
from tools.wheels.targets import COMPATIBILITY, Target
from tools.wheels.toolchain import Toolchain


@dataclass(frozen=True)
class Built:
    """A wheel, for what, and how many seconds it took."""

    target: Target
    wheel: Path
    seconds: float


def build_arch(
    targets: Sequence[Target], toolchain: Toolchain, sdist: Path, folder: Path, out: Path
) -> Iterator[Built]:
    """Build the wheels of one architecture, in a folder of its own, into `out`; yields each as soon as it is there."""
    source = folder / "source"
    lay_out(sdist, source)
    environment = {**toolchain.environment(), "CARGO_TARGET_DIR": str(folder / "target")}
    locked = (source / "Cargo.lock").read_bytes()
    made_from = f"{toolchain.name}\n{digest(sdist)}\n"
    for target in targets:
        pyo3 = _pyo3(target)
        started = time.monotonic()
        # Cargo would compile it again: in one folder it knows one Python, the last.
        stamp = folder / f"{target.tag}.made-from"
        there = list(out.glob(pattern(target)))
        if len(there) == 1 and stamp.exists() and stamp.read_text() == made_from:
            yield Built(target, there[0], 0.0)
            continue
        try:
            if pyo3 is not None:
                update = ["cargo", "update", "--quiet", "pyo3", "--precise", pyo3]
                subprocess.run(update, cwd=source, env=environment, check=True, stdin=subprocess.DEVNULL)
            wheel = _build(target, source, out, environment)
        finally:
            (source / "Cargo.lock").write_bytes(locked)
        stamp.write_text(made_from)
        yield Built(target, wheel, time.monotonic() - started)


def _pyo3(target: Target) -> str | None:
    """The PyO3 that this Python needs, where the newest does not know it any more; the Makefile has its number."""
    if target.python != "3.8":
        return None
    match = re.search(r"^PYO3_FOR_PYTHON_38 := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    if match is None:
        raise LookupError("the Makefile does not say PYO3_FOR_PYTHON_38")
    return match.group(1)


def pattern(target: Target) -> str:
    """What the file of the target's wheel is called, whatever its version."""
    return f"brokerless-*-{target.tag}-{target.tag}-*_{target.arch}.whl"


def command_for(target: Target, out: Path) -> List[str]:
    """maturin's command for one wheel."""
    return [
        *(maturin(), "build", "--release", "--locked", "--zig"),
        *("--target", target.triple, "--compatibility", COMPATIBILITY),
        # Slower to pack by a second, no slower to unpack, and smaller by 80 kB.
        *("--compression-level", "9", "--interpreter", f"python{target.python}", "--out", str(out)),
    ]


def _build(target: Target, source: Path, out: Path, environment: Dict[str, str]) -> Path:
    """Build one wheel where no other can be mistaken for it, and move it to `out`."""
    fresh = out / f"fresh-{target.arch}"
    shutil.rmtree(fresh, ignore_errors=True)
    done = subprocess.run(
        command_for(target, fresh),
        cwd=source,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise RuntimeError(
            f"maturin could not build the wheel for {target} (exit {done.returncode}); its words are above"
        )
    (wheel,) = fresh.glob("*.whl")
    for old in out.glob(pattern(target)):
        old.unlink()
    final = out / wheel.name
    wheel.replace(final)
    fresh.rmdir()
    return final
