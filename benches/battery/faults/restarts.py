"""A device that is killed and started again while its clients go on: who comes back by himself, and what is lost."""

from __future__ import annotations

import threading
import time
from typing import Any, List, Tuple

from benches.battery.fault import Fault, Outcome
from benches.battery.part import Link, Part
from benches.battery.scene import Scene

_CLIENTS = 4
#: How long a client waits for a reply before it asks again, and how often it does.
_TIMEOUT, _RETRIES = 0.5, 20
_REQUESTS = 150
#: Seconds between two messages: so few that no queue is ever full.
_PAUSE = 0.0005
#: No message for so many milliseconds, and none will come.
_SILENCE = 4_000


def device(zmq: Any, link: Link, kind: str, frontend: str, backend: str) -> None:
    """A device, until it is killed."""
    if zmq.__name__ == "brokerless":
        with getattr(zmq, kind)(frontend, backend):
            link.say("bound")
            link.hear()
        return
    types = {"Queue": ("ROUTER", "DEALER"), "Streamer": ("PULL", "PUSH"), "Forwarder": ("XSUB", "XPUB")}[kind]
    context = zmq.Context()
    sides = [context.socket(getattr(zmq, name)) for name in types]
    for side, endpoint in zip(sides, (frontend, backend)):
        side.bind(endpoint)
    link.say("bound")
    zmq.proxy(*sides)


def serve(zmq: Any, link: Link, endpoint: str) -> None:
    """A REP that answers for ever."""
    rep = zmq.Context().socket(zmq.REP)
    rep.connect(endpoint)
    link.say("here")
    while True:
        rep.send(rep.recv())


def ask(zmq: Any, link: Link, endpoint: str, count: int) -> None:
    """Makes requests that are repeated when no reply comes; says how many were answered, how many wrongly, and the slowest in seconds."""
    context = zmq.Context()
    client = _Client(zmq, context, endpoint)
    answered, wrong, worst = 0, 0, 0.0
    for number in range(count):
        words, started = b"%d" % number, time.monotonic()
        reply = client.ask(words)
        worst = max(worst, time.monotonic() - started)
        answered += reply is not None
        wrong += reply not in (None, words)
        time.sleep(0.005)
    link.say((answered, wrong, worst))


class _Client:
    """A REQ that outlives a lost reply: by `request()` of ours, and else as the guide has it, with a new socket for each try."""

    def __init__(self, zmq: Any, context: Any, endpoint: str) -> None:
        self._zmq, self._context, self._endpoint = zmq, context, endpoint
        self._open()

    def _open(self) -> None:
        self._req = self._context.socket(self._zmq.REQ)
        self._req.setsockopt(self._zmq.LINGER, 0)
        self._req.connect(self._endpoint)

    def ask(self, words: bytes) -> Any:
        if self._zmq.__name__ == "brokerless":
            try:
                return self._req.request(words, timeout=_TIMEOUT, retries=_RETRIES)
            except self._zmq.Again:
                return None
        for _ in range(1 + _RETRIES):
            self._req.send(words)
            if self._req.poll(int(1000 * _TIMEOUT)):
                return self._req.recv()
            self._req.close()
            self._open()
        return None


def send(zmq: Any, link: Link, kind: str, endpoint: str) -> None:
    """Sends numbers from when it is told to until it is told so again, says how many, and waits until all have left."""
    context = zmq.Context()
    made = context.socket(getattr(zmq, kind))
    made.connect(endpoint)
    link.say("here")
    link.hear()
    heard = link.heard()
    number = 0
    while not heard.is_set():
        made.send(b"%d" % number)
        number += 1
        time.sleep(_PAUSE)
    made.close()
    link.say(number)
    context.term()


class _Device:
    """A device that can be killed."""

    def __init__(self, scene: Scene, kind: str) -> None:
        self._scene, self._kind = scene, kind
        self.frontend, self.backend = scene.endpoint(), scene.endpoint()
        self._part = self._start()

    def _start(self) -> Part:
        part = self._scene.start(device, self._kind, self.frontend, self.backend)
        part.hear()
        return part

    def restart(self) -> None:
        self._part.kill()
        self._part.wait(5)
        self._part = self._start()
        self._scene.done()


