"""The books: what was sent, where it went, and by which rule it did not.

Everything here is plain figures, so that a book with a hole can be made up to see that it is found.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Optional, Set, Tuple

#: Who sent it, and its number among all that this one has sent.
Pairs = Iterable[Tuple[int, int]]


@dataclass
class Account:
    """One line of the balance."""

    name: str
    sent: int
    delivered: int
    #: How many were dropped by which rule.
    dropped: Dict[str, int]
    #: What cannot be, in a few words each.
    wrong: List[str] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        """Whether all that was sent is accounted for, and nothing is wrong."""
        return not self.wrong and self.sent == self.delivered + sum(self.dropped.values())


@dataclass
class Departure:
    """A worker that went, or whose link was cut: what was on its way to it may be lost."""

    rule: str
    #: By producer, the last number that it had counted.
    last: Dict[int, int]
    #: By producer, how many had been sent when its going had been noticed everywhere.
    until: Dict[int, int] = field(default_factory=dict)


class StreamBook:
    """A Streamer: each message goes to one worker."""

    def __init__(self) -> None:
        self._came: Dict[int, bytearray] = {}
        self.departures: List[Departure] = []
        #: Producers that were killed.
        self.killed: Set[int] = set()

    def note(self, pairs: Pairs) -> None:
        """What workers have written down."""
        for source, number in pairs:
            came = self._came.setdefault(source, bytearray())
            if number >= len(came):
                came.extend(bytes(number + 1 - len(came)))
            came[number] = min(255, came[number] + 1)

    @property
    def delivered(self) -> int:
        """How many different ones have come."""
        return sum(len(came) - came.count(0) for came in self._came.values())

    def balance(self, sent: Dict[int, int]) -> Account:
        """`sent` says how many each producer has sent."""
        dropped: Counter[str] = Counter()
        wrong: List[str] = []
        for source, count in sent.items():
            came = self._came.get(source, bytearray())
            if len(came) > count:
                wrong.append(f"producer {source} sent {count:,}, and number {len(came) - 1:,} came")
            twice = sum(times > 1 for times in came)
            if twice:
                wrong.append(f"{twice:,} of producer {source} came twice")
            for number in range(count):
                if number >= len(came) or not came[number]:
                    rule = self._rule(source, number, len(came))
                    if rule is None:
                        wrong.append(
                            f"number {number:,} of producer {source} is missing, and nobody went when it was on its way"
                        )
                    else:
                        dropped[rule] += 1
        return Account("streamer", sum(sent.values()), self.delivered, dict(dropped), wrong[:10])

    def _rule(self, source: int, number: int, end: int) -> Optional[str]:
        for departure in self.departures:
            # A worker gets each producer's numbers in order: what it lost comes after what it had counted.
            if departure.last.get(source, -1) < number < departure.until.get(source, 0):
                return departure.rule
        if source in self.killed and number >= end:
            return "in the socket of a killed producer"
        return None


@dataclass
class Reader:
    """A subscriber of a Forwarder."""

    #: What came, by publisher, in order.
    came: Dict[int, List[int]] = field(default_factory=dict)
    slow: bool = False
    #: How many each publisher had sent when it was started, and when it had gone: what it is owed lies between.
    since: Dict[int, int] = field(default_factory=dict)
    until: Optional[Dict[int, int]] = None
    #: How often its link was cut.
    cuts: int = 0
    #: Publishers that began when it had received something already: their first message was for it, too.
    settled_before: Set[int] = field(default_factory=set)
    #: Whether it was still there when all that was published had arrived.
    stayed: bool = False

    def note(self, pairs: Pairs) -> None:
        """What it has written down."""
        for source, number in pairs:
            self.came.setdefault(source, []).append(number)


_OUTSIDE = "as it joined or left"


def balance_reader(name: str, reader: Reader, published: Dict[int, int], killed: Set[int]) -> Account:
    """What one subscriber got of what was published while it was there; `killed` are publishers that were."""
    account = Account(name, 0, 0, {})
    for source, count in published.items():
        came = reader.came.get(source, [])
        if reader.until is not None and source not in reader.until and not came:
            # It began when this one had gone.
            continue
        # At the two ends, what was on its way counts as its own.
        start = min([reader.since.get(source, 0), *came[:1]])
        end = max([(reader.until or {}).get(source, count), *(number + 1 for number in came[-1:])])
        if end > count:
            account.wrong.append(f"publisher {source} sent {count:,}, and number {end - 1:,} came to {name}")
        account.sent += end - start
        account.delivered += len(came)
        _balance_source(account, reader, source, came, (start, end), source in killed)
    del account.wrong[10:]
    return account


def _balance_source(
    account: Account, reader: Reader, source: int, came: List[int], span: Tuple[int, int], killed: bool
) -> None:
    def drop(rule: str, count: int) -> None:
        if count > 0:
            account.dropped[rule] = account.dropped.get(rule, 0) + count

    name, excused = account.name, reader.slow or reader.cuts > 0
    rule = "at its high-water mark, as it is slow" if reader.slow else "while its link was cut"
    gaps = [(one, two) for one, two in zip(came, came[1:]) if two != one + 1]
    if any(two <= one for one, two in gaps):
        account.wrong.append(f"{name} got a message of publisher {source} twice, or out of order")
    drop(rule, sum(two - one - 1 for one, two in gaps))
    if not reader.slow and len(gaps) > reader.cuts:
        account.wrong.append(f"{name} has {len(gaps)} gaps of publisher {source}, and was cut {reader.cuts} times")
    before = came[0] - span[0] if came else 0
    after = span[1] - came[-1] - 1 if came else span[1] - span[0]
    drop(_OUTSIDE, before)
    if before and source in reader.settled_before and not excused:
        account.wrong.append(f"{name} missed the first {before:,} of publisher {source}")
    if killed and after:
        drop("in the socket of a killed publisher", after)
    elif not reader.stayed:
        drop(_OUTSIDE, after)
    else:
        drop(rule, after)
        if after and not excused:
            account.wrong.append(f"{name} missed the last {after:,} of publisher {source}")


def balance_requests(asked: Dict[int, int], answers: Pairs, killed: Set[int]) -> Account:
    """A Queue: each request is answered once; one that a killed client waited for need not be."""
    came = Counter(answers)
    dropped: Counter[str] = Counter()
    wrong = [f"{count} replies to {pair}" for pair, count in came.items() if count > 1]
    for source, count in asked.items():
        for number in range(count):
            if (source, number) in came:
                continue
            if source in killed and number == count - 1:
                dropped["its client was killed as it waited"] += 1
            else:
                wrong.append(f"request {number:,} of client {source} was not answered")
    return Account("queue", sum(asked.values()), len(came), dict(dropped), wrong[:10])
