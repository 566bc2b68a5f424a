"""The links of a diagram as SVG: which way messages go, who binds, and how many there were."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence, Tuple

from ._diagram_links import DOWN, Link
from ._html import number, text_in
from ._plots import si

#: From a box to what is written on an edge, and how far the edge goes straight for that.
_CLEAR, _LEAD = 22, 106
#: From a box to an edge's line: first the mark of the side, then the head of the arrow.
_MARK, _HEAD = 8, 17
#: Beyond this, counts have prefixes.
_LARGE = 10_000_000

Point = Tuple[float, float]


class Ends(NamedTuple):
    """The two sides of a socket, where edges begin and end."""

    box: str
    left: float
    right: float
    y: float


class _End(NamedTuple):
    x: float
    y: float
    #: 1 where the edge goes off to the right, -1 to the left.
    way: int
    binds: bool
    arrives: bool
    #: What is written here: over the edge, and under it.
    over: str = ""
    under: str = ""

    @property
    def start(self) -> float:
        """Where the line begins."""
        return self.x + self.way * (_HEAD - 2 if self.arrives else _MARK)

    @property
    def lead(self) -> float:
        """Up to where it is straight."""
        return self.x + self.way * _LEAD if self.over or self.under else self.start


def edge(link: Link, ends: Dict[str, Ends], way: Sequence[Point], said: str, crowded: bool) -> List[str]:
    """One link; `way` are the points that it has to pass, `said` what there is to read for who asks, and `crowded` whether
    one of its boxes says how many it stands for."""
    source, target = ends[link.source], ends[link.target]
    turned = source.left > target.left
    rightwards, leftwards = (link.received, link.sent) if turned else (link.sent, link.received)
    over, under = _words(link, rightwards, leftwards, crowded)
    at_target = link.by_target and link.state != DOWN
    near_source, near_target = (("", ""), (over, under)) if at_target else ((over, under), ("", ""))
    loop = source.box == target.box
    out = -1 if turned and not loop else 1
    back = 1 if loop else -out
    first = _End(source.right if out > 0 else source.left, source.y, out, False, link.back, *near_source)
    last = _End(target.right if back > 0 else target.left, target.y, back, True, link.there, *near_target)
    if loop and first.y == last.y:
        first, last = first._replace(y=first.y - 10), last._replace(y=last.y + 10)
    left, right = (last, first) if turned and not loop else (first, last)
    down = " d" if link.state == DOWN else ""
    lines = [f"<g><title>{text_in(said)}</title>", f'<path class="e{down}" d="{_path(left, right, way, loop)}"/>']
    for end in (first, last):
        lines += _end(end, bool(down))
    if down:
        x, y = first.lead, first.y
        lines.append(f'<path class="x" d="M{x - 5:g} {y - 5:g}l10 10m0-10l-10 10"/>')
    return [*lines, "</g>"]


def _words(link: Link, rightwards: object, leftwards: object, crowded: bool) -> Tuple[str, str]:
    if link.state == DOWN:
        return "not connected", ""
    times = f"{number(link.connections)}x" if link.connections > 1 and not crowded else ""
    right = f"{_count(rightwards)} →" if isinstance(rightwards, int) else ""
    left = f"← {_count(leftwards)}" if isinstance(leftwards, int) else ""
    over, under = (right, left) if right else (left, "")
    return " ".join(filter(None, (times, over))), under


def _count(count: int) -> str:
    return number(count) if count < _LARGE else si(count)


def _path(left: _End, right: _End, way: Sequence[Point], loop: bool) -> str:
    parts = [f"M{left.start:g} {left.y:g}"]
    if left.lead != left.start:
        parts.append(f"H{left.lead:g}")
    if loop:
        far = max(left.lead, right.lead) + 40
        parts.append(f"C{far:g} {left.y:g} {far:g} {right.y:g} {right.lead:g} {right.y:g}H{right.start:g}")
        return "".join(parts)
    x, y = left.lead, left.y
    # The points come in pairs: into a column, and out of it.
    for point in [*way, (right.lead, right.y)]:
        half = (x + point[0]) / 2
        parts.append(
            f"H{point[0]:g}" if point[1] == y else f"C{half:g} {y:g} {half:g} {point[1]:g} {point[0]:g} {point[1]:g}"
        )
        x, y = point
    if right.lead != right.start:
        parts.append(f"H{right.start:g}")
    return "".join(parts)


def _end(end: _End, down: bool) -> List[str]:
    lines = [mark(end.x + end.way * _MARK / 2, end.y, end.binds)]
    if end.arrives and not down:
        tip, base = end.x + end.way * (_MARK + 1), end.x + end.way * _HEAD
        lines.append(f'<path class="a" d="M{tip:g} {end.y:g}L{base:g} {end.y - 4.5:g}V{end.y + 4.5:g}Z"/>')
    anchor = "start" if end.way > 0 else "end"
    x = end.x + end.way * _CLEAR
    for words, y in ((end.over, end.y - 5), (end.under, end.y + 13)):
        if words:
            kind = "s w" if down else "s"
            lines.append(f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{text_in(words)}</text>')
    return lines


def mark(x: float, y: float, binds: bool) -> str:
    """The sign of a side: a full square binds, an open circle connects."""
    if binds:
        return f'<rect class="k" x="{x - 4:g}" y="{y - 4:g}" width="8" height="8"/>'
    return f'<circle class="c" cx="{x:g}" cy="{y:g}" r="3.25"/>'
