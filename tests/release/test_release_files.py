"""What a release stands on and no wheel has to be built for: the smoke test, the licences, the workflows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import licences
from tools.extras import requirements

ROOT = Path(__file__).resolve().parent.parent.parent
WORKFLOWS = {path.name: path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def test_the_smoke_test_passes_here(tmp_path: Path) -> None:
    words = [sys.executable, str(ROOT / "tools" / "smoke.py")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=55)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("passed") == 8


def test_licences_are_those_of_what_is_locked() -> None:
    data = licences.metadata()
    assert list(licences.wrong(data)) == [], "run `python -m tools.licences`"
    names = {package["name"] for package in licences.linked(data)}
    assert {"pyo3", "zmq", "serde_json"} <= names
    assert not {"cc", "syn", "zeromq-src", "pyo3-macros"} & names


def test_extras_are_read_from_where_they_are() -> None:
    assert "nbclient>=0.7" in requirements(["course", "wheels"])
    with pytest.raises(KeyError):
        requirements(["none such"])


def test_there_are_workflows() -> None:
    assert set(WORKFLOWS) == {"ci.yml", "release.yml"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_with_the_version_that_it_is(name: str) -> None:
    used = re.findall(r"uses: (.*)", WORKFLOWS[name])
    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_an_action_has_one_version() -> None:
    used = {tuple(action.split("@", 1)) for text in WORKFLOWS.values() for action in re.findall(r"uses: (.*)", text)}
    assert len(used) == len({name for name, _ in used})


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_run_commands_of_the_makefile(name: str) -> None:
    commands = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(re.findall(r"run: (.*)", WORKFLOWS[name]))))
    assert commands
    assert commands <= TARGETS


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_do_nothing_that_a_job_does_not_ask_for(name: str) -> None:
    assert "\npermissions: {}\n" in WORKFLOWS[name]
    jobs = WORKFLOWS[name].split("\njobs:\n")[1]
    assert jobs.count("    permissions:\n") == len(re.findall(r"^  [a-z]+:$", jobs, flags=re.MULTILINE))
    assert jobs.count("timeout-minutes:") == jobs.count("    permissions:\n")


def test_only_the_job_that_publishes_may_prove_who_it_is() -> None:
    before, publish = WORKFLOWS["release.yml"].split("\n  publish:\n")
    assert "id-token" not in before
    assert "id-token: write" in publish
    assert "startsWith(github.ref, 'refs/tags/v')" in publish
