"""Sockets, several at once, on which anything is done in any order by any thread: nothing crashes, nothing hangs, and what comes
of it is what a model says. The model knows who may send and receive when (REQ and REP above all), what is bound and
connected, the options, and each message that was sent: none may come twice, in part, or from nowhere.
"""

from __future__ import annotations

import errno
import re
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import brokerless as zmq
from tests.machines import Actor, run_machine, within

ACTORS = 2
SOCKETS = 6
TAG = re.compile(rb"#(\d+);")

FITTING = {
    zmq.PAIR: {zmq.PAIR},
    zmq.PUB: {zmq.SUB, zmq.XSUB},
    zmq.SUB: {zmq.PUB, zmq.XPUB},
    zmq.XPUB: {zmq.SUB, zmq.XSUB},
    zmq.XSUB: {zmq.PUB, zmq.XPUB},
    zmq.REQ: {zmq.REP, zmq.ROUTER},
    zmq.REP: {zmq.REQ, zmq.DEALER},
    zmq.DEALER: {zmq.REP, zmq.ROUTER, zmq.DEALER},
    zmq.ROUTER: {zmq.REQ, zmq.DEALER, zmq.ROUTER},
    zmq.PUSH: {zmq.PULL},
    zmq.PULL: {zmq.PUSH},
}
CANNOT_SEND = {zmq.SUB, zmq.PULL}
CANNOT_RECEIVE = {zmq.PUB, zmq.PUSH}
# One message goes to one peer; all others send it to everybody who wants it.
TO_ONE = {zmq.PAIR, zmq.REQ, zmq.REP, zmq.DEALER, zmq.ROUTER, zmq.PUSH}
# The smallest value that each option has; what is below is refused.
LEAST = {"linger": -1, "sndhwm": 0, "rcvhwm": 0, "sndtimeo": -1, "rcvtimeo": -1, "backlog": 0}

parts = st.lists(st.sampled_from([0, 1, 29, 33, 34, 300, 70_000]), max_size=3)
moments = st.sampled_from([0, 0, 0.002])
# Mostly the test's own thread, None; a change of threads takes its time.
actors = st.sampled_from([None, None, None, *range(ACTORS)])
picks = st.integers(0, 2**16)


@dataclass
class Model:
    """What is known of a socket."""

    sock: Any
    kind: int
    relaxed: bool = False
    # A REQ that waits for its reply, a REP that owes one.
    halfway: bool = False
    bound: list[str] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)
    options: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    received: int = 0
    route: bytes = b"nobody"
    # A call in another thread that has not ended yet: what it did is not known.
    pending: Any = None

    def may_send(self) -> bool:
        if self.kind == zmq.REQ:
            return self.relaxed or not self.halfway
        return self.kind != zmq.REP or self.halfway

    def may_receive(self) -> bool:
        return self.halfway == (self.kind == zmq.REQ) or self.kind not in (zmq.REQ, zmq.REP)


