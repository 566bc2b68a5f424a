"""tools/check_programs.sh: a missing or too old program is named with what brings it, before anything is built."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "tools" / "check_programs.sh"
SHELL = shutil.which("sh")


@pytest.fixture
def machine(tmp_path):
    """A machine with no more than what the script itself runs; `add` puts a program on it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("basename", "dirname", "head", "sed"):
        (programs / name).symlink_to(shutil.which(name))

    class Machine:
        def add(self, name, script="exit 0"):
            program = programs / name
            program.write_text(f"#!{SHELL}\n{script}\n")
            program.chmod(0o755)

        def check(self, *arguments, **environment):
            return subprocess.run(
                [SHELL, str(SCRIPT), *arguments],
                env={"PATH": str(programs), "HOME": str(tmp_path), **environment},
                capture_output=True,
                text=True,
                timeout=20,
            )

    return Machine()


def complete(machine, rust="1.99.0"):
    for name in ("python3", "cc", "c++", "make"):
        machine.add(name)
    for name in ("cargo", "rustc"):
        machine.add(name, f'echo "{name} {rust} (0000000 2030-01-01)"')


def test_nothing_missing(machine):
    complete(machine)
    done = machine.check("lint")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_all_that_is_missing_is_named_at_once(machine):
    done = machine.check()
    assert done.returncode == 1
    for package in ("python3", "python3-venv", "gcc", "g++", "make"):
        assert f"sudo apt install {package}\n" in done.stderr
    assert "cargo" in done.stderr
    assert "rustup.rs" in done.stderr


def test_packages_for_a_script(machine):
    assert machine.check("--packages").stdout.split() == ["python3", "python3-venv", "gcc", "g++", "make"]


@pytest.mark.parametrize(("python", "package"), [("python3", "python3-venv"), ("python3.12", "python3.12-venv")])
def test_python_without_venv(machine, python, package):
    complete(machine)
    machine.add(python, 'case "$*" in *ensurepip*) exit 1 ;; esac')
    done = machine.check(PYTHON=python)
    assert done.returncode == 1
    assert done.stderr.endswith(f"sudo apt install {package}\n")


def test_rust_too_old(machine):
    complete(machine, rust="1.63.0")
    done = machine.check()
    assert done.returncode == 1
    assert "rustc 1.85 or newer (this one is 1.63)" in done.stderr


def test_rust_not_in_the_path(machine, tmp_path):
    for name in ("python3", "cc", "c++", "make"):
        machine.add(name)
    installed = tmp_path / ".cargo" / "bin"
    installed.mkdir(parents=True)
    for name in ("cargo", "rustc"):
        (installed / name).symlink_to(SHELL)
    assert ".cargo/env" in machine.check().stderr


def test_other_compilers_may_be_chosen(machine):
    complete(machine)
    assert machine.check(CC="clang -m64").returncode == 1
    machine.add("clang")
    assert machine.check(CC="clang -m64").returncode == 0


def test_a_browser_is_asked_for_by_name(machine):
    complete(machine)
    assert machine.check().returncode == 0
    done = machine.check("browser")
    assert done.returncode == 1
    assert done.stderr.endswith("sudo apt install chromium\n")
    assert machine.check("lint", "browser", "--packages").stdout == "chromium\n"
    machine.add("my-browser")
    assert machine.check("browser", CHROMIUM="my-browser").returncode == 0
    machine.add("chromium")
    assert machine.check("browser").returncode == 0


def test_wheels_are_built_without_a_rust_of_ones_own(machine):
    for name in ("python3", "cc", "c++", "make"):
        machine.add(name)
    assert machine.check().returncode == 1
    done = machine.check("wheels")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
