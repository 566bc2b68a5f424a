"""Tries an installed brokerless, whatever it was installed from, and whatever it runs on: a wheel, an sdist, an emulator.

    python tools/smoke.py

Nothing but the standard library and brokerless, in one process, in seconds; arrays where numpy is there. Each check says in a
line that it passed. It is run as a file, outside the checkout, so that it tries what was installed.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import threading
import time
from typing import Any, Callable, List, Tuple

_before = threading.active_count(), len(os.listdir("/proc/self/task"))
import brokerless as zmq  # noqa: E402
from brokerless import pipeline  # noqa: E402

_after = threading.active_count(), len(os.listdir("/proc/self/task"))

PATIENCE = 20.0  # seconds; an emulator is slow, and a wait that has an end is no guess


def endpoint(transport: str, folder: str, name: str) -> str:
    return "tcp://127.0.0.1:*" if transport == "tcp" else f"ipc://{folder}/{name}"


def bound(context: Any, kind: int, where: str) -> Tuple[Any, str]:
    socket = context.socket(kind)
    socket.bind(where)
    return socket, socket.get_string(zmq.LAST_ENDPOINT)


def importing() -> None:
    assert _after == _before, f"the import started threads: {_before} -> {_after}"
    assert zmq.zmq_version_info() == (4, 3, 5)
    assert all(zmq.has(what) for what in ("curve", "ipc"))


def patterns(transport: str) -> None:
    with tempfile.TemporaryDirectory() as folder, zmq.Context() as context:
        for name, one, two in (
            ("pair", zmq.PAIR, zmq.PAIR),
            ("reqrep", zmq.REP, zmq.REQ),
            ("push", zmq.PULL, zmq.PUSH),
        ):
            server, address = bound(context, one, endpoint(transport, folder, name))
            with server, context.socket(two) as client:
                client.connect(address)
                for number in range(100):
                    client.send_multipart([b"to", str(number).encode()])
                    assert server.recv_multipart(timeout=PATIENCE) == [b"to", str(number).encode()]
                    if name != "push":
                        server.send(b"back")
                        assert client.recv(timeout=PATIENCE) == b"back"
        publisher, address = bound(context, zmq.PUB, endpoint(transport, folder, "pubsub"))
        with publisher, context.socket(zmq.SUB) as subscriber:
            subscriber.subscribe("yes")
            subscriber.connect(address)
            publisher.wait_for_subscribers(1, timeout=PATIENCE)
            for topic in ("no 1", "yes 2", "no 3", "yes 4"):
                publisher.send_string(topic)
            assert [subscriber.recv_string(timeout=PATIENCE) for _ in range(2)] == ["yes 2", "yes 4"]


def devices() -> None:
    kinds: List[Tuple[Any, int, int]] = [
        (zmq.Queue, zmq.REQ, zmq.REP),
        (zmq.Forwarder, zmq.PUB, zmq.SUB),
        (zmq.Streamer, zmq.PUSH, zmq.PULL),
    ]
    for kind, front, back in kinds:
        device = kind("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
        with device, zmq.Context() as context, context.socket(front) as one, context.socket(back) as two:
            if back == zmq.SUB:
                two.subscribe(b"")
            two.connect(device.backend_endpoint)
            one.connect(device.frontend_endpoint)
            if back == zmq.SUB:
                one.wait_for_subscribers(1, timeout=PATIENCE)
            one.send(b"through")
            assert two.recv(timeout=PATIENCE) == b"through"
            if back == zmq.REP:
                two.send(b"and back")
                assert one.recv(timeout=PATIENCE) == b"and back"


def curve() -> None:
    public, secret = zmq.curve_keypair()
    own_public, own_secret = zmq.curve_keypair()
    with zmq.Context() as context, context.socket(zmq.PULL) as server, context.socket(zmq.PUSH) as client:
        server.curve_server, server.curve_secretkey = True, secret
        server.bind("tcp://127.0.0.1:*")
        client.curve_serverkey, client.curve_publickey, client.curve_secretkey = public, own_public, own_secret
        client.connect(server.get_string(zmq.LAST_ENDPOINT))
        client.send(b"sealed")
        assert server.recv(timeout=PATIENCE) == b"sealed"


def json() -> None:
    value = {"text": "grüße", "numbers": [1, 2.5, -3, None, True], "deep": {"er": [{}]}}
    with zmq.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        pull.bind("inproc://json")
        push.connect("inproc://json")
        push.send_json(value)
        assert pull.recv_json(timeout=PATIENCE) == value


def arrays() -> None:
    try:
        import numpy
    except ImportError:
        raise NotHere("no numpy here") from None
    frame: Any = numpy.arange(480 * 640 * 3, dtype="uint8").reshape(480, 640, 3)
    with zmq.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        push.connect(pull.get_string(zmq.LAST_ENDPOINT))
        push.send_array(frame)
        got = pull.recv_array(timeout=PATIENCE)
        assert got.shape == frame.shape
        assert (got == frame).all()


def pipelines() -> None:
    with pipeline.Collector("tcp://127.0.0.1:*") as collector, pipeline.Producer("tcp://127.0.0.1:*") as producer:
        worker = pipeline.Worker(producer.endpoint, collector.endpoint)
        worker.start(lambda job: {"even": job["num"] % 2 == 0})
        producer.send_all({"num": number} for number in range(500))
        tally = collector.tally("even", 500)
        assert {str(name): count for name, count in dict(tally).items()} == {"True": 250, "False": 250}, tally


class NotHere(Exception):
    """A check needs what is not installed."""


def main() -> None:
    checks: List[Tuple[str, Callable[[], None]]] = [
        ("import, and no thread", importing),
        ("PAIR, REQ/REP, PUSH/PULL, PUB/SUB over tcp", lambda: patterns("tcp")),
        ("PAIR, REQ/REP, PUSH/PULL, PUB/SUB over ipc", lambda: patterns("ipc")),
        ("Queue, Forwarder, Streamer", devices),
        ("CURVE", curve),
        ("JSON", json),
        ("arrays", arrays),
        ("pipeline", pipelines),
    ]
    where = f"CPython {platform.python_version()}, {platform.machine()}, {' '.join(platform.libc_ver())}"
    print(f"brokerless {zmq.__version__} of {os.path.dirname(zmq.__file__)} on {where}")
    for name, check in checks:
        started = time.perf_counter()
        try:
            check()
        except NotHere as reason:
            print(f"  skipped {name}: {reason}", flush=True)
        else:
            print(f"  passed  {name} ({time.perf_counter() - started:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
    sys.exit(0)
