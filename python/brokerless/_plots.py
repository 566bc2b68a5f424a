"""Small plots of figures over time, as SVG and as text, drawn without any package.

Everything is drawn in `currentColor`, and the lines in colours that can be seen on light and on dark.
"""

from __future__ import annotations

import math
from typing import List, NamedTuple, Sequence, Tuple

from ._html import short, text_in

#: Of the lines, in their order: blue, orange, green, violet.
COLOURS = ("#3b82d6", "#d9730d", "#2f9e6e", "#a05fc9")

_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BLOCKS = "▁▂▃▄▅▆▇█"


class Line(NamedTuple):
    """What is drawn as one line: as many `x` as `y`, in order."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


class Box(NamedTuple):
    """Where a plot is: the left upper corner, and its size with the labels."""

    x: float
    y: float
    width: float
    height: float


def si(value: float, unit: str = "") -> str:
    """A number with three digits and its prefix: 12.3k, si(12345, "msg") is 12.3k msg, and si(12345, "B") is 12.3 kB."""
    number, prefix = _scaled(value)
    if unit.startswith("B"):
        return f"{number} {prefix}{unit}"
    return f"{number}{prefix} {unit}".rstrip()


def _scaled(value: float) -> Tuple[str, str]:
    if not math.isfinite(value):
        return "-", ""
    for factor, prefix in _PREFIXES:
        # What is rounded up to the next prefix has that.
        if abs(value) >= factor * 0.9995:
            return _three(value / factor), prefix
    return _three(value), ""


def _three(value: float) -> str:
    if value == int(value) and abs(value) < 1000:
        return str(int(value))
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:.{digits}f}"


def ticks(low: float, high: float, most: int = 4) -> List[float]:
    """Round numbers from `low` to `high`, a few of them, one step apart: 1, 2 or 5 times a power of ten."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    # A step as short as this may be none at all next to large numbers.
    if power == 0 or low + power == low or high + power == high:
        return [low]
    step = next(step * power for step in (1, 2, 5, 10, 20) if span / (step * power) <= most)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def rates(elapsed: Sequence[float], totals: Sequence[float], least: float = 0.0) -> Tuple[List[float], List[float]]:
    """How fast totals grow: when, and by how much a second since the time before that.

    Times less than `least` seconds apart are taken together: what is known of so short a time is mostly chance.
    """
    when: List[float] = []
    rate: List[float] = []
    before = 0
    starts: List[int] = []
    for now in range(1, len(elapsed)):
        took = elapsed[now] - elapsed[before]
        if took <= 0 or took < least:
            continue
        starts.append(before)
        when.append(elapsed[now])
        rate.append((totals[now] - totals[before]) / took)
        before = now
    # The rest, as of a last look at the end, belongs to the time before it.
    if when and before < len(elapsed) - 1:
        start = starts[-1]
        when[-1] = elapsed[-1]
        rate[-1] = (totals[-1] - totals[start]) / (elapsed[-1] - elapsed[start])
    return when, rate


def clock(seconds: float) -> str:
    """A number of seconds as an axis shows it."""
    for factor, unit in ((3600.0, "h"), (60.0, "min")):
        if abs(seconds) >= factor and math.isclose(seconds / factor, round(seconds / factor, 1)):
            return f"{seconds / factor:g} {unit}"
    return f"{seconds:g} s"


def _time_ticks(low: float, high: float) -> List[float]:
    factor = 1.0 if high - low < 180 else 60.0 if high - low < 10800 else 3600.0
    return [tick * factor for tick in ticks(low / factor, high / factor)]


