"""A trace for the eye: as a table of text, as a Mermaid sequence diagram, and as SVG that needs nothing from outside."""

from __future__ import annotations

import re
from typing import Dict, List, Sequence

from ._html import colour, printable, short, text_in
from ._trace_arrows import Arrow, Party

#: Characters of a message that a line of text shows.
_WIDTH = 60

# Of the SVG, in pixels.
_GUTTER, _COLUMN, _HEAD, _ROW, _CHARACTER = 84, 230, 64, 30, 6.7

# The notebook's own colour where there is one, since its theme need not be the browser's.
_STYLE = f"""
.zmq-trace {{ color: {colour("#1f2328")}; font: 12px ui-monospace, Menlo, Consolas, monospace; }}
@media (prefers-color-scheme: dark) {{ .zmq-trace {{ color: {colour("#e6edf3")}; }} }}"""
_STYLE += """
.zmq-trace text { fill: currentColor; } .zmq-trace .zt-small { font-size: 10px; opacity: 0.75; }
.zmq-trace .zt-name { font-weight: bold; }
.zmq-trace .zt-box { fill: currentColor; fill-opacity: 0.06; stroke: currentColor; stroke-opacity: 0.6; }
.zmq-trace .zt-line { stroke: currentColor; stroke-opacity: 0.35; }
.zmq-trace .zt-outside { stroke-dasharray: 4 4; }
.zmq-trace .zt-arrow { stroke: #2f81f7; fill: #2f81f7; } .zmq-trace .zt-lost { stroke: #d1603d; fill: none; }
.zmq-trace .zt-lost.zt-dash { stroke-dasharray: 6 4; }
"""


def _said(arrow: Arrow) -> str:
    return f"{arrow.record.size} B  {arrow.record.text}"


def _when(arrow: Arrow) -> str:
    return f"{arrow.elapsed * 1e3:.3f} ms"


def _lifelines(parties: Sequence[Party], arrows: Sequence[Arrow]) -> List[str]:
    """The names from left to right: peers that are not traced stand at the outer side of those who talk to them."""
    used = {name for arrow in arrows for name in (arrow.source, arrow.target)}
    left: List[str] = []
    right: List[str] = []
    for index, party in enumerate(parties):
        side = left if 2 * index + 1 < len(parties) else right
        if party.outside in used and party.outside not in left + right:
            side.append(party.outside)
    return [*left, *(party.name for party in parties), *right]


