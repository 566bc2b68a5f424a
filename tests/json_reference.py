"""What the tests of the JSON codec compare with: Python's `json`, called as pyzmq calls it."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from brokerless import _core
from brokerless.utils import jsonapi

# A busy machine is no failure: pytest's timeout is the limit.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def reference_dumps(obj):
    return json.dumps(obj).encode("utf8")


def reference_loads(data):
    return json.loads(data.decode("utf8"))


def outcome(function, *args, **kwargs):
    """What a call comes to, in a form that compares types (1, 1.0, True), signs of zero, NaN and the order of dicts."""
    try:
        value = function(*args, **kwargs)
    except RecursionError:
        return RecursionError  # its text says where the stack ended
    except Exception as error:
        return type(error), str(error)
    return repr(value)


def assert_dumps_alike(make):
    """`make` gives a fresh object for each of the two, in case dumping changes it."""
    assert outcome(jsonapi.dumps, make()) == outcome(reference_dumps, make())


def assert_loads_alike(data):
    assert outcome(jsonapi.loads, data) == outcome(reference_loads, data)


def is_fast(data):
    return _core.json_loads(data) is not NotImplemented


def nested(depth, obj=None):
    value = [] if obj is None else obj
    for _ in range(depth - 1):
        value = [value]
    return value


any_text = st.text(st.one_of(st.characters(), st.integers(0xD800, 0xDFFF).map(chr)))
plain_text = st.text()
plain_integers = st.integers(-(2**63), 2**64 - 1)
plain_floats = st.floats(allow_nan=False, allow_infinity=False)
plain_scalar = st.none() | st.booleans() | plain_integers | plain_floats | plain_text
any_scalar = plain_scalar | any_text | st.floats() | st.integers(10**30) | st.just(b"bytes")


def trees(scalars):
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(scalars, inner),
        max_leaves=20,
    )
