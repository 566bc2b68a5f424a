"""The JSON codec gives the bytes, the objects and the exceptions of Python's `json`, whichever path it takes."""

from __future__ import annotations

import enum
import json
import math
import random
import struct
import sys
from collections import Counter, OrderedDict, defaultdict, namedtuple
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brokerless import _core
from brokerless.utils import jsonapi
from tests.json_reference import (
    any_scalar,
    assert_dumps_alike,
    assert_loads_alike,
    is_fast,
    outcome,
    plain_scalar,
    reference_dumps,
    reference_loads,
    trees,
    unhurried,
)

BIG = 10**30


@unhurried
@given(trees(plain_scalar))
@example({"num": 12345})
@example({"consumer": 1234, "num": 5})
def test_plain_objects_take_the_fast_path(obj):
    assert _core.json_dumps(obj) == reference_dumps(obj)


@unhurried
@given(trees(any_scalar))
def test_any_object_is_dumped_as_by_json(obj):
    fast = _core.json_dumps(obj)
    assert fast is None or fast == reference_dumps(obj)
    assert_dumps_alike(lambda: obj)


@unhurried
@given(trees(any_scalar))
def test_what_was_dumped_is_loaded_as_by_json(obj):
    try:
        data = reference_dumps(obj)
    except TypeError:
        return
    assert_loads_alike(data)


def test_random_floats_have_the_digits_of_repr():
    chance = random.Random(7)
    floats = [struct.unpack("<d", struct.pack("<Q", chance.getrandbits(64)))[0] for _ in range(20_000)]
    floats += [chance.getrandbits(54) * 2.0 ** -chance.randrange(120) for _ in range(20_000)]
    floats += [sign * 2.0**power for power in range(-1074, 1024) for sign in (1, -1)]
    floats += [digit * 10.0**power for power in range(-320, 308) for digit in (1, 5, 9)]
    floats = [number for number in floats if math.isfinite(number)]
    assert _core.json_dumps(floats) == reference_dumps(floats)


def test_short_decimals_and_their_neighbours_have_the_digits_of_repr():
    chance = random.Random(5)
    decimals = [
        chance.randrange(10 ** chance.randrange(1, 17)) / 10**places for _ in range(5_000) for places in range(5)
    ]
    bits = [struct.unpack("<q", struct.pack("<d", number))[0] for number in decimals]
    near = [struct.unpack("<d", struct.pack("<q", n + step))[0] for n in bits if n for step in (-1, 1)]
    floats = [sign * number for number in decimals + near for sign in (1, -1)]
    assert _core.json_dumps(floats) == reference_dumps(floats)
    assert list(map(repr, _core.json_loads(reference_dumps([n for n in floats if n])))) == [
        repr(n) for n in floats if n
    ]


FLOATS = """
    0.0 -0.0 1.0 -1.5 0.30000000000000004 1e15 9999999999999998.0 1e16 -1e16 123456789012345680.0 1e22 1e100 0.0001
    0.00012 0.00009999 1e-05 -1.5e-07 5e-324 2.2250738585072014e-308 1.7976931348623157e+308 2.9802322387695312e-08
"""


@pytest.mark.parametrize("number", [float(text) for text in FLOATS.split()])
def test_floats_at_the_turns_of_repr(number):
    assert _core.json_dumps(number) == repr(number).encode()


TEXTS = [
    "",
    "plain",
    '"',
    "\\",
    "/",
    "\b\f\n\r\t",
    "\0\x1f",
    "~\x7f\x80\xa0",
    "é€",
    "\u2028\uffff",
    "😀\U0010ffff",
]


@pytest.mark.parametrize("text", [*TEXTS, "a" * 1000 + "é" + "b" * 1000, "Größe\n" * 1000])
def test_text_is_escaped(text):
    assert _core.json_dumps(text) == reference_dumps(text)
    assert _core.json_dumps({text: text}) == reference_dumps({text: text})
    assert _core.json_loads(reference_dumps(text)) == text
    assert _core.json_loads(json.dumps(text, ensure_ascii=False).encode()) == text


