"""What `%peers` shows: a table, as text and as HTML."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from .._html import page, span, table, text_in
from .peer_base import Peer

_HEADS = ("name", "state", "kind", "pid", "binds", "connects to", "sent", "received", "age")
_NUMBERS = {"pid", "sent", "received", "age"}


class PeerRow(NamedTuple):
    """One peer at one moment."""

    name: str
    #: "running", "waiting for its end", "ended (0)", "stopped"...
    state: str
    #: "process" or "thread".
    kind: str
    pid: Optional[int]
    binds: Sequence[str]
    connects: Sequence[str]
    #: Messages, of all its open sockets; None if it did not tell.
    sent: Optional[int]
    received: Optional[int]
    #: Seconds since its start, or until its end.
    age: float
    is_alive: bool


def row(peer: Peer, timeout: float) -> PeerRow:
    """What there is to say of a peer; of its sockets only if it tells within `timeout` seconds."""
    sockets: Optional[List[Dict[str, Any]]] = peer.sockets(timeout) if peer.is_alive else []
    ends = [end for seen in sockets or () for end in seen["endpoints"]]
    counts = {
        name: None if sockets is None else sum(seen["stats"][f"messages_{name}"] for seen in sockets)
        for name in ("sent", "received")
    }
    return PeerRow(
        name=peer.name,
        state=peer.state if sockets is not None else f"{peer.state}, does not answer",
        kind=peer.kind,
        pid=peer.pid,
        binds=[end["endpoint"] for end in ends if end["bound"]],
        connects=[end["endpoint"] for end in ends if not end["bound"]],
        sent=counts["sent"] if peer.is_alive else None,
        received=counts["received"] if peer.is_alive else None,
        age=peer.age,
        is_alive=peer.is_alive,
    )


class PeerTable(Sequence[PeerRow]):
    """The notebook's peers at one moment: a sequence of rows that shows itself as a table."""

    def __init__(self, rows: Sequence[PeerRow]) -> None:
        self._rows = list(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __repr__(self) -> str:
        if not self._rows:
            return "no peers: %%peer NAME, as the first line of a cell, starts one"
        lines = [list(_HEADS)]
        for seen in self._rows:
            cells = [cell or ["-"] for cell in _cells(seen)]
            height = max(map(len, cells))
            lines += [[cell[at] if at < len(cell) else "" for cell in cells] for at in range(height)]
        widths = [max(len(line[at]) for line in lines) for at in range(len(_HEADS))]
        return "\n".join(
            "  ".join(
                text.rjust(width) if head in _NUMBERS else text.ljust(width)
                for head, text, width in zip(_HEADS, line, widths)
            ).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        if not self._rows:
            return page(f"<p>{text_in(repr(self))}</p>")
        over = [at for at, seen in enumerate(self._rows) if not seen.is_alive]
        return page(table("peers", _HEADS, [_cells(seen) for seen in self._rows], _NUMBERS, over))


def _cells(seen: PeerRow) -> List[List[str]]:
    """The lines of each cell of a row."""
    counts = [[] if count is None else [str(count)] for count in (seen.sent, seen.received)]
    pid = [] if seen.pid is None else [str(seen.pid)]
    return [
        [seen.name],
        [seen.state],
        [seen.kind],
        pid,
        list(seen.binds),
        list(seen.connects),
        *counts,
        [span(seen.age)],
    ]
