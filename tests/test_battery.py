"""The fault battery's own machinery: what is told of a fault that fails, hangs, crashes, or cannot be done. Faults are nobody's test."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, List, Tuple

import pytest
from conftest import wait_until

from benches.battery import __main__ as command
from benches.battery import child, measure, report, runner, zmtp
from benches.battery.crowd import Crowd, address
from benches.battery.fault import CONTENDERS, Fault, Outcome
from benches.battery.faults import FAULTS
from benches.battery.part import Link, Silent
from benches.battery.runner import Row, Told
from benches.battery.scene import Counter, Scene
from benches.processes import ROOT


def nothing(scene: Scene) -> Outcome:
    scene.done()
    return Outcome(scene.times, "all is well", lost=0)


def made_up(play: Callable[[Scene], Outcome] = nothing, **fields: Any) -> Fault:
    return Fault(
        **{"name": "made-up", "title": "a made-up fault", "promised": "nothing", "play": play, "times": 20, **fields}
    )


WELL = Outcome(3, "3 went by", lost=0)


def row(ours: Outcome = WELL, absent: str = "not here") -> Row:
    theirs = Outcome(2, "", ("crashed: SIGABRT",), crashed=1)
    return Row(
        made_up(),
        {"brokerless": Told(ours, 1.0), "pyzmq": Told(theirs, 2.0), "pyomq": Told(Outcome(0, ""), 0.1, absent)},
    )


# Faults that are not as they should be


def play(monkeypatch: pytest.MonkeyPatch, program: str, **fields: Any) -> Told:
    """What is told of a fault whose process does this instead of playing it. `counter` is what it counts in."""
    whole = f"import os, sys; from pathlib import Path; from benches.battery.scene import Counter\ncounter = Counter(Path(sys.argv[-1]))\n{program}"
    popen = runner.subprocess.Popen

    def start(words: Any, **how: Any) -> Any:
        return popen([sys.executable, "-c", whole, *words[-1:]], **how)

    monkeypatch.setattr(runner.subprocess, "Popen", start)
    return runner.play(made_up(**fields), "brokerless", 20)


def test_who_crashes_leaves_its_count_and_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    told = play(monkeypatch, "counter.value = 7; print('Assertion failed', file=sys.stderr, flush=True); os.abort()")
    assert told.outcome == Outcome(7, "", ("crashed: SIGABRT (Assertion failed)",), crashed=1)
    assert report.verdict(told) == report.BROKEN


def test_who_hangs_is_ended_with_all_that_it_has_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = play(
        monkeypatch,
        f"import subprocess, signal\ncounter.value = 3\nchild = subprocess.Popen(['sleep', '60'])\n"
        f"Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid)); signal.pause()",
        limit=5.0,
    )
    assert told.outcome == Outcome(3, "", ("hung: not done after 5 s",))
    stat = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")

    def ended() -> bool:
        try:
            return stat.read_text().split()[2] == "Z"  # it waits for somebody to ask how it went
        except (FileNotFoundError, ProcessLookupError):
            return True

    assert wait_until(ended)  # a signal that ends a process takes its time


def test_who_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    told = play(monkeypatch, "raise SystemExit('it is Monday')")
    assert told.outcome == Outcome(0, "", ("failed: it is Monday",))


def test_who_is_not_there_has_broken_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told = play(monkeypatch, f"print('no such module', file=sys.stderr); sys.exit({child.NOT_AVAILABLE})")
    assert told.absent == "no such module"
    assert report.verdict(told) == report.ABSENT


# Processes of the battery


def played(tmp_path: Path, body: str, contender: str = "brokerless") -> subprocess.CompletedProcess[str]:
    """A process that plays a fault whose function has this body."""
    counter = Counter.create(tmp_path / "count")
    counter.close()
    program = (
        "from benches.battery import child, faults\nfrom benches.battery.fault import Fault, NotHere, Outcome\n"
        f"def play(scene):\n    {body}\n"
        "faults.FAULTS['made-up'] = Fault('made-up', 'a made-up fault', 'nothing', play, 5)\n"
        f"child.main(['play', 'made-up', {contender!r}, '5', '1', {str(tmp_path / 'count')!r}])"
    )
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_process_tells_the_outcome_and_nothing_else(tmp_path: Path) -> None:
    ran = played(
        tmp_path, "scene.done(2); print('by the way'); return Outcome(scene.times, scene.contender, ('odd',), lost=1)"
    )
    assert (ran.returncode, ran.stderr) == (0, "by the way\n")
    assert json.loads(ran.stdout) == {**dataclasses.asdict(Outcome(5, "brokerless", lost=1)), "wrong": ["odd"]}
    counter = Counter(tmp_path / "count")
    assert counter.value == 2
    counter.close()


def test_a_failure_is_not_hidden_by_what_is_still_open(tmp_path: Path) -> None:
    ran = played(
        tmp_path, "import threading; threading.Thread(target=threading.Event().wait).start(); raise OSError('gone')"
    )
    assert ran.returncode == 1
    assert ran.stderr.strip().endswith("OSError: gone")


def test_what_cannot_be_done_here_is_absent(tmp_path: Path) -> None:
    ran = played(tmp_path, "raise NotHere('no such cable')")
    assert (ran.returncode, ran.stderr) == (child.NOT_AVAILABLE, "no such cable\n")


def test_a_contender_that_is_not_installed_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "pyomq.py").write_text("raise ImportError('no pyomq here')")
    ran = played(tmp_path, "return Outcome(1, '')", "pyomq")
    assert (ran.returncode, ran.stderr) == (child.NOT_AVAILABLE, "no pyomq here\n")


# Parts


@pytest.fixture(autouse=True)
def parts_find_this_module(monkeypatch: pytest.MonkeyPatch) -> None:
    path = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    counter = Counter.create(tmp_path / "count")
    with Scene("brokerless", None, 5, 1, counter) as made:
        yield made
    counter.close()


def echo(zmq: Any, link: Link, first: str) -> None:
    link.say(first)
    while True:
        link.say(link.hear())


def show_environment(zmq: Any, link: Link, name: str) -> None:
    print("not for the fault")
    link.say(os.environ.get(name))


def wait(zmq: Any, link: Link) -> None:
    heard = link.heard()
    link.say(heard.is_set())
    heard.wait()
    link.say(heard.is_set())


def fail(zmq: Any, link: Link) -> None:
    raise ValueError("what a day")


def test_a_part_speaks_and_hears(scene: Scene) -> None:
    part = scene.start(echo, "hello")
    assert part.hear() == "hello"
    part.say({"a": [1, None]})
    assert part.hear() == {"a": [1, None]}
    part.kill()
    assert part.wait(20) == -9
    with pytest.raises(Silent, match="it ended, with -9"):
        part.hear()


def test_a_part_may_listen_in_the_background(scene: Scene) -> None:
    part = scene.start(wait)
    assert part.hear() is False
    part.say("now")
    assert part.hear() is True


def test_a_part_may_have_an_environment_of_its_own(scene: Scene) -> None:
    assert scene.start(show_environment, "BATTERY_MADE_UP", env={"BATTERY_MADE_UP": "yes"}).hear() == "yes"
    assert scene.start(show_environment, "BATTERY_MADE_UP").hear() is None


def test_a_part_that_fails_leaves_its_last_words(scene: Scene) -> None:
    with pytest.raises(Silent, match="ValueError: what a day"):
        scene.start(fail).hear()


def test_who_says_nothing_is_not_waited_for(scene: Scene) -> None:
    part = scene.start(echo, "hello")
    assert part.hear() == "hello"
    with pytest.raises(Silent, match=r"it said nothing in 0\.01 s"):
        part.hear(0.01)


def test_parts_end_with_their_scene(tmp_path: Path) -> None:
    counter = Counter.create(tmp_path / "count")
    with Scene("brokerless", None, 5, 1, counter) as made:
        part = made.start(echo, "hello")
        folder = made.folder
        assert folder.is_dir()
    assert part.process.returncode == -9
    assert not folder.exists()
    counter.close()


# Table


def test_the_table_has_a_line_for_everyone() -> None:
    ours, theirs, third = report.lines(row())
    assert ours == ("a made-up fault", "3", "brokerless", "yes", "3 went by", "0", "", "0", "1.0")
    assert theirs == ("", "2", "pyzmq", "NO", "crashed: SIGABRT", "", "", "1", "2.0")
    assert third == ("", "0", "pyomq", "-", "not here", "", "", "", "")
    assert len(report.text([row()]).splitlines()) == 2 + 3
    shown = report.markdown([row(Outcome(1, "this | that"))], {"cpu": "fast"})
    assert "| this / that |" in shown and shown.endswith("\n- cpu: fast\n")


def test_raw_outcomes_have_everything() -> None:
    raw = report.raw([row()], {"cpu": "fast"})
    assert raw["machine"] == {"cpu": "fast"}
    assert raw["faults"]["made-up"]["pyzmq"]["wrong"] == ("crashed: SIGABRT",)
    assert raw["faults"]["made-up"]["pyomq"]["absent"] == "not here"
    json.dumps(raw)


def test_the_table_goes_between_the_marks() -> None:
    before = f"# Title\n\n{report.START}\nold\n{report.END}\n\nmore\n"
    assert report.put_into(before, "new\n") == f"# Title\n\n{report.START}\nnew\n{report.END}\n\nmore\n"
    for wrong in ("nothing", report.START, report.END):
        with pytest.raises(ValueError, match="has no place for the table"):
            report.put_into(wrong, "new\n")


# The command


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "OUTPUT", tmp_path / "build")
    monkeypatch.setattr(command, "DOCUMENT", tmp_path / "page.md")
    monkeypatch.setattr(command, "FAULTS", {"made-up": made_up(), "other": made_up(name="other")})
    (tmp_path / "page.md").write_text(f"{report.START}\n{report.END}\n", encoding="utf-8")
    return tmp_path


def run_as(monkeypatch: pytest.MonkeyPatch, told: Row) -> List[Tuple[str, bool]]:
    """Lets every fault be told so; returns which were asked for, and whether in short."""
    asked: List[Tuple[str, bool]] = []

    def run(fault: Fault, *, quick: bool, progress: Any) -> Row:
        asked.append((fault.name, quick))
        return Row(fault, told.told)

    monkeypatch.setattr(command, "run", run)
    return asked


def test_a_full_run_can_go_into_the_document(
    monkeypatch: pytest.MonkeyPatch, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = run_as(monkeypatch, row())
    assert command.main(["--document"]) == 0
    assert asked == [("made-up", False), ("other", False)]
    assert "3 went by" in capsys.readouterr().out
    assert sorted(path.name for path in (outputs / "build").iterdir()) == ["outcomes.json", "table.md"]
    assert "| a made-up fault | 3 | brokerless | yes |" in (outputs / "page.md").read_text()


@pytest.mark.parametrize(
    ("ours", "absent", "status"),
    [(Outcome(1, ""), "", 0), (Outcome(1, "", ("lost",)), "", 1), (Outcome(0, ""), "no root", 0)],
)
def test_a_broken_promise_of_ours_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, outputs: Path, ours: Outcome, absent: str, status: int
) -> None:
    asked = run_as(monkeypatch, Row(made_up(), {"brokerless": Told(ours, 1.0, absent)}))
    assert command.main(["--quick", "made"]) == status
    assert asked == [("made-up", True)]


def test_the_list_does_nothing(
    monkeypatch: pytest.MonkeyPatch, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = run_as(monkeypatch, row())
    assert command.main(["--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "made-up              a made-up fault",
        "other                a made-up fault",
    ]
    assert not asked and not (outputs / "build").exists()


@pytest.mark.parametrize("words", [["no-such-fault"], ["--document", "--quick"], ["--document", "made"]])
def test_what_cannot_be_asked_for(monkeypatch: pytest.MonkeyPatch, outputs: Path, words: List[str]) -> None:
    asked = run_as(monkeypatch, row())
    with pytest.raises(SystemExit):
        command.main(words)
    assert not asked


def test_a_quick_look_does_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    times: List[int] = []
    monkeypatch.setattr(runner, "play", lambda fault, contender, count: times.append(count))
    for fault in (
        made_up(contenders=("brokerless",)),
        made_up(times=3, contenders=("brokerless",)),
        made_up(shorter=False),
    ):
        runner.run(fault, quick=True, progress=lambda line: None)
    assert times == [2, 1, 20, 20]


# Faults


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_faults_are_sound(fault: Fault) -> None:
    assert fault.times >= 1 and fault.limit > 0 and fault.promised and fault.title
    assert fault.contenders[0] == "brokerless" and set(fault.contenders) <= set(CONTENDERS)


def test_every_fault_is_explained_and_nothing_else_is() -> None:
    page = command.DOCUMENT.read_text(encoding="utf-8")
    rows = page.partition("## Row by row")[2]
    explained = [name for line in re.findall(r"^### (.+)$", rows, re.MULTILINE) for name in line.split(", ")]
    assert sorted(explained) == sorted(FAULTS)


# Strangers


@pytest.mark.parametrize("kind", zmtp.KINDS)
@pytest.mark.parametrize("target", zmtp.FITTING)
def test_strangers_have_something_to_say(kind: str, target: str) -> None:
    dice = random.Random(1)
    said = {zmtp.KINDS[kind](dice, target) for _ in range(200)}
    assert all(said) and len(said) > 3


def test_a_crowd_connects_speaks_and_leaves() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        crowd = Crowd(None)
        for _ in range(3):
            crowd.begin(server.getsockname(), b"hello")
        peers = [server.accept()[0] for _ in range(3)]
        for peer in peers[:2]:
            peer.sendall(b"yes?")
        while crowd.answered < 2:
            crowd.turn(1)
        assert [peer.recv(100) for peer in peers[:2]] == [b"hello"] * 2
        # Told to go, without having heard a word.
        assert peers[2].recv(100) == b"hello"
        peers[2].close()
        while not crowd.closed:
            crowd.turn(1)
        assert len(crowd) == 2
        crowd.leave()
        for peer in peers:
            peer.close()


def test_a_crowd_that_is_not_let_in() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        crowd = Crowd(0.01)
        crowd.begin(nobody.getsockname(), b"hello")
        while not crowd.failed:
            crowd.turn(1)
        assert (len(crowd), crowd.closed, crowd.answered) == (0, 0, 0)
        crowd.leave()


def test_addresses_and_figures() -> None:
    assert address("tcp://127.0.0.1:5555") == ("127.0.0.1", 5555)
    before = measure.descriptors(kind="socket")
    with socket.socket():
        assert measure.descriptors(kind="socket") == before + 1
    assert 0 < measure.resident() <= measure.peak()
