"""What `make fuzz` makes of libFuzzer's words, and that each target has a source and seeds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tools import fuzz

# The sdist has no targets.
needs_targets = pytest.mark.skipif(not fuzz.FUZZ.is_dir(), reason="there is no fuzz/ here")

LOG = """INFO: Seed: 1
#2\tINITED cov: 21 ft: 22 corp: 1/1b exec/s: 0 rss: 27Mb
#524288\tpulse  cov: 340 ft: 690 corp: 120/7Kb lim: 1024 exec/s: 104857 rss: 27Mb
#1415033\tDONE   cov: 341 ft: 695 corp: 123/7169b lim: 1024 exec/s: 108848 rss: 27Mb
###### Recommended dictionary. ######
Done 1415033 runs in 13 second(s)
stat::number_of_executed_units: 1415034
"""

# Takes libFuzzer's options, and does what its first line says.
STAND_IN = """#!{python}
import sys
options = dict(option[1:].split("=", 1) for option in sys.argv[1:] if option.startswith("-"))
corpus, seeds = [option for option in sys.argv[1:] if not option.startswith("-")]
print("#7\\tDONE   cov: 5 ft: 6 corp: {{}}/9b lim: 4".format(options["max_total_time"]))
{behaviour}
"""


def stand_in(folder: Path, behaviour: str) -> Path:
    program = folder / "wire"
    program.write_text(STAND_IN.format(python=sys.executable, behaviour=behaviour), encoding="utf-8")
    program.chmod(0o755)
    return program


def test_figures_are_read_from_the_log() -> None:
    row = fuzz.Row("wire")
    fuzz.read_figures(row, LOG)
    assert (row.executions, row.edges, row.corpus) == (1_415_034, 341, 123)
    crashed = fuzz.Row("wire")
    fuzz.read_figures(crashed, LOG.partition("#1415033")[0])
    assert (crashed.executions, crashed.edges, crashed.corpus) == (524_288, 340, 120)


def test_a_target_without_a_finding(tmp_path: Path) -> None:
    row = fuzz.run_target(stand_in(tmp_path, ""), 3, tmp_path / "seeds", tmp_path / "out")
    assert (row.name, row.executions, row.edges, row.corpus, row.findings) == ("wire", 7, 5, 3, [])
    assert (tmp_path / "out" / "corpus" / "wire").is_dir()


def test_a_finding_is_told_with_how_to_run_it_again(tmp_path: Path) -> None:
    program = stand_in(tmp_path, "open(options['artifact_prefix'] + 'crash-1', 'w').close(); sys.exit(77)")
    row = fuzz.run_target(program, 1, tmp_path / "seeds", tmp_path / "out")
    found = tmp_path / "out" / "findings" / "wire-crash-1"
    assert found.exists() and row.findings == [f"run again: {program} {found}"]


def test_a_target_that_ends_otherwise_is_a_finding_too(tmp_path: Path) -> None:
    row = fuzz.run_target(stand_in(tmp_path, "sys.exit(3)"), 1, tmp_path / "seeds", tmp_path / "out")
    assert row.findings == [f"it ended with 3: see {tmp_path / 'out' / 'wire.log'}"]


def test_the_table_says_what_was_not_run() -> None:
    rows = [
        fuzz.Row("wire", 12.3, 1_415_034, 341, 123),
        fuzz.Row("test_sockets", 60, 75, findings=["one"]),
        fuzz.Row("json_python", skipped="no libpython"),
    ]
    assert fuzz.table(rows).splitlines() == [
        "target        seconds  executions  edges  corpus  findings",
        "------------  -------  ----------  -----  ------  --------",
        "wire               12   1,415,034    341     123         0",
        "test_sockets       60          75      -       -         1",
        "json_python         -           -      -       -   not run",
    ]


@pytest.mark.parametrize(("minutes", "count", "seconds"), [(10, 14, 43), (0.001, 3, 1), (1, 0, 60)])
def test_all_have_equal_shares(minutes: float, count: int, seconds: int) -> None:
    assert fuzz.share(minutes, count) == seconds


def test_the_machines_are_found() -> None:
    names = [test.rpartition("::")[2] for test in fuzz.machines()]
    assert "test_sockets_do_what_the_model_says" in names and len(names) >= 4


@needs_targets
def test_each_target_has_a_source_and_seeds() -> None:
    names = set(fuzz.targets())
    assert names == {path.stem for path in (fuzz.FUZZ / "targets").glob("*.rs")}
    assert names == {path.name for path in (fuzz.FUZZ / "seeds").iterdir()}
    assert fuzz.needs_python() == {"json_python"}


@needs_targets
def test_a_name_that_nothing_has(capsys: Any) -> None:
    assert fuzz.main(["nothing-has-this-name"]) == 1
    assert "no target's name contains nothing-has-this-name" in capsys.readouterr().err
