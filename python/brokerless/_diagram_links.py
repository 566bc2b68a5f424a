"""Who is connected with whom: from the sockets of some surveys to the links between them.

A tcp connection is known for certain by the two addresses that both of its ends tell. Where there are none (ipc, inproc, a
socket that is not watched), endpoints have to do.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ._doctor_scene import _ANY, _LOOPBACK, Place, Scene, Seen, _is_number

UP, DOWN, UNKNOWN = "up", "down", "unknown"

_ONLY_SEND = frozenset(("PUB", "XPUB", "PUSH", "RADIO", "SCATTER"))
_ONLY_RECEIVE = frozenset(("SUB", "XSUB", "PULL", "DISH", "GATHER"))
#: What asks, and what answers it: a picture has the one at the left and the other at the right.
_ASKS = {"REQ": 3, "CLIENT": 3, "DEALER": 2, "ROUTER": 1, "REP": 0, "SERVER": 0}
#: Of these libzmq does not say who is there.
_UNTOLD = frozenset(("udp", "pgm", "epgm", "norm"))


class Link(NamedTuple):
    """Connections between the socket that connects and the one that binds."""

    #: The keys of the two; of what was not looked into, one that says where it is.
    source: str
    target: str
    #: Where the source has connected to.
    endpoints: Tuple[str, ...]
    #: Whether messages go from the source to the target, and back.
    there: bool
    back: bool
    #: Whether a picture has the target at the left.
    turned: bool
    state: str = UP
    #: Why it is not up, if that is known.
    why: str = ""
    connections: int = 1
    #: How many messages have gone there and back, if that is known, and whether the target has counted them.
    sent: Optional[int] = None
    received: Optional[int] = None
    by_target: bool = False


class Strangers(NamedTuple):
    """Who is at the other end of a socket and was not looked into."""

    key: str
    #: Where they are, or where they come from.
    addresses: Tuple[str, ...]
    many: int
    #: Whether somebody is connected to them: then they are bound.
    bound: bool


def links_of(scene: Scene, sockets: Sequence[Seen]) -> Tuple[List[Link], List[Strangers]]:
    """The links between these sockets of a scene, with those to and from strangers."""
    finder = _Finder(scene, sockets)
    outgoing = [found for seen in sockets for found in finder.outgoing(seen)]
    incoming = [found for seen in sockets for found in finder.incoming(seen, outgoing)]
    links = _counted(outgoing + incoming, {seen.key: seen for seen in sockets})
    return links, sorted(finder.strangers.values(), key=lambda found: not found.bound)


class _Finder:
    def __init__(self, scene: Scene, sockets: Sequence[Seen]) -> None:
        self._scene = scene
        self._drawn = {seen.key: seen for seen in sockets}
        self.strangers: Dict[str, Strangers] = {}
        #: Whose the end of a connection is, by its addresses.
        self._ends = {
            (peer["local"], peer["remote"]): seen
            for seen in sockets
            for peer in seen.data["peers"] or []
            if Place.of(peer["local"]).port is not None
        }

    def outgoing(self, seen: Seen) -> Iterator[Link]:
        """The links that a socket has made itself."""
        found: Dict[str, List[Tuple[str, str, int]]] = {}
        for endpoint in seen.connected:
            for target, state, count in self._ways(seen, endpoint):
                found.setdefault(target, []).append((endpoint, state, count))
        for target, ways in found.items():
            up = [way for way in ways if way[1] == UP]
            # Of several ways between two sockets the best one counts.
            state = UP if up else ways[0][1]
            other = self._drawn.get(target)
            there, back, turned = directions(seen.type, None if other is None else other.type)
            endpoints = tuple(dict.fromkeys(endpoint for endpoint, _, _ in ways))
            why = "" if state == UP else _why(seen, endpoints)
            yield Link(
                seen.key,
                target,
                endpoints,
                there,
                back,
                turned,
                state,
                why,
                # libzmq tells the connections of an endpoint that was connected to twice as one.
                max(sum(way[2] for way in up), len(up), 1),
            )

    def _ways(self, seen: Seen, endpoint: str) -> List[Tuple[str, str, int]]:
        """Where an endpoint leads to: key, state, and how many connections."""
        peers = seen.data["peers"]
        here = [] if peers is None else [peer for peer in peers if _reaches(peer["remote"], endpoint)]
        by_address: Dict[str, int] = {}
        for peer in here:
            other = self._ends.get((peer["remote"], peer["local"]))
            if other is not None and Place.of(endpoint).port is not None:
                by_address[other.key] = by_address.get(other.key, 0) + peer["connections"]
        if by_address:
            return [(key, UP, count) for key, count in by_address.items()]
        count = sum(peer["connections"] for peer in here)
        untold = peers is None or Place.of(endpoint).transport in _UNTOLD
        state = UP if here else UNKNOWN if untold else DOWN
        bound = [other for other in self._scene.bound_at(seen, endpoint) if other.key in self._drawn]
        if seen.key in self._drawn and any(_reaches(at, endpoint) for at in seen.bound):
            bound.append(seen)
        if bound:
            fitting = [other for other in bound if seen.goes_with(other)]
            return [((fitting or bound)[0].key, state, count)]
        return [(self._stranger_at(seen, endpoint), state, count)]

    def _stranger_at(self, seen: Seen, endpoint: str) -> str:
        # A name in the process is one in a context.
        inside = f"{seen.context} " if endpoint.startswith("inproc:") else ""
        key = f"at {inside}{endpoint}"
        self.strangers.setdefault(key, Strangers(key, (endpoint,), 1, True))
        return key

    def incoming(self, seen: Seen, known: Iterable[Link]) -> Iterator[Link]:
        """The links of strangers to a bound socket: the connections that nobody known has made."""
        mine = [link for link in known if link.target == seen.key]
        for endpoint in dict.fromkeys(seen.bound):
            place = Place.of(endpoint)
            peers = [peer for peer in seen.data["peers"] or [] if _came_to(peer, place)]
            if place.port is not None:
                peers = [peer for peer in peers if (peer["remote"], peer["local"]) not in self._ends]
            count = sum(peer["connections"] for peer in peers)
            # Who is not watched, or has no address, is one of them.
            unnamed = (UNKNOWN,) if place.port is not None else (UP, UNKNOWN)
            here = [link for link in mine if any(_reaches(endpoint, at) for at in link.endpoints)]
            count -= sum(link.connections for link in here if link.state in unnamed)
            if count <= 0:
                continue
            key = f"to {seen.key} {endpoint}"
            remotes = tuple(sorted({peer["remote"] for peer in peers if Place.of(peer["remote"]).name}))
            self.strangers[key] = Strangers(key, remotes, count, False)
            there, back, turned = directions(None, seen.type)
            yield Link(key, seen.key, (endpoint,), there, back, turned, connections=count)


def _came_to(peer: Dict[str, Any], bound: Place) -> bool:
    local = Place.of(peer["local"])
    if bound.port is None:
        return local == bound
    return (local.transport, local.port) == (bound.transport, bound.port)


def _reaches(remote: str, endpoint: str) -> bool:
    """Whether who connects to `endpoint` comes to `remote`."""
    there, wanted = Place.of(remote), Place.of(endpoint)
    if (there.transport, there.port) != (wanted.transport, wanted.port):
        return False
    if there.port is None or there.name == wanted.name:
        return there.name == wanted.name
    if wanted.name in _LOOPBACK | _ANY:
        return there.name in _LOOPBACK | _ANY
    # Of what a name stands for, who is there is the best witness.
    return not _is_number(wanted.name) or there.name in _ANY


def _why(seen: Seen, endpoints: Sequence[str]) -> str:
    return next((one["what"] for one in seen.troubles if one["endpoint"] in endpoints and not one["bound"]), "")


def directions(source: Optional[str], target: Optional[str]) -> Tuple[bool, bool, bool]:
    """Whether messages go from the one type to the other, and back, and whether the other one is to be at the left.

    None is a type that is not known.
    """
    there = source not in _ONLY_RECEIVE and target not in _ONLY_SEND
    back = source not in _ONLY_SEND and target not in _ONLY_RECEIVE
    if there != back:
        return there, back, back
    middle = 1.5
    asks, answers = (_ASKS.get(kind, middle) if kind else middle for kind in (source, target))
    if source in _ONLY_SEND | _ONLY_RECEIVE:
        # They do not go together; each has its side all the same.
        return False, False, source in _ONLY_RECEIVE
    return there, back, asks < answers


def _counted(links: Sequence[Link], sockets: Dict[str, Seen]) -> List[Link]:
    """The links with what has gone over them, as far as the figures of a socket are those of one link."""
    ends: Dict[str, List[Link]] = {}
    for link in links:
        for key in {link.source, link.target}:
            ends.setdefault(key, []).append(link)

    def alone(key: str) -> Optional[Seen]:
        seen = sockets.get(key)
        mine = ends[key]
        return seen if seen is not None and len(mine) == 1 and mine[0].connections == 1 else None

    def one(link: Link) -> Link:
        source, target = alone(link.source), alone(link.target)
        if link.state == DOWN or link.source == link.target or (source is None and target is None):
            return link
        if source is not None:
            sent, received, by_target = source.sent, source.received, False
        else:
            assert target is not None
            sent, received, by_target = target.received, target.sent, True
        return link._replace(
            sent=sent if link.there else None, received=received if link.back else None, by_target=by_target
        )

    return [one(link) for link in links]