@pytest.mark.parametrize(
    "number", [0, -1, 2**31, 10**18 - 1, 10**18, 1 - 10**18, -(10**18), 2**63 - 1, 2**63, 2**64 - 1, -(2**63)]
)
def test_integers_of_64_bits_are_fast(number):
    assert _core.json_dumps(number) == str(number).encode()
    assert _core.json_loads(str(number).encode()) == number


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, BIG, -BIG])
def test_huge_integers_are_exact(number):
    assert _core.json_dumps([number]) is None
    assert jsonapi.dumps([number]) == b"[%d]" % number
    assert jsonapi.loads(b"[%d]" % number) == [number]


def test_integers_beyond_the_limit_of_digits():
    digits = b"7" * 5_001
    number = 7 * (10**5_001 - 1) // 9
    assert _core.json_dumps(number) is None
    assert_dumps_alike(lambda: number)  # a ValueError since Python 3.11
    if hasattr(sys, "get_int_max_str_digits"):
        with pytest.raises(ValueError, match="digits"):
            jsonapi.loads(digits)
    else:
        assert jsonapi.loads(digits) == number


class Colour(enum.IntEnum):
    RED = 1


class Name(str, enum.Enum):
    ADA = "ada"


class Text(str):
    def __str__(self):
        return "never asked"


class Number(float):
    def __repr__(self):
        return "never asked"


class Whole(int):
    def __repr__(self):
        return "never asked"


class Items(dict):
    def items(self):
        return [("other", 1)]


class Elements(list):
    def __iter__(self):
        return iter([7])


Pair = namedtuple("Pair", "a b")

UNUSUAL = {
    "IntEnum": lambda: Colour.RED,
    "str enum": lambda: Name.ADA,
    "str": lambda: Text("text"),
    "float": lambda: Number(1.5),
    "int": lambda: Whole(5),
    "dict": lambda: Items(a=1),
    "list": lambda: Elements([1, 2]),
    "namedtuple": lambda: Pair(1, 2),
    "OrderedDict": lambda: OrderedDict(b=1, a=2),
    "defaultdict": lambda: defaultdict(int, a=1),
    "Counter": lambda: Counter("abca"),
    "bytes": lambda: b"bytes",
    "bytearray": lambda: bytearray(b"bytes"),
    "set": lambda: {1},
    "object": lambda: type("Thing", (), {})(),
    "complex": lambda: 1j,
    "Decimal": lambda: Decimal("1.5"),
    "range": lambda: range(3),
    "nan": lambda: math.nan,
    "inf": lambda: [math.inf, -math.inf],
    "lone surrogate": lambda: "a\ud800b",
    "low surrogate": lambda: "\udc00",
}


