"""Forks at random moments, while threads send and receive, with a child that uses the sockets, drops them, or just exits."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from typing import Any, List

from benches.battery.fault import BOTH, Fault, Outcome
from benches.battery.faults._pest import account
from benches.battery.part import Link
from benches.battery.scene import Scene

#: A child has so many seconds, and a signal ends it then: in one that waits for ever nobody is interested for long.
_PATIENCE = {"uses": 1.0, "drops": 5.0, "exits": 5.0}
_REFUSED, _WORKED, _OTHER = 10, 11, 12
_ENDS = {_REFUSED: "a typed error", _WORKED: "the calls seemed to work", _OTHER: "another error", 0: "ended"}


def parent(zmq: Any, link: Link, what: str, times: int, seed: int) -> None:
    """Sends to itself in two threads, and forks; says how the children ended, and what has become of its own messages."""
    context = zmq.Context()
    sockets = {"pull": context.socket(zmq.PULL), "push": context.socket(zmq.PUSH)}
    port = sockets["pull"].bind_to_random_port("tcp://127.0.0.1")
    sockets["push"].connect(f"tcp://127.0.0.1:{port}")
    over = threading.Event()
    seen: List[int] = []
    count = 0

    def send(sock: Any) -> None:
        nonlocal count
        while not over.is_set():
            sock.send(b"%d" % count)
            count += 1
            if count % 50 == 0:
                time.sleep(0.001)

    def receive(sock: Any) -> None:
        while not (over.is_set() and len(seen) == count):
            if not sock.poll(2_000):
                return
            seen.append(int(sock.recv()))

    threads = [
        threading.Thread(target=send, args=(sockets["push"],)),
        threading.Thread(target=receive, args=(sockets["pull"],)),
    ]
    for thread in threads:
        thread.start()
    dice = random.Random(seed)
    ends: Counter[str] = Counter()
    for _ in range(times):
        time.sleep(dice.uniform(0.0, 0.003))
        pid = os.fork()
        if pid == 0:
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE[what])
            _CHILDREN[what](zmq, sockets)
            # Through the end of the interpreter.
            del context
            sys.exit(0)
        _, status = os.waitpid(pid, 0)
        ends[_end(status)] += 1
    over.set()
    for thread in threads:
        thread.join()
    for sock in sockets.values():
        sock.close()
    context.term()
    link.say([dict(ends), *account(seen, count)])


def _end(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "hung" if number == signal.SIGALRM else f"crashed: {signal.Signals(number).name}"
    return _ENDS.get(os.WEXITSTATUS(status), f"status {os.WEXITSTATUS(status)}")


def _uses(zmq: Any, sockets: Any) -> None:
    try:
        sockets["push"].send(b"from the child")
        sockets["pull"].recv()
    except zmq.ZMQError as error:
        os._exit(_REFUSED if type(error) is not zmq.ZMQError else _OTHER)
    except BaseException:
        os._exit(_OTHER)
    os._exit(_WORKED)


def _drops(zmq: Any, sockets: Any) -> None:
    sockets.clear()
    gc.collect()
    os._exit(0)


def _exits(zmq: Any, sockets: Any) -> None:
    return


_CHILDREN = {"uses": _uses, "drops": _drops, "exits": _exits}


def _forks(scene: Scene, what: str, good: str) -> Outcome:
    playing = scene.start(parent, what, scene.times, scene.dice.randrange(2**32))
    ends, lost, doubled = playing.hear(80)
    wrong = []
    if playing.wait(5) != 0:
        wrong.append(f"the parent did not end well: {playing.last_words()}")
    wrong += [f"{count} of {scene.times} children: {end}" for end, count in ends.items() if end != good]
    wrong += [f"the parent {what} {number}" for what, number in (("lost", lost), ("doubled", doubled)) if number]
    happened = f"{ends.get(good, 0)} children: {good}"
    return Outcome(
        scene.times,
        happened,
        tuple(wrong),
        lost=lost,
        duplicated=doubled,
        crashed=sum(count for end, count in ends.items() if end.startswith("crashed")),
    )


def uses(scene: Scene) -> Outcome:
    """The child sends and receives by its parent's sockets."""
    return _forks(scene, "uses", "a typed error")


def drops(scene: Scene) -> Outcome:
    """The child forgets them, and collects."""
    return _forks(scene, "drops", "ended")


def exits(scene: Scene) -> Outcome:
    """The child ends as programs do."""
    return _forks(scene, "exits", "ended")


_UNHARMED = "the parent's messages all arrive, once"

FAULTS = (
    Fault(
        name="fork-uses",
        title="a fork at a random moment, and the child sends and receives by its parent's sockets",
        promised=f"a typed error in the child, at once; {_UNHARMED}",
        play=uses,
        times=40,
        limit=90,
        contenders=BOTH,
    ),
    Fault("fork-drops", "the same, and the child drops the sockets", f"it ends; {_UNHARMED}", drops, 100, 90),
    Fault("fork-exits", "the same, and the child's interpreter ends", f"it ends; {_UNHARMED}", exits, 60, 90),
)
