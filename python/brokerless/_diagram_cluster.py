"""Too much for one picture: boxes that are connected alike become one, "… and 97 more REQ"."""

from __future__ import annotations

from typing import Dict, FrozenSet, List, Optional, Sequence, Tuple

from ._diagram_graph import MORE, NOTE, Graph, Node, Port
from ._diagram_links import DOWN, Link

#: How many of a kind stay.
_KEPT = 4

_Alike = Tuple[Optional[int], str, FrozenSet[Tuple[str, bool, str]]]


def clustered(graph: Graph, most: int) -> Graph:
    """The graph with at most `most` boxes (at least 3); those that are alike go first."""
    excess = len(graph.nodes) - most
    if excess <= 0:
        return graph
    groups: List[List[Node]] = []
    for alike in sorted(_groups(graph), key=len, reverse=True):
        if excess <= 0:
            break
        # What stands for others takes a place itself.
        if len(alike) > _KEPT + 1:
            groups.append(alike[_KEPT:])
            excess -= len(alike) - _KEPT - 1
    if excess > 0:
        groups = _in_the_order_of_processes(graph, most)
    return _replaced(graph, groups)


def _groups(graph: Graph) -> List[List[Node]]:
    """Boxes of the same kind and process with the same neighbours."""
    ends: Dict[str, List[Tuple[str, bool, str]]] = {}
    for link in graph.links:
        ends.setdefault(link.source, []).append((link.target, True, link.state))
        ends.setdefault(link.target, []).append((link.source, False, link.state))
    found: Dict[_Alike, List[Node]] = {}
    for node in graph.nodes:
        if node.kind == NOTE:
            continue
        around = frozenset(end for port in node.ports for end in ends.get(port.key, []))
        found.setdefault((node.process, _kind(node), around), []).append(node)
    return list(found.values())


def _kind(node: Node) -> str:
    return node.kind if node.process is None else f"{node.kind} {node.title}"


def _in_the_order_of_processes(graph: Graph, most: int) -> List[List[Node]]:
    """All but the first boxes of each process, which share the room; of what has no process, too."""
    by_process: Dict[Optional[int], List[Node]] = {}
    for node in graph.nodes:
        by_process.setdefault(node.process, []).append(node)
    share = most // len(by_process)
    if share < 1:
        # More processes than there is room for: all beyond are one box.
        return [list(graph.nodes[most - 1 :])]
    return [nodes[share - 1 :] for nodes in by_process.values() if len(nodes) > share]


def _replaced(graph: Graph, groups: Sequence[Sequence[Node]]) -> Graph:
    new: Dict[str, str] = {}
    instead: Dict[str, Node] = {}
    for gone in groups:
        first = gone[0]
        key = f"more {first.key}"
        count = sum(node.many for node in gone)
        kinds = {_kind(node) for node in gone}
        what = f" {first.title}" if len(kinds) == 1 and first.process is not None else ""
        inside = {node.process for node in gone}
        process = first.process if len(inside) == 1 else None
        title = f"… and {count:,} more{what}"
        instead[first.key] = Node(key, MORE, title, process, (Port(key, ""),), many=count)
        new.update((port.key, key) for node in gone for port in node.ports)
        new.update((node.key, key) for node in gone)
    nodes = [instead.get(node.key, node) for node in graph.nodes if node.key in instead or node.key not in new]
    links: Dict[Tuple[str, str, bool, bool, bool, bool], Link] = {}
    for link in graph.links:
        source, target = new.get(link.source, link.source), new.get(link.target, link.target)
        if source == target and source != link.source:
            # Within what is not shown.
            continue
        moved = link._replace(source=source, target=target)
        if moved == link:
            links[(*link[:2], link.there, link.back, link.turned, link.state == DOWN)] = link
            continue
        mark = (source, target, link.there, link.back, link.turned, link.state == DOWN)
        links[mark] = _together(links[mark], moved) if mark in links else moved
    return _without_empty(Graph(graph.processes, tuple(nodes), tuple(links.values())))


def _together(one: Link, other: Link) -> Link:
    alike = one.by_target == other.by_target
    sent, received = (
        None if a is None or b is None or not alike else a + b
        for a, b in ((one.sent, other.sent), (one.received, other.received))
    )
    endpoints = tuple(dict.fromkeys(one.endpoints + other.endpoints))
    count = one.connections + other.connections
    return one._replace(endpoints=endpoints, connections=count, sent=sent, received=received)


def _without_empty(graph: Graph) -> Graph:
    """The graph without the processes of which no box is left."""
    used = sorted({node.process for node in graph.nodes if node.process is not None})
    at = {old: now for now, old in enumerate(used)}
    nodes = tuple(node if node.process is None else node._replace(process=at[node.process]) for node in graph.nodes)
    return Graph(tuple(graph.processes[old] for old in used), nodes, graph.links)
