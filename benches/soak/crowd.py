"""The crowd around the devices: who is there, who joins, leaves, is killed or cut off, and what each has to do with the books."""

from __future__ import annotations

import time
from collections import Counter as Tally
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

from benches.battery.part import Part
from benches.battery.scene import Counter
from benches.soak import peers
from benches.soak.ledger import Departure, Reader, StreamBook

#: How long after a departure everybody has noticed it, in seconds.
NOTICED = 3.0
#: How long a peer may take to come or to go.
PATIENCE = 60.0


@dataclass(frozen=True)
class Kind:
    """A kind of peer."""

    role: Callable[..., Any]
    #: How many of them there are at least, and at most.
    least: int
    most: int


KINDS: Dict[str, Kind] = {
    "producer": Kind(peers.produce, 1, 3),
    "worker": Kind(peers.work, 2, 4),
    "publisher": Kind(peers.publish, 1, 3),
    "subscriber": Kind(peers.subscribe, 2, 4),
    "client": Kind(peers.ask, 1, 3),
    "server": Kind(peers.answer, 2, 4),
    "labourer": Kind(peers.labour, 2, 4),
}


@dataclass
class Peer:
    """One of them."""

    number: int
    kind: str
    part: Part
    path: Path
    #: Whether its link goes through wires that are cut.
    wired: bool
    #: How much of its record has been read.
    read: int = 0
    #: By producer, the last number that it has counted.
    last: Dict[int, int] = field(default_factory=dict)
    reader: Optional[Reader] = None


class Crowd:
    """All of them, and their books."""

    def __init__(self, folder: Path, dice: Random, rate: float) -> None:
        self._folder, self._dice, self._rate = folder, dice, rate
        self._endpoints: Dict[str, Tuple[Tuple[str, ...], Tuple[str, ...]]] = {}
        self.here: List[Peer] = []
        self.events: Tally[str] = Tally()
        self.stream = StreamBook()
        self.readers: Dict[str, Reader] = {}
        self.answers: List[Tuple[int, int]] = []
        self.killed: Dict[str, Set[int]] = {kind: set() for kind in KINDS}
        self._counters: Dict[str, Dict[int, Counter]] = {kind: {} for kind in KINDS}
        self._unnoticed: List[Tuple[float, Departure]] = []
        self._numbers = 0

    def lives_at(self, kind: str, straight: Tuple[str, ...], wired: Tuple[str, ...] = ()) -> None:
        """Where this kind finds its device, and where the wires to it begin."""
        self._endpoints[kind] = (straight, wired)

    def of(self, kind: str) -> List[Peer]:
        """Those of a kind that are here."""
        return [peer for peer in self.here if peer.kind == kind]

    def sent(self, kind: str) -> Dict[int, int]:
        """How many each of this kind has sent so far, also those that have gone."""
        return {number: counter.value for number, counter in self._counters[kind].items()}

    # Coming and going

    def join(self, kind: str) -> None:
        """One more."""
        self.join_all([kind])

    def join_all(self, kinds: Sequence[str]) -> None:
        """Several at once, which start side by side."""
        for peer in [self._start(kind) for kind in kinds]:
            peer.part.hear(PATIENCE)
            self.events["joined"] += 1

    def _start(self, kind: str) -> Peer:
        self._numbers += 1
        number = self._numbers
        straight, wires = self._endpoints[kind]
        slow = kind == "subscriber" and self._dice.random() < 0.3
        wired = bool(wires) and not slow and self._dice.random() < 0.5
        path = self._folder / f"{kind}-{number}"
        arguments: List[Any] = list(wires if wired else straight)
        if kind in ("producer", "publisher", "client"):
            self._counters[kind][number] = Counter.create(path)
            arguments += [number, str(path), self._rate]
        elif kind == "worker":
            arguments.append(str(path))
        elif kind == "subscriber":
            arguments += [str(path), slow]
        if kind == "publisher":
            # Who has received something gets all of a publisher that begins now.
            for peer in self.of("subscriber"):
                self.read(peer)
                if peer.reader is not None and peer.reader.came:
                    peer.reader.settled_before.add(number)
        published = self.sent("publisher")
        peer = Peer(number, kind, Part(KINDS[kind].role, "brokerless", arguments), path, wired)
        if kind == "subscriber":
            peer.reader = self.readers[f"subscriber {number}"] = Reader(slow=slow, since=published)
        self.here.append(peer)
        return peer

    def leave(self, peers: Sequence[Peer], stayed: bool = False) -> None:
        """They are told to go, and go as programs do."""
        for peer in peers:
            peer.part.say("go")
        for peer in peers:
            if peer.part.hear(PATIENCE) != "gone" or peer.part.wait(PATIENCE) != 0:
                raise RuntimeError(f"{peer.kind} {peer.number} did not end well: {peer.part.last_words()}")
            if peer.reader is not None:
                peer.reader.stayed = stayed
            self.events["left"] += 1
            self._gone(peer, "in the queue of a worker that left")

    def kill(self, peer: Peer) -> None:
        """SIGKILL."""
        peer.part.kill()
        peer.part.wait(PATIENCE)
        self.killed[peer.kind].add(peer.number)
        if peer.kind == "producer":
            self.stream.killed.add(peer.number)
        self.events["killed"] += 1
        self._gone(peer, "in the socket of a killed worker")

    def _gone(self, peer: Peer, rule: str) -> None:
        self.here.remove(peer)
        self.read(peer)
        peer.part.end()
        if peer.kind == "worker":
            self._departed(peer, rule)
        elif peer.reader is not None:
            peer.reader.until = self.sent("publisher")

    def before_cut(self) -> None:
        """All links of the wires are about to be cut."""
        for peer in self.here:
            if not peer.wired:
                continue
            if peer.kind == "worker":
                self.read(peer)
                self._departed(peer, "on a link that was cut")
            elif peer.reader is not None:
                peer.reader.cuts += 1
        self.events["cut"] += 1

    def check(self) -> List[str]:
        """Those that have ended by themselves, which nobody should."""
        return [
            f"{peer.kind} {peer.number} ended by itself: {peer.part.last_words()}"
            for peer in self.here
            if peer.part.process.poll() is not None
        ]

    # Books

    def _departed(self, peer: Peer, rule: str) -> None:
        departure = Departure(rule, dict(peer.last))
        self.stream.departures.append(departure)
        self._unnoticed.append((time.monotonic() + NOTICED, departure))

    def notice(self, all_of_them: bool = False) -> None:
        """Notes of departures, when they have been noticed everywhere, how much had been sent by then."""
        while self._unnoticed and (all_of_them or self._unnoticed[0][0] < time.monotonic()):
            self._unnoticed.pop(0)[1].until = self.sent("producer")

    def read(self, peer: Peer) -> int:
        """Takes what it has written down into the books; how many that is."""
        path = peer.path.with_name(f"{peer.path.name}-answers") if peer.kind == "client" else peer.path
        if peer.kind not in ("worker", "subscriber", "client"):
            return 0
        pairs = peers.read_record(path, peer.read)
        peer.read += len(pairs) * peers.PAIR.size
        if peer.kind == "worker":
            self.stream.note(pairs)
            peer.last.update(pairs)
        elif peer.reader is not None:
            peer.reader.note(pairs)
        else:
            self.answers.extend(pairs)
        return len(pairs)

    def read_all(self) -> int:
        """The same for all that are here."""
        return sum(self.read(peer) for peer in self.here)

    def close(self) -> None:
        """Ends whoever is left."""
        for peer in self.here:
            peer.part.end()
        for counters in self._counters.values():
            for counter in counters.values():
                counter.close()
