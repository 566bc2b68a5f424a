"""From a notebook's source to a notebook that people open, and how their own work in one is kept.

The course's notebooks are Python scripts in jupytext's percent format, which a person can review. `brokerless course` and
the project's own commands build notebooks of them with what is here. It needs jupytext and nbformat.
"""

from __future__ import annotations

import hashlib
import json
from enum import Enum
from pathlib import Path
from typing import Any, List

import jupytext
import nbformat

__all__ = ["Written", "free_name", "has_tag", "lessons", "read_source", "roles", "strip_solutions", "write_notebook"]

# nbformat's own classes have no types; a notebook and a cell are dictionaries with attributes.
Notebook = Any
Cell = Any


def lessons(folder: Path) -> List[Path]:
    """The sources of the lecture's notebooks in a folder, in the order they are read."""
    return sorted(folder.glob("*.py"))


def roles(folder: Path) -> List[Path]:
    """The sources of the notebooks that play one role each, made to run at the same time."""
    return sorted((folder / "roles").glob("*.py"))


def read_source(source: Path) -> Notebook:
    """The notebook that a jupytext script describes."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        # jupytext draws ids at random; fixed ones make two builds of one source equal.
        cell["id"] = f"cell-{number:03}"
    return notebook


def has_tag(cell: Cell, tag: str) -> bool:
    """Whether a cell has this tag."""
    return tag in cell.metadata.get("tags", [])


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


class Written(Enum):
    """What write_notebook() did."""

    #: It was not there.
    NEW = "new"
    #: It was there as it had been built from an older source.
    UPDATED = "updated"
    #: It was built from this source: nothing was to be done.
    SAME = "same"
    #: The same, and somebody has worked in it since: it is as it was.
    YOURS = "yours"
    #: Somebody has worked in it, and the source has news: it is as it was.
    KEPT = "kept"
    #: Somebody has worked in it: their copy has another name now, and this is the new one.
    REPLACED = "replaced"


def write_notebook(notebook: Notebook, target: Path, *, replace: bool = False) -> Written:
    """Write `target` unless it was built of these cells before.

    What somebody has changed in it is never lost: it is left alone or, with `replace`, kept beside the new one, as
    NAME.yours-1.ipynb. Outputs are no change.
    """
    built = _fingerprint(notebook)
    notebook.metadata["brokerless"] = {"built": built}
    written = _what_to_do(target, built)
    if written is Written.SAME:
        return written
    if written in (Written.YOURS, Written.KEPT):
        if not replace:
            return written
        target.replace(free_name(target))
        written = Written.REPLACED
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    return written


def _what_to_do(target: Path, built: str) -> Written:
    if not target.exists():
        return Written.NEW
    try:
        # As it is: nbformat would make it a notebook of today, and what somebody has spoilt breaks that in many ways.
        present = nbformat.from_dict(json.loads(target.read_text(encoding="utf8")))
        built_before = present.metadata.get("brokerless", {}).get("built")
        now = _fingerprint(present)
    except (AttributeError, KeyError, TypeError, ValueError):
        # Whatever it is, it is not what was built.
        return Written.KEPT
    if built_before == now:
        return Written.SAME if built_before == built else Written.UPDATED
    return Written.YOURS if built_before == built else Written.KEPT


def _fingerprint(notebook: Notebook) -> str:
    # In a file, a source may be a list of lines.
    text = "\0".join(f"{cell.cell_type}\0{''.join(cell.source)}" for cell in notebook.cells)
    return hashlib.sha256(text.encode()).hexdigest()


def free_name(target: Path) -> Path:
    """A name beside `target` that nothing has, for somebody's own copy of it: NAME.yours-1, NAME.yours-2..."""
    number = 1
    while True:
        name = target.with_name(f"{target.stem}.yours-{number}{target.suffix}")
        if not name.exists():
            return name
        number += 1