def queue(scene: Scene) -> Outcome:
    """Clients that repeat their requests, and a Queue that is killed again and again."""
    middle = _Device(scene, "Queue")
    for _ in range(2):
        scene.start(serve, middle.backend).hear()
    clients = [scene.start(ask, middle.frontend, _REQUESTS) for _ in range(_CLIENTS)]
    for _ in range(scene.times):
        time.sleep(scene.dice.uniform(0.1, 0.4))
        middle.restart()
    told = [client.hear(40) for client in clients]
    asked = _CLIENTS * _REQUESTS
    answered = sum(one[0] for one in told)
    wrong: List[str] = []
    if answered < asked:
        wrong.append(f"{asked - answered} requests were never answered")
    if any(one[1] for one in told):
        wrong.append("replies to other requests came")
    happened = f"{answered:,} of {asked:,} requests of {_CLIENTS} clients answered, the slowest after {max(one[2] for one in told):.1f} s"
    return Outcome(scene.times, happened, tuple(wrong), lost=asked - answered)


def _flow(scene: Scene, kind: str, sender: str, receiver: str) -> Outcome:
    """Messages one way, through a device that is killed again and again."""
    zmq, wrong = scene.zmq, []
    middle = _Device(scene, kind)
    context = zmq.Context()
    sink = context.socket(getattr(zmq, receiver))
    if receiver == "SUB":
        sink.subscribe(b"")
    sink.connect(middle.backend)
    source = scene.start(send, sender, middle.frontend)
    source.hear()
    if receiver == "SUB":
        # What is published before the subscription has come through would count as lost.
        time.sleep(1)
    source.say("go")
    over: List[int] = []
    restarting = threading.Thread(target=lambda: over.append(_restarts(scene, middle, source)))
    restarting.start()
    delivered: List[int] = []
    silence, last = 0.0, 0.0
    while sink.poll(_SILENCE):
        delivered.append(int(sink.recv()))
        now = time.monotonic()
        silence, last = max(silence, now - last if last else 0.0), now
        if over and delivered[-1] == over[0] - 1:
            break
    restarting.join()
    sink.close(linger=0)
    context.term()
    sent = over[0]
    lost, twice = sent - len(set(delivered)), len(delivered) - len(set(delivered))
    if not delivered or delivered[-1] != sent - 1:
        wrong.append(f"the last that came was number {delivered[-1] if delivered else 0:,} of {sent:,}")
    if delivered != sorted(delivered):
        wrong.append("not in order")
    happened = f"{len(delivered):,} of {sent:,} delivered, {lost / scene.times:.0f} lost by each kill; {silence:.1f} s of silence at most"
    return Outcome(scene.times, happened, tuple(wrong), lost=lost, duplicated=twice)


def _restarts(scene: Scene, middle: _Device, source: Part) -> int:
    """All kills, then the end; returns how many were sent."""
    for _ in range(scene.times):
        time.sleep(scene.dice.uniform(0.2, 0.6))
        middle.restart()
    # Time to come back: peers try again after a tenth of a second.
    time.sleep(1)
    source.say("stop")
    return int(source.hear())


def streamer(scene: Scene) -> Outcome:
    return _flow(scene, "Streamer", "PUSH", "PULL")


def forwarder(scene: Scene) -> Outcome:
    return _flow(scene, "Forwarder", "PUB", "SUB")


FAULTS: Tuple[Fault, ...] = (
    Fault(
        name="killed-queue",
        title="kill -9 of a Queue, which is started again, while clients ask",
        promised="each request is answered in the end, without a hand being lifted",
        play=queue,
        times=5,
    ),
    Fault(
        name="killed-streamer",
        title="kill -9 of a Streamer, which is started again, between PUSH and PULL",
        promised="both come back by themselves; what the device had is lost, nothing comes twice",
        play=streamer,
        times=5,
    ),
    Fault(
        name="killed-forwarder",
        title="kill -9 of a Forwarder, which is started again, between PUB and SUB",
        promised="both come back by themselves; what was published meanwhile is lost, nothing comes twice",
        play=forwarder,
        times=5,
    ),
)
