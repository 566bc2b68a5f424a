"""The notebooks of this checkout: which they are, their parameters, and the two copies that are built of them.

The repository holds notebooks as Python scripts, which a person can review and a linter can read. `brokerless._notebooks`
reads and builds them; here are the whole copies and the students', and the parameters that a runner replaces.

    python -m tools.notebooks build      the .ipynb of each source, beside it
    python -m tools.notebooks student    copies without the solutions, in build/student
"""

from __future__ import annotations

import argparse
import ast
import shutil
import sys
from pathlib import Path
from typing import Any, Mapping

import nbformat

from brokerless._notebooks import (
    Written,
    free_name,
    has_tag,
    lessons,
    read_source,
    roles,
    strip_solutions,
    write_notebook,
)

__all__ = [
    "NOTEBOOKS",
    "ROOT",
    "build",
    "copy_images",
    "has_tag",
    "inject",
    "lecture_sources",
    "main",
    "parameters_of",
    "read_source",
    "role_sources",
    "strip_solutions",
    "write_newer",
]

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
STUDENT = ROOT / "build" / "student"

# nbformat's own classes have no types; a notebook is a dictionary with attributes.
Notebook = Any


def lecture_sources() -> list[Path]:
    """The lecture's notebooks in the order they are read."""
    return lessons(NOTEBOOKS)


def role_sources() -> list[Path]:
    """The notebooks that play one role each, made to run at the same time."""
    return roles(NOTEBOOKS)


def _parameters_cell(notebook: Notebook) -> int | None:
    for index, cell in enumerate(notebook.cells):
        if has_tag(cell, "parameters"):
            return index
    return None


def parameters_of(source: Path) -> dict[str, object]:
    """The names and defaults in the cell tagged `parameters`, read without running it."""
    notebook = read_source(source)
    index = _parameters_cell(notebook)
    found: dict[str, object] = {}
    if index is None:
        return found
    for statement in ast.parse(notebook.cells[index].source).body:
        if not isinstance(statement, ast.Assign):
            continue
        for target in statement.targets:
            if isinstance(target, ast.Name) and target.id.isupper():
                try:
                    found[target.id] = ast.literal_eval(statement.value)
                except ValueError:
                    raise ValueError(
                        f"{source.name}: the parameter {target.id} must be a literal; "
                        "put what follows from other parameters in a later cell"
                    ) from None
    return found


def inject(notebook: Notebook, parameters: Mapping[str, object]) -> None:
    """Add a cell with these values right after the one tagged `parameters`, so that they replace the defaults."""
    if not parameters:
        return
    index = _parameters_cell(notebook)
    if index is None:
        raise ValueError(f"no cell is tagged 'parameters', so there is no place for {', '.join(sorted(parameters))}")
    lines = ["# Set by the runner of this notebook"] + [f"{name} = {value!r}" for name, value in parameters.items()]
    cell = nbformat.v4.new_code_cell("\n".join(lines), id="injected-parameters")
    cell.metadata["tags"] = ["injected-parameters"]
    notebook.cells.insert(index + 1, cell)


def write_newer(notebook: Notebook, target: Path) -> bool:
    """Write `target` if the source has news; True if written. Someone's own work in it is kept aside."""
    written = write_notebook(notebook, target)
    if written is Written.KEPT:
        kept = free_name(target)
        written = write_notebook(notebook, target, replace=True)
        print(f"{target.name} had changes of your own: they are in {kept.name} now")
    return written in (Written.NEW, Written.UPDATED, Written.REPLACED)


def copy_images(target: Path) -> None:
    """Bring the pictures along, so that a built copy shows them where it lies."""
    images = NOTEBOOKS / "images"
    if images.is_dir():
        shutil.rmtree(target / "images", ignore_errors=True)
        shutil.copytree(images, target / "images")


def build(target: Path, *, student: bool) -> None:
    sources = lecture_sources() + role_sources()
    written = 0
    for source in sources:
        notebook = read_source(source)
        if student:
            strip_solutions(notebook)
        destination = target / source.relative_to(NOTEBOOKS).with_suffix(".ipynb")
        written += write_newer(notebook, destination)
    if student:
        copy_images(target)
    shown = target.relative_to(ROOT)
    print(f"{len(sources)} notebooks in {shown}/ ({written} new or changed)")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tools.notebooks", description="Build the notebooks from their sources.")
    parser.add_argument("what", choices=["build", "student"])
    what = parser.parse_args(arguments).what
    build(STUDENT if what == "student" else NOTEBOOKS, student=what == "student")
    return 0


if __name__ == "__main__":
    sys.exit(main())
