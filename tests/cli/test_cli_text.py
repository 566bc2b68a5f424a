"""Messages as they are typed and shown."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokerless.cli._options import number, seconds
from brokerless.cli._text import _as_text, _json, _line, from_hex, size


@given(st.binary())
def test_hexadecimal_comes_back(data):
    assert from_hex(data.hex()) == data
    assert from_hex(_line([data], as_hex=True)) == data


@given(st.lists(st.one_of(st.binary(), st.text().map(str.encode)), min_size=1))
def test_json_has_every_byte(frames):
    line = _json(frames)
    assert line.isascii() and "\n" not in line
    shown = json.loads(line)
    back = [bytes.fromhex(one["hex"]) if isinstance(one, dict) else one.encode() for one in shown["frames"]]
    assert back == frames
    assert shown["size"] == len(b"".join(frames))


@given(st.binary())
def test_what_is_shown_as_text_does_nothing_to_a_terminal(data):
    text = _as_text(data)
    if text is not None:
        assert text.encode() == data
        assert not [letter for letter in text if ord(letter) < 32 and letter not in "\t\n"]


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (5e9, "5.0 GB"),
        (2e15, "2000.0 TB"),
    ],
)
def test_sizes(count, shown):
    assert size(count) == shown


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "x", "²", "\uff11"])
def test_what_does_not_count(text):
    with pytest.raises(ArgumentTypeError):
        number(text)


@pytest.mark.parametrize("text", ["-1", "-0.1", "nan", "inf", "", "x", "1e300"])
def test_what_is_no_time(text):
    with pytest.raises(ArgumentTypeError):
        seconds(zero=True)(text)


def test_zero_may_be_a_time():
    assert seconds(zero=True)("0") == 0.0
    with pytest.raises(ArgumentTypeError):
        seconds(zero=False)("0")
