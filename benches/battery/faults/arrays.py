"""Headers of arrays that lie about what follows them."""

from __future__ import annotations

import json
import resource
from typing import Any, Dict, List

from benches.battery.fault import BOTH, Fault, Outcome
from benches.battery.scene import Scene

_DATA = bytes(16)


def _header(dtype: Any = "float64", shape: Any = (2,), **more: Any) -> bytes:
    return json.dumps({"dtype": dtype, "shape": shape, **more}).encode()


LIES: Dict[str, List[bytes]] = {
    "a huge shape": [_header(shape=[2**40, 2**40]), _DATA],
    "a shape that overflows": [_header(shape=[2**63, 2]), _DATA],
    "a shape whose product is 2 after an overflow": [_header("uint8", [2**32, 2**32, 16]), _DATA],
    "a large shape": [_header(shape=[2**30]), _DATA],
    "a negative shape": [_header(shape=[-2]), _DATA],
    "a shape of -1": [_header(shape=[-1]), _DATA],
    "two of -1": [_header(shape=[-1, -1]), _DATA],
    "a shape of floats": [_header(shape=[2.0]), _DATA],
    "a shape of NaN": [b'{"dtype": "float64", "shape": [NaN]}', _DATA],
    "a shape of strings": [_header(shape=["2"]), _DATA],
    "a shape of booleans": [_header(shape=[True, 2]), _DATA],
    "no shape": [b'{"dtype": "float64"}', _DATA],
    "a shape that is a string": [_header(shape="22"), _DATA],
    "70 dimensions": [_header(shape=[1] * 69 + [2]), _DATA],
    "too little data": [_header(shape=[3]), _DATA],
    "too much data": [_header(shape=[1]), _DATA],
    "no data": [_header(shape=[1]), b""],
    "an unknown dtype": [_header("float65"), _DATA],
    "no dtype": [b'{"shape": [2]}', _DATA],
    "a dtype of null": [_header(None), _DATA],
    "a dtype that is a number": [_header(5), _DATA],
    "objects": [_header("O"), _DATA],
    "objects in a structure": [_header([["a", "O"], ["b", "i8"]], [1]), _DATA],
    "a dtype of 0 bytes": [_header("V0"), _DATA],
    "a dtype of 2 GiB": [_header("V2147483647", [1]), _DATA],
    "a dtype with its own shape": [_header("(1000000,1000)f8", [1]), _DATA],
    "data that does not divide": [_header("float64"), bytes(15)],
    "a header that is no JSON": [b"{", _DATA],
    "a header that is a list": [b"[]", _DATA],
    "a header 100,000 deep": [b"[" * 100_000, _DATA],
    "a header alone": [_header()],
    "three frames": [_header(), _DATA, b"more"],
    "no header": [b"hello"],
}


def _recipe(numpy: Any, sock: Any) -> Any:
    """As pyzmq's documentation shows it."""
    about = sock.recv_json()
    message = sock.recv(copy=False)
    return numpy.frombuffer(message, dtype=about["dtype"]).reshape(about["shape"])


def lies(scene: Scene) -> Outcome:
    """Every lie in turn, and an honest array after each."""
    import numpy

    zmq = scene.zmq
    rounds = max(1, scene.times // len(LIES))
    believed, unread, strange, errors = set(), set(), set(), 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with zmq.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        pull.bind("inproc://arrays")
        push.connect("inproc://arrays")
        pull.rcvtimeo = 200
        receive = pull.recv_array if scene.ours else lambda: _recipe(numpy, pull)
        for _ in range(rounds):
            for name, frames in LIES.items():
                push.send_multipart(frames)
                push.send_multipart([_header(shape=[2]), bytes(16)])
                try:
                    receive()
                    believed.add(name)
                except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                    errors += 1
                except Exception as error:
                    strange.add(f"{name}: {type(error).__name__}")
                try:
                    if receive().tolist() != [0.0, 0.0]:
                        unread.add(name)
                except Exception:
                    unread.add(name)
                # For the next lie, the socket is as new.
                while pull.poll(0):
                    pull.recv_multipart()
                scene.done()
    taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    wrong = []
    for names, what in (
        (believed, "were believed"),
        (strange, "ended in another error"),
        (unread, "left a part of the message to be taken for the next one"),
    ):
        if names:
            wrong.append(f"{len(names)} of {len(LIES)} lies {what} ({', '.join(sorted(names)[:3])}, ...)")
    if taken > 100:
        wrong.append("memory was taken on their word")
    happened = f"{errors} errors, {taken:.0f} MiB more memory at most"
    return Outcome(rounds * len(LIES), happened, tuple(wrong))


FAULTS = (
    Fault(
        name="arrays-that-lie",
        title=f"{len(LIES)} kinds of headers that lie about the array after them",
        promised="a typed error, no memory taken on their word, and the next array comes through",
        play=lies,
        times=990,
        limit=60,
        contenders=BOTH,
    ),
)
