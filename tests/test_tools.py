"""The notebook tools: parameters, ports, figures, students' copies. Kernels run, but no sockets of brokerless."""

from __future__ import annotations

import socket
import sys

import nbformat
import pytest

from tools import course, notebooks, runner

SOURCE = """\
# %% [markdown]
# # A title

# %% tags=["parameters"]
HOST = "127.0.0.1"
PORT = 5556
BACKEND_PORTS = [1, 2]
REPORTS = 3

# %%
derived = f"tcp://{HOST}:{PORT}"

# %% tags=["solution"]
print("the solution")

# %% [markdown] tags=["solution"]
# Why it is so.
"""

REPORTING = """\
# %% tags=["parameters"]
COUNT = 20

# %%
from IPython.display import display
display({{"{mime}": {{"system": "TEST", "messages": COUNT, "seconds": 0.5, "ok": True}}}}, raw=True)
{last}
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "lesson.py"
    path.write_text(SOURCE)
    return path


def reporting(tmp_path, name="lesson.py", last=""):
    path = tmp_path / name
    path.write_text(REPORTING.format(mime=runner.MIME_TYPE, last=last))
    return path


def test_parameters_are_read_without_running(source):
    assert notebooks.parameters_of(source) == {
        "HOST": "127.0.0.1",
        "PORT": 5556,
        "BACKEND_PORTS": [1, 2],
        "REPORTS": 3,
    }


def test_a_parameter_is_a_literal(tmp_path):
    path = tmp_path / "lesson.py"
    path.write_text('# %% tags=["parameters"]\nPORT = 5556\nENDPOINT = f"tcp://*:{PORT}"\n')
    with pytest.raises(ValueError, match="ENDPOINT must be a literal"):
        notebooks.parameters_of(path)


def test_only_ports_are_replaced(source):
    values = runner.with_free_ports(notebooks.parameters_of(source))
    assert set(values) == {"PORT", "BACKEND_PORTS"}
    ports = [values["PORT"], *values["BACKEND_PORTS"]]
    assert len(set(ports)) == 3


def test_injected_values_follow_the_defaults(source):
    notebook = notebooks.read_source(source)
    notebooks.inject(notebook, {"PORT": 7000})
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    at = tags.index(["parameters"])
    assert tags[at + 1] == ["injected-parameters"]
    assert "PORT = 7000" in notebook.cells[at + 1].source
    nbformat.validate(notebook)


def test_a_student_gets_space_for_the_solution(source):
    notebook = notebooks.read_source(source)
    notebooks.strip_solutions(notebook)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "the solution" not in text
    assert "Why it is so" not in text
    assert notebook.cells[-1].source == "# your solution"
    assert "solution" not in notebook.cells[-1].metadata["tags"]


def test_building_again_keeps_what_a_student_wrote(source, tmp_path, capsys):
    target = tmp_path / "lesson.ipynb"
    assert notebooks.write_newer(notebooks.read_source(source), target)
    assert not notebooks.write_newer(notebooks.read_source(source), target)

    mine = nbformat.read(target, as_version=4)
    mine.cells[2].source = "my own work"
    nbformat.write(mine, target)
    assert not notebooks.write_newer(notebooks.read_source(source), target), "nothing new, so nothing to write"
    assert "my own work" in target.read_text()

    source.write_text(SOURCE + "\n# %%\nprint('new in the lesson')\n")
    assert notebooks.write_newer(notebooks.read_source(source), target)
    assert "new in the lesson" in target.read_text()
    assert "my own work" in (tmp_path / "lesson.yours-1.ipynb").read_text()
    assert "lesson.yours-1.ipynb" in capsys.readouterr().out


def test_free_ports_are_free_and_different():
    ports = runner.free_ports(20) + runner.free_ports(20)
    assert len(set(ports)) == 40
    with socket.socket() as probe:
        probe.bind(("", ports[0]))


def test_processes_of_one_test_run_have_each_their_own_ports(monkeypatch):
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    for place in range(3):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{place}")
        assert {(port - 20_000) % 3 for port in runner.free_ports(20)} == {place}


def test_a_run_gives_its_figures(tmp_path):
    run = course.run_notebook(reporting(tmp_path), parameters={"COUNT": 100})
    assert run.error is None
    assert run.figures == [runner.Figures("TEST", 100, 0.5, True)]
    assert run.ok


def test_a_failing_cell_fails_the_run(tmp_path):
    run = course.run_notebook(reporting(tmp_path, last="1 / 0"))
    assert not run.ok
    assert "ZeroDivisionError" in run.error
    assert "\x1b" not in run.error


def test_a_run_has_an_end(tmp_path):
    path = tmp_path / "lesson.py"
    path.write_text("# %%\nimport threading; threading.Event().wait()\n")
    run = course.run_notebook(path, timeout=3)
    assert not run.ok
    assert run.seconds < 30


def test_an_unknown_parameter_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such parameter: TYPO"):
        course.run_notebook(reporting(tmp_path), parameters={"TYPO": 1})


def test_roles_run_at_the_same_time_on_the_same_port(tmp_path):
    """Neither role ends without the other, so they ran together, and on one port."""
    header = '# %% tags=["parameters"]\nHOST = "127.0.0.1"\nPORT = 0\n\n# %%\nimport socket\n'
    server = tmp_path / "server.py"
    server.write_text(
        header + "with socket.create_server((HOST, PORT)) as listener:\n    listener.settimeout(20)\n"
        "    peer, _ = listener.accept()\n    peer.sendall(b'hello')\n    peer.close()\n"
    )
    client = tmp_path / "client.py"
    client.write_text(
        header + "import time\nend = time.monotonic() + 20\npeer = None\nwhile peer is None:\n"
        "    try:\n        peer = socket.create_connection((HOST, PORT))\n    except ConnectionRefusedError:\n"
        "        assert time.monotonic() < end\n        time.sleep(0.05)\n"
        "assert peer.recv(5) == b'hello'\npeer.close()\n"
    )
    runs = course.run_roles([server, client])
    assert [run.error for run in runs] == [None, None]


def test_the_table(tmp_path):
    lesson, page = tmp_path / "01_lesson.py", tmp_path / "02_page.py"
    runs = [
        runner.Run(lesson, None, [runner.Figures("PAIR", 20_000, 0.5, True), runner.Figures("TWO", 1, 0.0, False)]),
        runner.Run(page, None),
        runner.Run(page, None, error="it broke"),
    ]
    assert course.table(runs).splitlines() == [
        "system   messages   msg/s  ok",
        "-------  --------  ------  ---",
        "PAIR       20,000  40,000  yes",
        "TWO             1       -  NO",
        "02_page         -       -  yes",
        "02_page         -       -  NO",
    ]


def test_the_course_ends_with_its_verdict(tmp_path, monkeypatch, capsys):
    sources = [reporting(tmp_path, "01_good.py"), reporting(tmp_path, "02_bad.py", last="1 / 0")]
    monkeypatch.setattr(course, "lecture_sources", lambda: sources)
    monkeypatch.setattr(course, "ROOT", tmp_path)
    monkeypatch.setattr(course, "OUTPUT", tmp_path / "out")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert course.main(["good"]) == 0
    assert course.main([]) == 1
    printed = capsys.readouterr()
    assert "02_bad: FAILED" in printed.out
    assert "ZeroDivisionError" in printed.err
    executed = nbformat.read(tmp_path / "out" / "01_good.ipynb", as_version=4)
    assert executed.cells[-1].outputs
    assert course.main(["nothing-like-it"]) == 1
