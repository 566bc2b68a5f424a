"""What a diagram shows, from surveys that are made up: who is connected with whom, and whose the figures are."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import pytest
from made_up_surveys import TCP, TYPES, device, process, socket

from brokerless._diagram_cluster import clustered
from brokerless._diagram_graph import MORE, NOTE, STRANGERS, Graph, graph
from brokerless._diagram_links import DOWN, UNKNOWN, UP, Link, directions
from brokerless._diagram_text import text

PORT = TCP + "5559"


def one_link(found: Graph) -> Link:
    (link,) = found.links
    return link


def figures(link: Link) -> Tuple[Optional[int], Optional[int]]:
    return link.sent, link.received


def pair_of(server: Dict[str, Any], client: Dict[str, Any], pid: int = 2) -> Graph:
    return graph([process(1, "one", server), process(pid, "two", client)])


def test_the_two_addresses_of_a_connection_tell_who_it_is() -> None:
    # Both are bound to the same port, in two machines' names for themselves.
    wrong = socket(1, 1, "REP", bind=["tcp://127.0.0.1:5559"])
    right = socket(3, 1, "REP", bind=["tcp://0.0.0.0:5559"], peers=[("tcp://10.0.0.1:5559", "tcp://10.0.0.1:40000")])
    client = socket(2, 1, "REQ", connect=["tcp://host:5559"], peers=[("tcp://10.0.0.1:40000", "tcp://10.0.0.1:5559")])
    link = one_link(graph([process(1, "a", wrong), process(2, "b", client), process(3, "c", right)]))
    assert (link.source, link.target, link.state) == ("2.context.1", "3.context.1", UP)


@pytest.mark.parametrize("bound", [PORT, "tcp://0.0.0.0:5559", "tcp://*:5559"])
@pytest.mark.parametrize("connected", [PORT, "tcp://localhost:5559", f"tcp://10.0.0.9:0;{PORT[6:]}"])
def test_where_addresses_are_not_known_endpoints_do(bound: str, connected: str) -> None:
    link = one_link(
        pair_of(socket(1, 1, "REP", bind=[bound], peers=None), socket(2, 1, "REQ", connect=[connected], peers=None))
    )
    assert (link.source, link.target, link.state) == ("2.context.1", "1.context.1", UNKNOWN)


def test_a_name_within_the_process_is_one_of_its_context() -> None:
    def ends(context: str) -> List[Dict[str, Any]]:
        return [
            socket(1, 1, "PAIR", bind=["inproc://x"], key=f"1.{context}.1"),
            socket(1, 2, "PAIR", connect=["inproc://x"], peers=[("", "inproc://x")], key="1.context.2"),
        ]

    assert one_link(graph([process(1, "a", *ends("context"))])).target == "1.context.1"
    found = graph([process(1, "a", *ends("other"))])
    assert one_link(found).target == "at 1.context inproc://x"


def test_nobody_is_there() -> None:
    trouble = {"kind": "refused", "endpoint": PORT, "bound": False, "over": False, "what": "nobody is bound to it"}
    link = one_link(graph([process(1, "a", socket(1, 1, "REQ", connect=[PORT], trouble=[trouble]))]))
    assert (link.target, link.state, link.why) == (f"at {PORT}", DOWN, "nobody is bound to it")
    assert figures(link) == (None, None)
    # What is over is no reason any more.
    link = one_link(graph([process(1, "a", socket(1, 1, "REQ", connect=[PORT], trouble=[{**trouble, "over": True}]))]))
    assert link.why == ""


def test_types_that_do_not_go_together_are_not_connected() -> None:
    link = one_link(pair_of(socket(1, 1, "PULL", bind=[PORT]), socket(2, 1, "REQ", connect=[PORT])))
    assert (link.source, link.target, link.state) == ("2.context.1", "1.context.1", DOWN)


def test_strangers_of_one_endpoint_are_one() -> None:
    peers = [(PORT, f"tcp://10.0.0.{host}:4000") for host in (3, 1, 2)]
    found = graph([process(1, "a", socket(1, 1, "PULL", bind=[PORT], peers=peers, received=9))])
    (stranger,) = [node for node in found.nodes if node.kind == STRANGERS]
    assert (stranger.title, stranger.many, stranger.process) == ("3 peers", 3, None)
    assert stranger.details == tuple(f"tcp://10.0.0.{host}:4000" for host in (1, 2, 3))
    link = one_link(found)
    assert (link.connections, link.there, link.back) == (3, True, False)
    # They belong to all three.
    assert figures(link) == (None, None)
    found = graph([process(1, "a", socket(1, 1, "PULL", bind=[PORT], peers=peers[:1], received=9))])
    assert found.nodes[-1].title == "peer at tcp://10.0.0.3:4000"
    assert figures(one_link(found)) == (9, None)


def test_who_is_known_is_no_stranger() -> None:
    server = socket(1, 1, "PULL", bind=["ipc:///x"], peers=[("ipc:///x", "ipc://", 3)])
    clients = [socket(2, at, "PUSH", connect=["ipc:///x"], peers=[("ipc://", "ipc:///x")]) for at in (1, 2)]
    found = graph([process(1, "a", server), process(2, "b", *clients)])
    assert [link.connections for link in found.links] == [1, 1, 1]
    assert [node.title for node in found.nodes if node.kind == STRANGERS] == ["a peer"]
    # One that is not watched is one of the three.
    clients.append(socket(2, 3, "PUSH", connect=["ipc:///x"], peers=None))
    found = graph([process(1, "a", server), process(2, "b", *clients)])
    assert len(found.links) == 3 and not [node for node in found.nodes if node.kind == STRANGERS]


def test_two_that_look_for_the_same_stranger_find_one() -> None:
    clients = [socket(1, at, "REQ", connect=[PORT], peers=[(TCP + str(at), PORT)]) for at in (1, 2)]
    found = graph([process(1, "a", *clients)])
    assert [node.title for node in found.nodes] == ["REQ", "REQ", f"peer at {PORT}"]
    assert {link.target for link in found.links} == {f"at {PORT}"}


def test_what_two_sockets_have_twice_is_one_link() -> None:
    server = socket(1, 1, "PULL", bind=[PORT, "ipc:///x"], peers=[("ipc:///x", "ipc://"), (PORT, TCP + "4000")])
    client = socket(1, 2, "PUSH", connect=["ipc:///x", PORT], peers=[("ipc://", "ipc:///x"), (TCP + "4000", PORT)])
    link = one_link(graph([process(1, "a", server, client)]))
    assert (link.endpoints, link.connections) == (("ipc:///x", PORT), 2)


def test_a_socket_may_be_connected_to_itself() -> None:
    both = socket(1, 1, "ROUTER", bind=["ipc:///x"], connect=["ipc:///x"], peers=[("ipc:///x", "ipc:///x")], sent=3)
    link = one_link(graph([process(1, "a", both)]))
    assert link.source == link.target == "1.context.1"
    assert figures(link) == (None, None)


def linked(at: int, client: str = "PUSH", **more: Any) -> Dict[str, Any]:
    return socket(2, at, client, connect=[PORT], peers=[(TCP + str(at), PORT)], **more)


def test_figures_are_those_of_who_connects_unless_it_has_several() -> None:
    peers = [(PORT, TCP + str(at)) for at in (1, 2)]
    sink = socket(1, 1, "PULL", bind=[PORT], peers=peers, received=12)
    found = graph([process(1, "a", sink), process(2, "b", linked(1, sent=5), linked(2, sent=8))])
    assert [figures(link) for link in found.links] == [(5, None), (8, None)]
    both = socket(2, 1, "PUSH", connect=[PORT, TCP + "6"], sent=20, peers=[(TCP + "1", PORT), (TCP + "2", TCP + "6")])
    sinks = [
        socket(1, 1, "PULL", bind=[PORT], peers=[(PORT, TCP + "1")], received=11),
        socket(1, 2, "PULL", bind=[TCP + "6"], peers=[(TCP + "6", TCP + "2")], received=9),
    ]
    found = graph([process(1, "a", *sinks), process(2, "b", both)])
    assert [(link.by_target, *figures(link)) for link in found.links] == [(True, 11, None), (True, 9, None)]
    assert "11 received" in text(found)
    # Both have several: whose they are is not known.
    sinks[0]["peers"].append({"local": PORT, "remote": TCP + "3", "connections": 1, "since": 0.0})
    found = graph([process(1, "a", *sinks), process(2, "b", both)])
    assert [figures(link) for link in found.links] == [(None, None), (9, None), (None, None)]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("PUSH", "PULL", (True, False, False)),
        ("PULL", "PUSH", (False, True, True)),
        ("SUB", "PUB", (False, True, True)),
        ("XSUB", "XPUB", (False, True, True)),
        ("REQ", "REP", (True, True, False)),
        ("REP", "DEALER", (True, True, True)),
        ("DEALER", "ROUTER", (True, True, False)),
        ("ROUTER", "DEALER", (True, True, True)),
        ("PAIR", "PAIR", (True, True, False)),
        ("REP", None, (True, True, True)),
        (None, "PULL", (True, False, False)),
        (None, "PUB", (False, True, True)),
        ("SUB", None, (False, True, True)),
        ("SUB", "PULL", (False, False, True)),
        ("PUSH", "PUB", (False, False, False)),
    ],
)
def test_which_way_messages_go(source: Any, target: Any, expected: Any) -> None:
    assert directions(source, target) == expected


def test_every_pair_of_types_has_its_sides() -> None:
    for source in [*TYPES, None]:
        for target in [*TYPES, None]:
            there, back, turned = directions(source, target)
            if there != back:
                assert turned is back


def test_a_device_is_a_box_with_its_sockets() -> None:
    front, back = socket(1, 1, "ROUTER", bind=[PORT]), socket(1, 2, "DEALER", bind=[TCP + "6"])
    queue = device(1, "Queue", front, back, there=7, back=5)
    # Whatever the order in which they were made.
    (node,) = graph([process(1, "a", back, front, devices=[queue])]).nodes
    assert (node.title, node.moved) == ("Queue", (7, 5))
    assert [(port.type, port.side) for port in node.ports] == [("ROUTER", "frontend"), ("DEALER", "backend")]


def test_a_role_is_a_box_with_its_sockets() -> None:
    source, sink = (socket(1, at, kind, role="r") for at, kind in ((1, "PULL"), (2, "PUSH")))
    role = {"key": "r", "kind": "Worker", "sockets": [source["key"], sink["key"]], "counts": {}, "cell": 4}
    (node,) = graph([process(1, "a", sink, source, roles=[role])]).nodes
    assert (node.title, node.cell, [port.side for port in node.ports]) == ("Worker", 4, ["source", "sink"])


def test_what_jupyter_opened_is_left_out() -> None:
    kernels = socket(1, 1, "ROUTER", bind=[PORT], opened_by="ipykernel.kernelapp")
    assert graph([process(1, "kernel", kernels)]) == graph(())
    assert text(graph(())) == "No socket is open."


def test_processes_have_different_names() -> None:
    told = [process(pid, "same", socket(pid, 1, "PAIR")) for pid in (1, 2)]
    assert graph(told).processes == ("same (1)", "same (2)")
    assert graph(told, names={1: "kernel"}).processes == ("kernel", "same")
    assert graph([process(1, "empty"), *told]).processes == ("same (1)", "same (2)")


def test_a_process_that_does_not_answer_is_shown() -> None:
    found = graph([process(1, "a", error="no answer within 0.5 s")])
    assert [node.kind for node in found.nodes] == [NOTE]
    assert text(found) == "a: no answer within 0.5 s"


def test_only_some_things_and_who_is_connected_with_them() -> None:
    front, back = socket(1, 1, "ROUTER", bind=[PORT]), socket(1, 2, "DEALER", bind=[TCP + "6"])
    told = [
        process(1, "a", front, back, devices=[device(1, "Queue", front, back)]),
        process(2, "b", linked(1, "REQ"), socket(2, 2, "PAIR", bind=[TCP + "7"], peers=[(TCP + "7", TCP + "9")])),
        process(3, "c", socket(3, 1, "REP", connect=[TCP + "6"], peers=None), error="strange"),
    ]
    found = graph(told, only={"2.context.1"})
    assert [node.title for node in found.nodes] == ["Queue", "REQ"]
    assert [link.source for link in found.links] == ["2.context.1"]
    assert [node.title for node in graph(told, only={front["key"]}).nodes] == ["Queue", "REQ", "REP"]
    assert graph(told, only=set()) == graph(())


# Too much for one picture


def crowd(count: int) -> List[Dict[str, Any]]:
    hub = socket(1, 0, "PULL", bind=[PORT], peers=[(PORT, TCP + str(at)) for at in range(count)])
    return [process(1, "a", hub), process(2, "b", *(linked(at, sent=2) for at in range(count)))]


def test_what_is_alike_becomes_one_box() -> None:
    whole = graph(crowd(59))
    assert clustered(whole, 60) is whole
    found = clustered(graph(crowd(100)), 60)
    (more,) = [node for node in found.nodes if node.kind == MORE]
    assert (more.title, more.process, len(found.nodes)) == ("… and 96 more PUSH", 1, 6)
    assert [(link.connections, link.sent) for link in found.links] == [(1, 2)] * 4 + [(96, 192)]


@pytest.mark.parametrize(("processes", "each"), [(1, 200), (10, 20), (200, 1), (70, 2)])
def test_there_are_never_too_many(processes: int, each: int) -> None:
    told = []
    for pid in range(1, processes + 1):
        # No two alike: a chain.
        chain = [
            socket(pid, at, "ROUTER", bind=[f"ipc:///{pid}.{at}"], connect=[f"ipc:///{pid}.{at + 1}"], peers=None)
            for at in range(each)
        ]
        told.append(process(pid, f"p{pid}", *chain))
    whole = graph(told)
    found = clustered(whole, 60)
    assert len(found.nodes) <= 60
    assert sum(node.many for node in found.nodes) == len(whole.nodes)
    known = {port.key for node in found.nodes for port in node.ports}
    assert all({link.source, link.target} <= known for link in found.links)
    assert {node.process for node in found.nodes} <= {None, *range(len(found.processes))}
    assert clustered(graph(told), 60) == found
