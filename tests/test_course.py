"""`brokerless.course.report`: what a notebook leaves for the runner, and what a plain program prints."""

from __future__ import annotations

import pytest

from brokerless import course
from tools import runner


def test_outside_a_notebook_it_prints_one_line(capsys):
    course.report("PAIR", messages=20_000, seconds=0.5)
    assert capsys.readouterr().out == "PAIR: 20,000 messages in 0.500 s, 40,000 msg/s\n"


def test_no_time_gives_no_rate(capsys):
    course.report("PAIR", messages=0, seconds=0, ok=False)
    assert capsys.readouterr().out == "PAIR: 0 messages in 0.000 s (not ok)\n"


@pytest.mark.parametrize("figures", [{"messages": -1, "seconds": 1}, {"messages": 1, "seconds": -1}])
def test_nonsense_is_refused(figures):
    with pytest.raises(ValueError, match="cannot be negative"):
        course.report("PAIR", **figures)


def test_the_runner_reads_what_report_leaves(tmp_path):
    assert course.MIME_TYPE == runner.MIME_TYPE
    source = tmp_path / "lesson.py"
    source.write_text("# %%\nfrom brokerless.course import report\nreport('PAIR', messages=20, seconds=0.01)\n")
    run = runner.run_notebook(source)
    assert run.error is None
    assert run.figures == [runner.Figures("PAIR", 20, 0.01, True)]
    output = run.notebook.cells[0].outputs[0]
    assert output["data"]["text/plain"] == "PAIR: 20 messages in 0.010 s, 2,000 msg/s"
