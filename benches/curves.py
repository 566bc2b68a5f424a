"""Draws how cost grows: a panel for each of the growth cases' curves, both axes logarithmic."""

from __future__ import annotations

from html import escape
from math import log10
from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from benches.plot import STYLE
from benches.results import Result, figure

Points = List[Tuple[float, float]]
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 300, 260, 52, 44, 36
TITLES = {
    "size": "us a message, by its bytes",
    "peers": "us a message, by PUSH sockets at one PULL",
    "polled": "us for send, poll, recv, by sockets polled",
}
COLOURS = """
polyline { fill: none; stroke-width: 2 } .brokerless { stroke: #2a78b8 } .pyzmq { stroke: #c2571a; stroke-dasharray: 5 3 }
@media (prefers-color-scheme: dark) { .brokerless { stroke: #58a6e8 } .pyzmq { stroke: #f0883e } }"""


def points(results: Sequence[Result]) -> Dict[str, Dict[str, Points]]:
    """What each contender needs for each number, by the curve's name."""
    found: Dict[str, Dict[str, Points]] = {}
    for result in results:
        if not result.case.name.startswith("growth-"):
            continue
        _, curve, number = result.case.name.split("-")
        for contender in result.case.contenders:
            value = figure(result, contender.name)
            if value is not None:
                found.setdefault(curve, {}).setdefault(contender.name, []).append((float(number), value))
    return found


def curves(results: Sequence[Result]) -> str:
    """The picture; nothing if no growth was measured."""
    found = points(results)
    if not found:
        return ""
    panels = (line for number, curve in enumerate(found) for line in _panel(curve, found[curve], number * WIDTH))
    size = f'viewBox="0 0 {WIDTH * len(found)} {HEIGHT}" width="{WIDTH * len(found)}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="How cost grows">',
            f"<style>\n{STYLE}{COLOURS}\n</style>",
            *panels,
            "</svg>\n",
        ]
    )


def _panel(curve: str, lines: Mapping[str, Points], left: int) -> Iterator[str]:
    xs = [log10(x) for drawn in lines.values() for x, _ in drawn]
    ys = [log10(y) for drawn in lines.values() for _, y in drawn]
    x_range = (min(xs), max(max(xs), min(xs) + 1))
    y_range = (int(min(ys) // 1), max(int(-(-max(ys) // 1)), int(min(ys) // 1) + 1))

    def place(x: float, y: float) -> Tuple[float, float]:
        right = (log10(x) - x_range[0]) / (x_range[1] - x_range[0])
        up = (log10(y) - y_range[0]) / (y_range[1] - y_range[0])
        across, down = WIDTH - LEFT - 16, HEIGHT - TOP - BOTTOM
        return round(left + LEFT + across * right, 1), round(HEIGHT - BOTTOM - down * up, 1)

    yield f'<text class="small" x="{left + 12}" y="18">{escape(TITLES.get(curve, curve))}</text>'
    for power in range(y_range[0], y_range[1] + 1):
        x, y = place(10 ** x_range[0], 10.0**power)
        yield f'<path class="grid" d="M{x:g} {y:g}H{left + WIDTH - 16}"/>'
        yield f'<text class="small" x="{x - 6:g}" y="{y + 4:g}" text-anchor="end">{_short(10.0**power)}</text>'
    for power in range(int(x_range[0]), int(x_range[1]) + 1, 1 if x_range[1] - x_range[0] < 6 else 2):
        x, y = place(10.0**power, 10.0 ** y_range[0])
        yield f'<text class="small" x="{x:g}" y="{y + 16:g}" text-anchor="middle">{_short(10.0**power)}</text>'
    for number, (name, drawn) in enumerate(lines.items()):
        path = " ".join("{:g},{:g}".format(*place(x, y)) for x, y in sorted(drawn))
        yield f'<polyline class="{escape(name)}" points="{path}"/>'
        key = left + 12 + 110 * number
        yield f'<polyline class="{escape(name)}" points="{key},30 {key + 24},30"/>'
        yield f'<text class="small" x="{key + 30}" y="34">{escape(name)}</text>'


def _short(number: float) -> str:
    for scale, letter in ((1e6, "M"), (1e3, "k")):
        if number >= scale:
            return f"{number / scale:g}{letter}"
    return f"{number:g}"
