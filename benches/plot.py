"""Draws the ratios as an SVG of a few kB, which reads well in light and in dark: no library draws both in one file.

How many times as good, on a logarithmic axis: a bar begins at 1x, the baseline. A line across a bar is what it
must reach, the thin line in it lies between the quartiles, a ring is pyomq, a diamond is libzmq in C.
"""

from __future__ import annotations

from html import escape
from math import log2
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence

from benches.results import Result, Spread, ratio

WIDTH, LEFT, RIGHT, TOP, STEP, BOTTOM = 880, 384, 72, 64, 26, 44
BAR = 14

#: Where a value lies.
Scale = Callable[[float], float]

STYLE = """\
text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f }
.small { font-size: 11px; fill: #57606a } .title { font-size: 15px; font-weight: 600 } .value { font-weight: 600 }
.grid { stroke: #d0d7de } .one { stroke: #57606a } .bar { fill: #2a78b8 } .behind { fill: #c2571a }
.whisker { stroke: #0b2e4a; stroke-width: 1.5 } .target { stroke: #24292f; stroke-width: 2.5 }
.other { fill: #fff; stroke: #8250df; stroke-width: 2 } .limit { fill: #fff; stroke: #1a7f37; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9da7b3 } .grid { stroke: #30363d } .one { stroke: #9da7b3 }
.bar { fill: #58a6e8 } .behind { fill: #f0883e } .whisker { stroke: #dbeafe } .target { stroke: #fff }
.other { fill: #0d1117; stroke: #bc8cff } .limit { fill: #0d1117; stroke: #3fb950 }
}"""


class Bar(NamedTuple):
    """One line of the plot."""

    label: str
    ratio: Spread
    target: Optional[float]
    pyomq: Optional[float]
    limit: Optional[float]


def bars(results: Sequence[Result]) -> List[Bar]:
    """A bar for each case that has a ratio to its baseline."""
    found = []
    for result in results:
        case = result.case
        ours = ratio(result, "brokerless", case.baseline)
        if ours is None:
            continue
        aim = next((t.at_least for t in case.targets if (t.ours, t.against) == ("brokerless", case.baseline)), None)
        others = [ratio(result, name, case.baseline) for name in ("pyomq", "C tools")]
        found.append(Bar(case.title, ours, aim, *(None if other is None else other.middle for other in others)))
    return found


def draw(found: Sequence[Bar], caption: str) -> str:
    """The picture. Two calls with the same figures return the same text."""
    highest = max([2.0, *(value for bar in found for value in _values(bar))])
    lowest = min([1.0, *(value for bar in found for value in _values(bar))])
    first, last = int(log2(lowest) // 1), int(-(-log2(highest * 1.15) // 1))
    height = TOP + STEP * len(found) + BOTTOM

    def x(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (log2(value) - first) / (last - first), 1)

    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img" '
            'aria-label="How many times as good as pyzmq">',
            f"<style>\n{STYLE}\n</style>",
            '<text class="title" x="12" y="24">brokerless beside pyzmq, which is 1x: more is better</text>',
            *_legend(),
            *_grid(range(first, last + 1), x, height),
            *(line for number, bar in enumerate(found) for line in _bar(bar, TOP + STEP * number, x)),
            f'<text class="small" x="12" y="{height - 8}">{escape(caption)}</text>',
            "</svg>\n",
        ]
    )


def _values(bar: Bar) -> Iterator[float]:
    yield from (value for value in (*bar.ratio, bar.target, bar.pyomq, bar.limit) if value is not None)


def _legend() -> Iterator[str]:
    y = 44
    yield f'<rect class="bar" x="12" y="{y - 10}" width="24" height="10"/><text class="small" x="42" y="{y}">brokerless</text>'
    yield f'<path class="target" d="M122 {y - 13}v16"/><text class="small" x="130" y="{y}">to be reached</text>'
    yield f'<circle class="other" cx="228" cy="{y - 5}" r="4"/><text class="small" x="238" y="{y}">pyomq</text>'
    yield f'{_diamond(298, y - 5)}<text class="small" x="308" y="{y}">libzmq in C</text>'


def _diamond(x: float, y: float) -> str:
    return f'<path class="limit" d="M{x - 5:g} {y:g}l5 -5l5 5l-5 5z"/>'


def _grid(powers: Sequence[int], x: Scale, height: int) -> Iterator[str]:
    for power in powers:
        value = 2.0**power
        kind = "one" if power == 0 else "grid"
        yield f'<path class="{kind}" d="M{x(value):g} {TOP - 4}V{height - BOTTOM + 2}"/>'
        yield f'<text class="small" x="{x(value):g}" y="{height - BOTTOM + 16}" text-anchor="middle">{value:g}x</text>'


def _bar(bar: Bar, y: int, x: Scale) -> Iterator[str]:
    middle = y + STEP / 2
    low, value, high = bar.ratio
    start, end = sorted((x(1), x(value)))
    kind = "bar" if value >= 1 else "behind"
    yield f'<text x="{LEFT - 12}" y="{middle + 4.5:g}" text-anchor="end">{escape(bar.label)}</text>'
    yield (
        f'<rect class="{kind}" x="{start:g}" y="{middle - BAR / 2:g}" width="{max(1.0, end - start):g}" height="{BAR}">'
        f"<title>{value:.2f}x ({low:.2f} to {high:.2f})</title></rect>"
    )
    yield f'<path class="whisker" d="M{x(low):g} {middle:g}H{x(high):g}"/>'
    if bar.target is not None:
        yield f'<path class="target" d="M{x(bar.target):g} {middle - 11:g}v22"/>'
    if bar.limit is not None:
        yield _diamond(x(bar.limit), middle)
    if bar.pyomq is not None:
        yield f'<circle class="other" cx="{x(bar.pyomq):g}" cy="{middle:g}" r="4"/>'
    yield f'<text class="value" x="{WIDTH - 12}" y="{middle + 4.5:g}" text-anchor="end">{value:.1f}x</text>'
