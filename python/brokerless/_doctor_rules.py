"""What can be wrong with a socket's connections: one rule a function, each over surveys alone."""

from __future__ import annotations

import difflib
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ._doctor_scene import Place, Scene, Seen
from ._html import span

PROBLEM, HINT, FINE = "problem", "hint", "fine"


class Finding(NamedTuple):
    """One thing that a doctor found out about a socket."""

    #: "problem", "hint" or "fine".
    severity: str
    #: The socket, in words.
    socket: str
    #: What there is to say: one clause.
    what: str
    #: How one knows; may be empty.
    why: str
    #: What to do about it; empty for what is fine.
    cure: str
    #: The name of the rule, which stays the same when the words change.
    kind: str

    def __str__(self) -> str:
        why = f" ({self.why})" if self.why else ""
        cure = f"; {self.cure}" if self.cure else ""
        return f"{self.what}{why}{cure}"


def finding(severity: str, seen: Seen, kind: str, what: str, why: str = "", cure: str = "") -> Finding:
    """A finding about a socket."""
    return Finding(severity, seen.name, what, why, cure, kind)


def closed(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """It was closed."""
    if seen.data["closed"]:
        yield finding(PROBLEM, seen, "closed", "it is closed", cure="make a new one")


def nowhere(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """It is neither bound nor connected."""
    if seen.endpoints or seen.data["closed"]:
        return
    severity = PROBLEM if seen.data["waits"] else HINT
    why = "a thread waits in it" if seen.data["waits"] else ""
    # A worker connects when it begins.
    cure = "start() or run() it" if seen.data.get("role") is not None else "bind() or connect() it"
    yield finding(severity, seen, "nowhere", "it is neither bound nor connected", why, cure)


def unwatched(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """Nobody knows who is connected."""
    if seen.peers is None and seen.endpoints and not seen.data["closed"]:
        what = "who is connected to it is not known"
        why = "it was bound or connected unwatched, as its context already watched its first 64"
        yield finding(HINT, seen, "unwatched", what, why, "call watch() before bind() or connect()")


def trouble(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """What its watch has to tell, with what other sockets have to do with it."""
    told = {(one["endpoint"], one["bound"]) for one in seen.troubles if one["kind"] != "lost"}
    for one in seen.troubles:
        kind, endpoint, bound = one["kind"], one["endpoint"], one["bound"]
        if kind == "lost" and (seen.peers or (endpoint, bound) in told):
            continue
        if not bound and kind in ("refused", "unanswered", "lost") and _soon_there(seen, scene, endpoint):
            continue
        if kind == "unresolved" and Place.of(endpoint).name in scene.addresses:
            # dns() says more.
            continue
        what, why, cure = one["what"], one["why"], one["cure"]
        if kind == "refused":
            what, cure = _refused(seen, scene, endpoint, what, cure)
        if kind == "mismatch" and not bound:
            what = _mismatch(seen, scene, endpoint, what)
        mild = bound and (seen.peers or kind in ("lost", "hung up"))
        yield finding(HINT if mild else PROBLEM, seen, kind, what, why, cure)


def _soon_there(seen: Seen, scene: Scene, endpoint: str) -> bool:
    """Whether somebody whom it talks to is bound there by now, whom the next attempt will reach."""
    return any(seen.goes_with(other) for other in scene.bound_at(seen, endpoint))


def _refused(seen: Seen, scene: Scene, endpoint: str, what: str, cure: str) -> List[str]:
    place = Place.of(endpoint)
    others = scene.lonely_partners(seen)
    also = [other for other in others if any(Place.of(at) == place for at in other.connected)]
    if also:
        what = f"{what}: {also[0].short} is connected to it, too"
        return [what, f"one of the two must bind(), usually the {_server(seen, also[0])}"]
    likely = _likely(place, [(other, at) for other in others for at in other.bound])
    if likely is not None:
        other, at = likely
        cure = f"{other.short} is bound to {at}: connect to that, or bind it to {endpoint}"
    return [what, cure]


def _likely(place: Place, found: List[Tuple[Seen, str]]) -> Optional[Tuple[Seen, str]]:
    """Who was meant by an endpoint: the one with an address like it, or the only one there is. To guess among several that
    have nothing to do with it would send people astray."""
    same = [one for one in found if Place.of(one[1]).transport == place.transport]
    alike = [one for one in same if _alike(place, Place.of(one[1]))]
    return alike[0] if alike else same[0] if len(same) == 1 else None


def _alike(one: Place, other: Place) -> bool:
    """Whether one is likely to be a slip for the other."""
    if one.port is not None and other.port is not None:
        return abs(one.port - other.port) < 10 or sorted(str(one.port)) == sorted(str(other.port))
    return bool(difflib.get_close_matches(one.name, [other.name], 1, 0.7))


def _server(*pair: Seen) -> str:
    """Which of the two usually binds."""
    for kind in ("REP", "ROUTER", "PUB", "XPUB", "SERVER", "RADIO", "PULL", "GATHER"):
        for seen in pair:
            if seen.type == kind:
                return kind
    return pair[0].type


def _mismatch(seen: Seen, scene: Scene, endpoint: str, what: str) -> str:
    for other in scene.bound_at(seen, endpoint):
        if not seen.goes_with(other):
            return f"{other.short} is bound to {endpoint}, to which {seen.type} does not talk"
    return what


def types(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """It faces a type that it does not talk to, where libzmq does not look (inproc), or nobody watched."""
    if not seen.talks_to or any(one["kind"] == "mismatch" for one in seen.troubles):
        return
    for endpoint in seen.connected:
        for other in scene.bound_at(seen, endpoint):
            silent = endpoint.startswith("inproc:") or seen.peers is None
            if silent and not seen.goes_with(other):
                what = f"{other.short} is bound to {endpoint}, to which {seen.type} does not talk"
                yield finding(PROBLEM, seen, "mismatch", what, "", f"{seen.type} talks to {seen.partners}")
    for endpoint in seen.bound:
        for other in scene.connected_to(seen, endpoint):
            if endpoint.startswith("inproc:") and not seen.goes_with(other):
                what = f"{other.short} is connected to {endpoint}, to which {seen.type} does not talk"
                yield finding(PROBLEM, seen, "mismatch", what, "", f"{seen.type} talks to {seen.partners}")


def inproc(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """It is connected to a name within its context at which nobody is."""
    for endpoint in seen.connected:
        if not endpoint.startswith("inproc:") or scene.bound_at(seen, endpoint) or scene.is_libzmqs(seen, endpoint):
            continue
        names = {at: other for other in scene.sockets for at in other.bound if at.startswith("inproc:")}
        here = [at for at, other in names.items() if other.context == seen.context and seen.goes_with(other)]
        cure = "bind the other side, in the same context"
        close = difflib.get_close_matches(endpoint, here, 1, 0.7)
        if close:
            cure = f"{names[close[0]].short} is bound to {close[0]}: connect to that"
        elif endpoint in names:
            cure = f"{names[endpoint].short} is bound to it in another context: make both sockets in one"
        yield finding(PROBLEM, seen, "refused", f"nobody is bound to {endpoint}", "", cure)


def dns(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """The name of the host that it is connected to has no address."""
    unresolved = {one["endpoint"]: one["why"] for one in seen.troubles if one["kind"] == "unresolved"}
    for endpoint in seen.connected:
        host = Place.of(endpoint).name
        if host not in scene.addresses:
            continue
        error = scene.addresses[host]
        if error is not None:
            cure = "check the name, or write the address in numbers"
            yield finding(PROBLEM, seen, "unresolved", f"the host {host} in {endpoint} has no address", error, cure)
        elif endpoint in unresolved:
            what = f"the host {host} in {endpoint} had no address; now it has one"
            yield finding(HINT, seen, "unresolved", what, unresolved[endpoint], "the next attempt may succeed")


def nobody_came(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """Others are to connect to it, and nobody has."""
    if not seen.bound or seen.connected or seen.peers != 0 or any(one["bound"] for one in seen.troubles):
        return
    if any(seen.goes_with(other) for other in scene.facing(seen)):
        # On its way.
        return
    if all(scene.is_libzmqs(seen, endpoint) for endpoint in seen.bound):
        return
    # A device waits at all times, whoever is there.
    idle = seen.data.get("device") is not None
    cure = f"connect {seen.partners} to it" if seen.talks_to else "start the other side"
    others = scene.lonely_partners(seen)
    place = Place.of(seen.bound[0])
    astray = _likely(place, [(other, at) for other in others for at in other.connected])
    # Sockets of devices are bound to be connected to.
    both = _likely(
        place,
        [
            (other, at)
            for other in others
            for at in other.bound
            if not other.connected and not idle and not other.data.get("device")
        ],
    )
    if astray is not None:
        other, at = astray
        cure = f"{other.short} is connected to {at}: let it connect to {seen.bound[0]}"
        if Place.of(at) == place:
            # A name of inproc's is one of its context.
            cure = f"{other.short} is connected to it in another context: make both sockets in one"
    elif both is not None:
        other, at = both
        cure = f"{other.short} is bound to {at}: one of the two must connect() to the other"
    waits = None if idle else seen.waits("recv") if seen.waits("send") is None else seen.waits("send")
    why = "" if waits is None else f"it has waited for {span(waits)}"
    severity = HINT if waits is None and astray is None and both is None else PROBLEM
    yield finding(severity, seen, "nobody came", "nobody has connected to it", why, cure)


def not_yet(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """It has only just been told to connect: nothing is known yet of the first attempt."""
    if seen.data["closed"] or seen.peers != 0 or seen.bound or seen.troubles:
        return
    ahead = [at for at in seen.connected if Place.of(at).transport in ("tcp", "ipc", "ws", "wss")]
    if ahead:
        what = f"it is not connected to {ahead[0]} yet"
        yield finding(HINT, seen, "not yet", what, "the attempt goes on", "look again in a moment")


def in_the_clear(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """Its password goes over a network as it is."""
    if not seen.option("plain_server", 0) and not seen.option("plain_username", ""):
        return
    for endpoint in seen.bound + seen.connected:
        place = Place.of(endpoint)
        if place.port is not None and not place.is_loopback:
            what = f"the password goes over the network in the clear at {endpoint}"
            why = "PLAIN encrypts nothing"
            yield finding(HINT, seen, "in the clear", what, why, "use keys in its place: zmq.secure(socket, keys, ...)")
            return


def absent(process: Dict[str, Any]) -> Optional[Finding]:
    """A process that did not answer."""
    if "error" not in process:
        return None
    what = f"the peer {process['name']} does not say what it has"
    return Finding(HINT, process["name"], what, str(process["error"]), "is it stopped, or busy in C code?", "absent")


CONNECTIONS = [closed, nowhere, trouble, dns, types, inproc, nobody_came, not_yet, unwatched, in_the_clear]
