"""What can be wrong with a socket's messages, although somebody is connected: one rule a function."""

from __future__ import annotations

import difflib
from typing import Iterator, List

from ._doctor_rules import FINE, HINT, PROBLEM, Finding, finding
from ._doctor_scene import Scene, Seen
from ._html import span

#: Seconds that an answer may take before somebody wonders.
PATIENCE = 1.0
#: SNDHWM and RCVHWM of a fresh socket, in messages.
HWM = 1000
#: How much of a message's beginning a survey has, in bytes.
BEGINNING = 32


def no_subscription(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """A SUB that takes nothing."""
    if seen.type == "SUB" and not seen.subscribed and not seen.data["closed"]:
        cure = 'subscribe(b"") takes every message, subscribe(b"topic") some'
        yield finding(PROBLEM, seen, "no subscription", "it has subscribed to nothing", "", cure)


def no_match(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """A SUB whose topics are not those of its publishers."""
    if seen.type != "SUB" or not seen.subscribed or seen.received:
        return
    sent = [beginning for other in scene.facing(seen) for beginning in other.data.get("beginnings", [])]
    if not sent or any(_matches(topic, beginning) for topic in seen.subscribed for beginning in sent):
        return
    words = [beginning[: len(topic) + 1] for topic in seen.subscribed for beginning in sent]
    close = [difflib.get_close_matches(topic, words, 1, 0.7) for topic in seen.subscribed]
    cure = "a topic matches what begins with the very same bytes"
    if any(close):
        cure = f"{cure}: a slip of the pen?"
    what = f"it has subscribed to {_shown(seen.subscribed)}, which nothing matched"
    yield finding(PROBLEM, seen, "no match", what, f"the publisher sends {_shown(sent)}", cure)


def _matches(topic: str, beginning: str) -> bool:
    # Of longer messages only the beginning is known.
    return beginning.startswith(topic[:BEGINNING] if len(beginning) == BEGINNING else topic)


def _shown(texts: List[str]) -> str:
    """The first of them, as bytes are written: they come as Latin-1."""
    shown = ", ".join(repr(text.encode("latin-1")) for text in sorted(set(texts), key=texts.index)[:3])
    return f"{shown}, ..." if len(set(texts)) > 3 else shown


def unheard(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """A PUB that sent what nobody had subscribed to."""
    count = seen.data.get("unheard") or 0
    if not count:
        return
    cure = "wait_for_subscribers() before the first message; a PUB keeps nothing for those who come later"
    if not seen.data["subscriptions"]:
        what = f"{count} of its {seen.sent} messages went to nobody, and nobody has subscribed now"
        yield finding(PROBLEM, seen, "unheard", what, "there was no subscription", cure)
    else:
        what = f"{count} of its {seen.sent} messages went to nobody"
        yield finding(HINT, seen, "unheard", what, "there was no subscription then", cure)


def owes(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """A REQ that waits for its reply, a REP that owes one."""
    since = seen.data["owes"]
    if since is None or since < PATIENCE:
        return
    if seen.type == "REP":
        waiting = any(other.type == "REQ" and other.data["owes"] is not None for other in scene.facing(seen))
        what = f"it owes the reply to a request that it received {span(since)} ago"
        yield finding(PROBLEM if waiting else HINT, seen, "owes a reply", what, "", "send() the reply: REP takes turns")
    elif seen.type == "REQ" and seen.peers != 0:
        late = [other for other in scene.facing(seen) if other.data["owes"] is not None]
        cure = "request(timeout=, retries=) sends it again when the reply does not come"
        if late:
            cure = f"{late[0].short} has a request and has not replied: send() there"
        what = f"it has waited for {span(since)} for the reply to its request"
        yield finding(PROBLEM, seen, "waits for a reply", what, "", cure)


def full(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """Messages find no room."""
    refused = seen.data.get("full")
    waited = seen.waits("send") if any(wait["for"] == "send" for wait in seen.data["waits"]) else None
    if not seen.peers:
        if seen.peers == 0 and waited is not None and seen.connected and not seen.troubles:
            why = f"it has waited for {span(waited)}"
            yield finding(PROBLEM, seen, "full", "a send waits, and nobody is connected", why, "start the other side")
        return
    idle = [other for other in scene.facing(seen) if seen.goes_with(other) and other.waits("recv") is None]
    cure = f"let {idle[0].short} receive" if idle else "let the other side receive, or more of it"
    high = seen.option("sndhwm", HWM)
    what = f"its queue is full (SNDHWM is {high}): the other side does not receive"
    if waited is not None:
        yield finding(PROBLEM, seen, "full", what, f"a send has waited for {span(waited)}", cure)
    elif refused and refused["last"] < 10:
        sends = "1 send" if refused["count"] == 1 else f"{refused['count']} sends"
        why = f"{sends} found no room, the last {span(refused['last'])} ago"
        yield finding(HINT, seen, "full", what, why, cure)


def slow(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """A subscriber so far behind that messages were dropped."""
    if seen.type not in ("SUB", "XSUB") or seen.subscribed != [""]:
        return
    for other in scene.facing(seen):
        if other.type not in ("PUB", "XPUB"):
            continue
        behind = other.sent - (other.data.get("unheard") or 0) - seen.received
        room = other.option("sndhwm", HWM) + seen.option("rcvhwm", HWM)
        if behind > room > 0:
            what = f"it is {behind} messages behind {other.short}, more than the queues between them hold"
            why = f"{other.sent} sent, {seen.received} received; what finds no room on its way to a SUB is dropped"
            cure = "receive faster, come before the first message, or raise SNDHWM and RCVHWM"
            yield finding(HINT, seen, "slow", what, why, cure)


def to_strangers(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """A ROUTER whose messages have reached nobody."""
    if seen.type != "ROUTER" or not seen.sent or seen.option("router_mandatory", 0):
        return
    others = scene.facing(seen)
    if seen.peers == 0 or (others and not any(other.received for other in others) and len(others) == seen.peers):
        why = f"{seen.sent} sent; what has a first frame that is no peer's routing id is dropped in silence"
        cure = "set ROUTER_MANDATORY, and such a send raises EHOSTUNREACH"
        yield finding(HINT, seen, "to strangers", "none of its messages has arrived", why, cure)


def quiet(seen: Seen, scene: Scene) -> Iterator[Finding]:
    """It waits for a message that nobody sends."""
    waited = seen.waits("recv")
    if waited is None or waited < PATIENCE or not seen.peers or seen.data["owes"] is not None:
        return
    silent = [other for other in scene.facing(seen) if seen.goes_with(other) and not other.sent]
    who = f"{silent[0].short} is connected, but has sent nothing yet" if silent else f"{count(seen.peers)} connected"
    cure = "send() there" if silent else "does the other side send what it takes?"
    yield finding(HINT, seen, "quiet", f"it has waited for {span(waited)} for a message", who, cure)


def fine(seen: Seen) -> Finding:
    """What there is to say of a socket that nothing is wrong with."""
    peers = "nobody is connected" if not seen.peers else f"{count(seen.peers)} connected"
    return finding(FINE, seen, "fine", f"{peers}, {seen.received} received, {seen.sent} sent")


def count(peers: int) -> str:
    """ "1 peer is", "3 peers are"."""
    return "1 peer is" if peers == 1 else f"{peers} peers are"


FLOW = [no_subscription, no_match, owes, full, unheard, slow, to_strangers, quiet]
