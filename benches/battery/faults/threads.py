"""Threads that close sockets, and end contexts, under the feet of others that send and receive."""

from __future__ import annotations

import itertools
import random
import threading
import time
from typing import Any, List

from benches.battery.fault import BOTH, Fault, Outcome
from benches.battery.faults._trials import trials
from benches.battery.part import Link
from benches.battery.scene import Scene

#: Rounds that one process plays.
_ROUNDS = 5
#: A thread that has not ended after so many seconds is stuck.
_STUCK = 10.0
#: A process that has not ended after so many has hung.
_LIMIT = 20.0


def _rounds(zmq: Any, link: Link, seed: int, own: bool) -> None:
    dice = random.Random(seed)
    wrong: List[str] = []
    for _ in range(_ROUNDS):
        (_own_sockets if own else _shared_sockets)(zmq, dice, wrong)
    link.say(wrong)


def close_under(zmq: Any, link: Link, seed: int) -> None:
    """Four threads send by one socket, four receive by another, and the main one closes both."""
    _rounds(zmq, link, seed, own=False)


def term_under(zmq: Any, link: Link, seed: int) -> None:
    """Eight threads have a socket each, and the main one ends their context."""
    _rounds(zmq, link, seed, own=True)


def close_halfway(zmq: Any, link: Link, seed: int) -> None:
    """Each end of a connection is closed by its own thread, when half of a message has gone."""
    context = zmq.Context()
    for _ in range(_ROUNDS):
        pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        pull.rcvhwm = 1
        push.connect(f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}")
        for _ in range(20):
            push.send_multipart([bytes(10_000)] * 50)
        pull.recv_multipart()
        closing = threading.Thread(target=pull.close)
        closing.start()
        push.close(linger=0)
        closing.join()
    context.term()
    link.say([])


def _quietly(zmq: Any, wrong: List[str], call: Any) -> None:
    """What a thread does until its socket or context is gone."""
    try:
        while True:
            call()
    except zmq.ZMQError:
        return
    except Exception as error:
        wrong.append(f"{type(error).__name__}: {error}")


def _join(threads: List[threading.Thread]) -> None:
    end = time.monotonic() + _STUCK
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            # It has to be seen from outside that this process has hung.
            threading.Event().wait()


def _shared_sockets(zmq: Any, dice: random.Random, wrong: List[str]) -> None:
    context = zmq.Context()
    pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    push.linger = 0
    if dice.random() < 0.5:
        push.connect(f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}")
    else:
        pull.bind("inproc://here")
        push.connect("inproc://here")
    numbers = itertools.count()
    taken: List[List[bytes]] = []

    def take() -> None:
        message = pull.recv_multipart()
        taken.append(message)

    calls = [lambda: push.send_multipart([b"%d" % next(numbers)] * 2), take]
    threads = [threading.Thread(target=_quietly, args=(zmq, wrong, calls[i % 2]), daemon=True) for i in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(dice.uniform(0.0, 0.02))
    for sock in dice.sample([pull, push], 2):
        sock.close()
    _join(threads)
    context.term()
    if any(len(message) != 2 or message[0] != message[1] for message in taken):
        wrong.append("a message was torn")
    if len({message[0] for message in taken}) != len(taken):
        wrong.append("a message came twice")


def _own_sockets(zmq: Any, dice: random.Random, wrong: List[str]) -> None:
    context = zmq.Context()
    ready = threading.Barrier(9)

    def use(number: int) -> None:
        with context.socket(zmq.PULL if number % 2 else zmq.PUSH) as sock:
            sock.linger = 0
            if number % 2:
                sock.bind(f"inproc://{number}")
            ready.wait()
            if not number % 2:
                sock.connect(f"inproc://{number + 1}")
            _quietly(zmq, wrong, sock.recv if number % 2 else lambda: sock.send(b"x"))

    threads = [threading.Thread(target=use, args=(number,), daemon=True) for number in range(8)]
    for thread in threads:
        thread.start()
    ready.wait()
    time.sleep(dice.uniform(0.0, 0.02))
    context.term()
    _join(threads)


def close(scene: Scene) -> Outcome:
    """Sockets that all threads share are closed."""
    return _played(scene, close_under)


def halfway(scene: Scene) -> Outcome:
    """Both ends of a connection are closed at once."""
    return _played(scene, close_halfway)


def term(scene: Scene) -> Outcome:
    """A context is ended."""
    return _played(scene, term_under)


def _played(scene: Scene, role: Any) -> Outcome:
    programs = max(1, scene.times // _ROUNDS)
    ends = trials(scene, [(role, [scene.dice.randrange(2**32)]) for _ in range(programs)], _LIMIT, speaks=True)
    wrong = sorted({words for said in ends.said for words in said})
    well = ends.programs - ends.crashed - ends.hung - ends.failed
    return ends.outcome(programs * _ROUNDS, f"all threads ended, in {well} of {ends.programs} processes", *wrong)


FAULTS = (
    Fault(
        name="threads-close",
        title="sockets by which 8 threads send and receive are closed by another one",
        promised="each call ends with an error of its own, nothing is torn, nothing crashes or hangs",
        play=close,
        times=100,
        limit=100,
        contenders=BOTH,
    ),
    Fault(
        name="close-halfway",
        title="both ends of a connection are closed at once, each by its own thread, when half of a multipart message has gone",
        promised="nothing crashes",
        play=halfway,
        times=100,
        limit=100,
        contenders=BOTH,
    ),
    Fault(
        name="threads-term",
        title="the context of 8 threads that send and receive is ended by another one",
        promised="each call ends with ContextTerminated, and term() when all have closed",
        play=term,
        times=100,
        limit=100,
        contenders=BOTH,
    ),
)
