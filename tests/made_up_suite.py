"""Test suites that the tests of the compat tool make up."""

from __future__ import annotations

from pathlib import Path


def write_suite(root: Path, **files: str) -> Path:
    """Write a suite with these files, and pytest's configuration, into a folder; returns the folder."""
    (root / "tests").mkdir(parents=True, exist_ok=True)
    (root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    for name, text in files.items():
        (root / "tests" / f"{name}.py").write_text(text, encoding="utf-8")
    return root
