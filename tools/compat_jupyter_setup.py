"""What `make compat-jupyter` needs, in build/compat-jupyter: Jupyter's test suites, and environments to run them in.

One environment has no pyzmq; in the other, which only `--reference` needs, pyzmq shows what the suites come to with it. The
suites are fetched by pip, as it is configured, and checked by their sha256; nothing of them is kept in the repository.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from tools import compat_setup, sdist_tests
from tools.compat_setup import ROOT
from tools.sdist_tests import SetupError

BUILD = ROOT / "build" / "compat-jupyter"


@dataclass(frozen=True)
class Suite:
    """A package's own tests."""

    package: str
    version: str
    sha256: str
    #: What its pytest needs to be told: the first has tests of pytest-asyncio's, the second must not meet that.
    options: str

    @property
    def folder(self) -> Path:
        return BUILD / f"{self.package}-{self.version}"

    def files(self) -> List[Path]:
        """The files with tests."""
        return sorted((self.folder / "tests").rglob("test_*.py"))


SUITES = (
    Suite(
        "ipykernel",
        "7.4.0",
        "4330114d22b9b33575b2c7c68753fc8faabbbcfbc60b0cdff9f14dd4ce63742f",
        "-o asyncio_default_fixture_loop_scope=function",
    ),
    Suite(
        "jupyter_client",
        "8.10.0",
        "9f7116294dca55f1785be880057d44544db9b1567718d92cb33c58886afb9497",
        "-p no:asyncio",
    ),
)

#: What the suites test and import. pytest-cov: a test of ipykernel's asks for its option.
REQUIREMENTS = (
    *(f"{suite.package}=={suite.version}" for suite in SUITES),
    "anyio",
    "flaky",
    "ipyparallel",
    "ipywidgets",
    "jupyterlab>=4",
    "matplotlib",
    "msgpack",
    "psutil",
    "pytest>=7,<10",
    "pytest-asyncio>=0.23.5",
    "pytest-cov",
    "pytest-jupyter[client]>=0.6.2",
    "pytest-timeout",
    "trio",
)


def environment(pyzmq: bool) -> str:
    """Make the environment with pyzmq or the one without, once for each version of Python, and return its interpreter."""
    if sys.version_info < (3, 11):
        raise SetupError(f"ipykernel {SUITES[0].version} and its tests are for Python 3.11 and newer")
    folder = BUILD / "venv-{}{}.{}".format("pyzmq-" if pyzmq else "", *sys.version_info)
    python, stamp = str(folder / "bin" / "python"), folder / "requirements.txt"
    wanted = "".join(f"{requirement}\n" for requirement in REQUIREMENTS)
    if not stamp.exists() or stamp.read_text() != wanted or subprocess.call([python, "-c", ""]) != 0:
        print(f"Making the environment {folder.relative_to(ROOT)} for Jupyter's tests", flush=True)
        sdist_tests.run([sys.executable, "-m", "venv", "--clear", str(folder)])
        sdist_tests.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS])
        if not pyzmq:
            sdist_tests.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "pyzmq"])
        stamp.write_text(wanted)
    # Isolated: what the environment itself has, and no more.
    question = f"import importlib.util, sys; sys.exit((importlib.util.find_spec('zmq') is None) is {pyzmq})"
    if subprocess.call([python, "-I", "-c", question]) != 0:
        raise SetupError(f"{folder} {'lacks' if pyzmq else 'has'} pyzmq. Remove that folder.")
    return python


def fetch(suite: Suite, python: str) -> None:
    """Fetch a suite, once."""
    sdist_tests.fetch(suite.package, suite.version, suite.sha256, "pyproject.toml", BUILD, python)


@contextmanager
def variables(pyzmq: bool) -> Iterator[Dict[str, str]]:
    """The environment variables of the suites' processes: brokerless as zmq unless pyzmq is wanted, and a home of its own."""
    with compat_setup.site() as found, tempfile.TemporaryDirectory(prefix="compat-") as home:
        if pyzmq:
            Path(found["PYTHONPATH"], "sitecustomize.py").unlink()
            found["BROKERLESS_COMPAT_REFERENCE"] = "1"
        yield {**_plain(found), "HOME": home}


@contextmanager
def lab_variables() -> Iterator[Tuple[Dict[str, str], Path]]:
    """The same for the check of JupyterLab, where `zmq` is what the program started makes it; and a folder for its files."""
    spec = importlib.util.find_spec("brokerless")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError("brokerless is not built: run `make compat-jupyter`, which builds it")
    with tempfile.TemporaryDirectory(prefix="compat-") as folder:
        path, home = Path(folder, "path"), Path(folder, "home")
        path.mkdir()
        home.mkdir()
        (path / "brokerless").symlink_to(Path(next(iter(spec.submodule_search_locations))).resolve())
        yield {**_plain(dict(os.environ)), "PYTHONPATH": str(path), "PYTHONNOUSERSITE": "1", "HOME": str(home)}, home


def _plain(found: Dict[str, str]) -> Dict[str, str]:
    """Without what would lead Jupyter or Python to files of this user, and CI, where ipykernel's suite skips what passes here."""
    kept = ("PYTHONPATH", "PYTHONNOUSERSITE")
    ours = ("JUPYTER", "IPYTHON", "PYTHON", "PYTEST", "XDG_", "DISPLAY", "WAYLAND_")
    return {name: value for name, value in found.items() if name in kept or not (name == "CI" or name.startswith(ours))}
