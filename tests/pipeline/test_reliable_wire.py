"""Whatever comes to a reliable role's port, in however many frames, it goes on answering those who speak its language."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import brokerless as zmq
from brokerless import pipeline
from tests.conftest import PATIENCE
from tests.pipeline.conftest import ANYWHERE

ANYTHING = st.binary(max_size=40)
#: As far as the kind it is right.
NEARLY = st.builds(lambda kind, rest: b"BP\x01" + bytes([kind]) + rest, st.integers(0, 20), ANYTHING)
#: Counts that promise more, or less, than there is.
COUNTS = st.builds(
    lambda kind, run, count, rest: b"BP\x01" + bytes([kind]) + run + struct.pack(">I", count) + rest,
    st.sampled_from([8, 9, 10, 11, 12]),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 2**32 - 1),
    ANYTHING,
)
#: A result that could be one, of a run that nobody knows.
RESULTS = st.builds(
    lambda run, number, status: b"BP\x01\x0b" + run + struct.pack(">IQBHH", 1, number, status, 1, 0),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 2**64 - 1),
    st.integers(0, 255),
)
MESSAGES = st.lists(st.one_of(ANYTHING, NEARLY, COUNTS, RESULTS), min_size=1, max_size=4)


@pytest.fixture
def ends(make: Any) -> Any:
    """The endpoints of a producer and a collector."""
    return [make(kind, ANYWHERE, reliable=True).endpoint for kind in (pipeline.Producer, pipeline.Collector)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(MESSAGES, min_size=1, max_size=5))
def test_whatever_comes(ends: Any, make_socket: Any, messages: Any) -> None:
    for endpoint in ends:
        stranger = make_socket(zmq.DEALER, connect=endpoint)
        for frames in messages:
            stranger.send_multipart(frames)
        # What came before may have been answered, or not; another version always is.
        stranger.send(b"BP\x02\x04")
        while stranger.recv_multipart(timeout=PATIENCE) != [b"BP\x01\x06\x03"]:
            pass
        stranger.close(0)