def plot(box: Box, title: str, unit: str, lines: Sequence[Line], span: Tuple[float, float], named: bool = False) -> str:
    """A plot with labelled axes, as a `<g>`: time along the bottom, `span` from its left to its right end, and values from
    0 up to the highest. Its lines are `named` beside the title, unless their colours are explained elsewhere.
    """
    ys = [y for line in lines for y in line.y if math.isfinite(y)]
    left, right = span
    if not 0 < right - left < math.inf:
        left, right = (left, left + 1.0) if abs(left) < 1e9 else (0.0, 1.0)
    # Nothing to see is a line at the bottom, and less than one is drawn as it is.
    top = max(ys, default=0.0)
    top = top * 1.05 if top > 0 else 1.0
    if not math.isfinite(top):
        top = max(ys)
    x, y, width, height = box.x + 44, box.y + 16, box.width - 50, box.height - 34

    # Clamped against rounding; divided first, as a product may be too large for a float.
    def across(at: float) -> float:
        return x + width * min(max((at - left) / (right - left), 0.0), 1.0)

    def up(at: float) -> float:
        return y + height * (1 - min(max(at / top, 0.0), 1.0))

    names = [
        f'<tspan dx="8" fill="{COLOURS[number % len(COLOURS)]}">{text_in(line.name)}</tspan>'
        for number, line in enumerate(lines)
        if named
    ]
    parts = [f'<text x="{box.x:g}" y="{box.y + 9:g}" font-weight="600">{text_in(title)}{"".join(names)}</text>']
    for tick in ticks(0.0, top, max(2, int(height / 28))):
        at = up(tick)
        parts.append(
            f'<path d="M{x:g} {at:.1f}h{width:g}" stroke="currentColor" stroke-opacity=".15"/>'
            f'<text x="{x - 4:g}" y="{at + 3:.1f}" text-anchor="end" opacity=".75">{text_in(si(tick))}</text>'
        )
    for tick in _time_ticks(left, right):
        # The last one ends where the plot does, and the picture.
        anchor = "end" if across(tick) > x + width - 10 else "middle"
        parts.append(
            f'<text x="{across(tick):.1f}" y="{y + height + 13:g}" text-anchor="{anchor}" opacity=".75">'
            f"{text_in(clock(tick))}</text>"
        )
    parts.append(f'<path d="M{x:g} {y:g}v{height:g}h{width:g}" fill="none" stroke="currentColor" stroke-opacity=".4"/>')
    for number, line in enumerate(lines):
        points = [(across(a), up(b)) for a, b in zip(line.x, line.y) if math.isfinite(a) and math.isfinite(b)]
        if points:
            parts.append(_line(points, number, line.name))
    label = text_in(f"{title} in {unit}, over time")
    return f'<g role="img" aria-label="{label}">{"".join(parts)}</g>'


def _line(points: Sequence[Tuple[float, float]], number: int, name: str) -> str:
    colour = COLOURS[number % len(COLOURS)]
    written = [(f"{x:.1f}", f"{y:.1f}") for x, y in points]
    # Of a level stretch only the ends are written.
    kept = [
        point
        for number, point in enumerate(written)
        if number in (0, len(written) - 1) or not written[number - 1][1] == point[1] == written[number + 1][1]
    ]
    tip = f"<title>{text_in(name)}</title>"
    if len(kept) == 1:
        return f'<circle cx="{kept[0][0]}" cy="{kept[0][1]}" r="2" fill="{colour}">{tip}</circle>'
    path = " ".join(f"{x},{y}" for x, y in kept)
    # What is the same both ways is one line, which shows both colours.
    dashes = ' stroke-dasharray="6 4"' if number else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"{dashes}>{tip}</polyline>'


def bars(box: Box, shares: Sequence[Tuple[str, int]]) -> str:
    """A bar for each name and count, as a `<g>`: as many rows of 16 as there are."""
    most = max((count for _, count in shares), default=0) or 1
    room, widest = 110.0, box.width - 110 - 80
    rows = []
    for number, (name, count) in enumerate(shares):
        y = box.y + 16 * number
        rows.append(
            f'<text x="{box.x + room - 6:g}" y="{y + 11:g}" text-anchor="end">{text_in(short(name, 18))}'
            f"<title>{text_in(name)}</title></text>"
            f'<rect x="{box.x + room:g}" y="{y + 3:g}" width="{widest * count / most:.1f}" height="10" rx="1" '
            f'fill="{COLOURS[0]}" fill-opacity=".85"/>'
            f'<text x="{box.x + room + widest * count / most + 6:.1f}" y="{y + 11:g}">{text_in(si(count))}</text>'
        )
    return f"<g>{''.join(rows)}</g>"


def sparkline(values: Sequence[float], width: int = 24) -> str:
    """A line of blocks, the highest value a whole one; the average of several where there are more than `width`."""
    known = [value for value in values if math.isfinite(value)]
    if len(known) > width:
        edges = [number * len(known) // width for number in range(width + 1)]
        known = [sum(known[a:b]) / (b - a) for a, b in zip(edges, edges[1:])]
    top = max(known, default=0.0)
    if not (top > 0 and math.isfinite(top)):
        return _BLOCKS[0] * len(known)
    return "".join(_BLOCKS[min(int(max(value / top, 0.0) * len(_BLOCKS)), len(_BLOCKS) - 1)] for value in known)
