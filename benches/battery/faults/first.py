"""What goes wrong in a classroom every day: the first messages, the cell that is run again, the reply that never comes."""

from __future__ import annotations

from typing import Any, List

from benches.battery.fault import BOTH, Fault, Outcome
from benches.battery.part import Link
from benches.battery.scene import Scene

#: What a publisher sends at once.
_BURST = 100


def publish(zmq: Any, link: Link, rounds: int) -> None:
    """Binds, is told that a subscriber has connected, and publishes at once; ours waits for it in the way it offers."""
    with zmq.Context() as context:
        for _ in range(rounds):
            with context.socket(zmq.PUB) as pub:
                pub.bind("tcp://127.0.0.1:*")
                link.say(pub.get(zmq.LAST_ENDPOINT).decode().rstrip("\0"))
                waits = link.hear()
                if waits:
                    pub.wait_for_subscribers(1, timeout=5)
                for number in range(_BURST):
                    pub.send(b"%d" % number)
                link.hear()


def slow_joiner(scene: Scene) -> Outcome:
    """How many of the first messages a subscriber misses."""
    zmq = scene.zmq
    lost = {False: 0, True: 0}
    ways = (False, True) if scene.ours else (False,)
    publisher = scene.start(publish, scene.times * len(ways))
    with zmq.Context() as context:
        for _ in range(scene.times):
            for waits in ways:
                endpoint = publisher.hear()
                with context.socket(zmq.SUB) as sub:
                    sub.subscribe(b"")
                    sub.connect(endpoint)
                    publisher.say(waits)
                    seen: List[bytes] = []
                    while len(seen) < _BURST and sub.poll(100):
                        seen.append(sub.recv())
                    lost[waits] += _BURST - len(seen)
                publisher.say("next")
            scene.done()
    sent = scene.times * _BURST
    if scene.ours:
        happened = f"{lost[True]:,} of {sent:,} lost after wait_for_subscribers(1); without it {lost[False]:,}"
        wrong = ["some lost"] if lost[True] else []
        return Outcome(scene.times, happened, tuple(wrong), lost=lost[True], duplicated=0)
    wrong = [f"{lost[False]:,} of {sent:,} lost"] if lost[False] else []
    return Outcome(scene.times, "", tuple(wrong), lost=lost[False], duplicated=0)


def bind_again(scene: Scene) -> Outcome:
    """A server closes and binds to the same port, as a cell that is run again does, while its client goes on asking."""
    zmq = scene.zmq
    endpoint = scene.endpoint()
    refused = unanswered = 0
    with zmq.Context() as context:
        for _ in range(scene.times):
            rep, req = context.socket(zmq.REP), context.socket(zmq.REQ)
            try:
                rep.bind(endpoint)
                req.connect(endpoint)
                req.send(b"hello")
                if rep.poll(2_000):
                    rep.send(rep.recv())
                    unanswered += req.recv() != b"hello"
                else:
                    unanswered += 1
            except zmq.ZMQError:
                refused += 1
            finally:
                rep.close()
                req.close(linger=0)
            scene.done()
    wrong = [f"{refused} of {scene.times} binds: Address already in use"] if refused else []
    if unanswered:
        wrong.append(f"{unanswered} requests without a reply")
    return Outcome(scene.times, "" if wrong else "each bind succeeded", tuple(wrong))


def forgetful(zmq: Any, link: Link) -> None:
    """Answers, but not every request: each second one is taken by a server that dies of it."""
    with zmq.Context() as context:
        first = True
        endpoint = "tcp://127.0.0.1:*"
        while True:
            with context.socket(zmq.ROUTER) as server:
                server.bind(endpoint)
                if first:
                    endpoint = server.get(zmq.LAST_ENDPOINT).decode().rstrip("\0")
                    link.say(endpoint)
                    first = False
                number = 0
                while True:
                    request = server.recv_multipart()
                    number += 1
                    if number % 2:
                        continue
                    server.send_multipart(request)


def lost_reply(scene: Scene) -> Outcome:
    """A client asks, waits, and asks again, as whoever wants an answer does."""
    zmq = scene.zmq
    server = scene.start(forgetful)
    endpoint = server.hear()
    answered = jammed = 0
    with zmq.Context() as context:
        req = context.socket(zmq.REQ)
        req.linger = 0
        req.connect(endpoint)
        for number in range(scene.times):
            words = b"%d" % number
            try:
                if scene.ours:
                    answered += req.request(words, timeout=0.05, retries=20) == words
                else:
                    answered += _ask(zmq, req, words)
            except zmq.ZMQError as error:
                jammed += error.errno == zmq.EFSM
            scene.done()
        req.close()
    wrong = []
    if jammed:
        wrong.append(f"{jammed} of {scene.times} requests: Operation cannot be accomplished in current state")
    if answered + jammed < scene.times:
        wrong.append(f"{scene.times - answered - jammed} unanswered")
    return Outcome(scene.times, f"{answered} of {scene.times} answered", tuple(wrong))


def _ask(zmq: Any, req: Any, words: bytes) -> bool:
    for _ in range(20):
        req.send(words)
        if req.poll(50):
            return bool(req.recv() == words)
    return False


FAULTS = (
    Fault(
        name="first-messages",
        title=f"a subscriber connects, and {_BURST} messages are published at once",
        promised="there is a way to lose none, and it does not guess how long to sleep",
        play=slow_joiner,
        times=20,
        contenders=BOTH,
    ),
    Fault(
        name="bind-again",
        title="a server is closed and binds to its port again, at once",
        promised="no address is already in use",
        play=bind_again,
        times=500,
        contenders=BOTH,
    ),
    Fault(
        name="lost-reply",
        title="a server forgets each second request; its client asks again",
        promised="each request gets its own reply in the end",
        play=lost_reply,
        times=50,
        contenders=BOTH,
    ),
)
