"""Traces: what went through sockets, recorded by the core while it happens. How that looks, `_trace_picture` decides."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterator, List, Optional, Tuple, TypeVar, Union

from . import _core
from ._html import printable
from .constants import SocketOption, SocketType
from .device import _Device

if TYPE_CHECKING:
    from ._trace_arrows import Arrow, Party

_T = TypeVar("_T", bound="Trace")
_Path = Union[str, "os.PathLike[str]"]

#: What stands for a frame that has no bytes.
EMPTY = "(empty)"


@dataclass(frozen=True)
class Record:
    """A whole message that a traced socket sent or received. A multipart message is one."""

    #: The socket's name in the trace: its type, with a number if several have it, or "Queue frontend".
    socket: str
    #: "sent" or "received".
    direction: str
    #: When, in seconds since the epoch, as time.time() counts.
    time: float
    #: When, in seconds since the trace was first started; a clock that is set does not change it.
    elapsed: float
    #: How many frames the message has.
    parts: int
    #: How many bytes they have.
    size: int
    #: Its first 8 frames, each cut off after the trace's `bytes`.
    frames: Tuple[bytes, ...]
    #: How many bytes these frames have.
    sizes: Tuple[int, ...]

    @property
    def text(self) -> str:
        """The frames for people, " | " between them: compact JSON, else text, else hexadecimal; "…" where something is missing."""
        shown = [frame_text(head, size) for head, size in zip(self.frames, self.sizes)]
        if len(shown) < self.parts:
            shown.append(f"… {self.parts - len(shown)} more")
        return " | ".join(shown)

    def __str__(self) -> str:
        return f"{self.elapsed * 1e3:.3f} ms  {self.socket} {self.direction} {self.size} B: {self.text}"


def frame_text(head: bytes, size: int) -> str:
    if not size:
        return EMPTY
    cut = len(head) < size
    end = "…" if cut else ""
    try:
        # Of a frame that was cut off the last character may be incomplete.
        text = head.decode("utf8") if not cut else _decode_cut(head)
    except UnicodeDecodeError:
        return head.hex(" ") + end
    if not cut and text.lstrip()[:1] in ("{", "["):
        text = _compact(text)
    odd = sum(not (char.isprintable() or char in "\t\r\n") for char in text)
    if odd * 4 > len(text):
        return head.hex(" ") + end
    return printable(text) + end


def _decode_cut(head: bytes) -> str:
    from codecs import getincrementaldecoder

    return getincrementaldecoder("utf8")().decode(head)


def _compact(text: str) -> str:
    import json

    try:
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        # Not JSON, or nested too deep for it: shown as it is.
        return text


class Trace:
    """What went through some sockets while it was recorded; `zmq.trace()` makes it.

    It is a context manager: it starts at the beginning of a `with` and stops at its end, and what was recorded stays.
    `len()` counts the messages that are kept, iterating gives a Record for each, `print()` shows them as a table of who sent
    what to whom, and a notebook as a sequence diagram. All of it can be looked at while the trace runs, from any thread.
    """

    def __init__(self, *things: Any, keep: int = 1000, bytes: int = 64) -> None:
        _check(keep, "keep", 1)
        _check(bytes, "bytes", 0)
        named = _named(things)
        self._core = _core.Trace([socket for _, socket in named], keep, bytes)
        # Names only: the sockets may be forgotten and collected.
        self._kinds = [(name, SocketType(socket.get(SocketOption.TYPE))) for name, socket in named]

    def start(self: _T) -> _T:
        """Begins to record, or goes on after a stop(); returns the trace itself. Does nothing if it records already.

        Sockets that are closed by now are left out. Raises ForkedProcessError in a forked child.
        """
        self._core.start()
        return self

    def stop(self) -> None:
        """Ends the recording, if it goes on; the records stay. Raises ForkedProcessError in a forked child."""
        self._core.stop()

    def __enter__(self: _T) -> _T:
        return self.start()

    def __exit__(self, *exc_info: Any) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it records."""
        return self._core.running

    @property
    def records(self) -> List[Record]:
        """The messages that are kept, a list of Record, in the order of their times.

        A message counts as sent just before libzmq takes its last frame, and as received when libzmq has handed that over.
        One that was taken and given back (a batch that was interrupted, an await that was cancelled) was not received.
        """
        return [record for _, record in self._read()[0]]

    @property
    def dropped(self) -> int:
        """How many older messages are no longer kept."""
        return self._core.counts[1]

    def __len__(self) -> int:
        return self._core.counts[0]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def _read(self) -> Tuple[List[Tuple[int, Record]], List[Party]]:
        from ._trace_arrows import Party

        rows, places = self._core.read()
        records = []
        for party, sent, time, elapsed, parts, size, frames in rows:
            heads, sizes = tuple(head for _, head in frames), tuple(size for size, _ in frames)
            direction = "sent" if sent else "received"
            record = Record(self._kinds[party][0], direction, time, elapsed, parts, size, heads, sizes)
            records.append((party, record))
        parties = [
            Party(name, kind, context, endpoints) for (name, kind), (context, endpoints) in zip(self._kinds, places)
        ]
        return records, parties

    # How it looks

    def __repr__(self) -> str:
        kept, dropped = self._core.counts
        state = "running" if self.running else "stopped"
        more = f", {dropped} dropped" if dropped else ""
        return f"<zmq.Trace of {self._title()}: {kept} messages{more} ({state})>"

    def _title(self) -> str:
        return ", ".join(name for name, _ in self._kinds)

    def _arrows(self, last: Optional[int]) -> Tuple[List[Party], List[Arrow], int]:
        """The arrows of a picture, and how many messages it leaves out."""
        from ._trace_arrows import arrows

        if last is not None:
            _check(last, "last", 1)
        records, parties = self._read()
        drawn = arrows(parties, records)
        shown = drawn if last is None else drawn[-last:]
        return parties, shown, self.dropped + len(drawn) - len(shown)

    def __str__(self) -> str:
        from ._trace_picture import table

        return f"{self!r}\n{table(self._arrows(None)[1])}".rstrip()

    def svg(self, last: Optional[int] = None) -> str:
        """The sequence diagram as SVG text: a line for each socket, and an arrow for each message, from the top down.

        Of two traced sockets, one of which is connected to where the other is bound, a send and the receive of the same
        message are one arrow; a broken one ends in a cross where the message was not received, so far or at all. Everything
        else comes from or goes to a line for the peers that are not traced. `last` draws only so many arrows, the last ones.

        Raises TypeError or ValueError for a `last` that is no int above 0.
        """
        from ._trace_picture import svg

        return svg(*self._arrows(last), title=f"Trace of {self._title()}")

    def to_mermaid(self, last: Optional[int] = None) -> str:
        """The same as a Mermaid sequence diagram, as Markdown cells and many wikis draw it; `last` as in svg()."""
        from ._trace_picture import mermaid

        return mermaid(*self._arrows(last))

    def save(self, path: _Path) -> None:
        """Writes the diagram to a file: to "x.svg" as svg(), to "x.mmd" as to_mermaid().

        Raises ValueError for another ending, OSError if the file cannot be written.
        """
        name = os.fspath(path)
        if name.endswith(".svg"):
            text = self.svg()
        elif name.endswith(".mmd"):
            text = self.to_mermaid()
        else:
            raise ValueError(f"a trace is saved as .svg or as .mmd (Mermaid), not as {name!r}")
        with open(name, "w", encoding="utf8") as file:
            file.write(text)

    def _repr_html_(self) -> str:
        from ._trace_picture import html

        return html(self.svg(last=100))