def table(arrows: Sequence[Arrow]) -> str:
    """A line for each message: when, from whom to whom, how large, what, and how long it took."""
    rows = [
        (_when(arrow), f"{arrow.source} {'-x' if arrow.lost else '->'} {arrow.target}", f"{arrow.record.size} B", arrow)
        for arrow in arrows
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = []
    for when, way, size, arrow in rows:
        took = "" if arrow.took is None else f"  (took {arrow.took * 1e3:.3f} ms)"
        said = short(arrow.record.text, _WIDTH)
        lines.append(f"{when:>{widths[0]}}  {printable(way):<{widths[1]}}  {size:>{widths[2]}}  {said}{took}")
    return "\n".join(lines)


def mermaid(parties: Sequence[Party], arrows: Sequence[Arrow], left_out: int) -> str:
    """A Mermaid sequenceDiagram."""
    names = _lifelines(parties, arrows)
    ids = {name: f"L{number}" for number, name in enumerate(names)}
    lines = ["sequenceDiagram", *(f"    participant {ids[name]} as {_for_mermaid(name)}" for name in names)]
    if left_out:
        lines.append(f"    Note over {ids[names[0]]}: {_older(left_out)}")
    for arrow in arrows:
        way = "-x" if arrow.lost else "->>"
        said = _for_mermaid(short(_said(arrow), _WIDTH))
        lines.append(f"    {ids[arrow.source]}{way}{ids[arrow.target]}: {said}")
    return "\n".join([*lines, ""])


def _for_mermaid(text: str) -> str:
    """The text, with Mermaid's own entities for all but what can mean nothing to it."""
    return re.sub(r"[^\w .,:()/|+*=?!'\[\]…-]", lambda char: f"#{ord(char.group())};", printable(text))


def _older(left_out: int) -> str:
    return f"{left_out} older message{'' if left_out == 1 else 's'} not shown"


def svg(parties: Sequence[Party], arrows: Sequence[Arrow], left_out: int, title: str) -> str:
    """The diagram as one <svg> element."""
    names = _lifelines(parties, arrows)
    at = {name: _GUTTER + _COLUMN * column + _COLUMN // 2 for column, name in enumerate(names)}
    top = _HEAD + (_ROW if left_out else 0)
    width, height = _GUTTER + _COLUMN * len(names), top + _ROW * len(arrows) + 16
    known = {party.name: party for party in parties}
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="zmq-trace" role="img" {size}>'
    lines = [head, f"<title>{text_in(title)}</title>", f"<style>{_STYLE}</style>"]
    for name in names:
        lines += _lifeline(name, at[name], height, known)
    if left_out:
        lines.append(f'<text class="zt-small" x="6" y="{_HEAD + 14}">{text_in(_older(left_out))}</text>')
    for row, arrow in enumerate(arrows):
        lines += _drawn(arrow, at[arrow.source], at[arrow.target], top + _ROW * (row + 1))
    return "\n".join([*lines, "</svg>", ""])


def _lifeline(name: str, x: int, height: int, known: Dict[str, Party]) -> List[str]:
    party = known.get(name)
    outside = "" if party else " zt-outside"
    where = [f"{'bound' if bound else 'connected'}: {endpoint}" for endpoint, bound in party.endpoints] if party else []
    below = where[0] if len(where) == 1 else f"{len(where)} endpoints" if where else ""
    left, box = x - _COLUMN // 2 + 8, _COLUMN - 16
    room = int(box / _CHARACTER)
    lines = [
        f'<line class="zt-line{outside}" x1="{x}" y1="46" x2="{x}" y2="{height}"/>',
        f"<g><title>{text_in(', '.join([name, *where]))}</title>",
        f'<rect class="zt-box{outside}" x="{left}" y="6" width="{box}" height="40" rx="{2 if party else 12}"/>',
        f'<text class="zt-name" x="{x}" y="{22 if below else 30}" text-anchor="middle">{text_in(short(name, room - 3))}</text>',
    ]
    if below:
        lines.append(
            f'<text class="zt-small" x="{x}" y="38" text-anchor="middle">{text_in(short(below, room + 3))}</text>'
        )
    return [*lines, "</g>"]


def _drawn(arrow: Arrow, start: int, end: int, y: int) -> List[str]:
    record, step = arrow.record, 1 if end > start else -1
    room = int((abs(end - start) - 24) / _CHARACTER)
    # In the middle, unless another lifeline may be there.
    x, anchor = (start + end) // 2, "middle"
    if abs(end - start) > _COLUMN:
        x, anchor = start + step * 10, "start" if step > 0 else "end"
    took = "" if arrow.took is None else f", took {arrow.took * 1e3:.3f} ms"
    lost = ", not received" if arrow.lost else ""
    whole = f"{arrow.source} to {arrow.target}, {_when(arrow)}{took}{lost}, {record.size} bytes: {record.text}"
    lines = [
        f"<g><title>{text_in(whole)}</title>",
        f'<text class="zt-small" x="{_GUTTER - 8}" y="{y + 3}" text-anchor="end">{_when(arrow)}</text>',
        f'<text x="{x}" y="{y - 5}" text-anchor="{anchor}">{text_in(short(_said(arrow), room))}</text>',
    ]
    if arrow.lost:
        tip = (start + end) // 2 + step * 60
        cross = f"M{tip - 5} {y - 5} L{tip + 5} {y + 5} M{tip - 5} {y + 5} L{tip + 5} {y - 5}"
        lines.append(f'<line class="zt-lost zt-dash" x1="{start}" y1="{y}" x2="{tip}" y2="{y}"/>')
        lines.append(f'<path class="zt-lost" d="{cross}"/>')
    else:
        back = end - step * 8
        lines.append(f'<line class="zt-arrow" x1="{start}" y1="{y}" x2="{back}" y2="{y}"/>')
        lines.append(f'<path class="zt-arrow" d="M{end} {y} L{back} {y - 4} L{back} {y + 4} Z"/>')
    return [*lines, "</g>"]


def html(picture: str) -> str:
    """The diagram for a notebook's output, which scrolls if it is long."""
    return f'<div style="overflow: auto; max-height: 36em">{picture}</div>'
