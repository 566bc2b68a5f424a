"""Sockets that nobody closes: forgotten, in cycles, at the end of the interpreter, in threads that Python does not know."""

from __future__ import annotations

import atexit
import gc
import random
import threading
import time
import weakref
from typing import Any, Callable, List, Tuple

from benches.battery.fault import BOTH, Fault, Outcome
from benches.battery.faults._trials import trials
from benches.battery.part import Link
from benches.battery.scene import Scene

#: Where nobody listens: what is sent there stays undelivered.
NOBODY = "tcp://127.0.0.1:1"

#: What has to be there until the interpreter ends.
_kept: List[Any] = []


def _open(zmq: Any) -> Tuple[Any, Any]:
    context = zmq.Context()
    sock = context.socket(zmq.PUSH)
    sock.connect(NOBODY)
    sock.send(b"for nobody")
    return context, sock


def forgotten(zmq: Any, link: Link, seed: int) -> None:
    """A context goes before its socket, or after it."""
    for order in ((0, 1), (1, 0)):
        things = list(_open(zmq))
        for at in order:
            things[at] = None
            gc.collect()


def cycles(zmq: Any, link: Link, seed: int) -> None:
    """Contexts, sockets, frames, pollers and threads' locals refer to each other, and are collected in an order of gc's own."""
    dice = random.Random(seed)
    for _ in range(20):
        things: List[Any] = [
            *_open(zmq),
            *_open(zmq),
            zmq.Poller(),
            zmq.Frame(b"x" * 100_000),
            zmq.Frame(bytearray(10)),
        ]
        things[4].register(things[1], zmq.POLLIN)
        boxes = [{"thing": thing} for thing in things]
        for box in boxes:
            box["others"] = dice.sample(boxes, 3)
        for thing in things[:4]:
            # Not every class takes attributes.
            try:
                object.__setattr__(thing, "box", dice.choice(boxes))
            except AttributeError:
                continue
        weakref.finalize(things[0], time.monotonic)
        del things, boxes, box, thing
        gc.collect()


def left_open(zmq: Any, link: Link, seed: int) -> None:
    """All is still open when the interpreter ends."""
    _kept.extend(_open(zmq))
    _kept.append(_kept)


def last_words(zmq: Any, link: Link, seed: int) -> None:
    """Destructors and handlers at exit use sockets that are being taken away."""
    context, sock = _open(zmq)

    class Speaks:
        def __del__(self) -> None:
            try:
                sock.send(b"goodbye", 1)
            except Exception:
                return

    def at_exit() -> None:
        try:
            sock.poll(1)
            context.socket(zmq.PUB).close()
        except zmq.ZMQError:
            return

    atexit.register(at_exit)
    _kept.append([Speaks(), context, sock])


def daemons(zmq: Any, link: Link, seed: int) -> None:
    """Daemon threads wait in sockets, and use them, when the interpreter ends."""
    context = zmq.Context()
    started = threading.Barrier(5)

    def use(number: int) -> None:
        sock = context.socket(zmq.PULL)
        sock.bind_to_random_port("tcp://127.0.0.1")
        started.wait()
        try:
            while True:
                if number % 2:
                    sock.recv()
                else:
                    sock.poll(0)
        except zmq.ZMQError:
            return

    for number in range(4):
        threading.Thread(target=use, args=(number,), daemon=True).start()
    started.wait()
    time.sleep(random.Random(seed).uniform(0, 0.02))


def lent_buffers(zmq: Any, link: Link, seed: int) -> None:
    """What was sent without a copy is given back by libzmq's own thread, also while the interpreter ends."""
    context = zmq.Context()
    pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    push.connect(f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}")
    for _ in range(200):
        push.send(bytearray(100_000), copy=False, track=True)
    for _ in range(random.Random(seed).randrange(200)):
        pull.recv(copy=False)
    _kept.extend((context, pull, push))


def threads_locals(zmq: Any, link: Link, seed: int) -> None:
    """Each thread has a socket of its own, which goes with it."""
    context, mine = zmq.Context(), threading.local()

    def work() -> None:
        mine.sock = context.socket(zmq.PUB)
        mine.sock.bind(f"inproc://{threading.get_ident()}-{random.random()}")
        mine.sock.send(b"x")

    for _ in range(10):
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gc.collect()


def in_the_middle(zmq: Any, link: Link, seed: int) -> None:
    """The collector comes in the middle of other calls, all the time, and finds open sockets."""
    context = zmq.Context()
    pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    pull.bind("inproc://here")
    push.connect("inproc://here")
    gc.set_threshold(5, 1, 1)
    for number in range(300):
        if number % 10 == 0:
            sock = context.socket(zmq.DEALER)
            holder: List[Any] = [sock]
            holder.append(holder)
            del sock, holder
        push.send_multipart([b"%d" % number, b"x" * 70_000], copy=False)
        if bytes(pull.recv_multipart(copy=False)[0]) != b"%d" % number:
            raise AssertionError("another message arrived")
    gc.set_threshold(700, 10, 10)


ROLES: Tuple[Callable[..., None], ...] = (
    forgotten,
    cycles,
    left_open,
    last_words,
    daemons,
    lent_buffers,
    threads_locals,
    in_the_middle,
)


def collected(scene: Scene) -> Outcome:
    """Each of the roles so many times, in a process of its own."""
    each = max(1, scene.times // len(ROLES))
    ends = trials(scene, [(role, [scene.dice.randrange(2**32)]) for _ in range(each) for role in ROLES], 15.0)
    well = ends.programs - ends.crashed - ends.hung - ends.failed
    return ends.outcome(ends.programs, f"{well} of {ends.programs} processes ended by themselves")


FAULTS = (
    Fault(
        name="collected",
        title="sockets that nobody closes: forgotten, in cycles, at exit, in daemon threads, without a copy",
        promised="each process ends by itself, and soon",
        play=collected,
        times=32,
        limit=150,
        contenders=BOTH,
    ),
)