def _check(value: object, name: str, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is an int, not {value!r}")
    if value < least:
        raise ValueError(f"{name} is at least {least}, not {value}")


def _named(things: Tuple[Any, ...]) -> List[Tuple[str, Any]]:
    """The sockets of all things, each once, with names that tell them apart."""
    if not things:
        raise TypeError("trace() takes the sockets and devices to trace: zmq.trace(sock)")
    found: List[Tuple[str, Any]] = []
    known = set()
    for thing in things:
        for name, socket in _sockets_of(thing):
            # Another handle to a socket is the same one. Raises if it is closed.
            address = socket.underlying
            if address not in known:
                known.add(address)
                found.append((name, socket))
    names = [name for name, _ in found]
    counts = dict.fromkeys(names, 0)
    numbered = []
    for name, socket in found:
        counts[name] += 1
        several = names.count(name) > 1
        numbered.append((_with_number(name, counts[name]) if several else name, socket))
    return numbered


def _with_number(name: str, number: int) -> str:
    return re.sub(r"^\w+", lambda kind: f"{kind.group()} {number}", name)


def _sockets_of(thing: Any) -> List[Tuple[str, Any]]:
    if isinstance(thing, _core.Socket):
        return [(SocketType(thing.get(SocketOption.TYPE)).name, thing)]
    if isinstance(thing, _Device):
        sides = [("frontend", thing.frontend), ("backend", thing.backend), ("capture", thing.capture)]
        return [(f"{type(thing).__name__} {side}", socket) for side, socket in sides if socket is not None]
    raise TypeError(f"trace() takes sockets and devices, not {thing!r}")


def trace(*things: Any, keep: int = 1000, bytes: int = 64) -> Trace:
    """Records the messages of sockets and devices: `with zmq.trace(sock) as t:`, then print(t), or show t in a notebook.

    Parameters
    ----------
    things : sockets and devices
        Whose messages are recorded; of a device those of its frontend, its backend and its capture socket. Plain and
        asyncio sockets alike. A trace keeps none of them alive.
    keep : int
        How many messages are kept, the last ones of all sockets together; `dropped` counts the others.
    bytes : int
        How many bytes of a frame are kept, of the first 8 frames of each message. So a trace needs at most about
        keep * 8 * bytes bytes. What is JSON is shown as such only if it is kept whole.

    Returns
    -------
    Trace
        Not started yet: a `with` starts and stops it, and so do start() and stop(). A socket can have several.

    Raises
    ------
    TypeError, ValueError
        For what is no socket and no device, none at all, and numbers that cannot be.
    SocketClosed
        For a socket that is closed. One that is closed later has its part up to then.

    Notes
    -----
    Sockets that are traced pay for it with each message; others, and these after the trace, do not. A trace has the first
    bytes of messages, passwords and keys among them: think of that before you save or share it.
    """
    return Trace(*things, keep=keep, bytes=bytes)


__all__ = ["Record", "Trace", "trace"]
