"""`brokerless course`: the notebooks of the course in a folder of one's own, and JupyterLab on them."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import List, Tuple

from ._options import Options, parser
from ._shell import Failure

__all__ = ["SOURCES", "main"]

#: Where the package has the notebooks' sources, which are Python scripts.
SOURCES = Path(__file__).resolve().parent.parent / "notebooks"

_DESCRIPTION = """\
Copy the course's notebooks into a folder, and open JupyterLab there.

What you have changed in that folder stays as it is: run the command again after an upgrade, and it brings what is new."""
_EPILOG = """\
examples:
  brokerless course
  brokerless course ~/messaging --no-lab
  brokerless course -- --port 8889          what follows -- goes to JupyterLab

It needs JupyterLab and jupytext: pip install 'brokerless[course,lab]'"""


def _options(argv: List[str]) -> Tuple[Options, List[str]]:
    at = argv.index("--") if "--" in argv else len(argv)
    options = parser("course", _DESCRIPTION, _EPILOG)
    options.add_argument(
        "folder", metavar="DIR", nargs="?", type=Path, default=Path("brokerless-course"), help="default: %(default)s"
    )
    options.add_argument("--no-lab", action="store_true", help="only copy")
    options.add_argument(
        "--no-browser", action="store_true", help="start JupyterLab, but no browser: it prints its address"
    )
    options.add_argument("--no-solutions", action="store_true", help="leave out the solutions of the exercises")
    options.add_argument(
        "--force", action="store_true", help="fresh copies of all; what you have changed is kept as NAME.yours-1"
    )
    chosen, to_lab = options.parse_args(argv[:at]), argv[at + 1 :]
    if chosen.no_lab and (to_lab or chosen.no_browser):
        options.error("with --no-lab nothing is started that arguments could go to")
    return chosen, to_lab


def main(argv: List[str]) -> int:
    """Copy the course, and become JupyterLab unless the arguments say not to; returns the exit code."""
    options, to_lab = _options(argv)
    for needed in ("jupytext", "nbformat"):
        if find_spec(needed) is None:
            raise Failure(f"{needed}, which the notebooks are made with, is missing: {_install(options)}")
    # Here, for it imports what was just looked for.
    from ._copies import Copying

    folder: Path = options.folder
    Copying(SOURCES, folder, solutions=not options.no_solutions, force=options.force).run()
    if options.no_lab:
        return 0
    if find_spec("jupyterlab") is None:
        raise Failure(f"the notebooks are there, but JupyterLab is missing: {_install(options)}")
    _become_jupyterlab(folder, options, to_lab)
    return 0


def _install(options: Options) -> str:
    extras = "course" if options.no_lab else "course,lab"
    return f"{sys.executable} -m pip install 'brokerless[{extras}]'"


def _become_jupyterlab(folder: Path, options: Options, to_lab: List[str]) -> None:
    """Go on as JupyterLab in this very process, so that Ctrl-C and the exit code are its own."""
    command = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder.resolve()}"]
    if options.no_browser:
        command.append("--no-browser")
    sys.stdout.flush()
    os.execv(command[0], command + to_lab)
