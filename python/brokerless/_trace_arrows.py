"""Who sent what to whom: finds the sends and the receives of a trace that belong to each other."""

from __future__ import annotations

import socket as system
from collections import defaultdict, deque
from typing import Deque, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ._trace import Record
from .constants import SocketType

#: What one of these sends, each of its peers may receive.
_TO_ALL = {SocketType.PUB, SocketType.XPUB, SocketType.XSUB, SocketType.SUB, SocketType.RADIO}
#: These add an envelope to what is sent, and remove it from what is received.
_TURNS = {SocketType.REQ, SocketType.REP}
#: So many frames are compared: what remains of those that a record has when an envelope is taken off.
_COMPARED = 4


#: What "localhost" may stand for.
_LOOPBACK = {"127.0.0.1", "[::1]"}


class Party(NamedTuple):
    """A traced socket."""

    name: str
    kind: SocketType
    context: int
    #: (endpoint, bound) of everything it was bound or connected to.
    endpoints: List[Tuple[str, bool]]

    @property
    def outside(self) -> str:
        """What its peers are called that are not traced."""
        places = [endpoint for endpoint, _ in self.endpoints]
        more = ", …" if len(places) > 2 else ""
        return f"peers of {', '.join(places[:2]) or self.name}{more}"


class Arrow(NamedTuple):
    """A message on its way."""

    source: str
    target: str
    #: Seconds after the trace began: when it was sent; when it was received, if only that was traced.
    elapsed: float
    #: The message; where both sides are traced, as the one saw it that had fewer frames: no envelope, no routing id.
    record: Record
    #: Seconds between the two, where both are traced.
    took: Optional[float] = None
    #: The target was not seen to receive it.
    lost: bool = False


class _Key(NamedTuple):
    """What a message is recognised by at the other side."""

    frames: Tuple[bytes, ...]
    parts: int
    size: int


def arrows(parties: Sequence[Party], records: Sequence[Tuple[int, Record]]) -> List[Arrow]:
    """An arrow for each message of a trace, or for each of its receivers, in the order in which they were sent."""
    links = _links(parties)
    # For each pair of sockets: which sends of one may be what the other receives.
    waiting: Dict[Tuple[int, int], Dict[_Key, Deque[int]]] = defaultdict(lambda: defaultdict(deque))
    receivers: Dict[int, List[int]] = {}
    taken: Set[int] = set()
    strangers: List[int] = []
    for index, (party, record) in enumerate(records):
        own = parties[party].kind
        if record.direction == "sent":
            receivers[index] = []
            for other in links[party]:
                key = _key(record, own, parties[other].kind)
                if key is not None:
                    waiting[party, other][key].append(index)
            continue
        found = []
        for other in links[party]:
            key = _key(record, own, parties[other].kind)
            queue = waiting[other, party].get(key) if key is not None else None
            while queue and queue[0] in taken:
                queue.popleft()
            if queue:
                found.append((queue[0], queue))
        if not found:
            strangers.append(index)
            continue
        first, queue = min(found, key=lambda pair: pair[0])
        queue.popleft()
        receivers[first].append(index)
        if parties[records[first][0]].kind not in _TO_ALL:
            taken.add(first)
    drawn: List[Tuple[int, Arrow]] = [(index, _from_outside(parties, records[index])) for index in strangers]
    for index, ends in receivers.items():
        party, record = records[index]
        for end in ends:
            receiver, received = records[end]
            plain = min(record, received, key=lambda side: side.parts)
            took = received.elapsed - record.elapsed
            drawn.append((index, Arrow(parties[party].name, parties[receiver].name, record.elapsed, plain, took)))
        if not ends:
            drawn.append((index, _to_nobody_seen(parties, links[party], party, record)))
    return [arrow for _, arrow in sorted(drawn, key=lambda pair: pair[0])]


def _from_outside(parties: Sequence[Party], entry: Tuple[int, Record]) -> Arrow:
    party, record = entry
    return Arrow(parties[party].outside, parties[party].name, record.elapsed, record)


def _to_nobody_seen(parties: Sequence[Party], links: List[int], party: int, record: Record) -> Arrow:
    if len(links) == 1:
        return Arrow(parties[party].name, parties[links[0]].name, record.elapsed, record, lost=True)
    return Arrow(parties[party].name, parties[party].outside, record.elapsed, record)


def _key(record: Record, own: SocketType, other: SocketType) -> Optional[_Key]:
    """The message without what only this side sees of it: routing ids, and envelopes that a REQ or REP hides."""
    start = 1 if own == SocketType.ROUTER else 0
    if other in _TURNS and own not in _TURNS:
        if 0 not in record.sizes[start:]:
            return None
        start = record.sizes.index(0, start) + 1
    if start >= record.parts:
        return None
    frames = record.frames[start : start + _COMPARED]
    return _Key(frames, record.parts - start, record.size - sum(record.sizes[:start]))


def _links(parties: Sequence[Party]) -> List[List[int]]:
    """For each socket, which others it is connected with."""
    links: List[List[int]] = [[] for _ in parties]
    for first, a in enumerate(parties):
        for second in range(first + 1, len(parties)):
            if _linked(a, parties[second]):
                links[first].append(second)
                links[second].append(first)
    return links


def _linked(a: Party, b: Party) -> bool:
    for one, bound in a.endpoints:
        for other, too in b.endpoints:
            if bound != too and _meet(one if bound else other, other if bound else one):
                # A name in the process is one in a context.
                if a.context == b.context or not one.startswith("inproc:"):
                    return True
    return False


def _meet(bound: str, connected: str) -> bool:
    """Whether who connects to the one endpoint comes to the other."""
    if bound == connected:
        return True
    transport, _, rest = bound.partition("://")
    transport_too, _, rest_too = connected.partition("://")
    if transport != transport_too or transport not in ("tcp", "udp"):
        return False
    host, _, port = rest.rpartition(":")
    # "source;destination" names where a connection is to come from, too.
    host_too, _, port_too = rest_too.rpartition(";")[2].rpartition(":")
    if port != port_too:
        return False
    if host in ("*", "0.0.0.0", "[::]"):
        return _is_here(host_too)
    return host == host_too or ("localhost" in (host, host_too) and {host, host_too} & _LOOPBACK != set())


def _is_here(host: str) -> bool:
    """Whether it is an address of this machine; names other than its own are not looked up."""
    if host in ("localhost", "0.0.0.0", system.gethostname()):
        return True
    numeric = host.strip("[]").partition("%")[0]
    family = system.AF_INET6 if ":" in numeric else system.AF_INET
    try:
        system.inet_pton(family, numeric)
        with system.socket(family, system.SOCK_DGRAM) as probe:
            # Nobody can bind to an address that is another machine's.
            probe.bind((numeric, 0))
    except OSError:
        return False
    return True
