"""A diagram as SVG: needs nothing from outside, and can be read on light and on dark."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from ._diagram_cluster import clustered
from ._diagram_columns import Box, Edge
from ._diagram_edges import Ends, edge, mark
from ._diagram_graph import DEVICE, MORE, NOTE, ROLE, STRANGERS, Graph, Node, Port
from ._diagram_layout import MARGIN, Area, layout
from ._diagram_links import DOWN
from ._diagram_text import about, alone, columns, line, middle, summary, text
from ._html import colour, number, printable, text_in

#: Boxes in one picture, at most.
MOST = 60

#: How wide letters are, of 12 and of 10 pixels.
_LETTER, _SMALL = 7.4, 6.2
_NARROW, _USUAL, _WIDE = 116, 168, 236
#: Heights: of a socket, of the title over those of a device, and of what is between and around them.
_SOCKET, _TITLE, _BETWEEN, _INSET = 42, 24, 18, 8

_STYLE = """
#ID text{fill:currentColor;font:12px ui-monospace,Menlo,Consolas,monospace}
#ID .s{font-size:10px} #ID .b{font-weight:700} #ID .q{fill-opacity:.75}
#ID .g{fill:currentColor;fill-opacity:.04;stroke:currentColor;stroke-opacity:.3}
#ID .n{fill:none;stroke:currentColor;stroke-opacity:.7}
#ID .h{fill:currentColor;fill-opacity:.09;stroke:currentColor;stroke-opacity:.8}
#ID .i{fill:none;stroke:currentColor;stroke-opacity:.8}
#ID .o{stroke-dasharray:5 4} #ID .e{fill:none;stroke:FLOW;stroke-width:1.5} #ID .a{fill:FLOW}
#ID .d{stroke:DOWN;stroke-dasharray:5 4} #ID .x{fill:none;stroke:DOWN;stroke-width:2} #ID text.w{fill:DOWN}
#ID .k{fill:currentColor} #ID .c{fill:none;stroke:currentColor;stroke-width:1.5}
"""
# These can be seen on white and on black.
_FLOW, _DOWN = "#2f81f7", "#d9603d"


def svg(whole: Graph, identity: str, standalone: bool = True, live: bool = False) -> str:
    """The picture as one <svg> element; what is to be a file of its own brings its own paper.

    `identity` is an id that nothing else on the page has.
    """
    graph = clustered(whole, MOST)
    turned = [(link.target, link.source) if link.turned else (link.source, link.target) for link in graph.links]
    boxes = [Box(node.key, node.process, *_size(graph, node)) for node in graph.nodes]
    at = {port.key: (node.key, _row(node, row)) for node in graph.nodes for row, port in enumerate(node.ports)}
    places = layout(boxes, [Edge(at[left][0], at[right][0], at[left][1], at[right][1]) for left, right in turned])
    legend, room = _legend(graph, places.height)
    width, height = max(places.width, room), places.height + (28 if legend else 20)
    parts = _head(whole, identity, width, height, standalone)
    for group, area in places.groups.items():
        parts += _process(graph.processes[group], area)
    ends: Dict[str, Ends] = {}
    for node in graph.nodes:
        parts += _node(graph, node, places.boxes[node.key], ends)
    crowds = {port.key for node in graph.nodes if node.many > 1 for port in node.ports}
    for link, way in zip(graph.links, places.ways):
        crowded = link.source in crowds or link.target in crowds
        parts += edge(link, ends, way, line(graph, link), crowded)
    if not graph.nodes:
        parts.append(f'<text class="q" x="{MARGIN}" y="24">No socket is open.</text>')
    parts += legend
    if live:
        parts.append(f'<text class="s q" x="{width - MARGIN:g}" y="{height - 8:g}" text-anchor="end">live</text>')
    return "\n".join([*parts, "</svg>", ""])


def _head(graph: Graph, identity: str, width: float, height: float, standalone: bool) -> List[str]:
    style = _STYLE
    paint = ("var(--jp-brand-color1,FLOW)", "var(--jp-error-color1,DOWN)")
    paper, look = [], f' style="color:{colour()}"'
    if standalone:
        paint, look = ("FLOW", "DOWN"), ""
        style += "#ID{color:#1f2328} #ID .p{fill:#fff}\n"
        style += "@media (prefers-color-scheme:dark){#ID{color:#e6edf3} #ID .p{fill:#0d1117}}\n"
        paper = ['<rect class="p" width="100%" height="100%"/>']
    for name, value in zip(("FLOW", "DOWN"), paint):
        style = style.replace(name, value)
    style = style.replace("FLOW", _FLOW).replace("DOWN", _DOWN).replace("ID", identity)
    names = f'role="img" aria-labelledby="{identity}-title {identity}-text"'
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{identity}" {names} {size}{look}>',
        f'<title id="{identity}-title">{text_in(summary(graph))}</title>',
        f'<desc id="{identity}-text">{_lines(text(graph))}</desc>',
        f"<style>{style}</style>",
        *paper,
    ]


def _lines(words: str) -> str:
    return "\n".join(map(text_in, words.split("\n")))


def _process(name: str, area: Area) -> List[str]:
    room = int((area.width - 20) / _LETTER)
    return [
        f"<g><title>{text_in(name)}</title>",
        f'<rect class="g" x="{area.x:g}" y="{area.y:g}" width="{area.width:g}" height="{area.height:g}" rx="8"/>',
        f'<text class="q b" x="{area.x + 10:g}" y="{area.y + 16:g}">{text_in(middle(name, room))}</text></g>',
    ]


# Boxes


def _size(graph: Graph, node: Node) -> Tuple[float, float]:
    """Of what stays as it is while messages come and go."""
    if node.kind in (STRANGERS, MORE):
        return _USUAL, _SOCKET
    if node.kind == NOTE:
        return _between(columns(node.title) * _SMALL + 20), _SOCKET
    wide = [columns(printable("".join(_first(port, node)))) * _LETTER + 30 for port in node.ports]
    wide += [columns(_below(port)) * _SMALL + 18 for port in node.ports]
    if node.kind not in (DEVICE, ROLE):
        return _between(max(wide)), _SOCKET
    wide = [one + 2 * _INSET for one in wide] + [columns(node.title + _cell(node)) * _LETTER + 40]
    high = _TITLE + len(node.ports) * (_SOCKET + _BETWEEN) - _BETWEEN + _INSET
    return _between(max(max(wide), _USUAL)), high


def _row(node: Node, row: int) -> float:
    """How far under the middle of its box a socket's middle is."""
    if node.kind not in (DEVICE, ROLE):
        return 0.0
    step = _SOCKET + _BETWEEN
    return _TITLE + row * step + _SOCKET / 2 - (_TITLE + len(node.ports) * step - _BETWEEN + _INSET) / 2


