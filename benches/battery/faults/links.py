"""A cable that is pulled, and a peer whose address is gone: who notices, who comes back, and what is lost."""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Dict, List, Tuple

from benches.battery.fault import Fault, Outcome
from benches.battery.measure import descriptors
from benches.battery.part import Link
from benches.battery.scene import Scene
from benches.battery.wires import ip, leave_network

_HERE, _THERE = "10.77.0.1", "10.77.0.2"
#: What the profile "classroom" has, for who sets it by hand.
_BY_HAND = {"HEARTBEAT_IVL": 5_000, "HEARTBEAT_TIMEOUT": 15_000, "HEARTBEAT_TTL": 15_000}
#: A ping each 5 s, and 15 s for its answer.
_NOTICED = 21.0
_PAUSE = 0.01


def _socket(zmq: Any, kind: str, how: str) -> Any:
    """A socket with the defaults, with the profile, or with heartbeats by hand."""
    context = zmq.Context(profile="classroom") if how == "profile" else zmq.Context()
    made = context.socket(getattr(zmq, kind))
    made.setsockopt(zmq.LINGER, 0)
    for option, value in _BY_HAND.items() if how == "heartbeats" else ():
        made.setsockopt(getattr(zmq, option), value)
    return made


def far(zmq: Any, link: Link, ways: Dict[str, int]) -> None:
    """The other end: a DEALER for each way, which sends numbers all the while; does to its network what it is told."""
    leave_network()
    link.say(os.getpid())
    link.hear()
    ip("link set there up")
    ip(f"addr add {_THERE}/24 dev there")
    dealers = {how: _socket(zmq, "DEALER", how) for how in ways}
    for how, port in ways.items():
        dealers[how].connect(f"tcp://{_HERE}:{port}")
    sent = dict.fromkeys(ways, 0)
    stop = threading.Event()

    def stream() -> None:
        while not stop.is_set():
            for how, dealer in dealers.items():
                try:
                    dealer.send(b"%d" % sent[how], zmq.DONTWAIT)
                    sent[how] += 1
                except zmq.Again:
                    continue
            time.sleep(_PAUSE)

    sender = threading.Thread(target=stream, daemon=True)
    sender.start()
    while True:
        words = link.hear()
        if words == "stop":
            break
        ip(words)
        link.say("done")
    stop.set()
    sender.join()
    link.say(sent)
    link.hear()


