"""What Stop costs: how many milliseconds a blocking call takes to end after the signal, for brokerless and for pyzmq.

    python -m tools.interrupt_table [ROUNDS]

Each call is interrupted once the system says that it waits. A dash: pyzmq has no such call.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, List, Tuple

from tools.interrupting import interrupt

ROUNDS = 20

Call = Callable[[], Any]


def _calls(zmq: ModuleType, context: Any, folder: str) -> Iterator[Tuple[str, Call]]:
    """Calls that wait, by name, in a library with pyzmq's interface."""

    def opened(kind: int, **options: Any) -> Any:
        sock = context.socket(kind)
        sock.linger = 0
        for name, value in options.items():
            setattr(sock, name, value)
        sock.bind("tcp://127.0.0.1:*")
        return sock

    for name in ("PAIR", "SUB", "REP", "PULL", "DEALER", "ROUTER", "XPUB", "XSUB", "STREAM"):
        sock = opened(getattr(zmq, name))
        yield f"recv, {name}", sock.recv
    req = context.socket(zmq.REQ)
    req.linger = 0
    req.connect(f"ipc://{folder}/dead")
    req.send(b"")
    yield "recv, REQ", req.recv

    pull = opened(zmq.PULL)
    yield "recv_multipart", pull.recv_multipart
    yield "recv_json", pull.recv_json
    yield "poll", pull.poll
    poller = zmq.Poller()
    poller.register(pull, zmq.POLLIN)
    yield "Poller.poll", poller.poll

    push = context.socket(zmq.PUSH)
    push.sndhwm = 1
    push.bind("inproc://full")
    full = context.socket(zmq.PULL)
    full.rcvhwm = 1
    full.connect("inproc://full")
    while push.poll(0, zmq.POLLOUT):
        push.send(b"")
    yield "send at the high-water mark", lambda: push.send(b"")
    yield "send to nobody", lambda: opened(zmq.PUSH).send(b"")

    if hasattr(pull, "wait_for_peers"):
        pub = opened(zmq.PUB)
        yield "wait_for_peers", pull.wait_for_peers
        yield "wait_for_subscribers", pub.wait_for_subscribers
        yield "request", lambda: req.request(b"")
        yield "for message in sock", lambda: next(iter(pull))

    where = f"ipc://{folder}/nobody"
    ending = []

    def term() -> None:
        # Each time a new one: what pyzmq was interrupted in counts as done there.
        ending.append(zmq.Context())
        sock = ending[-1].socket(zmq.PUSH)
        sock.connect(where)
        sock.send(b"undelivered")
        sock.close()
        ending[-1].term()

    yield "term with undelivered messages", term
    # Lets them end.
    taker = context.socket(zmq.PULL)
    taker.bind(where)
    for ended in ending:
        taker.recv()
        ended.term()


def measure(zmq: ModuleType, rounds: int) -> Dict[str, List[float]]:
    """Milliseconds until KeyboardInterrupt, for each call and round."""
    times: Dict[str, List[float]] = {}
    with tempfile.TemporaryDirectory(prefix="zmq-") as folder:
        context = zmq.Context()
        for name, call in _calls(zmq, context, folder):
            times[name] = [interrupt(call) * 1e3 for _ in range(rounds)]
        context.destroy(linger=0)
    return times


def main() -> None:
    import brokerless

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    ours = measure(brokerless, rounds)
    try:
        import zmq
    except ImportError:
        theirs: Dict[str, List[float]] = {}
    else:
        theirs = measure(zmq, rounds)

    def shown(times: List[float] | None) -> str:
        return f"{statistics.median(times):8.2f} {max(times):8.2f}" if times else f"{'-':>8} {'-':>8}"

    print(f"{'':32} {'brokerless':>17}   {'pyzmq':>17}")
    print(f"{'ms until KeyboardInterrupt':32} {'median':>8} {'max':>8}   {'median':>8} {'max':>8}")
    for name, times in ours.items():
        print(f"{name:32} {shown(times)}   {shown(theirs.get(name))}")


if __name__ == "__main__":
    main()
