"""More than the queues hold, by each pattern: each message is delivered, or refused, or dropped by a rule that has a name.

HWM is 100 at both ends, and nobody receives until all has been tried: the queues of ZeroMQ and of the system fill up. Then the numbers must
add up.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, Dict, List, Tuple

from benches.battery.fault import ALL, Fault, Outcome
from benches.battery.scene import Scene

_HWM = 100
_PAYLOAD = b"x" * 1000
#: Nothing for so long, in milliseconds, and nothing will come.
_SILENCE = 500


@dataclass
class _Books:
    """What became of the messages of one way."""

    way: str
    sent: int = 0
    refused: int = 0
    #: The rule by which messages may be dropped: where one that is sent need not arrive.
    rule: str = ""
    #: The numbers that arrived, in their order.
    delivered: List[int] = field(default_factory=list)
    torn: int = 0

    @property
    def missing(self) -> int:
        return self.sent - len(set(self.delivered))

    @property
    def twice(self) -> int:
        return len(self.delivered) - len(set(self.delivered))

    def wrong(self) -> List[str]:
        found = []
        if self.missing and not self.rule:
            found.append(f"{self.way}: {self.missing} missing")
        if self.rule and self.missing:
            # Until a queue was full, nothing may be missing. What has been received counts until its receiver has said so, which it does
            # for half a queue at once.
            first = next((at for at, number in enumerate(self.delivered) if number != at), len(self.delivered))
            if first < _HWM // 2:
                found.append(f"{self.way}: dropped after {first}, with a queue for {_HWM}")
        if self.torn:
            found.append(f"{self.way}: {self.torn} not whole")
        if self.delivered != sorted(self.delivered):
            found.append(f"{self.way}: not in order")
        return found

    def told(self) -> str:
        parts = [f"{self.sent:,} sent"]
        if self.refused:
            parts.append(f"{self.refused:,} refused")
        parts.append(f"{len(self.delivered):,} delivered")
        if self.rule:
            parts.append(f"{self.missing:,} dropped ({self.rule})")
        return f"{self.way}: {', '.join(parts)}"


class _Desk:
    """Sockets of one context with small queues, and what is sent by them."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.zmq = scene, scene.zmq
        self.context = self.zmq.Context()
        self._open: List[Any] = []

    def socket(self, kind: str, **options: Any) -> Any:
        made = self.context.socket(getattr(self.zmq, kind))
        made.setsockopt(self.zmq.LINGER, 0)
        made.setsockopt(self.zmq.SNDHWM, _HWM)
        made.setsockopt(self.zmq.RCVHWM, _HWM)
        for option, value in options.items():
            made.setsockopt(getattr(self.zmq, option), value)
        if kind == "SUB":
            made.subscribe(b"")
        self._open.append(made)
        return made

    def pair(self, bound: Any, *connected: Any) -> None:
        endpoint = self.scene.endpoint()
        bound.bind(endpoint)
        for made in connected:
            made.connect(endpoint)

    def fill(self, books: _Books, made: Any, to: Tuple[bytes, ...] = ()) -> None:
        """Tries to send `times` messages, to a peer of this name if there is one."""
        for _ in range(self.scene.times):
            try:
                made.send_multipart([*to, b"%d" % books.sent, _PAYLOAD], self.zmq.DONTWAIT)
                books.sent += 1
            except self.zmq.Again:
                books.refused += 1
            self.scene.done()

    def drain(self, books: _Books, *receivers: Any, skip: int = 0) -> None:
        """Receives all that is there, without the first frames."""
        for made in receivers:
            while made.poll(_SILENCE):
                number, *rest = made.recv_multipart()[skip:]
                books.torn += rest != [_PAYLOAD]
                books.delivered.append(int(number))
        if len(receivers) > 1:
            books.delivered.sort()

    def await_peers(self, made: Any, receivers: Tuple[Any, ...], *to: bytes) -> None:
        """Sends until each has received one: then all are connected, and have subscribed."""
        for receiver in receivers:
            got = False
            while not got:
                made.send_multipart([*to, b"0", _PAYLOAD])
                got = bool(receiver.poll(20))
        for receiver in receivers:
            while receiver.poll(100):
                receiver.recv_multipart()

    def close(self) -> None:
        for made in self._open:
            made.close()
        self.context.term()


def _one_to_one(desk: _Desk, sender: str, receiver: str, receivers: int = 1) -> List[_Books]:
    """Where a full queue refuses."""
    source = desk.socket(sender)
    sinks = [desk.socket(receiver) for _ in range(receivers)]
    desk.pair(source, *sinks)
    books = _Books(f"{sender} to {receivers} {receiver}" if receivers > 1 else f"{sender} to {receiver}")
    source.poll(5000, desk.zmq.POLLOUT)
    desk.fill(books, source)
    desk.drain(books, *sinks, skip=int(receiver == "ROUTER"))
    # Once more: what was full is not so for ever.
    again = _Books("afterwards", sent=10)
    for number in range(again.sent):
        source.send_multipart([b"%d" % number, _PAYLOAD])
    desk.drain(again, *sinks, skip=int(receiver == "ROUTER"))
    return [books, again]