def _between(width: float) -> float:
    return min(max(_NARROW, round(width)), _WIDE)


def _cell(node: Node) -> str:
    return "" if node.cell is None else f"[{node.cell}]"


def _first(port: Port, node: Node) -> Tuple[str, str]:
    """What stands at the left and at the right of a socket's first line."""
    return port.type, port.side or _cell(node)


def _below(port: Port) -> str:
    if port.bound:
        return port.bound[0] + (f" +{len(port.bound) - 1}" if len(port.bound) > 1 else "")
    return alone(port) if port.alone else ""


def _node(graph: Graph, node: Node, area: Area, ends: Dict[str, Ends]) -> List[str]:
    lines = [f"<g><title>{_lines(about(graph, node))}</title>"]
    if node.kind in (STRANGERS, MORE, NOTE):
        lines += _dashed(node, area)
        ends.update((port.key, _ends(node, area, area.y + area.height / 2)) for port in node.ports)
        return [*lines, "</g>"]
    if node.kind not in (DEVICE, ROLE):
        (port,) = node.ports
        ends[port.key] = _ends(node, area, area.y + area.height / 2)
        return _port(graph, node, port, area)
    lines.append(_rect("n", area, 6))
    lines.append(_text("b", area.x + 10, area.y + 16, middle(node.title, int(area.width / _LETTER) - 6)))
    lines.append(_text("s q", area.x + area.width - 10, area.y + 16, _cell(node), "end"))
    lines.append("</g>")
    y = area.y + _TITLE
    for at, port in enumerate(node.ports):
        inner = Area(area.x + _INSET, y, area.width - 2 * _INSET, _SOCKET)
        ends[port.key] = _ends(node, area, y + _SOCKET / 2)
        lines += _port(graph, node, port, inner)
        y += _SOCKET + _BETWEEN
        if at == 0 and len(node.ports) > 1:
            there, back = node.moved or (None, None)
            words = "↓" if there is None else f"↓ {number(there)}" + (f" · ↑ {number(back)}" if back else "")
            lines.append(_text("s q", area.x + area.width / 2, y - _BETWEEN / 2 + 3.5, words, "middle"))
    return lines