class Sockets(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.context = zmq.Context()
        self.folder = tempfile.mkdtemp(prefix="zmq-")
        self.actors = [Actor(number) for number in range(ACTORS)]
        self.waiter = Actor(ACTORS)  # does nothing but to wait, while the others go on
        self.open: list[Model] = []
        self.endpoints: dict[str, int] = {}  # all that were ever bound, and by which type
        self.messages: dict[int, tuple[list[bytes], int]] = {}
        self.arrived: Counter[int] = Counter()
        self.numbers = 0
        self.tried = False

    def teardown(self) -> None:
        pending = [model for model in self.open if model.pending]
        try:
            self.do(None, lambda: self.context.destroy(linger=0), "destroy()")
            for model in pending:
                self.settle(model, closed=True)
        finally:
            for actor in (*self.actors, self.waiter):
                actor.end()
            shutil.rmtree(self.folder)

    # How things are done.

    def do(self, actor: int | None, call: Any, what: str) -> Any:
        """What a call comes to, in a thread or here."""
        if actor is not None:
            return within(self.actors[actor].begin(call), what)
        try:
            return call()
        except zmq.ZMQError as error:
            return error

    def errno_of(self, outcome: Any) -> int:
        """0, or the errno of a ZMQError; anything else that is raised is a failure."""
        if isinstance(outcome, zmq.ZMQError):
            return int(outcome.errno)
        if isinstance(outcome, BaseException):
            raise outcome
        return 0

    def pick(self, pick: int) -> Model:
        return self.open[pick % len(self.open)]

    def next_number(self) -> int:
        self.numbers += 1
        return self.numbers

    # Rules.

    @initialize(pick=picks)
    def begin(self, pick: int) -> None:
        kinds = list(FITTING)
        first = kinds[pick % len(kinds)]
        for kind in (first, min(FITTING[first])):
            self.open.append(Model(self.context.socket(kind), kind))

    @precondition(lambda self: len(self.open) < SOCKETS)
    @rule(kind=st.sampled_from(list(FITTING)), hwm=st.sampled_from([None, 1, 2]), relaxed=st.booleans(), actor=actors)
    def make(self, kind: int, hwm: int | None, relaxed: bool, actor: int | None) -> None:
        sock = self.do(actor, lambda: self.context.socket(kind), "socket()")
        model = Model(sock, kind)
        if hwm is not None:
            sock.hwm = hwm
            model.options.update(sndhwm=hwm, rcvhwm=hwm)
        if kind == zmq.REQ and relaxed:
            sock.req_relaxed = sock.req_correlate = True
            model.relaxed = True
        if kind == zmq.SUB:
            sock.subscribe(b"")
        self.open.append(model)

    @precondition(lambda self: self.open)
    @rule(pick=picks, transport=st.sampled_from(["inproc", "tcp", "ipc"]), actor=actors)
    def bind(self, pick: int, transport: str, actor: int | None) -> None:
        model = self.pick(pick)
        if len(model.bound) > 2:
            return
        number = self.next_number()
        where = {"inproc": f"inproc://{number}", "tcp": "tcp://127.0.0.1:*", "ipc": f"ipc://{self.folder}/{number}"}
        assert self.errno_of(self.do(actor, lambda: model.sock.bind(where[transport]), "bind()")) == 0
        endpoint = model.sock.last_endpoint.decode()
        model.bound.append(endpoint)
        self.endpoints[endpoint] = model.kind

    @precondition(lambda self: not self.tried and any(model.bound for model in self.open))
    @rule(pick=picks, actor=actors)
    def bind_what_is_taken(self, pick: int, actor: int | None) -> None:
        # Once: who has it is looked for among all objects, of which there are many here.
        self.tried = True
        model = self.pick(pick)
        taken = [at for one in self.open for at in one.bound if not at.startswith("ipc")]
        if taken:
            outcome = self.do(actor, lambda: model.sock.bind(taken[pick % len(taken)]), "bind()")
            assert self.errno_of(outcome) == errno.EADDRINUSE

    @precondition(lambda self: self.open and self.endpoints)
    @rule(pick=picks, which=picks, actor=actors)
    def connect(self, pick: int, which: int, actor: int | None) -> None:
        model = self.pick(pick)
        fitting = [at for at, kind in self.endpoints.items() if kind in FITTING[model.kind]]
        fitting = [at for at in fitting if at not in model.connected and at not in model.bound]
        if fitting and len(model.connected) < 3:
            where = fitting[which % len(fitting)]
            assert self.errno_of(self.do(actor, lambda: model.sock.connect(where), "connect()")) == 0
            model.connected.append(where)

    @precondition(lambda self: self.open)
    @rule(pick=picks, which=picks, unbind=st.booleans(), actor=actors)
    def detach(self, pick: int, which: int, unbind: bool, actor: int | None) -> None:
        model = self.pick(pick)
        attached = model.bound if unbind else model.connected
        call = model.sock.unbind if unbind else model.sock.disconnect
        if not attached or which % 8 == 0:
            assert self.errno_of(self.do(actor, lambda: call("tcp://127.0.0.1:9"), "detach")) == errno.ENOENT
            return
        where = attached.pop(which % len(attached))
        # What waits for an endpoint that is given up does so for as long as LINGER says now, also in destroy(linger=0).
        assert self.errno_of(self.do(actor, lambda: setattr(model.sock, "linger", 0), "set()")) == 0
        model.options["linger"] = 0
        assert self.errno_of(self.do(actor, lambda: call(where), "detach")) == 0
        assert self.errno_of(self.do(actor, lambda: call(where), "detach")) == errno.ENOENT

    @precondition(lambda self: self.open)
    @rule(pick=picks, name=st.sampled_from(list(LEAST)), value=st.integers(-3, 1000), actor=actors)
    def set_option(self, pick: int, name: str, value: int, actor: int | None) -> None:
        model = self.pick(pick)
        outcome = self.errno_of(self.do(actor, lambda: setattr(model.sock, name, value), "set()"))
        assert outcome == (errno.EINVAL if value < LEAST[name] else 0)
        if not outcome:
            model.options[name] = value

    @precondition(lambda self: self.open)
    @rule(pick=picks, sizes=parts, delimited=st.booleans(), timeout=moments, looks=st.booleans(), actor=actors)
    def send(
        self, pick: int, sizes: list[int], delimited: bool, timeout: float, looks: bool, actor: int | None
    ) -> None:
        model = self.pick(pick)
        if model.pending:
            return
        number = self.next_number()
        content = [b"#%d;" % number] + [b"%c" % (number % 256) * size for size in sizes]
        before = [model.route] if model.kind == zmq.ROUTER else []
        if model.kind in (zmq.ROUTER, zmq.DEALER) and delimited:
            before.append(b"")
        # Known before it can arrive.
        self.messages[number] = (content, model.kind)
        ready = looks and self.do(actor, lambda: model.sock.poll(0, zmq.POLLOUT), "poll()")
        outcome = self.do(actor, lambda: model.sock.send_multipart(before + content, timeout=timeout), "send()")
        error = self.errno_of(outcome)
        if model.kind in CANNOT_SEND:
            assert error == errno.ENOTSUP
        elif not model.may_send():
            assert error == zmq.EFSM
            assert not ready
        elif error == 0:
            model.sent += 1
            model.halfway = model.kind == zmq.REQ
        else:
            assert error == errno.EAGAIN and model.kind not in (zmq.PUB, zmq.XPUB, zmq.ROUTER, zmq.REP)
            assert not ready
        if error:
            del self.messages[number]

    @precondition(lambda self: self.open)
    @rule(pick=picks, timeout=moments, looks=st.booleans(), actor=actors)
    def receive(self, pick: int, timeout: float, looks: bool, actor: int | None) -> None:
        model = self.pick(pick)
        if model.pending:
            return
        ready = looks and self.do(actor, lambda: model.sock.poll(0), "poll()")
        outcome = self.do(actor, lambda: model.sock.recv_multipart(timeout=timeout), "recv()")
        error = self.look_at(model, outcome)
        assert not (ready and error)

    def look_at(self, model: Model, outcome: Any) -> int:
        """Holds what a recv came to against the model; its errno."""
        error = self.errno_of(outcome)
        if model.kind in CANNOT_RECEIVE:
            assert error == errno.ENOTSUP
        elif not model.may_receive():
            assert error == zmq.EFSM
        elif error == 0:
            model.received += 1
            model.halfway = model.kind == zmq.REP
            self.take(model, outcome)
        else:
            assert error == errno.EAGAIN
        return error

    def take(self, model: Model, frames: list[bytes]) -> None:
        if model.kind == zmq.XPUB and frames[0][:1] in (b"\0", b"\1"):
            return
        start = [index for index, frame in enumerate(frames) if TAG.fullmatch(frame)]
        assert start, f"from nowhere: {frames!r:.300}"
        number = int(frames[start[0]][1:-1])
        assert number in self.messages, f"never sent: {frames!r:.300}"
        content, sender = self.messages[number]
        assert frames[start[0] :] == content
        assert sender in FITTING[model.kind]
        if model.kind == zmq.ROUTER:
            model.route = frames[0]
        self.arrived[number] += 1
        assert self.arrived[number] == 1 or sender not in TO_ONE, f"twice: {frames!r:.300}"

    @precondition(lambda self: self.open and not any(model.pending for model in self.open))
    @rule(pick=picks)
    def wait_beside(self, pick: int) -> None:
        """A thread that waits in a recv while all the rest goes on."""
        model = self.pick(pick)
        model.pending = self.waiter.begin(lambda: model.sock.recv_multipart(timeout=0.05))

    @precondition(lambda self: any(model.pending for model in self.open))
    @rule()
    def wait_for_it(self) -> None:
        for model in self.open:
            if model.pending:
                self.settle(model)

    def settle(self, model: Model, closed: bool = False) -> None:
        outcome = within(model.pending, "a recv in a thread")
        model.pending = None
        if closed and self.errno_of(outcome) in (errno.ENOTSOCK, zmq.ETERM):
            return
        self.look_at(model, outcome)

    @precondition(lambda self: len(self.open) > 1)
    @rule(pick=picks, actor=actors)
    def close(self, pick: int, actor: int | None) -> None:
        model = self.open.pop(pick % len(self.open))
        assert self.errno_of(self.do(actor, lambda: model.sock.close(linger=0), "close()")) == 0
        if model.pending:
            self.settle(model, closed=True)
        assert model.sock.closed
        for call in (model.sock.recv, lambda: model.sock.send(b""), lambda: model.sock.connect("inproc://x")):
            assert self.errno_of(self.do(actor, call, "a call")) == errno.ENOTSOCK
        assert self.errno_of(self.do(actor, model.sock.close, "close()")) == 0

    @precondition(lambda self: any(model.kind == zmq.REQ and not model.pending for model in self.open))
    @rule(pick=picks)
    def two_ask_at_once(self, pick: int) -> None:
        """Two threads send by one REQ: one request at most gets through."""
        asking = [model for model in self.open if model.kind == zmq.REQ and not model.pending and not model.relaxed]
        if not asking:
            return
        model = asking[pick % len(asking)]
        numbers = [self.next_number(), self.next_number()]
        for number in numbers:
            self.messages[number] = ([b"#%d;" % number], zmq.REQ)
        sends = [lambda number=number: model.sock.send(b"#%d;" % number, timeout=0) for number in numbers]
        futures = [actor.begin(send) for actor, send in zip(self.actors, sends)]
        errors = [self.errno_of(within(future, "send()")) for future in futures]
        if model.halfway:
            assert errors == [zmq.EFSM, zmq.EFSM]
        else:
            assert set(errors) <= {0, errno.EAGAIN, zmq.EFSM} and errors.count(0) <= 1
            assert zmq.EFSM not in errors or 0 in errors
        model.sent += errors.count(0)
        model.halfway |= 0 in errors

    @invariant()
    def figures_are_right(self) -> None:
        for model in self.open:
            if model.pending:
                continue
            stats = model.sock.stats
            assert (stats.messages_sent, stats.messages_received) == (model.sent, model.received)
            for name, value in model.options.items():
                assert getattr(model.sock, name) == value


def test_sockets_do_what_the_model_says() -> None:
    run_machine(Sockets, examples=25)
