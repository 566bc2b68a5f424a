"""Lays out what wheels are built from: the sdist, unpacked into build/, so that no wheel has what the sdist lacks.

All wheels are built in this one copy. Cargo knows a crate by where it is: the Python that needs another PyO3 gets another
Cargo.lock here, the checkout's stays as it is, and libzmq and libsodium are compiled once for each architecture.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Mapping

ROOT = Path(__file__).resolve().parent.parent.parent


def maturin() -> str:
    """The maturin of the environment that runs this."""
    return str(Path(sys.executable).with_name("maturin"))


def make_sdist(out: Path, environment: Mapping[str, str]) -> Path:
    """Build the sdist of the checkout into `out`; returns the file."""
    for old in out.glob("brokerless-*.tar.gz"):
        old.unlink()
    command = [maturin(), "sdist", "--out", str(out)]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"maturin could not build the sdist (exit {done.returncode}):\n{done.stdout}{done.stderr}")
    return next(out.glob("brokerless-*.tar.gz"))


def lay_out(sdist: Path, folder: Path) -> None:
    """Make `folder` hold what the sdist holds, and nothing else.

    A file that is as it should be is left alone: cargo asks for dates, and those in an sdist do not tell a change.
    """
    wanted = set()
    with tarfile.open(sdist) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            path = folder.joinpath(*Path(member.name).parts[1:])
            wanted.add(path)
            new = content.read()
            if not (path.is_file() and path.read_bytes() == new):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(new)
    for path in folder.rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()
