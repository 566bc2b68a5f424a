"""The ends of what there is: descriptors, taken by peers or by one's own sockets, and MAX_SOCKETS."""

from __future__ import annotations

import errno
import os
import resource
import time
from typing import Any, Callable, List, Tuple

from benches.battery.crowd import settle
from benches.battery.fault import BOTH, Fault, Outcome
from benches.battery.faults.crowds import ask
from benches.battery.measure import descriptors
from benches.battery.scene import Scene

_TRIPS = 300


def _limit(more: int) -> None:
    """From now on, so many more descriptors than there are."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors() + more, most))


def _unlimited() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _exhausted() -> bool:
    try:
        os.close(os.dup(0))
    except OSError as error:
        return error.errno == errno.EMFILE
    return False


def _attempt(zmq: Any, what: Callable[[], Any]) -> str:
    """Why this cannot be done; nothing if it can."""
    try:
        what()
    except zmq.ZMQError as error:
        return str(error)
    return ""


class _Server:
    """A ROUTER that answers one client when both are asked to."""

    def __init__(self, scene: Scene) -> None:
        self.zmq = scene.zmq
        self.endpoint = scene.endpoint()
        self.context = self.zmq.Context()
        self.router = self.context.socket(self.zmq.ROUTER)
        self.router.setsockopt(self.zmq.LINGER, 0)
        self.router.setsockopt(self.zmq.RCVTIMEO, 3_000)
        self.router.bind(self.endpoint)
        self.lost = 0

    def trips(self, client: Any) -> None:
        client.say(True)
        for _ in range(_TRIPS):
            try:
                self.router.send_multipart(self.router.recv_multipart())
            except self.zmq.Again:
                break
        self.lost += _TRIPS - int(client.hear()[0])

    def close(self) -> None:
        self.router.close()
        self.context.term()


def by_peers(scene: Scene) -> Outcome:
    """More peers than descriptors, while a client works and the program wants sockets of its own."""
    zmq, wrong = scene.zmq, []
    server = _Server(scene)
    client = scene.start(ask, server.endpoint, _TRIPS)
    newcomer = scene.start(ask, server.endpoint, _TRIPS)
    server.trips(client)
    before = descriptors(kind="socket")
    crowd = scene.start(settle, {"ROUTER": server.endpoint}, scene.times, True, 2)
    _limit(100)
    told = crowd.hear(40)
    scene.done(scene.times)
    if not _exhausted():
        wrong.append("not exhausted")
    server.trips(client)
    started, used = time.monotonic(), time.process_time()
    time.sleep(0.5)
    busy = (time.process_time() - used) / (time.monotonic() - started)
    refusal = _attempt(zmq, lambda: server.context.socket(zmq.PULL).bind("tcp://127.0.0.1:*"))
    if not refusal:
        wrong.append("a socket was opened without a descriptor")
    crowd.say("go")
    crowd.hear(20)
    _unlimited()
    if not scene.until(lambda: descriptors(kind="socket") <= before + 1, 10):
        wrong.append("descriptors are kept")
    server.trips(client)
    server.trips(newcomer)
    server.close()
    if server.lost:
        wrong.append("a client was not served")
    happened = (
        f"{told['answered']:,} got in, the others waited, which took {100 * busy:.0f} % of a processor; "
        f"a socket of one's own: {refusal!r}; all served afterwards"
    )
    return Outcome(scene.times, happened, tuple(wrong), lost=server.lost, duplicated=0)


def by_sockets(scene: Scene) -> Outcome:
    """Sockets, connections and contexts of one's own, until there are no descriptors."""
    zmq, wrong = scene.zmq, []
    context = zmq.Context()
    pull = context.socket(zmq.PULL)
    endpoint = scene.endpoint()
    pull.bind(endpoint)
    opened: List[Any] = []
    refusals: List[str] = []

    def open_one() -> None:
        push = context.socket(zmq.PUSH)
        opened.append(push)
        push.setsockopt(zmq.LINGER, 0)
        push.connect(endpoint)

    for _ in range(scene.times):
        _limit(100)
        refusal = ""
        while not refusal and len(opened) < 1_000:
            refusal = _attempt(zmq, open_one)
        refusals.append(refusal)
        scene.done()
        for what in (
            lambda: zmq.Context().socket(zmq.PAIR).close(),
            lambda: context.socket(zmq.REP).bind("tcp://127.0.0.1:*"),
        ):
            refusals.append(_attempt(zmq, what))
        for push in opened:
            push.close()
        opened.clear()
        _unlimited()
        open_one()
        opened[0].send(b"works")
        if not pull.poll(3000) or pull.recv() != b"works":
            wrong.append("nothing arrives afterwards")
        opened.pop().close()
    if not all(refusals):
        wrong.append("something was opened without a descriptor")
    pull.close()
    context.term()
    return Outcome(scene.times, f"{refusals[0]!r}; a context: {refusals[1]!r}", tuple(wrong))


def max_sockets(scene: Scene) -> Outcome:
    """As many sockets as a context allows, and one more."""
    zmq, wrong = scene.zmq, []
    context = zmq.Context()
    allowed = context.get(zmq.MAX_SOCKETS)
    words, later = "", 0.0
    opened: List[Any] = []

    def open_one() -> None:
        opened.append(context.socket(zmq.PUSH))

    for _ in range(scene.times):
        words = ""
        while not words:
            words = _attempt(zmq, open_one)
        if len(opened) != allowed:
            wrong.append(f"{len(opened)} could be opened")
        for made in opened:
            made.close()
        opened.clear()
        scene.done()
        # libzmq's reaper may have to come round to them.
        started = time.monotonic()
        if not scene.until(lambda: not _attempt(zmq, open_one), 5):
            wrong.append("none can be opened after all were closed")
        later = max(later, time.monotonic() - started)
        opened.pop().close()
    if "MAX_SOCKETS" not in words:
        wrong.append("the error does not say what the limit is")
    context.term()
    happened = (
        f"{allowed:,} sockets, then: {words!r}; once all are closed, another is there after {1000 * later:.0f} ms"
    )
    return Outcome(scene.times, happened, tuple(sorted(set(wrong))))


FAULTS: Tuple[Fault, ...] = (
    Fault(
        name="descriptors-peers",
        title="300 peers, where there are descriptors for 100",
        promised="an error for who opens a socket, no crash; who is connected is served; all are when there are descriptors again",
        play=by_peers,
        times=300,
        contenders=BOTH,
        shorter=False,
    ),
    Fault(
        name="descriptors-sockets",
        title="sockets of one's own until there are no descriptors",
        promised="an error, no crash, and it works again when some were closed",
        play=by_sockets,
        times=10,
    ),
    Fault(
        name="max-sockets",
        title="one socket more than MAX_SOCKETS",
        promised="the error says so, and closing one makes room",
        play=max_sockets,
        times=5,
    ),
)
