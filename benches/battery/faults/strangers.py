"""Strangers who speak no ZMTP, or speak it wrongly, at a bound socket of each type, while a good peer works there."""

from __future__ import annotations

import functools
from typing import Any, Dict, List, Tuple

from benches.battery.crowd import attack
from benches.battery.fault import ALL, Fault, Outcome
from benches.battery.house import GIVERS, House, visit
from benches.battery.measure import descriptors, resident
from benches.battery.scene import Scene
from benches.battery.zmtp import FITTING

_MAXIMUM = 1024 * 1024
#: More than this, and something is kept of each stranger.
_KEPT = 64 * 1024 * 1024
_AFTERWARDS = 10
#: Who should never get so far that a socket takes them for a peer.
_NO_PEERS = ("foreign", "cut")


def play(scene: Scene, kind: str, stay: float = 0.02, at_once: int = 200, limited: bool = False) -> Outcome:
    """Strangers of one kind; `limited`: the sockets take frames of a MiB at most."""
    endpoints = {name: scene.endpoint() for name in FITTING if hasattr(scene.zmq, name)}
    wrong: List[str] = []
    house = House(scene.zmq, endpoints, **({"MAXMSGSIZE": _MAXIMUM} if limited else {}))
    # A peer has a right to messages: who has said all that makes one may take what goes to any one peer.
    meanwhile = [name for name in endpoints if kind in _NO_PEERS or name not in GIVERS]
    good = scene.start(visit, endpoints, meanwhile, _AFTERWARDS)
    good.hear()
    before, open_before = resident(), descriptors(kind="socket")
    crowd = scene.start(attack, kind, endpoints, scene.times, at_once, stay)
    told = crowd.hear(40)
    scene.done(scene.times)
    peak = resident()
    scene.until(lambda: descriptors(kind="socket") <= open_before, 10)
    kept = descriptors(kind="socket") - open_before
    good.say("they have gone")
    during: Dict[str, Any] = good.hear()
    good.say("the last round")
    after: Dict[str, Any] = good.hear(30)
    grown = resident() - before
    house.close()
    if house.failure is not None:
        wrong.append(f"the server failed: {house.failure}")
    if after["lost"]:
        wrong.append(f"no answer from {', '.join(sorted(set(after['lost'])))}")
    if kept > 0:
        wrong.append(f"{kept} descriptors are kept")
    if grown > _KEPT:
        wrong.append(f"{grown / 1e6:.0f} MB are kept")
    if limited and told["closed"] < told["answered"] * 10 // 11 * 0.99:
        wrong.append(f"{told['answered'] - told['closed']} were not turned out")
    happened = (
        f"{told['answered']:,} got in touch, {told['closed']:,} were turned out; {house.junk:,} messages of theirs; "
        f"{during['trips']:,} good round trips, at worst {1000 * during['worst']:.0f} ms; "
        f"memory +{max(0, peak - before) / 1e6:.0f} MB, afterwards +{max(0, grown) / 1e6:.0f}"
    )
    return Outcome(scene.times, happened, tuple(wrong), lost=len(after["lost"]), duplicated=after["duplicated"])


_SERVES = "no crash; the good peer loses nothing, meanwhile and afterwards; no memory and no descriptor is kept"

FAULTS: Tuple[Fault, ...] = tuple(
    Fault(
        name=f"strangers-{name}",
        title=title,
        promised=_SERVES,
        play=functools.partial(play, **how),
        times=10_000,
        limit=60,
        contenders=ALL,
    )
    for name, title, how in (
        ("random", "random bytes, to sockets of each type", {"kind": "random"}),
        ("foreign", "HTTP, SIP, SSH and TLS, to sockets of each type", {"kind": "foreign"}),
        ("cut", "greetings of ZMTP 1, 2 and 3 that end too early", {"kind": "cut"}),
        ("header", "greetings, frames and commands that lie about what they are", {"kind": "header"}),
        ("ready", "READY commands that lie", {"kind": "ready"}),
        ("huge", "frames of 8 GiB announced", {"kind": "huge"}),
        (
            "huge-limited",
            "frames of 8 GiB announced, where MAXMSGSIZE is a MiB",
            {"kind": "huge", "limited": True, "stay": 1.5, "at_once": 1000},
        ),
        ("stall", "half messages, and then nothing", {"kind": "stall", "stay": 0.3, "at_once": 1000}),
    )
)
