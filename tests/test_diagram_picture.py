"""What a diagram looks like: whatever the names, the picture is well-formed, and nothing is wider than its box."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_surveys import TCP, TYPES, device, process, socket

from brokerless._diagram_graph import graph
from brokerless._diagram_mermaid import mermaid
from brokerless._diagram_svg import svg
from brokerless._diagram_text import columns, middle, text

SVG = "{http://www.w3.org/2000/svg}"
PORT = TCP + "5559"
NASTY = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ['"><script>alert(1)</script>', "]]>", "&amp;", "\x00\x1b[31m", "\ud800", "新しい" * 30, "a" * 500, "`|;%%"]
    ),
)


def drawn(told: Any, **options: Any) -> Any:
    return ElementTree.fromstring(svg(graph(told), "pic", **options))


def words(root: Any) -> List[str]:
    return [found.text or "" for found in root.iter(f"{SVG}text")]


def of_class(root: Any, name: str) -> List[Any]:
    return [found for found in root.iter() if name in found.get("class", "").split()]


def served(sent: int = 0, received: int = 0) -> List[Dict[str, Any]]:
    server = socket(1, 1, "REP", bind=[PORT], peers=[(PORT, TCP + "4")])
    client = socket(2, 1, "REQ", connect=[PORT], peers=[(TCP + "4", PORT)], sent=sent, received=received, cell=7)
    return [process(1, "server", server), process(2, "client", client)]


@st.composite
def surveys(draw: Any) -> List[Dict[str, Any]]:
    endpoints = st.one_of(NASTY, st.sampled_from([PORT, "inproc://x", "ipc:///x", "tcp://[::1]:5", "udp://a:1"]))
    told = []
    for pid in range(draw(st.integers(0, 3))):
        sockets = []
        for number in range(draw(st.integers(0, 5))):
            bind, connect = (draw(st.lists(endpoints, max_size=2)) for _ in range(2))
            peers = draw(st.one_of(st.none(), st.lists(st.tuples(endpoints, endpoints, st.integers(1, 4)), max_size=3)))
            counts = {"sent": draw(st.integers(0, 10**15)), "received": draw(st.integers(0, 10**15))}
            kind = draw(st.one_of(st.sampled_from(TYPES), NASTY))
            sockets.append(socket(pid, number, kind, bind=bind, connect=connect, peers=peers, **counts))
        devices = [device(pid, draw(NASTY), *sockets[:2])] if len(sockets) > 1 and draw(st.booleans()) else []
        told.append(process(pid, draw(NASTY), *sockets, devices=devices))
    return told


@settings(max_examples=150)
@given(surveys(), st.booleans())
def test_whatever_there_is_can_be_drawn(told: List[Dict[str, Any]], standalone: bool) -> None:
    picture = svg(graph(told), "pic", standalone)
    picture.encode("utf-8")
    root = ElementTree.fromstring(picture)
    assert root.get("role") == "img"
    tags = {element.tag.replace(SVG, "") for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "g", "rect", "circle", "path", "text"}
    assert not re.search(r"\b(href|src|on\w+)=|url\(|@import", re.sub(r">[^<]*<", "><", picture))
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert ids == ["pic", "pic-title", "pic-text"]
    width, height = float(root.get("width")), float(root.get("height"))
    for rect in root.iter(f"{SVG}rect"):
        if rect.get("class") != "p":
            assert 0 <= float(rect.get("x")) <= width - float(rect.get("width"))
            assert 0 <= float(rect.get("y")) <= height - float(rect.get("height"))
    mermaid(graph(told)).encode("utf-8")
    assert text(graph(told)).replace("\n", "").isprintable()


@settings(max_examples=100)
@given(surveys())
def test_no_text_is_wider_than_its_box(told: List[Dict[str, Any]]) -> None:
    root = drawn(told)
    for group in root.iter(f"{SVG}g"):
        (box, *_) = [*group.iter(f"{SVG}rect"), None]
        if box is None or box.get("class") not in ("n", "h", "g", "n o"):
            continue
        lines: Dict[str, float] = {}
        for found in group.iter(f"{SVG}text"):
            # A little less than the widest of the usual fonts.
            letter = 6.02 if "s" in found.get("class", "").split() else 7.23
            lines[found.get("y")] = lines.get(found.get("y"), 0.0) + columns(found.text or "") * letter
        assert all(line <= float(box.get("width")) for line in lines.values()), lines


@given(NASTY, st.integers(0, 40))
def test_what_is_too_long_loses_its_middle(said: str, width: int) -> None:
    cut = middle(said, width)
    assert columns(cut) <= width
    if said.isprintable() and columns(said) <= width:
        assert cut == said


def test_the_ends_of_an_endpoint_stay() -> None:
    assert middle("ipc:///tmp/a/very/long/way/to.sock", 20) == "ipc:///tm…ay/to.sock"


def test_who_binds_is_drawn_differently() -> None:
    root = drawn(served())
    assert [len(of_class(root, name)) for name in ("h", "i", "n")] == [1, 1, 1]
    assert words(root)[:6] == ["server", "client", "REP", PORT, "REQ", "[7]"]
    # One on the edge, one in the legend.
    assert [len(of_class(root, name)) for name in ("k", "c")] == [2, 2]
    assert words(root)[-2:] == ["binds", "connects"]


@pytest.mark.parametrize(
    ("bound", "connected", "heads"), [("REP", "REQ", 2), ("PULL", "PUSH", 1), ("PUB", "SUB", 1), ("PAIR", "PAIR", 2)]
)
def test_arrows_go_as_messages_do(bound: str, connected: str, heads: int) -> None:
    server = socket(1, 1, bound, bind=[PORT], peers=[(PORT, TCP + "4")])
    client = socket(1, 2, connected, connect=[PORT], peers=[(TCP + "4", PORT)])
    root = drawn([process(1, "a", server, client)])
    arrows = of_class(root, "a")
    assert len(arrows) == heads
    if heads == 1:
        # To the right.
        tip, base = re.match(r"M([\d.]+) [\d.]+L([\d.]+)", arrows[0].get("d")).groups()
        assert float(tip) > float(base)


def test_edges_have_counts() -> None:
    assert {"1,234 →", "← 99"} <= set(words(drawn(served(sent=1234, received=99))))
    assert "12.3M →" in words(drawn(served(sent=12_345_678)))


def test_counts_move_nothing() -> None:
    def places(told: Any) -> List[Any]:
        kinds = ("rect", "circle", "path")
        return [element.attrib for element in drawn(told).iter() if element.tag.replace(SVG, "") in kinds]

    assert places(served()) == places(served(sent=10**12, received=10**9))


def test_what_is_not_connected_is_marked() -> None:
    root = drawn([process(1, "a", socket(1, 1, "REQ", connect=[PORT]))])
    assert len(of_class(root, "x")) == 1 and len(of_class(root, "d")) == 2 and not of_class(root, "a")
    assert {"not connected", "peer at", PORT} <= set(words(root))
    assert len(of_class(root, "o")) == 1


def test_a_file_has_its_own_paper_and_a_page_its_own_colours() -> None:
    whole, part = (svg(graph(served()), "pic", standalone) for standalone in (True, False))
    assert "prefers-color-scheme:dark" in whole and "--jp-" not in whole and 'class="p"' in whole
    assert "--jp-" in part and 'class="p"' not in part
    # Rules of a picture are for it alone.
    for style in (whole, part):
        rules = re.search(r"<style>(.*)</style>", style, re.S).group(1)
        assert all(
            rule.strip().startswith(("#pic", "@media"))
            for rule in re.split(r"(?<=})(?!})", rules)
            if rule.strip(" }\n")
        )


def test_what_is_live_says_so() -> None:
    assert "live" in words(drawn(served(), live=True)) and "live" not in words(drawn(served()))


def test_nothing_open() -> None:
    assert words(drawn([])) == ["No socket is open."]
    assert "No socket is open." in mermaid(graph([]))


def test_mermaid() -> None:
    assert mermaid(graph(served(sent=1234, received=99))) == (
        "flowchart LR\n"
        '    subgraph p0["server"]\n'
        f'        n0[["REP<br/>{PORT}"]]\n'
        "    end\n"
        '    subgraph p1["client"]\n'
        '        n1["REQ"]\n'
        "    end\n"
        '    n1 <-->|"1,234 → ← 99"| n0\n'
    )


def test_mermaid_of_all_else() -> None:
    front, back = socket(1, 1, "ROUTER", bind=[PORT]), socket(1, 2, "DEALER", connect=[TCP + "6"])
    sub = socket(1, 3, "SUB", connect=["ipc:///a;b"], peers=[("ipc://", "ipc:///a;b")], received=3)
    told = [process(1, 'the "a"', front, back, sub, devices=[device(1, "Queue", front, back, 5, 4)])]
    lines = [line.strip() for line in mermaid(graph(told)).splitlines()]
    assert 'subgraph p0["the #34;a#34;"]' in lines and 'subgraph n0["Queue"]' in lines
    assert 'n1 -.-|"5 → ← 4"| n2' in lines
    assert 'n2 -.-x|"not connected"| n4' in lines
    assert 'n5(["peer at ipc:///a#59;b"])' in lines and 'n5 -->|"3 →"| n3' in lines
    assert lines[-2:] == ["classDef outside stroke-dasharray:5 4", "class n4,n5 outside"]


def lines_of(told: Any) -> Iterator[str]:
    return iter(text(graph(told)).splitlines())


def test_the_text_has_a_line_for_each_connection() -> None:
    assert list(lines_of(served(sent=1234, received=99))) == [
        f"REQ (client, cell 7) <-> {PORT} REP (server)  1,234 sent, 99 received"
    ]
    front, back = (
        socket(1, 1, "ROUTER", bind=[PORT], peers=[(PORT, TCP + "4")]),
        socket(1, 2, "DEALER", bind=["ipc:///x"]),
    )
    client = socket(1, 3, "REQ", connect=[PORT], peers=[(TCP + "4", PORT)], sent=12, received=12)
    told = [process(1, "kernel", front, back, client, socket(1, 4, "SUB"), devices=[device(1, "Queue", front, back)])]
    assert list(lines_of(told)) == [
        f"REQ (kernel) <-> {PORT} ROUTER (Queue frontend)  12 sent, 12 received",
        "DEALER (Queue backend) bound to ipc:///x: nobody is connected",
        "SUB (kernel): neither bound nor connected",
    ]


def test_the_text_of_strangers() -> None:
    peers = [(PORT, f"{TCP}{at}") for at in range(3)]
    told = [process(1, "a", socket(1, 1, "PULL", bind=[PORT], peers=peers), socket(1, 2, "REQ", connect=[TCP + "9"]))]
    assert list(lines_of(told)) == [
        f"REQ (a) --x {TCP}9 (a peer)  not connected",
        f"3 peers --> {PORT} PULL (a)",
    ]
