"""`python -m brokerless.kernel`: what Jupyter starts, and what installs it."""

from __future__ import annotations

import os
import sys

from brokerless.kernel import main


def _without_working_folder() -> None:
    """Take the working folder, which `python -m` has put in front, off the path; IPython puts it back for the notebook."""
    if sys.path and os.path.realpath(sys.path[0] or os.curdir) == os.path.realpath(os.curdir):
        del sys.path[0]


if __name__ == "__main__":
    # Before anything else is imported: a notebook's folder may have files with the names of modules that a kernel needs.
    _without_working_folder()
    sys.exit(main())
