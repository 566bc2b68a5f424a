"""A poll keeps what it has seen of a socket until something happens to it: that must never be what libzmq would not say."""

from __future__ import annotations

import random
from typing import Any, Callable

import pytest

import brokerless as zmq

PAIRS = [
    (zmq.PAIR, zmq.PAIR),
    (zmq.PUSH, zmq.PULL),
    (zmq.PUB, zmq.SUB),
    (zmq.XPUB, zmq.XSUB),
    (zmq.REP, zmq.REQ),
    (zmq.ROUTER, zmq.DEALER),
    (zmq.ROUTER, zmq.REQ),
    (zmq.DEALER, zmq.DEALER),
    (zmq.SERVER, zmq.CLIENT),
    (zmq.GATHER, zmq.SCATTER),
    (zmq.CHANNEL, zmq.CHANNEL),
]


class Player:
    """Does something to one of two connected sockets; what cannot be done now, or never, is not done."""

    def __init__(self, one: Any, other: Any, dice: random.Random) -> None:
        self.sockets = (one, other)
        self.dice = dice
        self.names: dict[Any, list[bytes]] = {one: [b""], other: [b""]}
        self.connected = True

    def play(self) -> None:
        socket = self.dice.choice(self.sockets)
        try:
            self.dice.choice(
                (self.send, self.send, self.recv, self.recv, self.recv_one_frame, self.subscribe, self.move)
            )(socket)
        except (zmq.ZMQError, TypeError):
            pass

    def send(self, socket: Any) -> None:
        if socket.type == zmq.ROUTER:
            socket.send_multipart([*self.names[socket], b"x"], zmq.DONTWAIT)
        elif socket.type == zmq.XSUB:
            socket.send(b"\x01", zmq.DONTWAIT)
        else:
            socket.send(b"x", zmq.DONTWAIT)

    def recv(self, socket: Any) -> None:
        frames = socket.recv_multipart(zmq.DONTWAIT)
        if socket.type == zmq.ROUTER:
            self.names[socket] = frames[:-1]

    def recv_one_frame(self, socket: Any) -> None:
        if zmq.REQ in (each.type for each in self.sockets):
            # Without the name of whom to reply to it would wait for ever.
            self.recv(socket)
        else:
            socket.recv(zmq.DONTWAIT)

    def subscribe(self, socket: Any) -> None:
        self.dice.choice((socket.subscribe, socket.unsubscribe))(b"")

    def move(self, socket: Any) -> None:
        """The second one leaves the first, or comes back; but not a REQ, whose reply might be lost."""
        one, other = self.sockets
        if other.type != zmq.REQ and self.dice.random() < 0.3:
            (other.disconnect if self.connected else other.connect)(one.last_endpoint.decode())
            self.connected = not self.connected


@pytest.mark.parametrize("options", [{}, {"sndhwm": 2, "rcvhwm": 1}], ids=["roomy", "tight"])
@pytest.mark.parametrize("types", PAIRS, ids=lambda types: "-".join(kind.name for kind in types))
def test_a_poll_says_what_libzmq_says(pair: Callable[..., Any], types: Any, options: Any) -> None:
    one, other = pair(*types, "inproc", **options)
    dice = random.Random(repr((types, options)))
    player = Player(one, other, dice)
    poller = zmq.Poller()
    poller.register(one)
    poller.register(other)
    seen = set()
    for _ in range(600):
        for _ in range(dice.randrange(4)):
            player.play()
        polled = dict(poller.poll(0))
        # A look at one may have had something to say to the other.
        polled, before = dict(poller.poll(0)), polled
        while polled != before:
            polled, before = dict(poller.poll(0)), polled
        if dice.random() < 0.4:
            # Asking so makes the next poll look anew: not every time.
            asked = {socket: socket.EVENTS for socket in (one, other)}
            assert polled == {socket: events for socket, events in asked.items() if events}
            seen.add(tuple(asked.values()))
    assert len(seen) > 1


def test_a_message_given_back_is_seen(pair: Callable[..., Any]) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    poller = zmq.Poller()
    for _ in range(3):
        poller.register(pull, zmq.POLLIN)
        assert poller.poll(0) == []
        push.send(b"12")
        push.send(b"3")
        with pytest.raises(ValueError):
            # A record of another size goes back.
            pull.recv_many_into(bytearray(1), timeout=10)
        assert poller.poll(0) == [(pull, zmq.POLLIN)]
        assert (pull.recv(), pull.recv()) == (b"12", b"3")


def test_the_end_of_a_context_is_seen(loose_ctx: Any) -> None:
    sockets = [loose_ctx.socket(zmq.PULL) for _ in range(3)]
    poller = zmq.Poller()
    for socket in sockets:
        poller.register(socket, zmq.POLLIN)
    assert poller.poll(0) == poller.poll(0) == []
    with pytest.raises(zmq.Again):
        loose_ctx.term(timeout=0)
    with pytest.raises(zmq.ContextTerminated):
        poller.poll(0)
    for socket in sockets:
        socket.close()


def test_threads_that_use_it_meanwhile(pair: Callable[..., Any], in_thread: Callable[..., Any]) -> None:
    """What one thread's poll has seen is no reason for another's to miss a message, or to see one that is gone."""
    pairs = [pair(zmq.PUSH, zmq.PULL, transport) for transport in ("inproc", "tcp", "ipc")]
    poller = zmq.Poller()
    for _, pull in pairs:
        poller.register(pull, zmq.POLLIN)
    count = 2000

    def take() -> int:
        """Polls its own poller; another thread may have taken what it has seen."""
        mine = zmq.Poller()
        for _, pull in pairs:
            mine.register(pull, zmq.POLLIN)
        taken = 0
        while True:
            for pull, _ in mine.poll(10_000):
                try:
                    message = pull.recv(zmq.DONTWAIT)
                except zmq.Again:
                    continue
                if message == b"end":
                    return taken
                taken += 1

    takers = [in_thread(take) for _ in range(3)]
    for number in range(count):
        pairs[number % 3][0].send(b"x")
    # Each taker ends at its first; the last one has nothing left to wait for.
    totals = []
    for _ in takers:
        pairs[0][0].send(b"end")
    totals = [taker.result() for taker in takers]
    left = 0
    while poller.poll(200):
        for pull, _ in poller.poll(0):
            left += pull.recv(timeout=10) == b"x"
    assert sum(totals) + left == count
