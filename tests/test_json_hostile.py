"""No object and no message makes the JSON codec crash, hang, leak or overflow the stack."""

from __future__ import annotations

import gc
import json
import sys
import threading
import timeit

import pytest

from brokerless import _core
from brokerless.utils import jsonapi
from tests.json_reference import assert_dumps_alike, assert_loads_alike, is_fast, nested, reference_dumps


def circle_of_lists():
    ring = [list(range(100_000))]
    ring.extend([ring] * 10)
    return ring


def circle_of_all():
    ring = {"a": 1}
    ring["self"] = [({"deep": [ring]},)]
    return ring


@pytest.mark.parametrize("make", [circle_of_lists, circle_of_all])
def test_circles_are_seen(make):
    assert _core.json_dumps(make()) is None
    with pytest.raises(ValueError, match="Circular reference detected"):
        jsonapi.dumps(make())


def test_a_circle_is_seen_the_first_time_round():
    # Seen only by its depth, this one would be written 127 times over before.
    ring = circle_of_lists()
    once = min(timeit.repeat(lambda: _core.json_dumps(ring[0]), number=1, repeat=3))
    assert min(timeit.repeat(lambda: _core.json_dumps(ring), number=1, repeat=3)) < 30 * once


def test_an_object_may_occur_twice():
    part = {"x": [1]}
    assert _core.json_dumps([part, part, (part,)]) == reference_dumps([part, part, (part,)])


@pytest.mark.parametrize("depth", [1, 126, 127, 128, 129, 250])
def test_nesting(depth):
    for inner in ([], {}, (), {"a": 1}, [1]):
        obj = nested(depth, inner)
        data = reference_dumps(obj)
        assert (_core.json_dumps(obj) is None) == (depth > 127)
        assert is_fast(data) == (depth <= 127)
        assert jsonapi.dumps(obj) == data
        assert_loads_alike(data)


@pytest.mark.parametrize("depth", [3_000, 100_000])
def test_bottomless_nesting(depth):
    obj = nested(depth)
    assert _core.json_dumps(obj) is None
    assert not is_fast(b"[" * depth)
    assert not is_fast(b'{"a":' * depth)
    assert_dumps_alike(lambda: obj)
    assert_loads_alike(b"[" * depth + b"]" * depth)
    assert_loads_alike(b'{"a":' * depth + b"1" + b"}" * depth)
    while obj:  # taken apart from the outside: no deep recursion at its end
        obj = obj.pop()


def test_the_deepest_nesting_fits_a_small_stack():
    obj, data, results = nested(127), b'{"a":' * 126 + b"[]" + b"}" * 126, []
    before = threading.stack_size(256 * 1024)
    try:
        writer = threading.Thread(target=lambda: results.append(_core.json_dumps(obj)))
        reader = threading.Thread(target=lambda: results.append(_core.json_loads(data)))
        for thread in (writer, reader):
            thread.start()
            thread.join()
    finally:
        threading.stack_size(before)
    assert [type(result) for result in results] == [bytes, dict]


class Meddler:
    """Changes a container as soon as Python's encoder asks it for anything."""

    def __init__(self, victim):
        self.victim = victim

    def meddle(self):
        self.victim.clear()


class MeddlingKey(Meddler, str):
    def __new__(cls, victim):
        return str.__new__(cls, "key")

    def __str__(self):
        self.meddle()
        return "key"

    __repr__ = __str__


class MeddlingDict(Meddler, dict):
    def items(self):
        self.meddle()
        return [("a", 1)]


class MeddlingList(Meddler, list):
    def __iter__(self):
        self.meddle()
        return iter(())


class MeddlingFloat(Meddler, float):
    def __new__(cls, victim):
        return float.__new__(cls, 1.5)

    def __repr__(self):
        self.meddle()
        return "1.5"


def meddled(kind, dictionary):
    victim = {"a": 1} if dictionary else [1]
    meddler = kind(victim)
    if isinstance(meddler, dict):
        meddler["k"] = 1
    if dictionary:
        victim.update({str(n): n for n in range(5)}, b=meddler, z=2)
        if isinstance(meddler, str):
            victim[meddler] = 3
    else:
        victim.extend([meddler, 2, 3])
    return victim


@pytest.mark.parametrize("kind", [MeddlingKey, MeddlingDict, MeddlingList, MeddlingFloat])
@pytest.mark.parametrize("dictionary", [True, False])
def test_objects_that_change_while_they_are_written(kind, dictionary):
    victim = meddled(kind, dictionary)
    size = len(victim)
    assert _core.json_dumps(victim) is None
    assert len(victim) == size  # the fast path asks nobody
    assert_dumps_alike(lambda: meddled(kind, dictionary))


def test_a_finalizer_that_changes_the_dict_being_written():
    # Integers above 63 bits make exceptions inside, and each new object may set off a collection of garbage.
    victim = {str(n): 2**63 + n for n in range(100)}
    expected = json.dumps(victim).encode()

    class Bomb:
        def __del__(self):
            victim.clear()

    thresholds = gc.get_threshold()
    gc.disable()
    bomb = Bomb()
    bomb.itself = bomb
    del bomb
    gc.set_threshold(1)
    gc.enable()
    try:
        data = _core.json_dumps(victim)
    finally:
        gc.set_threshold(*thresholds)
    assert data in (expected, b"{}")


def test_a_dict_that_another_thread_changes():
    shared, stop = {"start": 0}, threading.Event()

    def change():
        number = 0
        while not stop.is_set():
            number += 1
            shared[str(number % 50)] = {"n": number}
            shared.pop(str(number * 7 % 50), None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(2_000):
            assert json.loads(_core.json_dumps(shared))["start"] == 0
    finally:
        stop.set()
        thread.join()


def test_threads_read_at_the_same_time():
    def read(name, wrong):
        for number in range(2_000):
            obj = {f"{name}{number % 300}": number, "same": {name: [number]}}
            if _core.json_loads(_core.json_dumps(obj)) != obj:
                wrong.append(obj)

    wrong = []
    threads = [threading.Thread(target=read, args=(name, wrong)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_long_input_takes_no_longer_than_its_length():
    digits = b"1" * 1_000_000
    assert _core.json_loads(b"0." + digits) == 1 / 9
    assert _core.json_loads(b"1e-" + digits) == 0
    assert not is_fast(digits)
    assert _core.json_loads(b'"' + b"\\u00e9" * 200_000 + b'"') == "é" * 200_000
    assert _core.json_dumps("é" * 200_000) == b'"' + b"\\u00e9" * 200_000 + b'"'
    assert len(_core.json_loads(b"{" + b",".join(b'"%d":1' % n for n in range(50_000)) + b"}")) == 50_000


def test_nothing_is_leaked():
    def work():
        for obj in ({"a": [1, 2.5, "é", {"b": None}]}, {"a": {"b": 2**70}}, [[["\ud800"]]], {(): 1}):
            for _ in range(200):
                _core.json_dumps(obj)
        for data in (
            b'{"a": [1, 2.5, "x", {"b": null}]}',
            b'{"a": [1, {"b": -0}]}',
            b'{"a": [1, "',
            b"[[[NaN]]]",
        ):
            for _ in range(200):
                _core.json_loads(data)

    work()
    gc.collect()
    before = sys.getallocatedblocks()
    work()
    gc.collect()
    assert sys.getallocatedblocks() - before < 100
