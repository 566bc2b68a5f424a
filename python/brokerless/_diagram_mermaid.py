"""A diagram as Mermaid text, for what draws that: GitHub, GitLab, JupyterLab's Markdown."""

from __future__ import annotations

from typing import Dict, List

from ._diagram_cluster import clustered
from ._diagram_graph import DEVICE, MORE, NOTE, ROLE, STRANGERS, Graph, Node, Port
from ._diagram_links import DOWN, Link
from ._diagram_svg import MOST
from ._html import number
from ._trace_picture import _for_mermaid


def mermaid(whole: Graph) -> str:
    """A Mermaid flowchart: who binds has a double border; arrows go as messages do."""
    graph = clustered(whole, MOST)
    ids: Dict[str, str] = {}
    lines = ["flowchart LR"]
    for at, name in enumerate(graph.processes):
        lines.append(f'    subgraph p{at}["{_for_mermaid(name)}"]')
        for node in graph.nodes:
            if node.process == at:
                lines += [f"        {line}" for line in _node(node, ids)]
        lines.append("    end")
    for node in graph.nodes:
        if node.process is None:
            lines += [f"    {line}" for line in _node(node, ids)]
    lines += [f"    {_edge(link, ids)}" for link in graph.links]
    outside = [ids[node.key] for node in graph.nodes if node.kind in (STRANGERS, MORE, NOTE)]
    if outside:
        lines += ["    classDef outside stroke-dasharray:5 4", f"    class {','.join(outside)} outside"]
    if not graph.nodes:
        lines.append('    nothing["No socket is open."]')
    return "\n".join([*lines, ""])


def _node(node: Node, ids: Dict[str, str]) -> List[str]:
    name = ids[node.key] = f"n{len(ids)}"
    if node.kind not in (DEVICE, ROLE):
        ids.update((port.key, name) for port in node.ports)
        if node.kind in (STRANGERS, MORE, NOTE):
            return [f'{name}(["{_for_mermaid(node.title)}"])']
        return [_socket(name, node.ports[0])]
    lines = [f'subgraph {name}["{_for_mermaid(node.title)}"]']
    for port in node.ports:
        ids[port.key] = f"n{len(ids)}"
        lines.append(f"    {_socket(ids[port.key], port)}")
    if len(node.ports) > 1:
        moved = "" if node.moved is None else f'|"{_moved(*node.moved)}"|'
        lines.append(f"    {ids[node.ports[0].key]} -.-{moved} {ids[node.ports[1].key]}")
    return [*lines, "end"]


def _moved(there: int, back: int) -> str:
    return f"{number(there)} →" + (f" ← {number(back)}" if back else "")


def _socket(name: str, port: Port) -> str:
    words = [" ".join(filter(None, (port.type, port.side))), *port.bound]
    said = "<br/>".join(map(_for_mermaid, words))
    return f'{name}[["{said}"]]' if port.bound else f'{name}["{said}"]'


def _edge(link: Link, ids: Dict[str, str]) -> str:
    left, right = (link.target, link.source) if link.turned else (link.source, link.target)
    rightwards, leftwards = (link.received, link.sent) if link.turned else (link.sent, link.received)
    if link.state == DOWN:
        return f'{ids[left]} -.-x|"not connected"| {ids[right]}'
    parts = [] if link.connections == 1 else [f"{number(link.connections)}x"]
    parts += [f"{number(rightwards)} →"] if rightwards is not None else []
    parts += [f"← {number(leftwards)}"] if leftwards is not None else []
    arrow = "<-->" if link.there and link.back else "-->" if link.there or link.back else "---"
    said = f'|"{" ".join(parts)}"|' if parts else ""
    return f"{ids[left]} {arrow}{said} {ids[right]}"