class _Receiver:
    """A ROUTER for each way, and what came by it when."""

    def __init__(self, scene: Scene, ways: Tuple[str, ...]) -> None:
        zmq = scene.zmq
        leave_network()
        self.ways = {how: 5550 + at for at, how in enumerate(ways)}
        self._poller = zmq.Poller()
        self._routers = {how: _socket(zmq, "ROUTER", how) for how in ways}
        self._names = {router: how for how, router in self._routers.items()}
        self.far = scene.start(far, self.ways)
        pid = self.far.hear()
        ip(f"link add here type veth peer name there netns {pid}")
        ip(f"addr add {_HERE}/24 dev here")
        ip("link set here up")
        for how, router in self._routers.items():
            router.bind(f"tcp://{_HERE}:{self.ways[how]}")
            self._poller.register(router, zmq.POLLIN)
        self.came: Dict[str, List[int]] = {how: [] for how in ways}
        self.last = dict.fromkeys(ways, 0.0)
        self.far.say("wired")

    def receive(self, seconds: float) -> None:
        """What comes in that time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for router, _ in self._poller.poll(20):
                how = self._names[router]
                self.came[how].append(int(router.recv_multipart()[1]))
                self.last[how] = time.monotonic()

    def receive_from_all(self, since: float, seconds: float) -> Dict[str, float]:
        """Receives until something has come by each way since then, or for so long; says when it came."""
        until = time.monotonic() + seconds
        came: Dict[str, float] = {}
        while len(came) < len(self.ways) and time.monotonic() < until:
            self.receive(0.02)
            for how, last in self.last.items():
                if last > since:
                    came.setdefault(how, last)
        return came

    def tell(self, words: str) -> None:
        self.far.say(words)
        self.far.hear()

    def close(self) -> Dict[str, int]:
        """Receives what is left; returns how many were sent by each way."""
        self.far.say("stop")
        sent: Dict[str, int] = self.far.hear()
        while any(not came or came[-1] < sent[how] - 1 for how, came in self.came.items()):
            before = sum(map(len, self.came.values()))
            self.receive(1.0)
            if sum(map(len, self.came.values())) == before:
                break
        self.far.say("end")
        for router in self._routers.values():
            router.close()
        return sent


def _accounts(receiver: _Receiver, sent: Dict[str, int], wrong: List[str]) -> Dict[str, int]:
    """How many are missing by each way."""
    for how, came in receiver.came.items():
        if came != sorted(set(came)):
            wrong.append(f"{how}: not in order, or twice")
    return {how: sent[how] - len(set(came)) for how, came in receiver.came.items()}


def cable(scene: Scene) -> Outcome:
    """The cable is pulled for three seconds, and again."""
    wrong: List[str] = []
    best = "profile" if scene.ours else "defaults"
    receiver = _Receiver(scene, (best,))
    receiver.receive_from_all(0.0, 10)
    back: List[float] = []
    for _ in range(scene.times):
        receiver.receive(0.5)
        ip("link set here down")
        receiver.receive(2.0)
        ip("link set here up")
        scene.done()
        up = time.monotonic()
        again = receiver.receive_from_all(up, 20)
        if again:
            back.append(again[best] - up)
        else:
            wrong.append("nothing comes any more")
    sent = receiver.close()
    missing = _accounts(receiver, sent, wrong)[best]
    if missing:
        wrong.append(f"{missing} missing")
    happened = f"{sent[best]:,} sent, {sent[best] - missing:,} delivered; goes on {max(back, default=0):.1f} s after the cable is back"
    return Outcome(scene.times, happened, tuple(wrong), lost=missing, duplicated=0)


def address(scene: Scene) -> Outcome:
    """The peer's address is gone, without a word, and back later."""
    wrong: List[str] = []
    ways = ("profile", "defaults") if scene.ours else ("defaults", "heartbeats")
    receiver = _Receiver(scene, ways)
    receiver.receive_from_all(0.0, 10)
    receiver.receive(0.5)
    before = descriptors(kind="socket")
    receiver.tell(f"addr del {_THERE}/24 dev there")
    scene.done()
    gone, noticed = time.monotonic(), 0.0
    # Whose heartbeats notice it closes its connection: one descriptor less.
    while time.monotonic() < gone + _NOTICED:
        receiver.receive(0.1)
        if descriptors(kind="socket") < before:
            noticed = time.monotonic() - gone
            break
    receiver.tell(f"addr add {_THERE}/24 dev there")
    up = time.monotonic()
    again = receiver.receive_from_all(up, 30)
    sent = receiver.close()
    missing = _accounts(receiver, sent, wrong)
    who = {
        "profile": 'Context(profile="classroom")',
        "defaults": "its defaults",
        "heartbeats": "heartbeats set by hand",
    }
    if not scene.ours:
        wrong.append(f"its defaults do not notice it in {_NOTICED:.0f} s")
    if not noticed:
        wrong.append("heartbeats do not notice it")
    told = [f"{who[ways[0] if scene.ours else ways[1]]}: noticed after {noticed:.1f} s"]
    for how in ways:
        if how not in again:
            wrong.append(f"{who[how]}: nothing comes any more")
            continue
        told.append(
            f"{who[how]}: goes on {again[how] - up:.1f} s after it is back, {missing[how]} of {sent[how]:,} lost"
        )
    return Outcome(1, "; ".join(told), tuple(wrong), lost=missing[ways[0]], duplicated=0)


FAULTS: Tuple[Fault, ...] = (
    Fault(
        name="link-cable",
        title="a cable that is pulled for 2 s, while messages come",
        promised="all goes on when it is back, and nothing is lost or comes twice",
        play=cable,
        times=2,
        shorter=False,
    ),
    Fault(
        name="link-address",
        title="a peer whose address is gone without a word, for 20 s",
        promised="heartbeats notice it within 20 s; all goes on when it is back, in order, nothing twice",
        play=address,
        times=1,
        limit=90,
        shorter=False,
    ),
)
