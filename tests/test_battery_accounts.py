"""What the battery's rows count with: numbers that are sent on after an interrupt, and accounts of what came."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.battery.faults import FAULTS
from benches.battery.faults._pest import Numbers, account
from benches.battery.faults._traffic import number_of, packed, runs, unroll

NUMBERS = st.lists(st.integers(0, 10_000), max_size=50)


@pytest.mark.parametrize("interrupted", [[0], [3], [0, 1, 2], [2, 2, 5]])
def test_a_number_whose_send_was_interrupted_is_sent_again(interrupted: List[int]) -> None:
    sent: List[int] = []
    left = list(interrupted)
    numbers = Numbers(lambda number: number)

    def send(number: Any) -> None:
        if left and number == left[0]:
            left.pop(0)
            raise KeyboardInterrupt
        if len(sent) == 10:
            raise EOFError
        sent.append(number)

    for _ in interrupted:
        with pytest.raises(KeyboardInterrupt):
            numbers.send(send)
        assert numbers.next == len(sent)
    with pytest.raises(EOFError):
        numbers.send(send)
    assert sent == list(range(10))
    assert numbers.next == 10


def test_an_interrupt_before_the_first_send_counts_nothing() -> None:
    def pack(number: int) -> int:
        raise KeyboardInterrupt

    numbers = Numbers(pack)
    with pytest.raises(KeyboardInterrupt):
        numbers.send(pytest.fail)
    assert numbers.next == 0


def test_accounts() -> None:
    assert account(range(5), 5) == (0, 0)
    assert account([0, 2, 2, 4], 5) == (2, 1)
    assert account([], 0) == (0, 0)


@given(NUMBERS)
def test_runs_are_the_same_numbers(numbers: List[int]) -> None:
    assert unroll(runs(numbers)) == numbers
    assert runs(list(range(1_000))) == [[0, 999]]


@given(st.integers(0, 10**11), st.integers(12, 100))
def test_a_frame_begins_with_its_number(number: int, size: int) -> None:
    frame = packed(number, size)
    assert len(frame) == size
    assert number_of(frame) == number


@pytest.mark.parametrize("name", FAULTS)
def test_each_row_is_explained(name: str) -> None:
    page = Path(__file__).parent.parent / "docs" / "reliability.md"
    headings = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("### ")]
    assert any(name in line[4:].split(", ") for line in headings), f"docs/reliability.md says nothing of {name}"
