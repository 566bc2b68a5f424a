"""What a diagram shows: from surveys of processes to boxes and the links between them. Nothing here draws or looks."""

from __future__ import annotations

from typing import Any, Collection, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from ._diagram_links import Link, Strangers, links_of
from ._doctor_scene import Scene, Seen

SOCKET, DEVICE, ROLE, STRANGERS, MORE, NOTE = "socket", "device", "role", "strangers", "more", "note"


class Port(NamedTuple):
    """A socket; of strangers, their end of the connections."""

    key: str
    #: "REQ"; "" if it is not known.
    type: str
    #: "frontend" of a device, "source" of a worker; "" if it stands alone.
    side: str = ""
    bound: Tuple[str, ...] = ()
    connected: Tuple[str, ...] = ()
    sent: int = 0
    received: int = 0
    #: Whether it has no link at all, shown or not.
    alone: bool = False


class Node(NamedTuple):
    """A box: a socket, or a device or role with its sockets."""

    key: str
    kind: str
    #: "Queue", "Worker"; of a socket its type; of others what there is to say.
    title: str
    #: Where in the graph's processes it is; None for strangers.
    process: Optional[int]
    ports: Tuple[Port, ...]
    #: The number of the cell that opened it.
    cell: Optional[int] = None
    #: What a device has moved from its frontend to its backend, and back.
    moved: Optional[Tuple[int, int]] = None
    #: More about it, for who asks.
    details: Tuple[str, ...] = ()
    #: How many it stands for.
    many: int = 1


class Graph(NamedTuple):
    """All of it, in an order that stays the same while nothing comes or goes."""

    #: The names of the processes, all different.
    processes: Tuple[str, ...]
    nodes: Tuple[Node, ...]
    links: Tuple[Link, ...]

    @property
    def sockets(self) -> List[Port]:
        """The sockets that were looked into."""
        return [port for node in self.nodes if node.kind in (SOCKET, DEVICE, ROLE) for port in node.ports]


def graph(
    surveys: Iterable[Dict[str, Any]],
    only: Optional[Collection[str]] = None,
    names: Optional[Dict[int, str]] = None,
) -> Graph:
    """The graph of what the user has in these processes.

    `only` has keys of sockets: these alone, and who is connected with them. `names` has the names of processes, by their
    pids, in the place of what the surveys call them.
    """
    scene = Scene(surveys, None)
    sockets = list({seen.key: seen for seen in scene.users() if not seen.data["closed"]}.values())
    links, strangers = links_of(scene, sockets)
    used = {key for link in links for key in (link.source, link.target)}
    notes = [process for process in scene.processes if process.get("error")]
    if only is not None:
        # The other sides of the things themselves, too.
        wanted = _with_their_others(set(only), sockets)
        links = [link for link in links if link.source in wanted or link.target in wanted]
        shown = wanted.union(*((link.source, link.target) for link in links))
        shown = _with_their_others(shown, sockets)
        sockets = [seen for seen in sockets if seen.key in shown]
        strangers = [found for found in strangers if found.key in shown]
        notes = []
    there = [
        process for process in scene.processes if process in notes or any(seen.process is process for seen in sockets)
    ]
    nodes: List[Node] = []
    for at, process in enumerate(there):
        nodes += _nodes([seen for seen in sockets if seen.process is process], process, at, used)
        if process in notes:
            said = str(process["error"])
            nodes.append(Node(f"{at} note", NOTE, said, at, (), details=(said,)))
    nodes += [_of_strangers(found) for found in strangers]
    return Graph(_names(there, names or {}), tuple(nodes), tuple(links))


def _with_their_others(keys: Collection[str], sockets: Sequence[Seen]) -> Set[str]:
    """The keys, with those of all sockets of the devices and roles that they belong to."""
    owners = {_owner(seen) for seen in sockets if seen.key in keys} - {None}
    return {*keys, *(seen.key for seen in sockets if _owner(seen) in owners)}


def _owner(seen: Seen) -> Optional[str]:
    owner: Optional[str] = seen.data.get("device") or seen.data.get("role")
    return owner


def _names(processes: Sequence[Dict[str, Any]], names: Dict[int, str]) -> Tuple[str, ...]:
    own = [names.get(process["pid"], str(process["name"])) for process in processes]
    several = [f"{name} ({process['pid']})" if own.count(name) > 1 else name for name, process in zip(own, processes)]
    # One pid may have been asked twice.
    return tuple(
        f"{name} #{several[:at].count(name) + 1}" if name in several[:at] else name for at, name in enumerate(several)
    )


def _nodes(sockets: Sequence[Seen], process: Dict[str, Any], at: int, used: Collection[str]) -> List[Node]:
    things = {thing["key"]: thing for thing in [*process.get("devices", []), *process.get("roles", [])]}
    nodes: Dict[str, Node] = {}
    for seen in sockets:
        thing = things.get(_owner(seen) or "")
        key = seen.key if thing is None else thing["key"]
        if key in nodes:
            continue
        if thing is None:
            nodes[key] = Node(key, SOCKET, seen.type, at, (_port(seen, used),), seen.data.get("cell"))
            continue
        parts = [_port(other, used, _side(other, thing)) for other in sockets if _owner(other) == key]
        device = "frontend" in thing
        nodes[key] = Node(
            key,
            DEVICE if device else ROLE,
            str(thing["kind"]),
            at,
            tuple(sorted(parts, key=lambda port: _SIDES.index(port.side))),
            thing.get("cell"),
            _moved(thing) if device else None,
            (str(thing["state"]),) if device else (),
        )
    return list(nodes.values())


#: From left to right, or from above.
_SIDES = ("", "frontend", "source", "backend", "sink", "capture")


def _side(seen: Seen, thing: Dict[str, Any]) -> str:
    for side in ("frontend", "backend", "capture"):
        if thing.get(side) == seen.key:
            return side
    sockets = thing.get("sockets", [])
    return ("source", "sink")[sockets.index(seen.key)] if len(sockets) == 2 and seen.key in sockets else ""


def _moved(device: Dict[str, Any]) -> Tuple[int, int]:
    stats = device["stats"]
    return stats["frontend_messages"], stats["backend_messages"]


def _port(seen: Seen, used: Collection[str], side: str = "") -> Port:
    bound, connected = (tuple(dict.fromkeys(ends)) for ends in (seen.bound, seen.connected))
    return Port(seen.key, seen.type, side, bound, connected, seen.sent, seen.received, seen.key not in used)


def _of_strangers(found: Strangers) -> Node:
    if found.many > 1:
        title = f"{found.many:,} peers"
    elif found.addresses:
        title = f"peer at {found.addresses[0]}"
    else:
        title = "a peer"
    ends = found.addresses if found.bound else ()
    port = Port(found.key, "", bound=ends)
    return Node(found.key, STRANGERS, title, None, (port,), details=found.addresses, many=found.many)
