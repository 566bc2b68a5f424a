"""From a notebook's source to a notebook: everything that knows how our jupytext scripts are laid out.

The repository holds notebooks as Python scripts, which a person can review and a linter can read. This module reads them,
finds and fills their parameters, and builds the two copies that people open: the whole one and the students'.

    python -m tools.notebooks build      the .ipynb of each source, beside it
    python -m tools.notebooks student    copies without the solutions, in build/student
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any, Mapping

import jupytext
import nbformat

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
STUDENT = ROOT / "build" / "student"

# nbformat's own classes have no types; a notebook and a cell are dictionaries with attributes.
Notebook = Any
Cell = Any


def lecture_sources() -> list[Path]:
    """The lecture's notebooks in the order they are read."""
    return sorted(NOTEBOOKS.glob("*.py"))


def role_sources() -> list[Path]:
    """The notebooks that play one role each, made to run at the same time."""
    return sorted((NOTEBOOKS / "roles").glob("*.py"))


def read_source(source: Path) -> Notebook:
    """The notebook that a jupytext script describes."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        # jupytext draws ids at random; fixed ones make two builds of one source equal.
        cell["id"] = f"cell-{number:03}"
    return notebook


def has_tag(cell: Cell, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


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


def strip_solutions(notebook: Notebook) -> None:
    """Leave a student the space for a solution instead of the solution."""
    kept = []
    for cell in notebook.cells:
        if has_tag(cell, "solution"):
            if cell.cell_type != "code":
                continue
            cell.source = "# your solution"
            cell.metadata["tags"] = [tag for tag in cell.metadata["tags"] if tag != "solution"]
        kept.append(cell)
    notebook.cells = kept


def _fingerprint(notebook: Notebook) -> str:
    text = "\0".join(f"{cell.cell_type}\0{cell.source}" for cell in notebook.cells)
    return hashlib.sha256(text.encode()).hexdigest()


def write_notebook(notebook: Notebook, target: Path) -> bool:
    """Write `target` unless it has these cells already; True if written. Someone's own work in it is kept aside."""
    built = _fingerprint(notebook)
    notebook.metadata["brokerless"] = {"built": built}
    if target.exists():
        present = nbformat.read(target, as_version=4)
        built_before = present.metadata.get("brokerless", {}).get("built")
        if built_before == built:
            return False
        if built_before != _fingerprint(present):
            kept = _free_name(target)
            target.replace(kept)
            print(f"{target.name} had changes of your own: they are in {kept.name} now")
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    return True


def _free_name(target: Path) -> Path:
    number = 1
    while True:
        name = target.with_name(f"{target.stem}.yours-{number}.ipynb")
        if not name.exists():
            return name
        number += 1


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
        written += write_notebook(notebook, destination)
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
