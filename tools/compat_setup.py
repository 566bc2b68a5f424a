"""What `make compat` needs, in build/compat: pyzmq's tests, and an environment without pyzmq to run them in.

Nothing of pyzmq is kept in the repository: its sdist is fetched by pip, as pip is configured, and checked by its sha256.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator

from tools.compat_suite import REQUIREMENTS, SHA256, VERSION

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "compat"

_SITE = """\
# Read by every interpreter that the tests start: there, pyzmq's name is brokerless's.
import brokerless

brokerless.install_as_zmq()
"""


class SetupError(Exception):
    """The suite cannot be run here; the text says why."""


def environment() -> str:
    """Make the environment for the suite, once for each version of Python, and return its interpreter."""
    folder = BUILD / "venv-{}.{}".format(*sys.version_info)
    python = str(folder / "bin" / "python")
    stamp = folder / "requirements.txt"
    wanted = "".join(f"{requirement}\n" for requirement in REQUIREMENTS)
    if not stamp.exists() or stamp.read_text() != wanted or subprocess.call([python, "-c", ""]) != 0:
        print(f"Making the environment {folder.relative_to(ROOT)} for pyzmq's tests", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        _run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS])
        stamp.write_text(wanted)
    # Isolated: what the environment itself has, and no more.
    question = "import importlib.util, sys; sys.exit(importlib.util.find_spec('zmq') is not None)"
    if subprocess.call([python, "-I", "-c", question]) != 0:
        raise SetupError(f"pyzmq is installed in {folder}: its tests would test itself. Remove that folder.")
    return python


def suite(python: str) -> Path:
    """Fetch pyzmq's sdist, once, and unpack its tests; returns the folder that has `tests` and `pytest.ini`."""
    name = f"pyzmq-{VERSION}"
    folder, archive = BUILD / name, BUILD / f"{name}.tar.gz"
    if (folder / "pytest.ini").exists():
        return folder
    if not archive.exists():
        print(f"Fetching the sdist of pyzmq {VERSION}", flush=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as download:
            pinned = Path(download) / "pinned.txt"
            pinned.write_text(f"pyzmq=={VERSION} --hash=sha256:{SHA256}\n")
            command = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=pyzmq", "--require-hashes"]
            _run([*command, f"--dest={download}", f"--requirement={pinned}"])
            (Path(download) / archive.name).rename(archive)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        raise SetupError(f"{archive} is not the sdist of pyzmq {VERSION}: its sha256 differs. Remove it.")
    # Only the tests: beside pyzmq's own code, they would find it. Renamed when it is whole.
    with tempfile.TemporaryDirectory(dir=BUILD) as unpacked:
        _unpack(archive, name, Path(unpacked))
        shutil.rmtree(folder, ignore_errors=True)
        (Path(unpacked) / name).rename(folder)
    return folder


def _unpack(archive: Path, name: str, target: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            wanted = member.name == f"{name}/pytest.ini" or member.name.startswith(f"{name}/tests/")
            content = tar.extractfile(member) if wanted and member.isfile() else None
            if content is not None:
                path = target / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())


@contextmanager
def site() -> Iterator[Dict[str, str]]:
    """The environment variables for interpreters that find brokerless, under both of its names, and our plugin."""
    found = importlib.util.find_spec("brokerless")
    if found is None or not found.submodule_search_locations:
        raise SetupError("brokerless is not built: run `make test` or `make compat`, which build it")
    with tempfile.TemporaryDirectory(prefix="compat-") as folder:
        # Links and nothing else: the folder where brokerless is may hold pyzmq too.
        Path(folder, "brokerless").symlink_to(Path(next(iter(found.submodule_search_locations))).resolve())
        Path(folder, "compat_plugin.py").symlink_to(Path(__file__).with_name("compat_plugin.py"))
        Path(folder, "sitecustomize.py").write_text(_SITE)
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
        yield {**variables, "PYTHONPATH": folder, "PYTHONNOUSERSITE": "1"}


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        raise SetupError(f"`{' '.join(command)}` ended with {error.returncode}") from None
