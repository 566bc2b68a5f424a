"""What a trace looks like: who is drawn to talk to whom, and that no message can break the drawing."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import brokerless as zmq
from brokerless._trace import Record
from brokerless._trace_arrows import Party, arrows
from brokerless._trace_picture import mermaid, svg, table
from brokerless.constants import SocketType
from tests.conftest import PATIENCE, wait_until

SVG = "{http://www.w3.org/2000/svg}"


def record(direction, *frames, at=0.0, keep=64):
    heads, sizes = tuple(frame[:keep] for frame in frames[:8]), tuple(len(frame) for frame in frames[:8])
    return Record("A", direction, 1e9 + at, at, len(frames), sum(map(len, frames)), heads, sizes)


def text(*frames, keep=64):
    return record("sent", *frames, keep=keep).text


def party(name, kind="PAIR", *endpoints, context=1):
    return Party(name, SocketType[kind], context, list(endpoints))


def two(bound, connected, kinds=("PAIR", "PAIR"), contexts=(1, 1)):
    return [
        party("A", kinds[0], (bound, True), context=contexts[0]),
        party("B", kinds[1], (connected, False), context=contexts[1]),
    ]


def ways(parties, *entries):
    """(source, target, lost) of the arrows; entries are (party, direction, frames...)."""
    records = [(who, record(way, *frames, at=float(n))) for n, (who, way, *frames) in enumerate(entries)]
    return [(arrow.source, arrow.target, arrow.lost) for arrow in arrows(parties, records)]


# What a message says


@pytest.mark.parametrize(
    ("frame", "shown"),
    [
        (b"", "(empty)"),
        (b"Hello", "Hello"),
        (b' { "a" : [1, 2] }', '{"a":[1,2]}'),
        (b"  ", "  "),
        (b'{ "a" : [1, 2],\n "b": "\xc3\xbc" }', '{"a":[1,2],"b":"ü"}'),
        (b"{no json", "{no json"),
        (b"[" * 50, "[" * 50),
        ("Grüße, 世界 🙂".encode(), "Grüße, 世界 🙂"),
        (b"two\nlines", "two\\nlines"),
        ("a‮b‬cdefghi".encode(), "a\\u202eb\\u202ccdefghi"),
        (b"\xff\xfe", "ff fe"),
        (b"\x00\x01\x02", "00 01 02"),
        (b"\x01weather", "\\x01weather"),
    ],
)
def test_a_frame_is_shown_as_json_or_text_or_hexadecimal(frame, shown):
    assert text(frame) == shown


def test_what_was_cut_off_is_shown_to_be():
    assert text(b'{"a": 1}', keep=5) == '{"a":…'
    assert text("aü".encode() * 2, keep=2) == "a…"
    assert text(b"\xff\xfe", keep=1) == "ff…"
    assert text(b"abc", keep=0) == "…"
    assert text(*[b"a"] * 10).endswith("a | … 2 more")


def test_deep_json_is_shown_as_it_is():
    deep = b"[" * 100_000 + b"]" * 100_000
    assert text(deep, keep=len(deep)) == deep.decode()


# Who talks to whom


@pytest.mark.parametrize(
    ("bound", "connected", "linked"),
    [
        ("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5555", True),
        ("tcp://127.0.0.1:5555", "tcp://localhost:5555", True),
        ("tcp://0.0.0.0:5555", "tcp://127.0.0.1:5555", True),
        ("tcp://0.0.0.0:5555", "tcp://localhost:5555", True),
        ("tcp://[::]:5555", "tcp://[::1]:5555", True),
        ("tcp://0.0.0.0:5555", "tcp://127.0.0.1:5556", False),
        ("tcp://0.0.0.0:5555", "tcp://203.0.113.7:5555", False),
        ("tcp://0.0.0.0:5555", "tcp://example.invalid:5555", False),
        ("tcp://127.0.0.1:5555", "tcp://127.0.0.2:5555", False),
        ("tcp://127.0.0.1:5555", "tcp://127.0.0.1:0;127.0.0.1:5555", True),
        ("ipc:///tmp/a", "ipc:///tmp/a", True),
        ("ipc:///tmp/a", "ipc:///tmp/b", False),
        ("inproc://a", "inproc://a", True),
        ("udp://127.0.0.1:5555", "tcp://127.0.0.1:5555", False),
    ],
)
def test_sockets_are_linked_by_their_endpoints(bound, connected, linked):
    drawn = ways(two(bound, connected), (0, "sent", b"x"), (1, "received", b"x"))
    there = [("A", "B", False)]
    outside = [("A", f"peers of {bound}", False), (f"peers of {connected}", "B", False)]
    assert drawn == (there if linked else outside)


def test_names_in_the_process_are_those_of_a_context():
    parties = two("inproc://a", "inproc://a", contexts=(1, 2))
    assert len(ways(parties, (0, "sent", b"x"), (1, "received", b"x"))) == 2
    both = [party("A", "PAIR", ("ipc:///a", True)), party("B", "PAIR", ("ipc:///a", True))]
    assert len(ways(both, (0, "sent", b"x"), (1, "received", b"x"))) == 2


def test_equal_messages_are_matched_in_their_order_and_the_rest_is_lost():
    parties = two("inproc://a", "inproc://a")
    entries = [(0, "sent", b"x"), (1, "sent", b"x"), (0, "sent", b"x"), (1, "received", b"x"), (0, "sent", b"y")]
    assert ways(parties, *entries) == [("A", "B", False), ("B", "A", True), ("A", "B", True), ("A", "B", True)]
    [first, *_] = arrows(parties, [(who, record(way, *rest, at=n)) for n, (who, way, *rest) in enumerate(entries)])
    assert (first.elapsed, first.took) == (0, 3)


def test_a_job_goes_to_one_worker_and_news_go_to_all():
    ends = [("B", ("inproc://a", False)), ("C", ("inproc://a", False))]
    for kind, others in (("PUSH", "PULL"), ("PUB", "SUB")):
        parties = [party("A", kind, ("inproc://a", True)), *(party(name, others, end) for name, end in ends)]
        entries = [(0, "sent", b"x"), (1, "received", b"x"), (2, "received", b"x"), (0, "sent", b"y")]
        second = ("A", "C", False) if kind == "PUB" else ("peers of inproc://a", "C", False)
        drawn = ways(parties, *entries)
        assert drawn == [("A", "B", False), second, ("A", "peers of inproc://a", False)]


@pytest.mark.parametrize(
    ("kinds", "sent", "received"),
    [
        (("REQ", "ROUTER"), [b"hi"], [b"id", b"", b"hi"]),
        (("ROUTER", "REQ"), [b"id", b"", b"hi"], [b"hi"]),
        (("REQ", "ROUTER"), [b"hi"], [b"id", b"\0\0\0\1", b"", b"hi"]),
        (("DEALER", "REP"), [b"", b"hi", b"you"], [b"hi", b"you"]),
        (("DEALER", "REP"), [b"client", b"", b"hi"], [b"hi"]),
        (("DEALER", "ROUTER"), [b"", b"hi"], [b"id", b"", b"hi"]),
        (("ROUTER", "ROUTER"), [b"you", b"hi"], [b"me", b"hi"]),
        (("REQ", "REP"), [b"", b"hi"], [b"", b"hi"]),
    ],
)
def test_envelopes_and_routing_ids_are_seen_through(kinds, sent, received):
    parties = two("inproc://a", "inproc://a", kinds)
    drawn = arrows(parties, [(0, record("sent", *sent)), (1, record("received", *received, at=1))])
    assert [(arrow.source, arrow.target, arrow.record.parts) for arrow in drawn] == [
        ("A", "B", min(len(sent), len(received)))
    ]
    other = arrows(parties, [(0, record("sent", *sent)), (1, record("received", *received[:-1], b"no", at=1))])
    assert len(other) == 2


# Real sockets


def test_a_conversation_is_drawn_between_its_sockets(pair):
    rep, req = pair(zmq.REP, zmq.REQ)
    with zmq.trace(req, rep) as t:
        req.send_json({"n": [1, 2]})
        rep.recv(timeout=PATIENCE)
        rep.send(b"<ok>")
        req.recv(timeout=PATIENCE)
        req.send(b"nobody reads this")
    first, *lines = str(t).splitlines()
    assert first == repr(t) == "<zmq.Trace of REQ, REP: 5 messages (stopped)>"
    # A column each: when, the way, the size, what.
    shown = [
        re.fullmatch(r" *[\d.]+ ms  (.*?)  +(\d+) B  (.*?)(  \(took [\d.]+ ms\))?", line).groups() for line in lines
    ]
    assert [(way, int(size), said, took is not None) for way, size, said, took in shown] == [
        ("REQ -> REP", 13, '{"n":[1,2]}', True),
        ("REP -> REQ", 4, "<ok>", True),
        ("REQ -x REP", 17, "nobody reads this", False),
    ]
    assert t.to_mermaid().splitlines() == [
        "sequenceDiagram",
        "    participant L0 as REQ",
        "    participant L1 as REP",
        "    L0->>L1: 13 B  #123;#34;n#34;:[1,2]#125;",
        "    L1->>L0: 4 B  #60;ok#62;",
        "    L0-xL1: 17 B  nobody reads this",
    ]
    root = ElementTree.fromstring(t.svg())
    names = [element.text for element in root.iter(f"{SVG}text") if element.get("class") == "zt-name"]
    assert names == ["REQ", "REP"]
    said = {element.text for element in root.iter(f"{SVG}text")}
    assert {"4 B  <ok>", f"bound: {rep.last_endpoint.decode()}"} <= said
    assert len([element for element in root.iter(f"{SVG}path") if element.get("class") == "zt-arrow"]) == 2


def test_a_device_stands_between_its_peers(make_device, at):
    device = make_device(zmq.Queue)
    client, server = at(zmq.REQ, device.frontend_endpoint), at(zmq.REP, device.backend_endpoint)
    with zmq.trace(client, device) as t:
        client.send(b"hi")
        server.recv(timeout=PATIENCE)
        server.send(b"yes")
        client.recv(timeout=PATIENCE)
        assert wait_until(lambda: len(t) == 6)
    outside = f"peers of {device.backend_endpoint}"
    assert [line.split(" as ")[1] for line in t.to_mermaid().splitlines() if "participant" in line] == [
        "REQ",
        "Queue frontend",
        "Queue backend",
        outside,
    ]
    drawn = re.findall(r"L\d->>L\d", t.to_mermaid())
    assert drawn == ["L0->>L1", "L2->>L3", "L3->>L2", "L1->>L0"]


def test_only_the_last_are_drawn_when_that_is_asked_for(pair):
    push, _pull = pair(zmq.PUSH, zmq.PULL)
    with zmq.trace(push, keep=150) as t:
        push.send_many([b"%d" % number for number in range(160)])
    assert t.svg(2).count('zt-arrow" d') == 2
    assert "158 older messages not shown" in t.svg(2)
    assert "Note over L0: 159 older messages not shown" in t.to_mermaid(1)
    assert "10 older messages not shown" in t.svg()
    html = t._repr_html_()
    assert ElementTree.fromstring(html).tag == "div"
    assert "60 older messages not shown" in html
    for wrong, error in ((0, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match="last"):
            t.svg(wrong)


def test_it_is_saved_as_what_the_name_says(pair, tmp_path):
    push, _pull = pair(zmq.PUSH, zmq.PULL)
    with zmq.trace(push) as t:
        push.send("ü".encode())
    t.save(tmp_path / "a.svg")
    t.save(str(tmp_path / "a.mmd"))
    assert (tmp_path / "a.svg").read_text("utf8") == t.svg()
    assert (tmp_path / "a.mmd").read_text("utf8") == t.to_mermaid()
    with pytest.raises(ValueError, match="not as"):
        t.save(tmp_path / "a.png")
    with pytest.raises(OSError):
        t.save(tmp_path / "nowhere" / "a.svg")


def test_nothing_recorded_is_a_picture_too(make_socket):
    t = zmq.trace(make_socket(zmq.PAIR))
    assert str(t) == "<zmq.Trace of PAIR: 0 messages (stopped)>"
    assert ElementTree.fromstring(t.svg()).tag == f"{SVG}svg"
    assert t.to_mermaid() == "sequenceDiagram\n    participant L0 as PAIR\n"


def test_the_picture_needs_nothing_from_outside_and_follows_the_theme(make_socket):
    picture = zmq.trace(make_socket(zmq.PAIR)).svg()
    assert re.findall(r"https?://[^\"]*", picture) == ["http://www.w3.org/2000/svg"]
    assert "prefers-color-scheme: dark" in picture
    assert "currentColor" in picture
    assert not re.search(r"<(script|image|use|foreignObject)|url\(|@import", picture)


# What anybody may send

FRAMES = st.lists(st.one_of(st.binary(max_size=80), st.text(max_size=40).map(lambda text: text.encode())), min_size=1)
ANY_TEXT = st.text(max_size=30)


@given(FRAMES, ANY_TEXT, ANY_TEXT, st.integers(0, 64))
def test_no_message_and_no_endpoint_breaks_a_picture(frames, bound, connected, keep):
    parties = [party("A", "PAIR", (bound, True)), party("B", "PAIR", (connected, False))]
    one = record("sent", *frames, keep=keep)
    drawn = arrows(parties, [(0, one), (1, record("received", *frames, at=1.0, keep=keep))])
    root = ElementTree.fromstring(svg(parties, drawn, 0, bound))
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "style", "line", "g", "rect", "text", "path")
    }
    whole = [title.text for title in root.iter(f"{SVG}title")]
    assert sum(one.text in said for said in whole if said) >= len(drawn)
    assert len(table(drawn).splitlines()) == len(drawn)
    lines = mermaid(parties, drawn, 0).splitlines()
    names = len([line for line in lines if re.fullmatch(r"    participant L\d as .*", line)])
    assert len(lines) == 1 + names + len(drawn)
    for line in lines[1 + names :]:
        said = line.split(": ", 1)[1]
        assert not re.search(r"[<>{}\"%;]", re.sub(r"#\d+;", "", said))
        assert "#" not in re.sub(r"#\d+;", "", said)
