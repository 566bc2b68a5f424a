"""A Jupyter kernel whose own messages run on brokerless: ipykernel, for which `import zmq` gives brokerless.

    python -m brokerless.kernel install      # adds "Python 3 (brokerless)" to Jupyter's kernels

Everything else is ipykernel's own. In its notebooks, too, `zmq` is brokerless: `import zmq` and `import brokerless` give the
same modules, whether pyzmq is installed or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Optional

if TYPE_CHECKING:
    from ._install import KernelError, install, installed, uninstall

__all__ = ["KernelError", "install", "installed", "main", "uninstall"]


def main(arguments: Optional[List[str]] = None) -> int:
    """Do what these arguments say, by default those of the command line; returns the exit code.

    "install", "uninstall" and "list" see to Jupyter's list of kernels; options alone, such as -f CONNECTION_FILE, are
    ipykernel's, and this process is the kernel until that is shut down. 0 is success, 1 a failure that one line on standard
    error explains; what was not understood is SystemExit(2).
    """
    from ._command import run

    return run(arguments)


def __getattr__(name: str) -> object:
    # Not before they are asked for: a kernel starts without them, and without a look at modules of the working folder.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import _install

    found: object = getattr(_install, name)
    globals()[name] = found
    return found
