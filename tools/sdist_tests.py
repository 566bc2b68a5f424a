"""Fetches the tests of another package, from its sdist, and keeps nothing else of it.

They are fetched by pip, as it is configured, and checked by their sha256.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import List


class SetupError(Exception):
    """The suite cannot be run here; the text says why."""


def fetch(package: str, version: str, sha256: str, settings: str, build: Path, python: str) -> Path:
    """Fetch a package's sdist into `build`, once, and unpack its tests; returns the folder that has them.

    `settings` is the file at its top that sets pytest up for them; `python` is the interpreter whose pip fetches.
    """
    name = f"{package}-{version}"
    folder, archive = build / name, build / f"{name}.tar.gz"
    if (folder / settings).exists():
        return folder
    if not archive.exists():
        print(f"Fetching the sdist of {package} {version}", flush=True)
        with tempfile.TemporaryDirectory(dir=build) as download:
            pinned = Path(download) / "pinned.txt"
            pinned.write_text(f"{package}=={version} --hash=sha256:{sha256}\n")
            command = [python, "-m", "pip", "download", "--quiet", "--no-deps", f"--no-binary={package}"]
            run([*command, "--require-hashes", f"--dest={download}", f"--requirement={pinned}"])
            (Path(download) / archive.name).rename(archive)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
        raise SetupError(f"{archive} is not the sdist of {package} {version}: its sha256 differs. Remove it.")
    # Only the tests: beside the package's own code, they would find it. Renamed when it is whole.
    with tempfile.TemporaryDirectory(dir=build) as unpacked:
        _unpack(archive, name, settings, Path(unpacked))
        shutil.rmtree(folder, ignore_errors=True)
        (Path(unpacked) / name).rename(folder)
    return folder


def _unpack(archive: Path, name: str, settings: str, target: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            wanted = member.name == f"{name}/{settings}" or member.name.startswith(f"{name}/tests/")
            content = tar.extractfile(member) if wanted and member.isfile() else None
            if content is not None:
                path = target / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())


def run(command: List[str]) -> None:
    """Run a command; SetupError names one that fails."""
    try:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        raise SetupError(f"`{' '.join(command)}` ended with {error.returncode}") from None
