"""Every notebook of the lecture runs from top to bottom, measures what it promises, and has the shape of a lesson."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tools.notebooks import NOTEBOOKS, has_tag, lecture_sources, read_source, role_sources
from tools.runner import run_notebook

SOURCES = lecture_sources()
LESSONS = [source for source in SOURCES if source.name[0].isdigit()]
each_source = pytest.mark.parametrize("source", [*SOURCES, *role_sources()], ids=lambda source: source.stem)
each_lesson = pytest.mark.parametrize("source", LESSONS, ids=lambda source: source.stem)

# What `make course` prints a row for.
SYSTEMS = {
    "01": "PAIR",
    "02": "REQ/REP",
    "03": "PUB/SUB",
    "04": "PUSH/PULL",
    "05": "Queue",
    "06": "Forwarder",
    "07": "Streamer",
    "08": "Polling",
    "10": "See it",
    "13": "CURVE",
}


def code(notebook: Any, *, solutions: bool) -> str:
    """The code of the cells, with or without the solutions, and without IPython's magics."""
    chosen = (
        cell.source for cell in notebook.cells if cell.cell_type == "code" and has_tag(cell, "solution") == solutions
    )
    return re.sub(r"^%.*$", "", "\n".join(chosen), flags=re.MULTILINE)


def markdown(notebook: Any) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@pytest.mark.notebook
@pytest.mark.timeout(150)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_it_runs(source: Path) -> None:
    before = set(os.listdir(NOTEBOOKS))
    run = run_notebook(source)
    assert run.ok, run.error
    assert set(os.listdir(NOTEBOOKS)) == before, "it leaves files behind"
    assert not [output for cell in run.notebook.cells for output in cell.get("outputs", []) if is_warning(output)]

    systems = [figures.system for figures in run.figures]
    expected = SYSTEMS.get(source.name[:2])
    assert expected is None or any(system.startswith(expected) for system in systems), systems
    for figures in run.figures:
        assert figures.messages > 0
        assert figures.seconds > 0


def is_warning(output: Any) -> bool:
    """Nothing in the course warns, and a traceback on stderr is a thread that died unheard."""
    return output.output_type == "stream" and output.name == "stderr"


@each_lesson
def test_it_is_a_lesson(source: Path) -> None:
    notebook = read_source(source)
    opening = notebook.cells[0].source
    for promise in ("**You will**", "**You will learn**", "**You need**"):
        assert promise in opening
    assert 200 <= len(source.read_text(encoding="utf-8").splitlines()) <= 400
    exercises = re.findall(r"^\*\*\d+\.", markdown(notebook).split("## Exercises")[1], re.MULTILINE)
    solutions = [cell for cell in notebook.cells if has_tag(cell, "solution")]
    assert 3 <= len(exercises) <= 5
    assert len(solutions) >= len(exercises)


@each_source
def test_it_says_which_kernel_runs_it(source: Path) -> None:
    metadata = read_source(source).metadata
    assert metadata["kernelspec"]["name"] == "python3"
    assert metadata["jupytext"]["text_representation"]["format_name"] == "percent"


@each_source
def test_its_pictures_and_links_are_there(source: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", markdown(read_source(source))):
        if "://" not in target:
            path = source.parent / target
            # Links go to the built notebooks; their sources are what is in the repository.
            assert (path.with_suffix(".py") if path.suffix == ".ipynb" else path).is_file(), target


@each_source
def test_it_asserts_what_it_claims(source: Path) -> None:
    assert "assert " in code(read_source(source), solutions=False)


@each_lesson
def test_nothing_depends_on_a_solution(source: Path) -> None:
    """A student's copy has empty cells for the solutions, and still runs."""
    notebook = read_source(source)
    rest = code(notebook, solutions=False)
    only_there = stored(code(notebook, solutions=True)) - stored(rest)
    assert not only_there & loaded(rest)


def stored(text: str) -> set[str]:
    names = {node.id for node in walk(text) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {node.name for node in walk(text) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return names | {
        alias.asname or alias.name
        for node in walk(text)
        for alias in getattr(node, "names", ())
        if isinstance(alias, ast.alias)
    }


def loaded(text: str) -> set[str]:
    return {node.id for node in walk(text) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def walk(text: str) -> list[ast.AST]:
    """The text's syntax; a notebook may await at its top level."""
    return list(ast.walk(compile(text, "cells", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)))
