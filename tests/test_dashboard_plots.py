"""Plots of whatever figures there may be: they are valid, small, and within their frame."""

from __future__ import annotations

import math
import random
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from brokerless._dashboard import POINTS
from brokerless._dashboard_kinds import Flow, Subject
from brokerless._dashboard_peers import PeerTraffic
from brokerless._dashboard_view import View
from brokerless._html import printable, text_in
from brokerless._plots import Box, Line, bars, clock, plot, rates, si, sparkline, ticks

pytest.importorskip("hypothesis")
from hypothesis import example, given
from hypothesis import strategies as st

FRAME = Box(10, 20, 300, 150)
SVG = "{http://www.w3.org/2000/svg}"
values = st.floats(allow_nan=True, allow_infinity=True)
counts = st.integers(0, 2**63 - 1)


def parsed(fragment: str) -> ElementTree.Element:
    return ElementTree.fromstring(f'<svg xmlns="http://www.w3.org/2000/svg">{fragment}</svg>')


def points(picture: ElementTree.Element) -> list[tuple[float, float]]:
    found = [
        tuple(map(float, pair.split(",")))
        for line in picture.iter(f"{SVG}polyline")
        for pair in line.get("points", "").split()
    ]
    return found + [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in picture.iter(f"{SVG}circle")]  # type: ignore[return-value]


@given(st.lists(st.tuples(values, values)), st.text(), st.tuples(values, values))
@example([], "", (0.0, 0.0))
@example([(0.0, 5e-324), (1.0, 1.7e308)], "<&\x00\ud800>", (0.0, 1.0))
@example([(1.0, 3.0)], "one", (1.0, 1.0))
@example([(-1.7e308, -1.0), (1.7e308, 1.0)], "wide", (-1.7e308, 1.7e308))
def test_any_figures_make_a_plot(pairs: Any, name: str, span: Any) -> None:
    line = Line(name, [x for x, _ in pairs], [y for _, y in pairs])
    picture = parsed(plot(FRAME, name, name, [line, line], span))
    for x, y in points(picture):
        assert FRAME.x <= x <= FRAME.x + FRAME.width and FRAME.y <= y <= FRAME.y + FRAME.height
    for text in picture.iter(f"{SVG}text"):
        assert math.isfinite(float(text.get("x", ""))) and math.isfinite(float(text.get("y", "")))
    assert len(list(picture.iter(f"{SVG}text"))) < 16


def test_a_plot_shows_what_it_is_given() -> None:
    picture = parsed(plot(Box(0, 0, 150, 134), "rate", "msg/s", [Line("a", [0, 5, 10], [0, 100, 50])], (0, 10)))
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert texts == ["rate", "0", "50", "100", "0 s", "5 s", "10 s"]
    (left, bottom), (middle, top), (right, half) = points(picture)
    assert (left, middle, right) == (44, 94, 144)
    assert bottom == 116 and top == pytest.approx(116 - 100 / 1.05, abs=0.06)
    assert half == pytest.approx((top + bottom) / 2, abs=0.06)


def test_level_stretches_take_no_room() -> None:
    flat = parsed(plot(FRAME, "", "", [Line("a", range(240), [7] * 240)], (0, 239)))
    assert len(points(flat)) == 2
    steps = parsed(plot(FRAME, "", "", [Line("a", range(8), [0, 0, 0, 9, 9, 9, 0, 0])], (0, 7)))
    assert len(points(steps)) == 6


@given(st.lists(st.tuples(st.floats(0, 1e9), counts), max_size=50), st.floats(0, 10))
@example([(0.0, 0), (1.0, 5), (1.0, 9)], 0.5)
@example([(0.0, 0), (0.1, 5)], 0.5)
def test_rates_account_for_everything(samples: Any, least: float) -> None:
    elapsed = sorted(at for at, _ in samples)
    totals = sorted(total for _, total in samples)
    when, rate = rates(elapsed, totals, least)
    assert when == sorted(when) and len(when) == len(rate)
    if not when:
        assert not elapsed or elapsed[-1] - elapsed[0] <= max(least * 50, 1e-300) or len(set(elapsed)) < 2
        return
    assert when[-1] == elapsed[-1]
    starts = [elapsed[0], *when[:-1]]
    total = math.fsum(one * (end - start) for start, end, one in zip(starts, when, rate))
    assert total == pytest.approx(totals[-1] - totals[0], rel=1e-6, abs=1e-6 * totals[-1])


def test_a_last_look_makes_no_peak() -> None:
    # 1 ms after the sample before it, in which by chance 10 messages went.
    when, rate = rates([0, 1, 2, 2.001], [0, 100, 200, 210], 0.5)
    assert when == [1, 2.001]
    assert rate == [100, pytest.approx(110 / 1.001)]
    assert rates([0, 0.001], [0, 10], 0.5) == ([], [])


