"""Many connections that say nothing, beside a client that works."""

from __future__ import annotations

import functools
import time
from typing import Any, List, Tuple

from benches.battery.crowd import settle
from benches.battery.fault import ALL, Fault, Outcome
from benches.battery.measure import descriptors, resident
from benches.battery.part import Link
from benches.battery.scene import Scene

#: A peer that says nothing may cost so much; a queue of libzmq's is 16 KiB or less in each direction.
_EACH = 32 * 1024
_TRIPS = 2_000
_PATIENCE = 3_000


def ask(zmq: Any, link: Link, endpoint: str, count: int) -> None:
    """Makes round trips, each time it is told to; says how many were answered, and the slowest in seconds."""
    with zmq.Context() as context:
        dealer = context.socket(zmq.DEALER)
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.setsockopt(zmq.RCVTIMEO, _PATIENCE)
        dealer.connect(endpoint)
        while link.hear():
            answered, worst, started = 0, 0.0, time.monotonic()
            for number in range(count):
                begun = time.monotonic()
                dealer.send(b"%d" % number)
                try:
                    if dealer.recv() != b"%d" % number:
                        break
                except zmq.Again:
                    break
                answered += 1
                worst = max(worst, time.monotonic() - begun)
            link.say((answered, worst, (time.monotonic() - started) / max(1, answered)))
        dealer.close()


def play(scene: Scene, handshake: bool) -> Outcome:
    """A ROUTER with one client that works, and a crowd."""
    zmq, wrong = scene.zmq, []
    endpoint = scene.endpoint()
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.setsockopt(zmq.LINGER, 0)
    router.setsockopt(zmq.RCVTIMEO, _PATIENCE)
    router.bind(endpoint)
    client = scene.start(ask, endpoint, _TRIPS)
    figures: List[Tuple[int, float, float]] = []

    def trips() -> None:
        client.say(True)
        for _ in range(_TRIPS):
            try:
                router.send_multipart(router.recv_multipart())
            except zmq.Again:
                break
        figures.append(client.hear())

    trips()
    before, open_before = resident(), descriptors(kind="socket")
    crowd = scene.start(settle, {"ROUTER": endpoint}, scene.times, handshake, 20)
    told = crowd.hear(40)
    scene.done(scene.times)
    # Those of this process, and not what the system has accepted for it.
    scene.until(lambda: descriptors(kind="socket") >= open_before + scene.times, 5)
    here = descriptors(kind="socket") - open_before
    trips()
    each = (resident() - before) / max(1, here)
    peers = f", {len(router.peers):,} of them in socket.peers" if scene.ours and handshake else ""
    if scene.ours and handshake and len(router.peers) < scene.times:
        wrong.append(f"socket.peers has {len(router.peers)}")
    crowd.say("go")
    crowd.hear(20)
    if not scene.until(lambda: descriptors(kind="socket") <= open_before, 10):
        wrong.append("descriptors are kept")
    trips()
    client.say(False)
    client.wait(5)
    router.close()
    context.term()
    lost = sum(_TRIPS - answered for answered, _, _ in figures)
    if lost:
        wrong.append("the client was not served")
    if here < scene.times:
        wrong.append(f"only {here:,} got in, {told['failed'] + told['closed']:,} were turned out")
    if each > _EACH:
        wrong.append(f"{each / 1024:.0f} KiB for each of them")
    (_, _, alone), (_, worst, mean), _ = figures
    happened = (
        f"{here:,} connected{peers}, {each / 1024:.1f} KiB each; a round trip takes {1e6 * mean:.0f} us beside them, "
        f"{1e6 * alone:.0f} before, {1e3 * worst:.0f} ms at worst"
    )
    return Outcome(scene.times, happened, tuple(wrong), lost=lost, duplicated=0)


_PROMISED = "the client is served all the while, and what the others take is small and given back"

FAULTS = (
    Fault(
        name="crowd-idle",
        title="1,500 connections that say one byte and stay",
        promised=_PROMISED,
        play=functools.partial(play, handshake=False),
        times=1_500,
        contenders=ALL,
    ),
    Fault(
        name="crowd-handshaken",
        title="5,000 peers that finish the handshake and then say nothing",
        promised=_PROMISED,
        play=functools.partial(play, handshake=True),
        times=5_000,
        contenders=ALL,
    ),
)
