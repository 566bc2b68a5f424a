"""The command `brokerless` as such: its help, its version, how it fails, and that it is quick."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import brokerless
from brokerless import cli

ROOT = Path(__file__).resolve().parents[2]


def test_the_version_says_what_is_installed(command):
    done = command("--version")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr, len(lines)) == (0, "", 5)
    assert lines[0].startswith(f"brokerless {brokerless.__version__} ")
    assert lines[1] == f"libzmq {brokerless.zmq_version()}"
    features = lines[2].split(": ")[1].split(", ")
    assert all(brokerless.has(feature) for feature in features)
    assert {"curve", "ipc"} <= set(features)
    assert f"Python {sys.version.split()[0]} " in lines[3]


def test_the_version_needs_nothing_heavy():
    program = (
        "import sys; from brokerless.cli import main; status = main(['--version'])\n"
        "heavy = {'argparse', 'asyncio', 'json', 'jupytext', 'nbformat', 'IPython', 'numpy', 'subprocess', 'tornado'}\n"
        "sys.exit(status or ' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("asking", ["-h", "--help", "help"])
def test_the_help_names_each_command(command, asking):
    done = command(asking)
    assert done.returncode == 0
    for name, purpose in cli.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(purpose)}$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(set(cli.COMMANDS) - {"kernel"}))
def test_each_command_has_its_help(command, name):
    done = command(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: brokerless {name}" in done.stdout
    assert "examples:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "which command?"),
        (["sned"], "there is no command sned; did you mean send?"),
        (["xyz"], "there is no command xyz (see"),
        (["--frobnicate"], "there is no option --frobnicate"),
        (["send"], "the following arguments are required: TYPE, ENDPOINT"),
        (["recv", "PULL", "tcp://127.0.0.1:5555", "--jsn"], "unrecognized arguments: --jsn"),
        (["recv", "PULL", "tcp://127.0.0.1:5555", "--tim", "1"], "unrecognized arguments: --tim"),
        (["device", "queue"], "required: FRONT, BACK"),
        (["device", "bucket", "a", "b"], "invalid choice: 'bucket'"),
    ],
)
def test_what_is_not_understood_is_one_line(command, arguments, problem):
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr
    assert done.stderr.startswith("brokerless")
    assert done.stderr.count("\n") == 1


def test_ctrl_c_ends_it_with_a_word(start):
    running = start("recv", "PULL", "@tcp://127.0.0.1:*")
    running.endpoint()
    running.process.send_signal(signal.SIGINT)
    assert running.ends() == (130, "", "brokerless recv: interrupted\n")


def test_who_reads_may_leave(start, make_socket):
    running = start("recv", "PULL", "@tcp://127.0.0.1:*")
    push = make_socket(brokerless.PUSH, connect=running.endpoint())
    push.send(b"one")
    assert running.line() == "one"
    running.process.stdout.close()
    push.send(b"two")
    assert running.process.wait(20) == 0
    assert running.process.stderr.read() == b""


def test_it_is_installed_as_a_script():
    assert 'brokerless = "brokerless.cli:main"' in (ROOT / "pyproject.toml").read_text(encoding="utf8")
    assert callable(cli.main)


def test_the_kernels_own_program_gets_the_arguments(monkeypatch):
    kernel: Any = ModuleType("brokerless.kernel")
    kernel.main = lambda arguments: {"install": None, "fail": 3}[arguments[0]]
    monkeypatch.setitem(sys.modules, "brokerless.kernel", kernel)
    assert cli.main(["kernel", "install", "--user"]) == 0
    assert cli.main(["kernel", "fail"]) == 3
