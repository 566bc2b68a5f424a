"""brokerless course: the notebooks in a folder of one's own, in which one's own work is safe, and JupyterLab on them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import nbformat
import pytest

from brokerless.cli import main
from brokerless.cli._copies import Copying
from brokerless.cli._shell import Failure
from brokerless.cli.course import SOURCES

ROOT = Path(__file__).resolve().parents[2]

LESSON = '# %% [markdown]\n# # A lesson\n# ![It](images/it.svg)\n\n# %%\n1 + 1\n\n# %% tags=["solution"]\n40 + 2\n'


@pytest.fixture
def sources(tmp_path):
    """A small course: a lesson, a role, a picture and a page."""
    folder = tmp_path / "sources"
    for name, text in {
        "01_lesson.py": LESSON,
        "roles/server.py": "# %%\nprint('server')\n",
        "roles/README.md": "see [the lesson](../01_lesson.py)\n",
        "images/it.svg": "<svg/>",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def copy(sources, tmp_path, capsys):
    """copy(force=True): copies that course into a folder; returns what was printed."""

    def run(*, solutions=True, force=False):
        Copying(sources, tmp_path / "mine", solutions=solutions, force=force).run()
        return capsys.readouterr().out

    return run


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "mine"


def write_in(notebook):
    """What a student does."""
    work = nbformat.read(notebook, as_version=4)
    work.cells[1].source = "my own work"
    nbformat.write(work, notebook)


def test_the_whole_course_is_copied(command, tmp_path):
    folder = tmp_path / "my course"
    done = command("course", str(folder), "--no-lab")
    assert (done.returncode, done.stderr) == (0, "")
    expected = [source.relative_to(SOURCES).with_suffix(".ipynb") for source in SOURCES.glob("**/*.py")]
    assert len(expected) > 20
    for name in expected:
        notebook = nbformat.read(folder / name, as_version=4)
        nbformat.validate(notebook)
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert ((folder / name).parent / target).is_file(), (name, target)
    page = (folder / "roles/README.md").read_text(encoding="utf8")
    assert (folder / "roles" / re.findall(r"\]\(([^)]+)\)", page)[0]).is_file()
    again = command("course", str(folder), "--no-lab")
    assert again.stdout == f"The course is in {folder}: nothing was to be copied\n"


def test_news_come_in(copy, sources, mine):
    assert copy() == f"The course is in {mine}: 4 new\n"
    (sources / "01_lesson.py").write_text(LESSON + "\n# %%\nprint('new')\n")
    (sources / "images/it.svg").write_text("<svg>new</svg>")
    assert copy() == f"The course is in {mine}: 2 updated\n"
    assert "new" in (mine / "01_lesson.ipynb").read_text()
    assert (mine / "images/it.svg").read_text() == "<svg>new</svg>"


def test_what_was_only_run_is_no_work_of_ones_own(copy, sources, mine):
    copy()
    executed = nbformat.read(mine / "01_lesson.ipynb", as_version=4)
    executed.cells[1].outputs = [nbformat.v4.new_output("stream", text="2")]
    nbformat.write(executed, mine / "01_lesson.ipynb")
    assert "nothing was to be copied\n" in copy()
    assert '"2"' in (mine / "01_lesson.ipynb").read_text()
    (sources / "01_lesson.py").write_text(LESSON + "\n# %%\nprint('new')\n")
    assert copy() == f"The course is in {mine}: 1 updated\n"


def test_ones_own_work_stays(copy, sources, mine):
    copy()
    write_in(mine / "01_lesson.ipynb")
    (mine / "images/it.svg").write_text("<svg>mine</svg>")
    (mine / "notes.txt").write_text("mine")
    before = {path: path.read_bytes() for path in mine.glob("**/*.*") if path.suffix != ".json"}
    assert copy().splitlines()[1:] == ["Yours, and untouched: 01_lesson.ipynb, images/it.svg"]
    (sources / "01_lesson.py").write_text(LESSON + "\n# %%\nprint('new')\n")
    (sources / "images/it.svg").write_text("<svg>new</svg>")
    for _ in range(2):
        kept = "Kept as they are, though the course has others (see --force): 01_lesson.ipynb, images/it.svg"
        assert copy().splitlines()[1:] == [kept]
    assert before == {path: path.read_bytes() for path in before}


@pytest.mark.parametrize("news", [False, True])
def test_force_keeps_it_beside(copy, sources, mine, news):
    copy()
    write_in(mine / "01_lesson.ipynb")
    (mine / "images/it.svg").write_text("<svg>mine</svg>")
    if news:
        (sources / "01_lesson.py").write_text(LESSON + "\n# %%\nprint('new')\n")
    told = copy(force=True).splitlines()[1:]
    assert told == ["Fresh again, with yours beside them as NAME.yours-1: 01_lesson.ipynb, images/it.svg"]
    assert "my own work" in (mine / "01_lesson.yours-1.ipynb").read_text()
    assert "my own work" not in (mine / "01_lesson.ipynb").read_text()
    assert (mine / "images/it.yours-1.svg").read_text() == "<svg>mine</svg>"
    assert (mine / "images/it.svg").read_text() == "<svg/>"
    write_in(mine / "01_lesson.ipynb")
    copy(force=True)
    assert (mine / "01_lesson.yours-2.ipynb").exists()


@pytest.mark.parametrize("damage", ["", "no JSON", "{}", "[1]", '{"metadata": {}, "cells": [1]}'])
def test_what_is_no_notebook_any_more_stays_too(copy, mine, damage):
    copy()
    (mine / "01_lesson.ipynb").write_text(damage)
    (mine / ".brokerless-course.json").write_text(damage)
    assert "Kept as they are" in copy()
    assert (mine / "01_lesson.ipynb").read_text() == damage


def test_solutions_can_be_left_out(copy, mine):
    copy(solutions=False)
    text = (mine / "01_lesson.ipynb").read_text()
    assert "40 + 2" not in text
    assert "# your solution" in text


def test_the_sources_are_no_place_for_copies(sources):
    with pytest.raises(Failure, match="take another folder"):
        Copying(sources, sources, solutions=True, force=False).run()


def test_an_installation_without_the_course(tmp_path):
    with pytest.raises(Failure, match="has no notebooks"):
        Copying(tmp_path, tmp_path / "mine", solutions=True, force=False).run()
    assert not (tmp_path / "mine").exists()


def test_a_folder_that_cannot_be(command, tmp_path):
    (tmp_path / "file").touch()
    done = command("course", str(tmp_path / "file"), "--no-lab")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"brokerless course: {tmp_path / 'file'}: File exists\n"


@pytest.fixture
def lab(tmp_path):
    """An environment in which JupyterLab is a program that prints its arguments and ends with 3."""
    package = tmp_path / "packages" / "jupyterlab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import json, sys\nprint(json.dumps(sys.argv[1:]))\nsys.exit(3)\n")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }


@pytest.mark.parametrize(
    ("arguments", "to_lab"),
    [
        (["mine"], []),
        ([], []),
        (["mine", "--no-browser"], ["--no-browser"]),
        (["mine", "--", "--port", "8889"], ["--port", "8889"]),
        (["--", "--port=8889"], ["--port=8889"]),
    ],
)
def test_jupyterlab_is_opened_there(command, tmp_path, lab, arguments, to_lab):
    done = command("course", *arguments, env=lab, cwd=str(tmp_path))
    folder = tmp_path / ("mine" if "mine" in arguments else "brokerless-course")
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [f"--notebook-dir={folder}", *to_lab]
    assert (folder / "00_start.ipynb").is_file()


@pytest.mark.parametrize("options", [["--no-browser"], ["--", "--port", "8889"]])
def test_arguments_for_a_jupyterlab_that_is_not_started(command, tmp_path, options):
    done = command("course", str(tmp_path / "mine"), "--no-lab", *options)
    assert done.returncode == 2
    assert "nothing is started" in done.stderr


@pytest.mark.parametrize(
    ("missing", "options", "extras"),
    [("jupytext", ["--no-lab"], "course"), ("nbformat", [], "course,lab"), ("jupyterlab", [], "course,lab")],
)
def test_what_is_missing_is_named(tmp_path, missing, options, extras):
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        f"from brokerless.cli import main; sys.exit(main(['course', 'mine', *{options!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, cwd=str(tmp_path)
    )
    assert done.returncode == 1
    assert done.stderr.startswith("brokerless course: ")
    assert f"{missing}" in done.stderr.lower()
    assert done.stderr.endswith(f"-m pip install 'brokerless[{extras}]'\n")
    assert (tmp_path / "mine").exists() == (missing == "jupyterlab")


def test_the_package_has_all_that_is_copied():
    """What a wheel takes along is a list of patterns; each file that is copied matches one of them."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf8")
    patterns = re.findall(r'path = "(python/brokerless/notebooks/[^"]+)", format = \["sdist", "wheel"\]', text)
    needed = [path for path in SOURCES.glob("**/*") if path.suffix in (".py", ".svg", ".md")]
    assert len(needed) > 30
    for path in needed:
        name = f"python/brokerless/notebooks/{path.relative_to(SOURCES).as_posix()}"
        assert any(fnmatch(name, pattern) and name.count("/") == pattern.count("/") for pattern in patterns), name
    assert (ROOT / "python/brokerless/notebooks").resolve() == ROOT / "notebooks"


def test_main_returns_its_exit_code(tmp_path, capsys):
    assert main(["course", str(tmp_path / "mine"), "--no-lab"]) == 0
    assert "The course is in" in capsys.readouterr().out