def push(desk: _Desk) -> List[_Books]:
    return [*_one_to_one(desk, "PUSH", "PULL"), *_one_to_one(desk, "PUSH", "PULL", 2)]


def pair(desk: _Desk) -> List[_Books]:
    return _one_to_one(desk, "PAIR", "PAIR")


def dealer(desk: _Desk) -> List[_Books]:
    """To a ROUTER, which receives later, and from one, which drops unless it is told to be exact."""
    ways = _one_to_one(desk, "DEALER", "ROUTER")
    for exact in (0, 1):
        router, receiver = desk.socket("ROUTER", ROUTER_MANDATORY=exact), desk.socket("DEALER", ROUTING_ID=b"d")
        desk.pair(router, receiver)
        receiver.send(b"here")
        router.recv_multipart()
        books = _Books(
            "ROUTER_MANDATORY" if exact else "ROUTER to DEALER", rule="" if exact else "ROUTER drops for a full peer"
        )
        desk.fill(books, router, (b"d",))
        desk.drain(books, receiver)
        ways.append(books)
    return ways


def _published(desk: _Desk, sender: str, receiver: str, exact: bool) -> List[_Books]:
    publisher = desk.socket(sender, **({"XPUB_NODROP": 1} if exact else {}))
    subscriber = desk.socket(receiver)
    desk.pair(publisher, subscriber)
    if receiver == "XSUB":
        subscriber.send(b"\x01")
    desk.await_peers(publisher, (subscriber,))
    books = _Books(
        "XPUB_NODROP" if exact else f"{sender} to {receiver}", rule="" if exact else f"{sender} drops for a full peer"
    )
    desk.fill(books, publisher)
    desk.drain(books, subscriber)
    return [books]


def pub(desk: _Desk) -> List[_Books]:
    return _published(desk, "PUB", "SUB", exact=False)


def xpub(desk: _Desk) -> List[_Books]:
    """Down by both rules, and up, where an XSUB drops, too."""
    ways = _published(desk, "XPUB", "XSUB", exact=False)
    if hasattr(desk.zmq, "XPUB_NODROP"):
        ways += _published(desk, "XPUB", "SUB", exact=True)
    xsub, receiver = desk.socket("XSUB"), desk.socket("XPUB")
    desk.pair(receiver, xsub)
    desk.await_peers(xsub, (receiver,))
    books = _Books("XSUB to XPUB", rule="XSUB drops for a full peer")
    desk.fill(books, xsub)
    desk.drain(books, receiver)
    return [*ways, books]


def req(desk: _Desk) -> List[_Books]:
    """Requests of many, who have to wait for their replies, to one that is not there yet."""
    many = 300
    # All connect at once: with the usual backlog some would be turned away, and try again in a second.
    rep = desk.socket("REP", BACKLOG=many)
    clients = [desk.socket("REQ") for _ in range(many)]
    desk.pair(rep, *clients)
    books = _Books(f"{many} REQ and a REP")
    for _ in range(2):
        for number, client in enumerate(clients):
            try:
                client.send_multipart([b"%d" % number, _PAYLOAD], desk.zmq.DONTWAIT)
                books.sent += 1
            except desk.zmq.ZMQError:
                # The second request before the first reply.
                books.refused += 1
            desk.scene.done()
    asked = []
    while rep.poll(_SILENCE):
        message = rep.recv_multipart()
        asked.append(int(message[0]))
        rep.send_multipart(message)
    for client in clients:
        if client.poll(_SILENCE):
            books.delivered.append(int(client.recv_multipart()[0]))
    books.torn += len(asked) != len(set(asked))
    return [books]


_PATTERNS: Dict[str, Tuple[Any, str]] = {
    "push": (push, "PUSH to one PULL, and to two"),
    "pub": (pub, "PUB to SUB"),
    "dealer": (dealer, "DEALER to ROUTER, and back"),
    "req": (req, "REQ to REP"),
    "pair": (pair, "PAIR to PAIR"),
    "xpub": (xpub, "XPUB to XSUB, and back"),
}


def play(scene: Scene, pattern: str) -> Outcome:
    """Overflows the queues of one pattern."""
    desk = _Desk(scene)
    ways = _PATTERNS[pattern][0](desk)
    desk.close()
    wrong = [problem for books in ways for problem in books.wrong()]
    happened = "; ".join(books.told() for books in ways if books.way != "afterwards")
    lost = sum(books.missing for books in ways if not books.rule)
    return Outcome(
        sum(books.sent + books.refused for books in ways),
        happened,
        tuple(wrong),
        lost=lost,
        duplicated=sum(books.twice for books in ways),
    )


FAULTS = tuple(
    Fault(
        name=f"full-{name}",
        title=f"full queues, {title}",
        promised="sent = delivered + dropped by a rule that has a name; tried = sent + refused; whole, in order, and it works again",
        play=functools.partial(play, pattern=name),
        times=10_000,
        contenders=ALL,
    )
    for name, (_, title) in _PATTERNS.items()
)
