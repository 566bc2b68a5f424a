"""What a notebook shows of each kind of thing: tables made from surveys. To look changes nothing, and nobody waits."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import _core, _survey
from ._dashboard_kinds import directions, flows_of_device
from ._html import Cell, bars, facts, first, number, page, short, size, span, table, text_in
from ._trace import frame_text
from .constants import PollEvent, SocketType
from .context import Context
from .device import _Device
from .error import ZMQError
from .pipeline import Collector, Producer, Worker
from .poll import Poller
from .socket import Socket

__all__ = ["frame", "html_of"]

#: How many rows a table has at most, and lines a cell.
_ROWS, _LINES = 50, 10
#: How many bytes of a frame are shown.
_BYTES = 64
#: What a frame may know of the connection that it came by.
_PROPERTIES = ("Peer-Address", "Socket-Type", "User-Id")

_COUNTS = ("messages sent", "bytes sent", "messages received", "bytes received")
_HEADS = ("socket", "bound to", "connected to", "peers", *_COUNTS, "waits for", "options")
_NUMBERS = {"peers", *_COUNTS}

_Fact = Tuple[str, Cell]


def html_of(thing: Any) -> str:
    """The tables of a socket, context, poller, device or role."""
    if getattr(type(thing), "_is_pipeline", False):
        return page(*pipeline(thing))
    for kind, show in _KINDS:
        if isinstance(thing, kind):
            try:
                return page(*show(thing))
            except ZMQError:
                # One that never became whole has no survey; nor has, in a forked child, what its parent had.
                break
    return page(f"<p>{text_in(short(repr(thing), 500))}</p>")


def socket(thing: Socket[Any]) -> List[str]:
    seen = _survey.socket_survey(thing)
    caption = f"{thing._called()}: {seen['type']}{_cell(seen)}{' (closed)' if seen['closed'] else ''}"
    here = facts(
        caption,
        [
            ("bound to", _ends(seen, True)),
            ("connected to", _ends(seen, False)),
            ("peers", _peers(seen)),
            ("subscribed to", first([_topic(text) for text in sorted(set(seen["subscribed"]))], _LINES)),
            ("subscriptions", _subscriptions(seen["subscriptions"])),
            ("waits for", _waits(seen)),
            ("trouble", first([one["what"] for one in seen["trouble"] if not one["over"]], _LINES)),
            ("options", _options(seen["options"])),
        ],
    )
    return [here, _flows([(way, seen["stats"], f"messages_{way}", f"bytes_{way}") for way in directions(thing.type)])]


def context(thing: Context[Any]) -> List[str]:
    made = sorted((one for one in thing._made() if not one.closed), key=lambda one: one._id)
    state = " (closed)" if thing.closed else f": {_many(len(made), 'open socket')}"
    here = facts(
        f"{thing._called()}{state}",
        [
            ("profile", thing.profile or ""),
            ("options", _options(_survey.changed_context_options(thing))),
            ("given to its sockets", _options(_survey.defaults_for_sockets(thing))),
        ],
    )
    return [here, _sockets("open sockets", [(None, one) for one in made])]


def poller(thing: Poller) -> List[str]:
    items = list(getattr(thing, "sockets", ()))
    rows = [(_polled(item), _events(flags)) for item, flags in items[:_ROWS]]
    heads = ("polled", "waits for")
    return [
        table(f"{thing._called()}: {_many(len(items), 'thing')} to poll", heads, rows, left_out=len(items) - len(rows))
    ]


def device(thing: _Device) -> List[str]:
    seen = _survey.device_survey(thing)
    here = facts(
        f"zmq.{seen['kind']} ({seen['state']}){_cell(seen)}",
        [
            ("frontend", first(thing.frontend_endpoints, _LINES)),
            ("backend", first(thing.backend_endpoints, _LINES)),
        ],
    )
    moved = _flows([(flow.name, seen["stats"], flow.messages, flow.bytes) for flow in flows_of_device(thing)])
    sides: List[Tuple[Optional[str], Any]] = [("frontend", thing.frontend), ("backend", thing.backend)]
    if thing.capture is not None:
        sides.append(("capture", thing.capture))
    return [here, moved, _sockets("sockets", sides)]


def role(thing: Any) -> List[str]:
    seen = _survey.role_survey(thing)
    where: List[_Fact] = [("endpoint", thing.endpoint)] if hasattr(thing, "endpoint") else []
    if isinstance(thing, Worker):
        where = [("id", thing.id), ("source", first(thing._sources, _LINES)), ("sink", thing._sink_endpoint or "")]
    counts = [
        (name, size(value) if name == "bytes" else number(value))
        for name, value in seen["counts"].items()
        # Part of the state.
        if name not in ("running", "workers")
    ]
    here = facts(f"{seen['kind']} ({thing._state()}){_cell(seen)}", where)
    done = table("until now", ("what", "count"), counts, ("count",))
    names = [name for name in ("socket", "source", "sink") if getattr(thing, name, None) is not None]
    return [
        here,
        done,
        _sockets("sockets", [(None if name == "socket" else name, getattr(thing, name)) for name in names]),
    ]


def pipeline(thing: Any) -> List[str]:
    stats = thing.stats
    here = facts(
        f"Pipeline ({thing._state()})",
        [
            ("jobs", thing.jobs),
            ("results", thing.results),
            ("rate", f"{stats.rate:,.0f} jobs a second on the average"),
        ],
    )
    counts = [(name, number(value)) for name, value in stats._asdict().items() if name != "seconds"]
    workers = thing.workers
    most = max((worker.done for worker in workers), default=0)
    rows = [
        (
            f"{worker.name}{'' if worker.here else ' (gone)'}",
            worker.done,
            (number(worker.done), number(worker.in_flight), number(worker.failed), number(worker.lost)),
        )
        for worker in workers[:_ROWS]
    ]
    heads = ("worker", "", "done", "in flight", "failed", "lost")
    return [
        here,
        bars("workers", heads, rows, most, max(0, len(workers) - _ROWS)),
        table("until now", ("what", "count"), counts, ("count",)),
    ]


def frame(thing: _core.Frame) -> str:
    """The table of a frame; the core asks for it."""
    with memoryview(thing) as view:
        length, head = view.nbytes, bytes(view[:_BYTES])
    known: List[_Fact] = [("size", f"{number(length)} B" if length < 1024 else f"{number(length)} B ({size(length)})")]
    known.append(("content", frame_text(head, length)))
    known.append(("more follow", "yes" if thing.more else ""))
    known.append(("group", thing.group))
    for name in ("routing_id", *_PROPERTIES):
        try:
            known.append((name.replace("_", " "), short(str(thing.get(name)))))
        except ZMQError:
            # It has none.
            continue
    tracker = thing.tracker
    known.append(
        ("tracker", "" if tracker is None else "libzmq is done with it" if tracker.done else "libzmq still has it")
    )
    kind = type(thing)
    return page(facts("zmq.Frame" if kind is _core.Frame else f"{kind.__module__}.{kind.__qualname__}", known))


_KINDS: Tuple[Tuple[Any, Callable[[Any], List[str]]], ...] = (
    (Socket, socket),
    (Context, context),
    (Poller, poller),
    (_Device, device),
    ((Producer, Worker, Collector), role),
)


def _sockets(caption: str, named: Sequence[Tuple[Optional[str], Any]]) -> str:
    """A table of sockets, without the columns that none of them has anything in."""
    rows: List[Sequence[Cell]] = []
    over = []
    for name, one in named[:_ROWS]:
        try:
            seen = _survey.socket_survey(one)
        except ZMQError:
            # Of the process that this one was forked from.
            continue
        if seen["closed"]:
            over.append(len(rows))
        label = seen["type"] if name is None else f"{name}: {seen['type']}"
        rows.append(_row(label + _cell(seen) + (" (closed)" if seen["closed"] else ""), seen))
    if not rows:
        return ""
    used = [at for at in range(len(_HEADS)) if at == 0 or any(row[at] for row in rows)]
    shown = [[row[at] for at in used] for row in rows]
    return table(caption, [_HEADS[at] for at in used], shown, _NUMBERS, over, max(0, len(named) - _ROWS))


def _row(label: str, seen: Dict[str, Any]) -> List[Cell]:
    counts = dict.fromkeys(("sent", "received"), ("", ""))
    for way in directions(SocketType[seen["type"]]):
        counts[way] = number(seen["stats"][f"messages_{way}"]), size(seen["stats"][f"bytes_{way}"])
    peers = "" if seen["peers"] is None else number(sum(peer["connections"] for peer in seen["peers"]))
    ends = _ends(seen, True), _ends(seen, False)
    return [label, *ends, peers, *counts["sent"], *counts["received"], _waits(seen), _options(seen["options"])]


def _flows(ways: Sequence[Tuple[str, Dict[str, int], str, str]]) -> str:
    rows = [(name, number(stats[messages]), size(stats[total])) for name, stats, messages, total in ways]
    return table("moved", ("direction", "messages", "bytes"), rows, ("messages", "bytes"))


def _ends(seen: Dict[str, Any], bound: bool) -> List[str]:
    return first([end["endpoint"] for end in seen["endpoints"] if end["bound"] == bound], _LINES)


def _peers(seen: Dict[str, Any]) -> List[str]:
    peers = seen["peers"]
    if peers is None:
        # A closed one has none, and one that is nowhere will be watched.
        return ["not known: watch() it before bind() and connect()"] if seen["endpoints"] else []
    count = sum(peer["connections"] for peer in peers)
    places = [peer["remote"] or peer["local"] for peer in peers if peer["remote"] or peer["local"]]
    return [f"{number(count)} connected", *first(places, _LINES)]


def _subscriptions(topics: Optional[Dict[str, int]]) -> List[str]:
    counted = sorted((topics or {}).items())
    return first(
        [f"{_topic(text)}{f' ({number(count)} times)' if count > 1 else ''}" for text, count in counted], _LINES
    )


def _topic(text: str) -> str:
    """A topic as a program has it."""
    return repr(text.encode("latin-1")) if text else "everything (b'')"


def _waits(seen: Dict[str, Any]) -> List[str]:
    names = {"recv": "a message", "send": "room to send", "events": "events"}
    lines = [f"{names[wait['for']]}, for {span(wait['since'])}" for wait in seen["waits"]]
    # What a closed one owed, it owes no more.
    if seen["owes"] is not None and not seen["closed"]:
        whose = "its reply" if seen["type"] == "REQ" else "you to send the reply"
        lines.append(f"{whose}, for {span(seen['owes'])}")
    return first(lines, _LINES)


def _options(options: Dict[str, Any]) -> List[str]:
    values = {name: value if isinstance(value, str) else number(value) for name, value in options.items()}
    return first([f"{name} = {short(value)}" for name, value in values.items()], 2 * _LINES)


def _polled(item: Any) -> List[str]:
    if isinstance(item, int):
        return [f"descriptor {item}"]
    if not isinstance(item, Socket):
        # Somebody else's object may have a long repr(), or one that fails.
        return [f"{type(item).__module__}.{type(item).__qualname__}"]
    try:
        seen = _survey.socket_survey(item)
    except ZMQError:
        return [item._called()]
    ends = [f"{'bound' if end['bound'] else 'connected'} to {end['endpoint']}" for end in seen["endpoints"]]
    return [f"{seen['type']}{' (closed)' if seen['closed'] else ''}", *first(ends, _LINES)]


def _events(flags: Any) -> str:
    known = PollEvent(flags) if isinstance(flags, int) else 0
    return ", ".join(event.name or "" for event in PollEvent if event & known) or "nothing"


def _cell(seen: Dict[str, Any]) -> str:
    return "" if seen["cell"] is None else f", cell {seen['cell']}"


def _many(count: int, one: str) -> str:
    return f"{number(count)} {one}{'' if count == 1 else 's'}"
