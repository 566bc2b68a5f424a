"""Devices while peers join and leave, and somebody pauses and resumes them, in any order: what is sent arrives, once and where it
should, nothing moves while a device is paused, its figures add up, and each call comes back.

What is not to arrive is not to by a rule that has a name: what was published while nobody listened, and what a device that is
stopped has not taken in.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import brokerless as zmq
from tests.machines import LIMIT as PATIENCE
from tests.machines import Actor, run_machine, within

# What has to come back before the machine says that it does not.
LIMIT = PATIENCE / 2
PEERS = 3
picks = st.integers(0, 2**16)
transports = st.sampled_from(["inproc", "tcp", "ipc"])


class Devices(RuleBasedStateMachine):
    """What is the same for all three: peers on both sides, and how the flow is stopped."""

    kind: Any
    front_kind: int
    back_kind: int

    def __init__(self) -> None:
        super().__init__()
        self.context = zmq.Context()
        self.folder = tempfile.mkdtemp(prefix="zmq-")
        self.actors = [Actor(number) for number in range(2)]
        self.fronts: list[Any] = []
        self.backs: list[Any] = []
        self.numbers = 0
        self.paused = False
        self.stats: Any = None

    @initialize(front=transports, back=transports)
    def start(self, front: str, back: str) -> None:
        where = {"inproc": "inproc://{}", "tcp": "tcp://127.0.0.1:*", "ipc": f"ipc://{self.folder}/{{}}"}
        ends = (where[front].format("front"), where[back].format("back"))
        self.device = self.kind(*ends, context=self.context).start()

    def teardown(self) -> None:
        try:
            if hasattr(self, "device"):
                self.finish()
        finally:
            if hasattr(self, "device"):
                # Two threads may end it at once.
                stops = [actor.begin(lambda: self.device.stop(timeout=0)) for actor in self.actors]
                assert [within(stop, "stop()") for stop in stops] == [None, None]
            self.context.destroy(linger=0)
            for actor in self.actors:
                actor.end()
            shutil.rmtree(self.folder)

    def stop(self, timeout: float = LIMIT) -> None:
        assert within(self.actors[0].begin(lambda: self.device.stop(timeout=timeout)), "stop()") is None
        assert not self.device.running

    def finish(self) -> None:
        """The end of an example: what is under way arrives, and the figures add up."""
        raise NotImplementedError

    def next_number(self) -> bytes:
        self.numbers += 1
        return b"%d" % self.numbers

    def join(self, peers: list[Any], kind: int, end: str, side: Any) -> Any:
        sock = self.context.socket(kind)
        sock.linger = -1
        sock.connect(end)
        peers.append(sock)
        side.wait_for_peers(len(peers), timeout=LIMIT)
        return sock

    @precondition(lambda self: len(self.fronts) < PEERS)
    @rule()
    def front_joins(self) -> None:
        self.join(self.fronts, self.front_kind, self.device.frontend_endpoint, self.device.frontend)

    @precondition(lambda self: len(self.backs) < PEERS)
    @rule()
    def back_joins(self) -> None:
        self.join(self.backs, self.back_kind, self.device.backend_endpoint, self.device.backend)

    @rule()
    def pause(self) -> None:
        assert within(self.actors[0].begin(self.device.pause), "pause()") is None
        self.paused, self.stats = True, self.device.stats

    @rule()
    def resume(self) -> None:
        assert within(self.actors[0].begin(self.device.resume), "resume()") is None
        self.paused = False

    @rule()
    def pause_and_resume_at_once(self) -> None:
        calls = [self.actors[0].begin(self.device.pause), self.actors[1].begin(self.device.resume)]
        assert [within(call, "pause() and resume()") for call in calls] == [None, None]
        self.resume()

    @invariant()
    def what_is_paused_stands_still(self) -> None:
        if self.paused:
            assert self.device.paused and self.device.running
            assert self.device.stats == self.stats


class Streamers(Devices):
    kind = zmq.Streamer
    front_kind = zmq.PUSH
    back_kind = zmq.PULL

    def __init__(self) -> None:
        super().__init__()
        self.sent: Counter[bytes] = Counter()
        self.got: Counter[bytes] = Counter()

    @precondition(lambda self: self.fronts)
    @rule(pick=picks, count=st.integers(1, 30), size=st.sampled_from([0, 40, 5_000]))
    def send(self, pick: int, count: int, size: int) -> None:
        for _ in range(count):
            number = self.next_number()
            self.fronts[pick % len(self.fronts)].send_multipart([number, bytes(size)], timeout=LIMIT)
            self.sent[number] += 1

    @precondition(lambda self: self.backs and not self.paused)
    @rule()
    def drain(self) -> None:
        poller = zmq.Poller()
        for back in self.backs:
            poller.register(back, zmq.POLLIN)
        while self.got != self.sent:
            ready = poller.poll(LIMIT * 1000)
            missing = self.sent - self.got
            assert ready, f"{sum(missing.values())} of {sum(self.sent.values())} do not arrive: {self.device.stats}"
            for back, _ in ready:
                self.take(back)
        assert self.device.stats.frontend_messages == sum(self.sent.values())

    def take(self, back: Any) -> None:
        number, _ = back.recv_multipart(timeout=0)
        self.got[number] += 1
        assert self.got[number] <= self.sent[number], f"{number!r} came from nowhere, or twice"

    @precondition(lambda self: self.fronts)
    @rule(pick=picks)
    def front_leaves(self, pick: int) -> None:
        # What it has sent is still to arrive: its LINGER has no end.
        self.fronts.pop(pick % len(self.fronts)).close()

    @precondition(lambda self: self.backs and self.got == self.sent)
    @rule(pick=picks)
    def back_leaves(self, pick: int) -> None:
        self.backs.pop(pick % len(self.backs)).close()

    def finish(self) -> None:
        if not self.backs:
            self.back_joins()
        self.stop()
        taken_in = self.device.stats.frontend_messages
        assert taken_in <= sum(self.sent.values())
        poller = zmq.Poller()
        for back in self.backs:
            poller.register(back, zmq.POLLIN)
        while sum(self.got.values()) < taken_in:
            ready = poller.poll(LIMIT * 1000)
            assert ready, f"{taken_in} were taken in, and {sum(self.got.values())} arrive"
            for back, _ in ready:
                self.take(back)
        assert not poller.poll(0)


class Forwarders(Devices):
    kind = zmq.Forwarder
    front_kind = zmq.PUB
    back_kind = zmq.SUB

    def __init__(self) -> None:
        super().__init__()
        self.topics: dict[Any, bytes] = {}
        self.due: dict[Any, list[list[bytes]]] = {}

    def hear_all(self, publisher: Any) -> None:
        """Lets a publisher know of all who listen."""
        for topic in self.topics.values():
            publisher.wait_for_subscribers(1, topic=topic, timeout=LIMIT)

    @precondition(lambda self: len(self.fronts) < PEERS and not self.paused)
    @rule()
    def front_joins(self) -> None:
        self.hear_all(self.join(self.fronts, self.front_kind, self.device.frontend_endpoint, self.device.frontend))

    @precondition(lambda self: len(self.backs) < PEERS and not self.paused)
    @rule()
    def back_joins(self) -> None:
        sock = self.join(self.backs, self.back_kind, self.device.backend_endpoint, self.device.backend)
        topic = b"listener " + self.next_number()
        sock.subscribe(b"news")
        # Its own, which says that this one has been heard of.
        sock.subscribe(topic)
        self.topics[sock], self.due[sock] = topic, []
        for publisher in self.fronts:
            publisher.wait_for_subscribers(1, topic=topic, timeout=LIMIT)

    @precondition(lambda self: self.fronts)
    @rule(pick=picks, count=st.integers(1, 20), wanted=st.booleans())
    def publish(self, pick: int, count: int, wanted: bool) -> None:
        which = pick % len(self.fronts)
        for _ in range(count):
            message = [b"news" if wanted else b"noise", b"%d" % which, self.next_number()]
            self.fronts[which].send_multipart(message)
            for due in self.due.values() if wanted else ():
                due.append(message)

    @precondition(lambda self: self.backs and not self.paused)
    @rule()
    def drain(self) -> None:
        for back, due in self.due.items():
            while due:
                message = back.recv_multipart(timeout=LIMIT)
                assert message[0] == b"news"
                if message not in due:
                    # Published before it came, and under way when it did; not what it has had already.
                    assert int(message[2]) < int(self.topics[back].split()[1]), f"{message} came twice"
                    continue
                # In the order of each publisher.
                assert message == next(one for one in due if one[1] == message[1]), f"{message} came too early"
                due.remove(message)

    @precondition(lambda self: self.fronts and not any(self.due.values()))
    @rule(pick=picks)
    def front_leaves(self, pick: int) -> None:
        self.fronts.pop(pick % len(self.fronts)).close()

    @precondition(lambda self: self.backs)
    @rule(pick=picks)
    def back_leaves(self, pick: int) -> None:
        back = self.backs.pop(pick % len(self.backs))
        back.close(linger=0)
        del self.due[back], self.topics[back]

    def finish(self) -> None:
        self.resume()
        self.drain()
        self.stop()


class Queues(Devices):
    kind = zmq.Queue
    front_kind = zmq.REQ
    back_kind = zmq.REP

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[Any, bytes] = {}
        self.requests = 0
        self.replies = 0
        self.answered = 0
        self.gone = 0

    @precondition(lambda self: any(front not in self.asked for front in self.fronts))
    @rule(pick=picks)
    def ask(self, pick: int) -> None:
        idle = [front for front in self.fronts if front not in self.asked]
        front, number = idle[pick % len(idle)], self.next_number()
        front.send_multipart([number, b""], timeout=LIMIT)
        self.asked[front] = number
        self.requests += 1

    @precondition(lambda self: self.backs)
    @rule()
    def serve(self) -> None:
        for back in self.backs:
            if back.poll(0):
                number, _ = back.recv_multipart(timeout=0)
                back.send_multipart([number, b"done"], timeout=LIMIT)
                self.replies += 1

    @rule()
    def collect(self) -> None:
        for front in list(self.asked):
            if front.poll(0):
                assert front.recv_multipart(timeout=0) == [self.asked.pop(front), b"done"]
                self.answered += 1

    @precondition(lambda self: self.fronts)
    @rule(pick=picks)
    def front_leaves(self, pick: int) -> None:
        front = self.fronts.pop(pick % len(self.fronts))
        # Its request may be under way; the reply then goes to nobody.
        self.gone += self.asked.pop(front, None) is not None
        front.close()

    @precondition(lambda self: self.backs and not self.asked and not self.gone)
    @rule(pick=picks)
    def back_leaves(self, pick: int) -> None:
        self.backs.pop(pick % len(self.backs)).close()

    def finish(self) -> None:
        self.resume()
        if not self.backs:
            self.back_joins()
        poller = zmq.Poller()
        for sock in (*self.fronts, *self.backs):
            poller.register(sock, zmq.POLLIN)
        while self.asked:
            assert poller.poll(LIMIT * 1000), f"{len(self.asked)} replies do not come: {self.device.stats}"
            self.serve()
            self.collect()
        # Requests of those who have gone may still be on their way: it does not wait for their replies for long.
        self.stop(0.01 if self.gone else LIMIT)
        stats = self.device.stats
        assert self.answered <= stats.backend_messages <= self.replies <= stats.frontend_messages <= self.requests
        assert self.requests - self.answered <= self.gone


def test_streamers_lose_nothing() -> None:
    run_machine(Streamers, examples=12)


def test_forwarders_pass_on_what_is_wanted() -> None:
    run_machine(Forwarders, examples=12)


def test_queues_bring_each_reply_to_who_asked() -> None:
    run_machine(Queues, examples=12)