@pytest.mark.parametrize("make", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_other_types_are_left_to_json(make):
    thing = make()
    for obj in (thing, [1, thing], (thing,), {"k": thing}):
        assert _core.json_dumps(obj) is None
        assert_dumps_alike(lambda obj=obj: obj)


@pytest.mark.parametrize("name", ["int64", "uint8", "float64", "float32", "bool_", "str_", "array"])
def test_numpy_scalars(name):
    numpy = pytest.importorskip("numpy")
    value = getattr(numpy, name)([1]) if name == "array" else getattr(numpy, name)(1)
    assert _core.json_dumps({"value": value}) is None
    assert_dumps_alike(lambda: {"value": value})
    if name != "array":
        assert_dumps_alike(lambda: {value: 1})


PLAIN_KEYS = ["a", "", "é", '"', 1, -7, 2**64 - 1, 1.5, 1e16, -0.0, True, False, None]
OTHER_KEYS = [2**64, math.nan, math.inf, "\ud800", Colour.RED, Name.ADA, Text("t"), Number(1.5), Whole(5)]
OTHER_KEYS += [b"bytes", (1, 2), frozenset([1]), 1j, Decimal(1), Pair(1, 2), object, range(3)]


@pytest.mark.parametrize("key", PLAIN_KEYS, ids=repr)
def test_plain_keys_become_text(key):
    assert _core.json_dumps({key: [key]}) == reference_dumps({key: [key]})


@pytest.mark.parametrize("key", OTHER_KEYS, ids=repr)
def test_other_keys_are_left_to_json(key):
    assert _core.json_dumps({"first": 1, key: 2}) is None
    assert_dumps_alike(lambda: {"first": 1, key: 2})


def test_keys_with_the_same_text_stay_apart():
    obj = {1: "a", "1": "b", 1.5: "c", "1.5": "d", None: "e", "null": "f", False: "g", "false": "h"}
    assert _core.json_dumps(obj) == reference_dumps(obj)


TOKENS = rb"""
    { } [ ] , : "a" "b" "\u00e9" "\ud800" 1 -0 -0.0 2.5 1e5 1e400 18446744073709551616 null true NaN -Infinity
"""


@unhurried
@given(st.lists(st.sampled_from([b" ", b"\n", b"\xff", *TOKENS.split()]), max_size=12).map(b"".join))
def test_tokens_in_any_order(data):
    assert_loads_alike(data)


@unhurried
@given(st.binary(max_size=20))
def test_any_bytes(data):
    assert_loads_alike(data)
    assert_loads_alike(b'"' + data + b'"')


@unhurried
@given(st.from_regex(r"\A-?[0-9]{0,25}(\.[0-9]{0,25})?([eE][-+]?[0-9]{0,4})?\Z"))
def test_anything_like_a_number(text):
    assert_loads_alike(text.encode())


@unhurried
@given(trees(plain_scalar), st.sampled_from([None, 0, 2]), st.booleans(), st.data())
def test_other_layouts_and_broken_documents(obj, indent, ascii_only, data):
    document = json.dumps(obj, indent=indent, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    assert_loads_alike(b" \t\r\n" + document + b" \t\r\n")
    assert_loads_alike(document[: data.draw(st.integers(0, len(document)))])


def test_random_decimals_are_rounded_as_by_float():
    chance = random.Random(11)
    draw = chance.getrandbits
    texts = [f"{draw(70)}.{draw(60)}e{chance.randrange(-340, -3)}" for _ in range(20_000)]
    texts += [f"{n}.{'5' * 30}" for n in range(2**53, 2**53 + 50)]
    half_way = 2**53 + 1  # between two floats, as are its neighbours two apart
    texts += [format(Decimal(half_way + 2 * n) / 1024, "f") for n in range(500)]
    assert _core.json_loads(f"[{','.join(texts)}]".encode()) == [float(text) for text in texts]


FAST = r"""
    0 -1 1.5 -1.5 0.0 0e0 1E5 1e-400 0e999 0.1 9007199254740993.0 1.7976931348623157 null true false "" [] {} [1,[2,{}]]
    "\/\b\f\n\r\t\"\\" "\ud83d\ude00" "\u0000" "é\u00E9"
"""


@pytest.mark.parametrize("text", [*FAST.split(), "\t\r\n 1 \n", '"\x7f"', '["a b"]'])
def test_the_fast_path_reads(text):
    assert repr(_core.json_loads(text.encode())) == repr(json.loads(text))


SLOW = r"""
    -0 -0.0 -0e5 -1e-400 1e400 -1E400 1e19 18446744073709551616 -9223372036854775809 NaN Infinity -Infinity
    "\ud800" "\ud800\u0041" "\udc00\ud800" {"\ud800":1}
    01 -01 1. .5 1e +1 --1 0x10 1_000 - -a ٣ nul True 'a' [1,] {"a":1,} {1:2} {"a"1} {"a":1,"a"} [1} []x
    [ {"a": " "\" "\x41" "\u12" "\u+123"
"""
SLOW_WITH_SPACE = [
    "",
    " ",
    "1 2",
    "[1 2]",
    '"\n"',
    '"\0"',
    "\x0c1",
    "\xa01",
    "\0",
    '"\\u 123"',
    "// c\n1",
    "\ufeff{}",
]


@pytest.mark.parametrize("text", SLOW.split() + SLOW_WITH_SPACE)
def test_json_reads_or_refuses(text):
    assert not is_fast(text.encode())
    assert_loads_alike(text.encode())


NOT_TEXT = [b"\xff", b'"\xff"', b'"\xc3"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b"\xef\xbb\xbf1", b"1\0\0\0"]


@pytest.mark.parametrize("data", NOT_TEXT)
def test_bytes_that_are_not_utf8_or_have_a_mark(data):
    assert not is_fast(data)
    assert_loads_alike(data)


@pytest.mark.parametrize("text", ['{"a":1,"b":2,"a":3}', '{"a":1,"a":{"a":2,"a":3},"":4,"":5}', '{"é":1,"\\u00e9":2}'])
def test_of_the_same_key_the_last_value_wins(text):
    assert repr(_core.json_loads(text.encode())) == repr(json.loads(text))


def test_many_keys_of_all_lengths():
    obj = {f"{n}" * (n % 40 + 1): n for n in range(3_000)}
    obj.update({f"ключ {n}": n for n in range(500)})
    data = reference_dumps(obj)
    for _ in range(2):
        assert repr(_core.json_loads(data)) == repr(obj)


def test_results_belong_to_the_caller():
    first = _core.json_loads(b'{"a": [1], "b": {}}')
    first["a"].append(2)
    first["b"]["new"] = 1
    del first["a"]
    assert _core.json_loads(b'{"a": [1], "b": {}}') == {"a": [1], "b": {}}


def test_keyword_arguments_are_those_of_json():
    obj = {"b": 1.5, "a": ["é", None]}
    for kwargs in ({"indent": 2}, {"sort_keys": True}, {"ensure_ascii": False}, {"separators": (",", ":")}):
        assert jsonapi.dumps(obj, **kwargs) == json.dumps(obj, **kwargs).encode("utf8")
    assert jsonapi.dumps({1, 2}, default=sorted) == b"[1, 2]"
    assert jsonapi.dumps({(1, 2): 3}, skipkeys=True) == b"{}"
    with pytest.raises(ValueError, match="not JSON compliant"):
        jsonapi.dumps(math.nan, allow_nan=False)
    with pytest.raises(TypeError):
        jsonapi.dumps(obj, nonsense=1)

    class Encoder(json.JSONEncoder):
        def default(self, o):
            return "encoded"

    assert jsonapi.dumps([object()], cls=Encoder) == b'["encoded"]'
    assert jsonapi.loads(b"[1.5]", parse_float=Decimal) == [Decimal("1.5")]
    assert jsonapi.loads(b'{"a": 1}', object_pairs_hook=OrderedDict) == OrderedDict(a=1)
    assert jsonapi.loads(b"NaN", parse_constant=str) == "NaN"
    assert jsonapi.loads(b'"a\nb"', strict=False) == "a\nb"


@pytest.mark.parametrize("data", ['{"a": "é"}', '"\ud800"', "\ufeff1", "", b'{"a": 1}', bytearray(b'{"a": 1}')])
def test_loads_takes_what_json_takes(data):
    reference = reference_loads if isinstance(data, bytes) else json.loads
    assert outcome(jsonapi.loads, data) == outcome(reference, data)


@pytest.mark.parametrize("data", [None, 1, memoryview(b"1"), [b"1"]])
def test_loads_refuses_what_json_refuses(data):
    with pytest.raises(TypeError, match="the JSON object must be str, bytes or bytearray"):
        jsonapi.loads(data)


def test_the_names_of_pyzmq():
    assert jsonapi.jsonmod is json
    assert sorted(jsonapi.__all__) == ["dumps", "loads"]
