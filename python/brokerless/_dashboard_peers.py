"""What goes to and comes from each peer, in a dashboard: as figures, as text and as plots.

The figures are the kernel's, of the TCP connections: whom a PUSH or a PUB has sent a message to, libzmq does not tell.
"""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

from ._dashboard_kinds import Subject
from ._html import short, text_in
from ._plots import COLOURS, Box, Line, plot, rates, si

__all__ = ["PeerTraffic", "peer_lines", "peer_plots", "traffic_of"]

#: How many peers have a line of their own, and how many of them are drawn.
_LINES = 8
_DRAWN = len(COLOURS)
_PLOT = 130
#: What a gauge calls those who are connected: behind the prefix of its source.
_COLUMNS = ("peers", "workers", "sources")

_Wire = Tuple[str, str, str, bool, bytearray, bytearray, bytearray]


class PeerTraffic(NamedTuple):
    """What went through one connection over TCP, as the kernel counts it: with what the protocol itself takes.

    The lists have the same length, one value for each sample. They begin when the connection was first seen.
    """

    #: Which side of a device or role it is at, such as "at the frontend"; "peers" for a socket's.
    side: str
    #: This side's endpoint.
    local: str
    #: The other side's endpoint.
    remote: str
    #: Whether it is still there.
    connected: bool
    #: Seconds since the dashboard's first sample.
    elapsed: List[float]
    #: Bytes that the peer has acknowledged, from the beginning of the connection to each sample.
    bytes_sent: List[float]
    #: Bytes that have come from it, likewise.
    bytes_received: List[float]

    @property
    def name(self) -> str:
        """The other side's address, for a plot."""
        return self.remote.partition("://")[2]


def traffic_of(subject: Subject, wires: Sequence[_Wire]) -> List[PeerTraffic]:
    """What a sampler knows of connections, in the order in which they came."""
    sides: Dict[str, str] = {}
    for name, column in subject.peers:
        prefix = next((column[: -len(end)] for end in _COLUMNS if column.endswith(end)), column)
        sides.setdefault(prefix, name)
    return [
        PeerTraffic(sides.get(prefix, "peers"), local, remote, here, _floats(elapsed), _counts(sent), _counts(received))
        for prefix, local, remote, here, elapsed, sent, received in wires
    ]


def _floats(raw: bytearray) -> List[float]:
    return list(memoryview(raw).cast("d"))


def _counts(raw: bytearray) -> List[float]:
    return list(memoryview(raw).cast("q"))


def _foremost(peers: Sequence[PeerTraffic]) -> List[PeerTraffic]:
    """Those that are there first, and of these those with the most bytes."""
    return sorted(peers, key=lambda peer: (not peer.connected, -peer.bytes_sent[-1] - peer.bytes_received[-1]))


def _figures(peer: PeerTraffic, totals: Sequence[float], least: float) -> Tuple[str, str]:
    _, rate = rates(peer.elapsed, totals, least)
    now = rate[-1] if rate and peer.connected else 0.0
    return si(now, "B/s"), si(totals[-1], "B")


def _sided(peers: Sequence[PeerTraffic]) -> bool:
    return len({peer.side for peer in peers}) > 1


def _name(peer: PeerTraffic, sided: bool) -> str:
    gone = "" if peer.connected else " (gone)"
    return f"{peer.name}{gone}{f', {peer.side}' if sided else ''}"


def peer_lines(peers: Sequence[PeerTraffic], least: float) -> List[str]:
    """In lines of text."""
    shown = _foremost(peers)[:_LINES]
    sided = _sided(peers)
    width = max((len(_name(peer, sided)) for peer in shown), default=0)
    lines = []
    for peer in shown:
        sent, received = (_figures(peer, totals, least) for totals in (peer.bytes_sent, peer.bytes_received))
        lines.append(
            f"  {_name(peer, sided):<{width}}  sent {sent[0]:>10}, total {sent[1]:>8}  received {received[0]:>10}, "
            f"total {received[1]:>8}"
        )
    if len(peers) > len(shown):
        lines.append(f"  and {len(peers) - len(shown)} more peers")
    return lines


def peer_plots(
    peers: Sequence[PeerTraffic], least: float, y: float, width: float, span: Tuple[float, float]
) -> Tuple[str, int]:
    """As a table, and as plots if there are several, from `y` on; and how much room that takes."""
    if not peers:
        return "", 0
    order = _foremost(peers)
    shown, sided = order[:_LINES], _sided(peers)
    more = f", {len(shown)} of {len(peers)} shown" if len(peers) > len(shown) else ""
    parts = [f'<text x="0" y="{y + 9:g}" font-weight="600">by peer, over TCP{more}</text>']
    at = y + 26
    for number, peer in enumerate(shown):
        parts.append(_row(peer, number, at, sided, least))
        at += 16
    room = at - y - 4
    if len(peers) > 1:
        half = (width - 16) / 2
        drawn = shown[:_DRAWN]
        parts.append(_plot("sent", Box(0, at, half, _PLOT), drawn, lambda peer: peer.bytes_sent, least, span))
        received = Box(half + 16, at, half, _PLOT)
        parts.append(_plot("received", received, drawn, lambda peer: peer.bytes_received, least, span))
        room += _PLOT + 8
    return "".join(parts), int(room) + 8


def _row(peer: PeerTraffic, number: int, at: float, sided: bool, least: float) -> str:
    sent, received = (_figures(peer, totals, least) for totals in (peer.bytes_sent, peer.bytes_received))
    name = _name(peer, sided)
    cells = [
        (16, short(name, 34)),
        (240, f"sent {sent[0]}"),
        (340, f"{sent[1]} in total"),
        (440, f"received {received[0]}"),
        (560, received[1]),
    ]
    tip = f"<title>{text_in(f'{peer.local} - {peer.remote}')}</title>"
    dim = "" if peer.connected else ' opacity=".6"'
    row = "".join(f'<text x="{x}" y="{at:g}"{dim}>{text_in(cell)}{tip}</text>' for x, cell in cells)
    if number >= _DRAWN:
        return row
    return f'<rect x="0" y="{at - 8:g}" width="10" height="8" rx="1" fill="{COLOURS[number]}"/>{row}'


def _plot(
    way: str,
    box: Box,
    peers: Sequence[PeerTraffic],
    totals: Callable[[PeerTraffic], Sequence[float]],
    least: float,
    span: Tuple[float, float],
) -> str:
    lines = [Line(peer.name, *rates(peer.elapsed, totals(peer), least)) for peer in peers]
    return plot(box, f"{way}, bytes a second", "B/s", lines, span)
