"""A diagram in words: a line for each connection, and what its boxes say."""

from __future__ import annotations

import unicodedata
from typing import Dict, List, Optional, Tuple

from ._diagram_graph import DEVICE, MORE, NOTE, ROLE, SOCKET, STRANGERS, Graph, Node, Port
from ._diagram_links import DOWN, UNKNOWN, Link
from ._html import number, printable

#: Whether messages go there, and back.
_ARROWS = {(True, True): "<->", (True, False): "-->", (False, True): "<--", (False, False): "---"}


def columns(text: str) -> int:
    """How many columns of a terminal a text takes, or of a font whose letters are all as wide."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def middle(text: str, width: int) -> str:
    """The text within `width` columns; of a longer one the beginning and the end, where the port is."""
    text = printable(text)
    if columns(text) <= width:
        return text
    if width < 1:
        return ""
    head = _fitting(text, (width - 1) // 2)
    tail = _fitting(text[::-1], width - 1 - columns(head))[::-1]
    return f"{head}…{tail}"


def _fitting(text: str, width: int) -> str:
    """As much of its beginning as has room."""
    # What takes no column itself makes no text endless.
    text = text[: 2 * width]
    while columns(text) > width:
        text = text[:-1]
    return text


def summary(graph: Graph) -> str:
    """What there is, in numbers: "3 sockets, 2 connections"."""
    sockets = len(graph.sockets)
    connections = sum(link.connections for link in graph.links if link.state != DOWN)
    missing = sum(link.state == DOWN for link in graph.links)
    parts = [_many(sockets, "socket"), _many(connections, "connection")]
    return ", ".join([*parts, f"{missing:,} not connected"] if missing else parts)


def _many(count: int, what: str) -> str:
    return f"{number(count)} {what}{'' if count == 1 else 's'}"


def text(graph: Graph) -> str:
    """A line for each connection, who connects first, with an arrow as messages go; then those that have none."""
    ends = _ends(graph)
    lines = [_line(graph, link, ends) for link in graph.links]
    for node in graph.nodes:
        if node.kind == NOTE:
            lines.append(f"{graph.processes[node.process or 0]}: {node.title}")
        lines += [_lonely(graph, node, port) for port in node.ports if port.alone]
    return "\n".join(map(printable, lines)) or "No socket is open."


def line(graph: Graph, link: Link) -> str:
    """A link's line of the text."""
    return _line(graph, link, _ends(graph))


def _ends(graph: Graph) -> Dict[str, Tuple[Node, Port]]:
    return {port.key: (node, port) for node in graph.nodes for port in node.ports}


def _line(graph: Graph, link: Link, ends: Dict[str, Tuple[Node, Port]]) -> str:
    (source, port), (target, other) = ends[link.source], ends[link.target]
    arrow = "--x" if link.state == DOWN else _ARROWS[link.there, link.back]
    where = ", ".join(link.endpoints)
    there = "(a peer)" if target.kind == STRANGERS else _name(graph, target, other)
    who = source.title if source.kind == STRANGERS else _name(graph, source, port)
    said = counts(link) or state(link)
    return f"{who} {arrow} {where} {there}{'  ' if said else ''}{said}"


def counts(link: Link) -> str:
    """ "12 sent, 10 received", as the side says that has counted."""
    sent, received = (link.received, link.sent) if link.by_target else (link.sent, link.received)
    parts = [f"{number(count)} {what}" for count, what in ((sent, "sent"), (received, "received")) if count is not None]
    return ", ".join(parts)


def state(link: Link) -> str:
    """ "not connected", with the reason, or that nobody knows; "" for what is as it should be."""
    if link.state == DOWN:
        return f"not connected: {link.why}" if link.why else "not connected"
    return "not watched: whether it is connected is not known" if link.state == UNKNOWN else ""


def _lonely(graph: Graph, node: Node, port: Port) -> str:
    name = _name(graph, node, port)
    if port.bound:
        return f"{name} bound to {', '.join(port.bound)}: nobody is connected"
    return f"{name}: {alone(port)}"


def alone(port: Port) -> str:
    """What there is to say of a socket that has no connection."""
    return "nobody is connected" if port.bound else "not connected" if port.connected else "neither bound nor connected"


def _name(graph: Graph, node: Node, port: Port) -> str:
    """ "REQ (kernel)", "ROUTER (Queue frontend)", "PULL (Worker source, server)"."""
    if node.kind == MORE:
        return node.title
    parts = []
    if node.kind in (DEVICE, ROLE):
        parts.append(f"{node.title} {port.side}".rstrip())
    if node.process is not None and (node.process > 0 or node.kind == SOCKET):
        parts.append(graph.processes[node.process])
    if node.cell is not None:
        parts.append(f"cell {node.cell}")
    return f"{port.type or node.title} ({', '.join(parts)})"


def about(graph: Graph, node: Node, port: Optional[Port] = None) -> str:
    """All there is to say of a box, or of one of its sockets, in lines."""
    lines: List[str] = [node.title if port is None else _name(graph, node, port), *node.details]
    if port is not None and port.type:
        lines += [f"bound to {endpoint}" for endpoint in port.bound]
        lines += [f"connected to {endpoint}" for endpoint in port.connected]
        lines.append(f"{number(port.sent)} sent, {number(port.received)} received in all")
    elif node.moved is not None:
        lines.append("{} to the backend, {} to the frontend".format(*map(number, node.moved)))
    return "\n".join(lines)