def _ends(node: Node, area: Area, y: float) -> Ends:
    return Ends(node.key, area.x, area.x + area.width, y)


def _port(graph: Graph, node: Node, port: Port, area: Area) -> List[str]:
    """A socket: with a double border and filled if it binds."""
    lines = [f"<g><title>{_lines(about(graph, node, port))}</title>", _rect("h" if port.bound else "n", area, 4)]
    if port.bound:
        lines.append(_rect("i", Area(area.x + 3, area.y + 3, area.width - 6, area.height - 6), 2))
    left, right = _first(port, node)
    below = _below(port)
    y = area.y + (18 if below else area.height / 2 + 4)
    room = int((area.width - 24 - columns(right) * _SMALL) / _LETTER)
    lines.append(_text("b", area.x + 10, y, middle(left, room)))
    if right:
        lines.append(_text("s q", area.x + area.width - 10, y, right, "end"))
    if below:
        lines.append(_text("s", area.x + 10, area.y + 32, middle(below, int((area.width - 17) / _SMALL))))
    return [*lines, "</g>"]


def _dashed(node: Node, area: Area) -> List[str]:
    """A box of what was not looked into."""
    middle_x, room = area.x + area.width / 2, area.width - 16
    lines = [_rect("n o", area, 20 if node.kind == STRANGERS else 4)]
    above, below = node.title, ""
    if node.kind == STRANGERS and node.many == 1 and node.details:
        above, below = "peer at", node.details[0]
    if node.kind == NOTE:
        above, below = "nothing known", node.title
    letter = _LETTER if columns(above) * _LETTER <= room else _SMALL
    size = "" if letter == _LETTER else "s"
    y = area.y + (18 if below else area.height / 2 + 4)
    lines.append(_text(size, middle_x, y, middle(above, int(room / letter)), "middle"))
    if below:
        lines.append(_text("s", middle_x, area.y + 32, middle(below, int(room / _SMALL)), "middle"))
    return lines


def _rect(kind: str, area: Area, radius: float) -> str:
    where = f'x="{area.x:g}" y="{area.y:g}" width="{area.width:g}" height="{area.height:g}"'
    return f'<rect class="{kind}" {where} rx="{radius:g}"/>'


def _text(kind: str, x: float, y: float, words: str, anchor: str = "start") -> str:
    at = f'x="{x:g}" y="{y:g}"' + (f' text-anchor="{anchor}"' if anchor != "start" else "")
    return f"<text{f' class={chr(34)}{kind}{chr(34)}' if kind else ''} {at}>{text_in(words)}</text>"


# Legend


def _legend(graph: Graph, y: float) -> Tuple[List[str], float]:
    """What the signs mean, as far as they are there, and how wide that is."""
    if not graph.links and not any(port.bound for port in graph.sockets):
        return [], 0.0
    x, y = float(MARGIN), y + 12
    lines = []
    entries: List[Tuple[Optional[bool], str]] = [(True, "binds"), (False, "connects")]
    if any(link.state == DOWN for link in graph.links):
        entries.append((None, "not connected"))
    for binds, words in entries:
        if binds is None:
            lines.append(f'<path class="e d" d="M{x:g} {y - 3:g}h18"/>')
            x += 14
        else:
            lines.append(mark(x + 4, y - 3, binds))
        lines.append(_text("s q", x + 14, y, words))
        x += 14 + columns(words) * _SMALL + 18
    return lines, x + 40
