"""README's and CONTRIBUTING's promises: each Python example runs as it stands, each command and file they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")}

EXAMPLES = re.findall(r"^```python\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_there_are_examples():
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example_runs(number, run_python):
    done = run_python(EXAMPLES[number])
    assert done.stdout
    assert done.stderr == ""


def test_first_example_says_hello(run_python):
    output = run_python(EXAMPLES[0]).stdout
    assert "b'Hello'" in output
    assert "b'World'" in output


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page):
    named = set(re.findall(r"\bmake ([a-z]+)(?=[`\s]*(?:$|[`#]| {2}|[A-Z]+=))", PAGES[page], flags=re.MULTILINE))
    assert named, f"{page} names no command"
    assert named <= TARGETS


@pytest.mark.parametrize("page", PAGES)
def test_linked_files_exist(page):
    for target in re.findall(r"\]\(([^)#]+)\)", PAGES[page]):
        if "://" not in target:
            assert (ROOT / target).exists(), f"{page} links to {target}"


def test_every_dependency_is_justified():
    """What pyproject.toml asks for is in CONTRIBUTING's table, so that nothing comes in without a reason."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = project.split("[project.optional-dependencies]")[1].split("[project.urls]")[0]
    manifests = ("Cargo.toml", "zmq-sys/Cargo.toml", "models/Cargo.toml", "fuzz/Cargo.toml")
    cargo = "".join((ROOT / name).read_text(encoding="utf-8") for name in manifests)
    sections = re.findall(r"^\[(?:build-)?dependencies\]\n(.*?)(?=^\[|\Z)", cargo, flags=re.MULTILINE | re.DOTALL)
    wanted = re.findall(r'"([a-z0-9-]+)>=', extras)
    wanted += [name for section in sections for name in re.findall(r"^([a-z0-9_-]+) *=", section, flags=re.MULTILINE)]
    assert len(wanted) > 15
    missing = sorted(name for name in wanted if f"`{name}`" not in PAGES["CONTRIBUTING.md"])
    assert missing == []
    # Nor has the table a reason for what is not there.
    table = PAGES["CONTRIBUTING.md"].split("## Every dependency, and why")[1].split("Python, none")[0]
    reasons = re.findall(r"`([a-z0-9_-]+)`(?=[^|]*\|[^|]*\|$)", table, flags=re.MULTILINE)
    assert len(reasons) > 10
    assert sorted(set(reasons) - set(wanted)) == []
