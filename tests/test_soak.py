"""The soak's books find the holes that are made in them, and a short soak adds up."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from benches.soak import __main__ as soak
from benches.soak.houses import in_use
from benches.soak.ledger import Account, Departure, Reader, StreamBook, balance_reader, balance_requests
from benches.soak.peers import PAIR, read_record
from benches.soak.watch import FLAT_MIB, Watch

ROOT = Path(__file__).parent.parent


def stream(*came: int, sent: int = 10, departures: Any = (), killed: Any = ()) -> Account:
    book = StreamBook()
    book.note((1, number) for number in came)
    book.departures.extend(departures)
    book.killed.update(killed)
    return book.balance({1: sent})


def test_a_stream_that_is_whole() -> None:
    account = stream(*range(10))
    assert account.balanced
    assert (account.sent, account.delivered, account.dropped) == (10, 10, {})


def test_a_stream_with_a_hole() -> None:
    account = stream(0, 1, 2, 4, 5, 6, 7, 8, 9)
    assert not account.balanced
    assert account.wrong == ["number 3 of producer 1 is missing, and nobody went when it was on its way"]


def test_a_hole_where_somebody_went() -> None:
    gone = Departure("killed", {1: 2}, {1: 6})
    account = stream(0, 1, 2, 4, 6, 7, 8, 9, departures=[gone])
    assert account.balanced
    assert account.dropped == {"killed": 2}
    # What that one had counted, and what was sent later, it did not lose.
    assert not stream(0, 1, 3, 4, 5, 6, 7, 8, 9, departures=[gone]).balanced
    assert not stream(0, 1, 2, 3, 4, 5, 7, 8, 9, departures=[gone]).balanced


def test_the_end_of_a_killed_producer() -> None:
    assert stream(*range(7), killed=[1]).dropped == {"in the socket of a killed producer": 3}
    assert stream(*range(7), killed=[1]).balanced
    assert not stream(*range(7)).balanced
    assert not stream(0, 1, 3, 4, killed=[1]).balanced


@pytest.mark.parametrize("came", [[*range(10), 3], [*range(10), 10]])
def test_a_stream_with_more_than_was_sent(came: List[int]) -> None:
    assert not stream(*came).balanced


def reader(came: List[int], killed: bool = False, **about: Any) -> Account:
    made = Reader(came={1: came} if came else {}, **about)
    return balance_reader("she", made, {1: 10}, {1} if killed else set())


WHOLE = list(range(10))
STAYED: Dict[str, Any] = {"stayed": True, "settled_before": {1}}


def test_a_subscriber_that_got_all() -> None:
    account = reader(WHOLE, **STAYED)
    assert account.balanced
    assert (account.sent, account.delivered, account.dropped) == (10, 10, {})


@pytest.mark.parametrize("came", [[], WHOLE[1:], WHOLE[:-1], WHOLE[:4] + WHOLE[5:], [1, 0, *WHOLE[2:]], [*WHOLE, 10]])
def test_a_subscriber_that_should_have_got_all(came: List[int]) -> None:
    assert not reader(came, **STAYED).balanced


def test_what_a_subscriber_need_not_get() -> None:
    cut = reader([0, 1, 5, 6], cuts=1, **STAYED)
    assert cut.balanced
    assert cut.dropped == {"while its link was cut": 6}
    assert not reader([0, 2, 5, 9], cuts=2, **STAYED).balanced
    assert reader([0, 2, 5, 9], slow=True, **STAYED).dropped == {"at its high-water mark, as it is slow": 6}
    assert reader(WHOLE[:6], killed=True, **STAYED).dropped == {"in the socket of a killed publisher": 4}
    joined = reader([4, 5, 6], since={1: 3}, until={1: 8})
    assert joined.balanced
    assert (joined.sent, joined.dropped) == (5, {"as it joined or left": 2})
    # A publisher that began when it had gone is none of its business.
    assert reader([], until={}, stayed=False).sent == 0


def test_requests() -> None:
    answers = [(1, number) for number in range(10)]
    assert balance_requests({1: 10}, answers, set()).balanced
    assert not balance_requests({1: 10}, answers[:-1], set()).balanced
    assert balance_requests({1: 10}, answers[:-1], {1}).dropped == {"its client was killed as it waited": 1}
    assert not balance_requests({1: 10}, answers[:-2], {1}).balanced
    assert not balance_requests({1: 10}, [*answers, answers[0]], set()).balanced


def test_a_record_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "record"
    assert read_record(path) == []
    path.write_bytes(PAIR.pack(1, 2) + PAIR.pack(3, 4) + b"...")
    assert read_record(path) == [(1, 2), (3, 4)]
    assert read_record(path, PAIR.size) == [(3, 4)]


def test_memory_that_grows() -> None:
    watch = Watch({"me": os.getpid()})
    assert re.fullmatch(r"me [\d.]+ MiB \d+ fds", watch.look())
    watch.seen["me"] = [(0.0, 10.0 + (minute // 10) * FLAT_MIB / 10, 5) for minute in range(40)]
    assert watch.wrong() == []
    watch.seen["me"] = [(0.0, 10.0 + minute, 5) for minute in range(40)]
    assert watch.wrong() == ["me grew from 24.5 to 44.5 MiB"]


def test_memory_in_use_is_seen() -> None:
    before = in_use()
    if not before:
        pytest.skip("this C library does not tell")
    kept = ctypes.create_string_buffer(5 * 2**20)
    assert in_use() == pytest.approx(before + 5, abs=1)
    del kept


@pytest.mark.parametrize("arguments", [["--minutes", "0"], ["--minutes", "100000"], ["--rate", "0"]])
def test_a_soak_has_an_end(arguments: List[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as refused:
        soak.main(arguments)
    assert refused.value.code == 2
    assert "--minutes" in capsys.readouterr().err


@pytest.mark.timeout(200)
def test_a_short_soak_adds_up() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benches.soak", "--minutes", "0.06", "--seed", "7"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("queue", "forwarder", "streamer", r"reliable pipeline \([\d,]+ redelivered\)"):
        assert re.search(rf"^{name}: [1-9][\d,]* sent = [1-9][\d,]* delivered.*: adds up$", done.stdout, re.MULTILINE)
