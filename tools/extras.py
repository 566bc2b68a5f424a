"""Prints what an extra of the package asks for, one requirement a line, so that pip can install that without the package.

    python -m tools.extras course wheels

The lists themselves are in pyproject.toml alone. Building the package first, only to have its extras, takes minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Dict, List

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # maturin brings it, where Python has none

ROOT = Path(__file__).resolve().parent.parent


def settings() -> Dict[str, Any]:
    """pyproject.toml as it is."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def requirements(extras: List[str]) -> List[str]:
    """What these extras ask for; KeyError names an extra that there is not."""
    known = settings()["project"]["optional-dependencies"]
    return sorted({requirement for extra in extras for requirement in known[extra]})


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
