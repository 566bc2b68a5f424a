"""diagram(): real sockets, devices and pipelines, here and in another process, and what becomes of a picture."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Iterator
from xml.etree import ElementTree

import pytest

import brokerless as zmq
import brokerless.asyncio
from brokerless import pipeline
from brokerless._diagram import Diagram
from tests.conftest import PATIENCE, wait_until


def shown_when(said: str, *things: Any) -> str:
    """The text of a diagram, once this is in it."""
    found = []

    def reached() -> bool:
        found[:] = [str(zmq.diagram(*things))]
        return said in found[0]

    assert wait_until(reached), f"{said!r} is not in\n{found[0]}"
    return found[0]


@pytest.mark.parametrize("transport", ["tcp", "ipc", "inproc"])
@pytest.mark.parametrize(
    ("bound", "connected", "sent", "received"),
    [("REP", "REQ", 1, 0), ("PULL", "PUSH", 1, 0), ("PAIR", "PAIR", 1, 0), ("ROUTER", "DEALER", 1, 0)],
)
def test_a_pattern(
    make_socket: Any, endpoint: Any, transport: str, bound: str, connected: str, sent: int, received: int
) -> None:
    server = make_socket(getattr(zmq, bound), bind=endpoint(transport))
    at = server.last_endpoint.decode()
    client = make_socket(getattr(zmq, connected), connect=at)
    client.send(b"1")
    server.recv_multipart()
    both = f"{sent} sent" if connected == "PUSH" else f"{sent} sent, {received} received"
    name = Path(sys.argv[0]).name
    arrow = "-->" if connected == "PUSH" else "<->"
    assert shown_when(both, server) == f"{connected} ({name}) {arrow} {at} {bound} ({name})  {both}"


def test_publishers_and_subscribers(make_socket: Any) -> None:
    pub = make_socket(zmq.PUB, bind="tcp://127.0.0.1:*")
    subs = [make_socket(zmq.SUB, connect=pub.last_endpoint.decode(), subscribe=b"") for _ in range(2)]
    pub.wait_for_subscribers(2, timeout=PATIENCE)
    pub.send(b"x")
    assert subs[0].recv() == subs[1].recv() == b"x"
    assert shown_when("1 received", pub).count("1 received") == 2
    # Only this one, and whom it is connected to.
    assert len(zmq.diagram(subs[0])._graph.nodes) == 2


def test_asyncio_sockets(ctx: Any) -> None:
    context = brokerless.asyncio.Context(ctx)
    with context.socket(zmq.PULL) as pull, context.socket(zmq.PUSH) as push:
        pull.bind("inproc://x")
        push.connect("inproc://x")
        assert "PUSH" in shown_when("--> inproc://x PULL", pull)


def test_a_device_and_its_flow(make_device: Any, make_socket: Any) -> None:
    queue = make_device(zmq.Queue)
    req, rep = (
        make_socket(zmq.REQ, connect=queue.frontend_endpoint),
        make_socket(zmq.REP, connect=queue.backend_endpoint),
    )
    req.send(b"?")
    rep.recv()
    rep.send(b"!")
    req.recv()
    said = shown_when("ROUTER (Queue frontend)  1 sent, 1 received", queue)
    assert f"<-> {queue.backend_endpoint} DEALER (Queue backend)  1 sent, 1 received" in said
    picture = zmq.diagram(queue).svg()
    assert "↓ 1 · ↑ 1" in picture
    # The other side of a device belongs to it.
    assert len(zmq.diagram(req)._graph.sockets) == 3


def test_a_pipeline(ctx: Any, in_thread: Any) -> None:
    with pipeline.Producer("tcp://127.0.0.1:*", context=ctx) as producer:
        with pipeline.Collector("tcp://127.0.0.1:*", context=ctx) as collector:
            with pipeline.Worker(producer.endpoint, collector.endpoint, context=ctx) as worker:
                done = in_thread(worker.run, lambda job: job)
                producer.send({"n": 1})
                assert next(iter(collector))["n"] == 1
                said = shown_when("PULL (Worker source) <--", worker)
                assert f"<-- {producer.endpoint} PUSH (Producer)  1 received" in said
                assert f"PUSH (Worker sink) --> {collector.endpoint} PULL (Collector)  1 sent" in said
                assert str(zmq.diagram(producer)).splitlines() == said.splitlines()[:1]
                worker.stop()
                done.result()


def test_strangers(make_socket: Any, pyzmq_ctx: Any, pyzmq: Any) -> None:
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    for _ in range(3):
        pyzmq_ctx.socket(pyzmq.PUSH).connect(pull.last_endpoint.decode())
    pull.wait_for_peers(3, timeout=PATIENCE)
    assert str(zmq.diagram(pull)).startswith("3 peers --> ")
    server = pyzmq_ctx.socket(pyzmq.REP)
    port = server.bind_to_random_port("tcp://127.0.0.1")
    req = make_socket(zmq.REQ, connect=f"tcp://127.0.0.1:{port}")
    req.wait_for_peers(timeout=PATIENCE)
    assert f"<-> tcp://127.0.0.1:{port} (a peer)  0 sent, 0 received" in str(zmq.diagram(req))


def test_nobody_is_there_and_then_somebody_is(make_socket: Any, free_port: int) -> None:
    at = f"tcp://127.0.0.1:{free_port}"
    req = make_socket(zmq.REQ, connect=at, reconnect_ivl=1)
    shown_when(f"--x {at} (a peer)  not connected: nobody is bound to {at}", req)
    picture = zmq.diagram(req)
    make_socket(zmq.REP, bind=at)
    req.wait_for_peers(timeout=PATIENCE)
    # It shows what was there.
    assert "--x" in str(picture)
    assert picture.refresh() is picture
    assert f"<-> {at} REP" in str(picture)


def test_types_that_do_not_go_together(make_socket: Any, pair: Any) -> None:
    pull, _req = pair(zmq.PULL, zmq.REQ)
    assert " PULL (" in shown_when("--x", pull)


OTHER = """
import json, sys
import brokerless as zmq
from brokerless import _survey
with zmq.Context() as context, context.socket(zmq.PUSH) as push:
    push.linger = 0
    push.connect(sys.argv[1])
    push.wait_for_peers(timeout=20)
    push.send(b"x")
    print(json.dumps(_survey.survey("other")), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(make_socket: Any) -> Iterator[Any]:
    """A bound PULL, and the survey of another process that has sent something to it."""
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, pull.last_endpoint.decode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield pull, json.loads(process.stdout.readline())
    process.communicate()


def test_two_processes(other: Any) -> None:
    from brokerless import _survey

    pull, told = other
    assert pull.recv() == b"x"
    at = pull.last_endpoint.decode()
    # Without the other one's word for it, it is a stranger.
    assert str(zmq.diagram(pull)).startswith("peer at tcp://127.0.0.1:")
    both = zmq.diagram(surveys=[_survey.survey("one"), told])
    assert f"PUSH (other) --> {at} PULL (one)  1 sent" in str(both).splitlines()
    assert [name for name in both._graph.processes if name == "other"]
    assert str(zmq.diagram(pull, surveys=[_survey.survey("one"), told])) == f"PUSH (other) --> {at} PULL (one)  1 sent"


def test_it_can_be_saved(make_socket: Any, tmp_path: Path) -> None:
    pull = make_socket(zmq.PULL, bind="inproc://x")
    picture = zmq.diagram(pull)
    for name in ("a.svg", "a.mmd", "a.md", "b.SVG"):
        picture.save(tmp_path / name)
    assert (tmp_path / "a.svg").read_text("utf-8") == picture.svg() == picture._repr_svg_()
    ElementTree.fromstring(picture._repr_html_())
    assert (tmp_path / "a.mmd").read_text("utf-8") == picture.to_mermaid()
    assert (tmp_path / "a.md").read_text("utf-8") == f"```mermaid\n{picture.to_mermaid()}```\n"
    for name in ("a.png", "svg", "a.svg.gz"):
        with pytest.raises(ValueError, match=r"saved as \.svg, \.mmd or \.md"):
            picture.save(tmp_path / name)
        assert not (tmp_path / name).exists()


def test_two_pictures_on_a_page_have_different_ids(make_socket: Any) -> None:
    first, second = zmq.diagram().svg(), zmq.diagram().svg()
    assert ElementTree.fromstring(first).get("id") != ElementTree.fromstring(second).get("id")


def test_nothing_is_kept_open(loose_ctx: Any) -> None:
    import gc
    import weakref

    sock = loose_ctx.socket(zmq.PULL)
    sock.bind("inproc://x")
    picture, gone = zmq.diagram(sock), weakref.ref(sock)
    sock.close()
    del sock
    gc.collect()
    assert gone() is None
    assert str(picture.refresh()) == "No socket is open."


def test_in_a_terminal_a_live_one_is_printed_once(make_socket: Any, capsys: Any) -> None:
    pull = make_socket(zmq.PULL, bind="inproc://x")
    threads = threading.active_count()
    with zmq.diagram(pull, live=True) as picture:
        assert not picture.running and threading.active_count() == threads
    assert capsys.readouterr().out == f"{picture}\n"
    picture.stop()
    picture._ipython_display_()
    assert capsys.readouterr().out == f"{picture}\n"
    assert repr(picture) == str(picture)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"interval": 0.1}, "interval is 0.25 seconds at least, not 0.1"),
        ({"interval": float("nan")}, "interval is"),
        ({"seconds": 1}, "give live=True"),
        ({"seconds": -1, "live": True}, "seconds is a number"),
        ({"surveys": [], "live": True}, "cannot be live"),
    ],
)
def test_what_cannot_be_is_refused(options: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        zmq.diagram(**options)


def test_only_sockets_devices_and_roles(make_socket: Any) -> None:
    pull = make_socket(zmq.PULL)
    for thing in (3, "tcp://x", zmq.Context, None, [pull]):
        with pytest.raises(TypeError, match="diagram\\(\\) shows sockets"):
            zmq.diagram(thing)
    pull.close()
    with pytest.raises(zmq.SocketClosed):
        zmq.diagram(pull)


def test_its_class_is_public() -> None:
    assert isinstance(zmq.diagram(), zmq.Diagram) and zmq.Diagram is Diagram
