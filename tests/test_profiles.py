"""Profiles: options that every socket of a context gets, unless its user knows better."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Iterator

import pytest

import brokerless as zmq
import brokerless.asyncio
from brokerless.profiles import PROFILES, Default, defaults_of

ROWS = PROFILES["classroom"]
#: What can be set and not asked for.
WRITE_ONLY = {zmq.REQ_RELAXED, zmq.REQ_CORRELATE}


@pytest.fixture
def classroom() -> Iterator[Any]:
    with zmq.Context(profile="classroom") as context:
        yield context


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.option.name)
def test_a_socket_has_it(classroom: Any, row: Default) -> None:
    assert classroom.getsockopt(row.option) == getattr(classroom, row.option.name.lower()) == row.value
    for kind in (zmq.REQ, zmq.PUSH, zmq.ROUTER):
        with classroom.socket(kind) as sock:
            if row.option not in WRITE_ONLY:
                assert sock.get(row.option) == row.value


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.option.name)
def test_libzmq_has_another_default(ctx: Any, row: Default) -> None:
    if row.option not in WRITE_ONLY:
        assert ctx.socket(zmq.REQ).get(row.option) != row.value


def test_a_req_goes_on_after_a_lost_reply(classroom: Any) -> None:
    with classroom.socket(zmq.REQ) as req, classroom.socket(zmq.REP) as rep:
        rep.bind("inproc://rep")
        req.connect("inproc://rep")
        for text in (b"1", b"2"):
            req.send(text)
            assert rep.recv(timeout=10) == text
            rep.send(b"reply " + text)
        assert req.recv(timeout=10) == b"reply 2"


def test_what_the_user_sets_wins(classroom: Any) -> None:
    classroom.linger = 7
    classroom.setsockopt(zmq.BACKLOG, 8)
    del classroom.maxmsgsize
    with classroom.socket(zmq.PULL) as sock:
        assert (sock.linger, sock.backlog, sock.maxmsgsize) == (7, 8, -1)
        sock.heartbeat_ivl = 9
        assert sock.heartbeat_ivl == 9
    assert defaults_of("classroom")[zmq.LINGER] == 5000, "the table itself has changed"


def test_without_one_nothing_changes(ctx: Any) -> None:
    assert ctx.profile is None and ctx.sockopts == {} and "profile" not in repr(ctx)
    with zmq.Context(profile=None) as context:
        assert context.profile is None and context.sockopts == {}


def test_it_shows(classroom: Any) -> None:
    assert classroom.profile == "classroom"
    assert repr(classroom).startswith("<zmq.Context(profile='classroom') at ")
    with classroom.socket(zmq.PULL):
        assert repr(classroom).startswith("<zmq.Context(profile='classroom', 1 socket) at ")
    assert "classroom" in classroom._repr_html_()


@pytest.mark.parametrize("name", ["", "Classroom", "none", 7, b"classroom", ["classroom"]])
def test_an_unknown_name(name: Any) -> None:
    with pytest.raises(ValueError, match=r"there is no profile .*; known: 'classroom'"):
        zmq.Context(profile=name)


def test_it_has_a_name() -> None:
    with pytest.raises(TypeError):
        zmq.Context(1, 0, "classroom")  # type: ignore[call-overload]


def test_other_handles_have_their_own(classroom: Any) -> None:
    shadow = zmq.Context.shadow(classroom)
    assert shadow.profile is None and shadow.sockopts == {}
    both = zmq.Context(shadow=classroom, profile="classroom")
    assert both.linger == 5000
    with zmq.asyncio.Context(profile="classroom") as context:
        assert context.profile == "classroom" and context.linger == 5000


def test_the_documentation_has_the_same_table() -> None:
    page = (Path(__file__).parent.parent / "docs" / "security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_0-9]+)` \| (-?\d+) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    assert rows == [(row.option.name, str(row.value), row.meaning, row.why) for row in ROWS]
