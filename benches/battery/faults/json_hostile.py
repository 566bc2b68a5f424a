"""JSON that nobody should send, both ways: as Python's own `json` has it, or an error that says what is wrong."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import Any, Callable, Dict, List, Tuple

from benches.battery.fault import ALL, Fault, Outcome
from benches.battery.scene import Scene

_DEEP = 100_000


def _nested(depth: int) -> Any:
    inner: Any = []
    for _ in range(depth):
        inner = [inner]
    return inner


def _circle() -> Any:
    ring: Dict[str, Any] = {"a": [1]}
    ring["a"].append(ring)
    return ring


def _numpy(make: str) -> Callable[[], Any]:
    def made() -> Any:
        import numpy

        return {"x": eval(make, {"numpy": numpy})}

    return made


#: Messages, as they come from a stranger.
MESSAGES: Dict[str, bytes] = {
    "100,000 lists deep": b"[" * _DEEP + b"]" * _DEEP,
    "100,000 lists that never end": b"[" * _DEEP,
    "100,000 objects deep": b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
    "900 lists deep": b"[" * 900 + b"]" * 900,
    "bad UTF-8": b'["\xff\xfe"]',
    "bad UTF-8 in a key": b'{"\xc3\x28": 1}',
    "an overlong NUL": b'["\xc0\x80"]',
    "5,001 digits": b"[" + b"9" * 5_001 + b"]",
    "4,300 digits": b"[" + b"9" * 4_300 + b"]",
    "NaN and Infinity": b"[NaN, Infinity, -Infinity]",
    "1e999": b"[1e999, -1e999]",
    "1e-999": b"1e-999",
    "lone surrogates": b'["\\ud800", "\\udc00x", "\\ud83d\\ude00"]',
    "duplicate keys": b'{"a": 1, "a": 2, "b": {"c": 1, "c": []}}',
    "a key of 1 MiB": b'{"' + b"k" * 2**20 + b'": 1}',
    "nothing": b"",
    "a NUL": b"\0",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "two values": b"1 2",
    "a comma too many": b"[1, 2, ]",
    "an unknown escape": b'"\\x41"',
    "a control character": b'"\x01"',
    "minus": b"-",
    "leading zeros": b"[007]",
    "half an escape": b'"\\u12',
}

#: Objects that a program gives away.
OBJECTS: Dict[str, Callable[[], Any]] = {
    "100,000 lists deep": lambda: _nested(_DEEP),
    "900 lists deep": lambda: _nested(900),
    "a circle": _circle,
    "5,001 digits": lambda: {"x": 10**5_000},
    "NaN": lambda: [math.nan],
    "1e999": lambda: {"x": [math.inf, -math.inf]},
    "lone surrogates": lambda: {"\ud800": "\udfff"},
    "keys that are the same": lambda: {1: "a", "1": "b", None: "c", "null": "d", 1.5: 2, "1.5": 3},
    "keys that are none": lambda: {"x": {(1, 2): 3}},
    "bytes": lambda: {"x": [b"y"]},
    "a set": lambda: {"x": {1}},
    "an object": lambda: [object()],
    "numpy.int64": _numpy("numpy.int64(1)"),
    "numpy.float64": _numpy("numpy.float64(1.5)"),
    "numpy.float32": _numpy("numpy.float32(1.5)"),
    "numpy.bool_": _numpy("numpy.bool_(True)"),
    "a numpy array": _numpy("numpy.zeros(2)"),
}


def _loads(data: bytes) -> Any:
    """As pyzmq has it, too: json's own guess at an encoding is none of ZeroMQ's."""
    return json.loads(data.decode())


def _there_and_back(obj: Any) -> Any:
    return json.loads(json.dumps(obj))


def _outcome(call: Callable[[], Any]) -> Tuple[str, Any]:
    try:
        return "value", call()
    except Exception as error:
        return "error", error


def _alike(expected: Tuple[str, Any], got: Tuple[str, Any]) -> str:
    """What is wrong with that, in a few words; nothing if it is as json has it, or an error that says something."""
    if got[0] == "value":
        if expected[0] == "error":
            return f"let pass, where json raises {type(expected[1]).__name__}"
        return "" if repr(got[1]) == repr(expected[1]) else "another value"
    error = got[1]
    if isinstance(error, (ValueError, TypeError, RecursionError, OverflowError)) and str(error):
        return ""
    return f"{type(error).__name__}: {error}"


def hostile(scene: Scene) -> Outcome:
    """Every message and every object in turn, from one socket to another; a good message after each."""
    zmq = scene.zmq
    rounds = max(1, scene.times // (len(MESSAGES) + len(OBJECTS)))
    wrong: List[str] = []
    errors = same = lost = 0

    def note(name: str, expected: Tuple[str, Any], got: Tuple[str, Any]) -> None:
        nonlocal errors, same
        errors += got[0] == "error"
        same += got[0] == "value"
        words = _alike(expected, got)
        if words:
            wrong.append(f"{name}: {words}")

    with zmq.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        pull.bind("inproc://json")
        push.connect("inproc://json")
        pull.rcvtimeo = 5_000
        for _ in range(rounds):
            for name, data in MESSAGES.items():
                push.send(data)
                # Shown by repr(): NaN is not equal to itself, and a deep one cannot be compared.
                note(name, _outcome(partial(_loads, data)), _outcome(pull.recv_json))
                lost += _is_lost(push, pull, zmq)
                scene.done()
            for name, make in OBJECTS.items():
                obj = make()
                got = _outcome(partial(push.send_json, obj))
                if got[0] == "value":
                    got = _outcome(lambda: _loads(pull.recv()))
                note(name, _outcome(partial(_there_and_back, obj)), got)
                lost += _is_lost(push, pull, zmq)
                scene.done()
                while isinstance(obj, list) and obj and len(obj) == 1:
                    # From the outside: no deep recursion at its end.
                    obj = obj.pop()
    found = sorted(set(wrong))
    happened = f"{same} as json has them, {errors} errors"
    return Outcome(rounds * (len(MESSAGES) + len(OBJECTS)), happened, tuple(found[:6]), lost=lost, duplicated=0)


def _is_lost(push: Any, pull: Any, zmq: Any) -> bool:
    """Whether the next message does not come through."""
    push.send(b"next")
    try:
        return bool(pull.recv() != b"next")
    except zmq.Again:
        return True


FAULTS = (
    Fault(
        name="json-hostile",
        title=f"{len(MESSAGES) + len(OBJECTS)} kinds of hostile JSON: 100,000 deep, bad UTF-8, 5,001 digits, NaN, numpy's scalars, ...",
        promised="as Python's json, or an error that says why; no crash, and the next message comes through",
        play=hostile,
        times=430,
        limit=60,
        contenders=ALL,
    ),
)
