"""How a dashboard looks: its figures as a picture, and as text."""

from __future__ import annotations

from typing import List, Mapping, NamedTuple, Sequence, Tuple

from ._dashboard_kinds import Flow, Subject, Tallied
from ._dashboard_peers import PeerTraffic, peer_lines, peer_plots
from ._html import colour, short, text_in
from ._plots import COLOURS, Box, Line, bars, clock, plot, rates, si, sparkline

__all__ = ["View"]

_WIDTH = 640
_PLOTS = 150
_PEERS = 80
#: How many labels of a tally have a bar.
_BARS = 8
_FONT = 'font-family="system-ui,sans-serif" font-size="11" fill="currentColor"'
_LOOK = f"color:{colour()};max-width:100%;height:auto"

Columns = Mapping[str, Sequence[float]]


class _Now(NamedTuple):
    """A flow in figures."""

    name: str
    rate: float
    byte_rate: float
    messages: float
    bytes: float


class View:
    """A dashboard's figures at one moment, ready to be drawn."""

    def __init__(
        self,
        subject: Subject,
        columns: Columns,
        peers: Sequence[PeerTraffic],
        tallied: Tallied,
        state: str,
        interval: float,
    ) -> None:
        self._subject = subject
        self._traffic = peers
        self._columns = columns
        self._tallied = tallied
        self._state = state
        self._elapsed = columns["elapsed"]
        # What is nearer than this to the sample before it was taken because of an end.
        self._least = interval / 2
        self._rates = [rates(self._elapsed, columns[flow.messages], self._least) for flow in subject.flows]
        self._now = [self._figures(flow, when_rate[1]) for flow, when_rate in zip(subject.flows, self._rates)]

    def _figures(self, flow: Flow, rate: Sequence[float]) -> _Now:
        messages, total = self._columns[flow.messages], self._columns[flow.bytes]
        _, byte_rate = rates(self._elapsed, total, self._least)
        latest, latest_bytes = (values[-1] if values else float("nan") for values in (rate, byte_rate))
        return _Now(flow.name, latest, latest_bytes, messages[-1], total[-1])

    def _peers(self) -> List[str]:
        found = []
        for name, column in self._subject.peers:
            here = self._columns[column][-1]
            found.append(f"{name}: {'not known' if here < 0 else int(here)}")
        return found

    def _head(self) -> str:
        # A closed thing has no peers to speak of.
        peers = self._peers() if self._state == "live" else []
        idle = self._state == "live" and all(now.rate == 0 for now in self._now)
        return " · ".join(["idle" if idle else self._state, clock(round(self._elapsed[-1], 1)), *peers])

    def text(self) -> str:
        """In lines of text, with a small picture of the rates."""
        width = max(len(now.name) for now in self._now)
        lines = [f"{self._subject.title} ({self._head()})"]
        for now, (_, rate) in zip(self._now, self._rates):
            lines.append(
                f"  {now.name:<{width}}  {sparkline(rate):<24}  {si(now.rate, 'msg/s'):>11} {si(now.byte_rate, 'B/s'):>10}"
                f"  total {si(now.messages, 'msg')}, {si(now.bytes, 'B')}"
            )
        lines.extend(peer_lines(self._traffic, self._least))
        key, total, labels, counts = self._tallied
        if key is not None:
            shares = ", ".join(f"{name} {si(count)}" for name, count in counts[:_BARS])
            more = f", {labels - _BARS} more" if labels > _BARS else ""
            lines.append(f"  by {key!r}: {shares}{more} (of {si(total)})")
        return "\n".join(lines)

    def svg(self, identity: str, standalone: bool = False) -> str:
        """As a picture; one that is to be a file of its own brings its own colours of text."""
        parts = [self._heading(), *self._legend()]
        y = 40 + 16 * len(self._now)
        half = (_WIDTH - 16) / 2
        names = [flow.name for flow in self._subject.flows]
        rate = [Line(name, *when_rate) for name, when_rate in zip(names, self._rates)]
        total = [Line(flow.name, self._elapsed, self._columns[flow.messages]) for flow in self._subject.flows]
        span = self._span()
        parts.append(plot(Box(0, y, half, _PLOTS), "messages a second", "msg/s", rate, span))
        parts.append(plot(Box(half + 16, y, half, _PLOTS), "messages in total", "msg", total, span))
        y += _PLOTS
        for draw in (self._comings, self._by_peer, self._tally):
            more, room = draw(y + 8)
            parts.append(more)
            y += room
        height = int(y)
        size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        look = f'style="{_LOOK}"'
        if standalone:
            look = 'color="#222"'
            parts.insert(0, f"<style>@media (prefers-color-scheme:dark){{#{identity}{{color:#ddd}}}}</style>")
        body = "".join(parts)
        return f'<svg xmlns="http://www.w3.org/2000/svg" id="{identity}" {size} {look} {_FONT}>{body}</svg>'

    def _heading(self) -> str:
        title = self._subject.title
        return (
            f'<text x="0" y="13" font-size="13" font-weight="600">{text_in(short(title, 90))}<title>{text_in(title)}</title></text>'
            f'<text x="0" y="30" opacity=".75">{text_in(self._head())}</text>'
        )

    def _legend(self) -> List[str]:
        rows = []
        for number, now in enumerate(self._now):
            y = 47 + 16 * number
            cells: List[Tuple[int, str]] = [
                (16, now.name),
                (150, si(now.rate, "msg/s")),
                (250, si(now.byte_rate, "B/s")),
                (350, f"{si(now.messages, 'msg')} in total"),
                (500, f"{si(now.bytes, 'B')} in total"),
            ]
            tint = COLOURS[number % len(COLOURS)]
            rows.append(f'<rect x="0" y="{y - 8}" width="10" height="8" rx="1" fill="{tint}"/>')
            rows.extend(f'<text x="{x}" y="{y}">{text_in(cell)}</text>' for x, cell in cells)
        return rows

    def _span(self) -> Tuple[float, float]:
        return self._elapsed[0], self._elapsed[-1]

    def _comings(self, y: float) -> Tuple[str, int]:
        """Who came and went, if anybody did."""
        here = [Line(name, self._elapsed, self._columns[column]) for name, column in self._subject.peers]
        if all(min(line.y) == max(line.y) for line in here):
            return "", 0
        return plot(Box(0, y, _WIDTH, _PEERS), "connected", "peers", here, self._span(), named=True), _PEERS + 8

    def _by_peer(self, y: float) -> Tuple[str, int]:
        """What goes to and comes from each of them, where that is known."""
        return peer_plots(self._traffic, self._least, y, _WIDTH, self._span())

    def _tally(self, y: float) -> Tuple[str, int]:
        key, total, labels, counts = self._tallied
        if key is None:
            return "", 0
        shown = counts[:_BARS]
        more = f", {len(shown)} of {labels} shown" if labels > len(shown) else ""
        title = f"by {key!r} (of {si(total)}{more})"
        head = f'<text x="0" y="{y + 9:g}" font-weight="600">{text_in(title)}</text>'
        return head + bars(Box(0, y + 14, _WIDTH, 16 * len(shown)), shown), 30 + 16 * len(shown)
