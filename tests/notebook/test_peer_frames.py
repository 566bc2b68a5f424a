"""What goes through the pipes between a kernel and its peers' processes comes out as it went in."""

from __future__ import annotations

import os
import threading
from typing import List, Tuple

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given
from hypothesis import strategies as st

from brokerless.jupyter import peer_frames
from brokerless.jupyter.peer_frames import Records, parts, read_record, record, write_all

#: Payloads around the sizes at which they are cut.
payloads = st.one_of(
    st.binary(max_size=64),
    st.builds(lambda count, rest: b"p" * (count * peer_frames.ROOM + rest), st.integers(0, 2), st.integers(-2, 2)),
)
tags = st.sampled_from([peer_frames.STDOUT, peer_frames.STDERR, peer_frames.VALUE, peer_frames.SURVEY])


@given(messages=st.lists(st.tuples(tags, payloads), max_size=6), cut=st.lists(st.integers(1, 5000), min_size=1))
def test_records_come_out_whole_however_they_are_cut(messages: List[Tuple[bytes, bytes]], cut: List[int]) -> None:
    sent = b"".join(
        b"".join(parts(tag, payload)) if tag.isalpha() else record(tag, payload) for tag, payload in messages
    )
    records, came, at, turn = Records(), [], 0, 0
    while at < len(sent):
        size = cut[turn % len(cut)]
        came += records.feed(sent[at : at + size])
        at, turn = at + size, turn + 1
    assert came == messages


@given(value=payloads, survey=payloads)
def test_parts_of_two_messages_may_be_mixed(value: bytes, survey: bytes) -> None:
    first, second = list(parts(b"V", value)), list(parts(b"S", survey))
    mixed = [part for pair in zip(first, second) for part in pair]
    mixed += first[len(second) :] + second[len(first) :]
    came = Records().feed(b"".join(mixed))
    assert sorted(came) == sorted([(b"V", value), (b"S", survey)])


@given(payloads)
def test_no_record_is_longer_than_what_the_system_writes_in_one_piece(payload: bytes) -> None:
    sizes = [len(part) for part in parts(b"V", payload)]
    assert sizes and max(sizes) <= peer_frames.ATOMIC


def test_records_are_read_one_by_one_from_a_pipe() -> None:
    source, target = os.pipe()
    long = bytes(300_000)
    writer = threading.Thread(target=write_all, args=(target, record(b"N", b"one") + record(b"N", long)))
    writer.start()
    assert read_record(source) == (b"N", b"one")
    assert read_record(source) == (b"N", long)
    writer.join()
    os.write(target, record(b"Q", b"cut short")[:-1])
    os.close(target)
    assert read_record(source) == (b"", b"")
    os.close(source)
