"""Tries the sdist as a stranger would: pip builds and installs it, in a new environment, far from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, List

from tools.wheels.source import ROOT

_VARIABLES = ("CARGO_TARGET_DIR", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX")


class SdistError(Exception):
    """The sdist does not build, or what it builds does not work; the text has the command's own words."""


def try_out(sdist: Path, programs: Path) -> float:
    """Install the sdist in a fresh environment and run the smoke test there; returns the seconds that it took.

    `programs` is the folder of cargo and rustc; nothing that was built before is used.
    """
    started = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if name not in _VARIABLES}
    environment["PATH"] = os.pathsep.join([str(programs), environment["PATH"]])
    with tempfile.TemporaryDirectory(prefix="sdist-") as folder:
        environment["TMPDIR"] = folder
        _run([sys.executable, "-m", "venv", f"{folder}/venv"], folder, environment)
        python = f"{folder}/venv/bin/python"
        _run([python, "-m", "pip", "install", "--quiet", "--no-binary=brokerless", str(sdist)], folder, environment)
        smoke = Path(folder, "smoke.py")
        smoke.write_bytes((ROOT / "tools" / "smoke.py").read_bytes())
        _run([python, "-I", str(smoke)], folder, environment)
    return time.monotonic() - started


def _run(command: List[str], cwd: str, environment: Dict[str, str]) -> None:
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1800
    )
    if done.returncode:
        raise SdistError(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}".strip())
