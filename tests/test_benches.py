"""The benchmarks' own machinery: statistics, table, plots, and that runs end. What is measured is nobody's test."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benches import __main__ as command
from benches import callgrind, curves, plot, processes, results, runner, table
from benches.case import BANDWIDTH, BROKERLESS, MICROSECONDS, RATE, Case, Contender, Job, Target, Wrong, each, expect
from benches.cases import CASES
from benches.results import Result, Spread


def nothing(zmq: Any, job: Job) -> float:
    return 1.0


CASE = Case(
    name="made-up",
    title="a made-up case",
    unit=MICROSECONDS,
    job=Job(count=10),
    contenders=(*each({**BROKERLESS, "pyzmq": "zmq", "pyomq": "pyomq"}, {"loop": nothing}),),
    targets=(Target(4), Target(1, "pyomq")),
)


def result(*rounds: Any, **problems: str) -> Result:
    return Result(CASE, [dict(zip(("brokerless", "pyzmq", "pyomq"), figures)) for figures in rounds], problems)


# Statistics


def test_figures_of_what_took_so_long() -> None:
    assert RATE.figure(2.0, Job(count=10_000)) == 5.0
    assert MICROSECONDS.figure(2.0, Job(count=10_000)) == 200.0
    assert BANDWIDTH.figure(2.0, Job(count=100, size=1_000_000)) == 50.0


def test_a_ratio_says_how_many_times_better() -> None:
    assert RATE.ratio(ours=6.0, theirs=2.0) == 3.0
    assert MICROSECONDS.ratio(ours=2.0, theirs=6.0) == 3.0


def test_ratios_are_those_of_each_round() -> None:
    # The machine was ten times slower in the second round: nobody's ratio knows.
    found = result((1.0, 4.0), (10.0, 40.0), (1.0, 5.0))
    assert results.ratio(found, "brokerless", "pyzmq") == Spread(4.0, 4.0, 4.5)
    assert results.figure(found, "brokerless") == 1.0
    assert results.ratio(found, "pyzmq", "pyzmq") is None
    assert results.ratio(found, "brokerless", "pyomq") is None


@pytest.mark.parametrize(
    ("spread", "verdict"),
    [
        (Spread(3.0, 4.0, 5.0), results.MET),
        (Spread(3.0, 3.9, 4.0), results.CLOSE),
        (Spread(3.0, 3.5, 3.9), results.MISSED),
        (None, results.UNKNOWN),
    ],
)
def test_verdicts(spread: Spread, verdict: str) -> None:
    assert results.verdict(spread, Target(4)) == verdict


def test_quartiles_of_little() -> None:
    assert results.spread([]) is None
    assert results.spread([2.0]) == Spread(2.0, 2.0, 2.0)
    assert results.spread([4.0, 2.0]) == Spread(2.5, 3.0, 3.5)


# Table


def test_the_table_has_a_line_for_everyone() -> None:
    found = result((1.0, 4.0), (1.0, 5.0), pyomq="n/a: No module named 'pyomq'")
    ours, beside, pyzmq, pyomq = table.rows(found)
    assert ours == ("a made-up case", "brokerless", "1.00 us", "4.50x (4.25 - 4.75)", "4x pyzmq: met")
    assert beside == ("", "", "beside pyomq", "", "1x pyomq: not measured")
    assert pyzmq == ("", "pyzmq", "4.50 us", "", "")
    assert pyomq == ("", "pyomq", "n/a: No module named 'pyomq'", "", "")
    lines = table.text([found]).splitlines()
    assert len(lines) == 2 + 4
    assert len(table.markdown([found], {"cpu": "fast | cheap"}).splitlines()) == 2 + 4 + 2


def test_who_fails_once_is_shown_as_such() -> None:
    shown = [row[2] for row in table.rows(result((1.0, 4.0, 2.0), (1.0, 5.0), pyomq="hung: loop not done"))]
    assert "2.00 us" in shown and "hung: loop not done" in shown


def test_numbers_have_three_digits() -> None:
    assert [table.number(value) for value in (0.123, 1.234, 12.34, 123.4, 12345.6)] == [
        "0.12",
        "1.23",
        "12.3",
        "123",
        "12,346",
    ]


def test_raw_figures_have_every_round() -> None:
    raw = table.raw([result((1.0, 4.0))], {"cpu": "fast"})
    assert raw["machine"] == {"cpu": "fast"}
    assert raw["cases"]["made-up"]["rounds"] == [{"brokerless": 1.0, "pyzmq": 4.0}]
    assert raw["cases"]["made-up"]["targets"] == {"4x pyzmq": "met", "1x pyomq": "not measured"}


# Plots


def test_the_plot_is_a_picture_and_always_the_same() -> None:
    found = [result((1.0, 4.0, 3.0)), result((5.0, 4.0)), result((), pyzmq="n/a")]
    bars = plot.bars(found)
    assert [(bar.ratio.middle, bar.target, bar.pyomq) for bar in bars] == [(4.0, 4, 4 / 3), (0.8, 4, None)]
    picture = plot.draw(bars, "here & there")
    assert picture == plot.draw(plot.bars(found), "here & there")
    drawn = [element.get("class") for element in ElementTree.fromstring(picture).iter()]
    assert drawn.count("target") - 1 == 2  # one of them in the legend
    assert drawn.count("other") - 1 == 1
    assert drawn.count("behind") == 1


def test_a_plot_of_all_cases_is_small() -> None:
    bars = [plot.Bar(case.title, Spread(1, 2, 3), 4, 2, 5) for case in CASES.values() if case.default]
    assert len(plot.draw(bars, "caption").encode()) < 60_000


def test_curves_of_growth() -> None:
    points = [
        Result(dataclasses.replace(CASE, name=f"growth-size-{size}"), [{"brokerless": 1.0 + size, "pyzmq": 5.0}])
        for size in (1, 100)
    ]
    assert curves.points(points)["size"]["brokerless"] == [(1.0, 2.0), (100.0, 101.0)]
    assert ElementTree.fromstring(curves.curves(points)) is not None
    assert curves.curves([result((1.0, 4.0))]) == ""


# Cases


def test_growth_is_measured_only_when_asked_for() -> None:
    assert {case.name for case in runner.choose(CASES.values(), [])} == {
        case.name for case in CASES.values() if case.default
    }
    assert [case.name for case in runner.choose(CASES.values(), ["reqrep"])] == ["reqrep"]
    assert all(case.name.startswith("growth-") for case in runner.choose(CASES.values(), ["growth"]))
    assert not any(case.name.startswith("growth-") for case in runner.choose(CASES.values(), ["1"]))


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.name)
def test_cases_are_sound(case: Case) -> None:
    names = [contender.name for contender in case.contenders]
    assert len(set(names)) == len(names)
    assert case.baseline in names
    for target in case.targets:
        assert {target.ours, target.against} <= set(names)
    for contender in case.contenders:
        assert set(case.servers) < set(contender.roles)


def test_wrong_contents_fail() -> None:
    expect(b"x", b"x")
    with pytest.raises(Wrong, match=r"b'y' came instead of b'x'"):
        expect(b"y", b"x")


# Runs


def ours(name: str) -> Contender:
    return next(contender for contender in CASES[name].contenders if contender.name == "brokerless")


@pytest.mark.parametrize("name", ["inproc", "tcp", "reqrep", "streamer-busy", "idle"])
def test_a_case_runs(name: str) -> None:
    case = CASES[name]
    if any(isinstance(role, str) for role in ours(name).roles.values()) and not processes.C_TOOLS.exists():
        pytest.skip("the C tools are not built")
    job = dataclasses.replace(case.job, count=20, warmup=2, peers=2)
    assert processes.Run(case, ours(name), job).figure() > 0


def test_who_hangs_is_ended() -> None:
    # A receiver whose sender plays no part.
    case = dataclasses.replace(CASES["tcp"], limit=1.0)
    alone = dataclasses.replace(ours("tcp"), roles={"receive": ours("tcp").roles["receive"]})
    run = processes.Run(case, alone, Job(count=1))
    with pytest.raises(processes.NoFigure, match="hung: receive not done after 1 s"):
        run.figure()
    assert all(process.returncode is not None for process in run.processes.values())


def test_who_fails_says_why() -> None:
    run = processes.Run(CASES["inproc"], ours("inproc"), Job(count=1))
    run.commands["loop"] = [sys.executable, "-c", "raise SystemExit('it is Monday')"]
    with pytest.raises(processes.NoFigure, match="failed: loop: it is Monday"):
        run.figure()


def test_who_lacks_something_takes_no_part() -> None:
    case = CASES["inproc"]
    missing = Contender("pyomq", "no_such_module", ours("inproc").roles)
    lacking = Contender("pyzmq", "brokerless", ours("inproc").roles, needs=("send_by_pigeon",))
    reasons = []
    for contender in (missing, lacking):
        run = processes.Run(case, contender, Job(count=1))
        program = (
            "import sys; from benches import child, case; from benches.cases.one_thread import plain; "
            f"who = case.Contender('', {contender.module!r}, {{'loop': plain}}, {contender.needs!r}); "
            "sys.exit(child.play(who, 'loop', case.Job(count=1)))"
        )
        run.commands["loop"] = [sys.executable, "-c", program]
        with pytest.raises(processes.NoFigure) as problem:
            run.figure()
        reasons.append(str(problem.value))
    assert reasons == ["n/a: No module named 'no_such_module'", "n/a: its Socket has no send_by_pigeon"]


def test_rounds_alternate_and_leave_out_who_has_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = []

    def measure(case: Case, contender: Contender, job: Job) -> float:
        turns.append(contender.name)
        if contender.name == "pyomq":
            raise processes.NoFigure("n/a: not here")
        return 1.0

    monkeypatch.setattr(runner, "measure", measure)
    found = runner.run(CASE, rounds=2, quick=True, progress=lambda line: None)
    assert turns == ["brokerless", "pyzmq", "pyomq", "brokerless", "pyzmq"]
    assert found.rounds == [{"brokerless": 1.0, "pyzmq": 1.0}] * 2
    assert found.problems == {"pyomq": "n/a: not here"}


def test_without_valgrind_there_are_no_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callgrind, "available", lambda: False)
    with pytest.raises(processes.NoFigure, match="not measured: valgrind is missing"):
        callgrind.instructions(CASES["instructions"], ours("instructions"), Job(count=1))


def test_the_command_leaves_table_figures_and_plot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "measure", lambda case, contender, job: float(len(contender.name)))
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "OUTPUT", tmp_path / "build")
    monkeypatch.setattr(command, "PICTURE", tmp_path / "never.svg")
    assert command.main(["--quick", "reqrep"]) == 0
    assert "REQ/REP round trip" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "build").iterdir()) == ["bench.svg", "figures.json", "table.md"]
    assert not (tmp_path / "never.svg").exists()
    for wrong in (["no-such-case"], ["--rounds", "0"]):
        with pytest.raises(SystemExit):
            command.main(wrong)


def test_a_hung_brokerless_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def measure(case: Case, contender: Contender, job: Job) -> float:
        raise processes.NoFigure("n/a: not here" if contender.name == "pyomq" else "hung: loop not done after 30 s")

    monkeypatch.setattr(runner, "measure", measure)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "OUTPUT", tmp_path / "build")
    assert command.main(["--quick", "reqrep"]) == 1