@given(values, values)
def test_ticks_are_few_and_within(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 1 <= len(found) <= 6
    if math.isfinite(low) and math.isfinite(high) and low < high and len(found) > 1:
        slack = (high - low) * 1e-6
        assert all(low - slack <= tick <= high + slack for tick in found)
        assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, [0, 5, 10]), (0, 4, [0, 1, 2, 3, 4]), (0, 1e6, [0, 5e5, 1e6]), (3, 17, [5, 10, 15]), (7, 7, [7])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "msg/s", "0 msg/s"),
        (7, "msg", "7 msg"),
        (0.25, "msg/s", "0.25 msg/s"),
        (12.345, "", "12.3"),
        (999.4, "", "999"),
        (999.6, "", "1.00k"),
        (12345, "msg", "12.3k msg"),
        (12345, "B/s", "12.3 kB/s"),
        (5e6, "B", "5 MB"),
        (2**63, "B", "9223 PB"),
        (float("nan"), "msg/s", "- msg/s"),
        (-1500, "", "-1.50k"),
    ],
)
def test_numbers_have_three_digits_and_a_prefix(value: float, unit: str, text: str) -> None:
    assert si(value, unit) == text


@given(values)
def test_every_number_can_be_written(value: float) -> None:
    assert si(value, "B") and clock(value)


def test_times_are_in_their_units() -> None:
    assert [clock(at) for at in (0, 0.5, 90, 120, 5400, 61)] == ["0 s", "0.5 s", "1.5 min", "2 min", "1.5 h", "61 s"]


@given(st.lists(values), st.integers(1, 30))
@example([1e308, 1e308], 1)
def test_sparklines_have_their_width(given_values: Any, width: int) -> None:
    finite = [value for value in given_values if math.isfinite(value)]
    assert len(sparkline(given_values, width)) == min(len(finite), width)


def test_sparklines_show_the_shape() -> None:
    assert sparkline([0, 1, 2, 4]) == "▁▃▅█"
    assert sparkline([]) == "" and sparkline([0, 0]) == "▁▁"
    assert sparkline([1, 1, 3, 3], 2) == "▃█"


@given(st.text())
def test_any_text_can_stand_in_a_picture(text: str) -> None:
    (shown,) = parsed(f'<text label="{text_in(text)}">{text_in(text)}</text>')
    assert (shown.text or "") == shown.get("label") == printable(text)


@given(st.lists(st.tuples(st.text(), counts), max_size=8))
def test_any_counts_have_bars(shares: Any) -> None:
    picture = parsed(bars(Box(0, 0, 640, 16), shares))
    widths = [float(bar.get("width", "")) for bar in picture.iter(f"{SVG}rect")]
    assert len(widths) == len(shares) and all(0 <= width <= 450 for width in widths)


def test_a_full_picture_is_small() -> None:
    chance = random.Random(5)
    subject = Subject("x" * 300, [], [Flow("a", "m", "b"), Flow("b", "n", "b")], [("one", "p"), ("other", "q")])
    elapsed = [0.5 * number for number in range(POINTS)]

    def total() -> list[float]:
        sums = [0.0]
        for _ in elapsed[1:]:
            sums.append(sums[-1] + chance.randrange(10**6))
        return sums

    columns = {"elapsed": elapsed, "m": total(), "n": total(), "b": total(), "p": [-1.0] * POINTS}
    columns["q"] = [float(chance.randrange(9)) for _ in elapsed]
    tallied = ("key", 100, 40, [(f"a name that is longer than there is room for {number}", 10) for number in range(32)])
    peers = [
        PeerTraffic(
            "peers", "tcp://a:1", f"tcp://b:{number}", number % 3 > 0, elapsed[:100], total()[:100], total()[:100]
        )
        for number in range(12)
    ]
    view = View(subject, columns, peers, tallied, "live", 0.5)
    picture = view.svg("brokerless-1")
    assert len(picture.encode()) < 40_000
    assert ElementTree.fromstring(picture).get("id") == "brokerless-1"
    texts = "".join(ElementTree.fromstring(picture).itertext())
    assert "8 of 12 shown" in texts and "and 4 more peers" in view.text()
    assert "8 of 40 shown" in texts and "one: not known" in texts and "connectedoneother" in texts
    # Who comes and goes is drawn only if anybody does.
    columns["q"] = [3.0] * POINTS
    quiet = View(subject, columns, [], tallied, "live", 0.5).svg("brokerless-1")
    assert "connected" not in quiet and "other: 3" in quiet
    assert "32 more (of 100)" in view.text()
