"""What `make compat` needs, in build/compat: pyzmq's tests, and an environment without pyzmq to run them in.

Nothing of pyzmq is kept in the repository: its sdist is fetched by pip, as pip is configured, and checked by its sha256.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator

from tools.compat_suite import REQUIREMENTS, SHA256, VERSION
from tools.sdist_tests import SetupError, fetch, run

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "compat"

_SITE = """\
# Read by every interpreter that the tests start: there, pyzmq's name is brokerless's.
import brokerless

brokerless.install_as_zmq()
"""


def environment() -> str:
    """Make the environment for the suite, once for each version of Python, and return its interpreter."""
    folder = BUILD / "venv-{}.{}".format(*sys.version_info)
    python = str(folder / "bin" / "python")
    stamp = folder / "requirements.txt"
    wanted = "".join(f"{requirement}\n" for requirement in REQUIREMENTS)
    if not stamp.exists() or stamp.read_text() != wanted or subprocess.call([python, "-c", ""]) != 0:
        print(f"Making the environment {folder.relative_to(ROOT)} for pyzmq's tests", flush=True)
        run([sys.executable, "-m", "venv", "--clear", str(folder)])
        run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS])
        stamp.write_text(wanted)
    # Isolated: what the environment itself has, and no more.
    question = "import importlib.util, sys; sys.exit(importlib.util.find_spec('zmq') is not None)"
    if subprocess.call([python, "-I", "-c", question]) != 0:
        raise SetupError(f"pyzmq is installed in {folder}: its tests would test itself. Remove that folder.")
    return python


def suite(python: str) -> Path:
    """Fetch pyzmq's tests, once; returns the folder that has `tests` and `pytest.ini`."""
    return fetch("pyzmq", VERSION, SHA256, "pytest.ini", BUILD, python)


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
