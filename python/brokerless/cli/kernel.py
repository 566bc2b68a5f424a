"""`brokerless kernel`: `python -m brokerless.kernel`, as a command."""

from __future__ import annotations

from importlib import import_module
from typing import List

__all__ = ["main"]


def main(argv: List[str]) -> int:
    """Run the kernel's own program with these arguments; returns the exit code."""
    # Imported here, and by name: it needs Jupyter's packages, which no other command does.
    program = import_module("brokerless.kernel")
    status = program.main(argv)
    return 0 if status is None else int(status)
