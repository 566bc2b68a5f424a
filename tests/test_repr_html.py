"""What a notebook shows of sockets, contexts, pollers, frames, devices and roles: right, bounded, escaped, at any time."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree
from typing import Any, Callable, Dict, List

import pytest

pytest.importorskip("hypothesis")
from conftest import wait_until
from hypothesis import given
from hypothesis import strategies as st

import brokerless as zmq
import brokerless.asyncio
from brokerless import pipeline
from brokerless._html import facts, number, page, printable, short, size, span, table

EVIL = "<script>alert('1')</script>&\"\x00\u202e"
LINES = st.one_of(st.text(), st.lists(st.text(), max_size=3))


def parsed(html: str) -> ElementTree.Element:
    """The HTML, which is to be well-formed XML without anything that would load, run or clash."""
    tree = ElementTree.fromstring(html)
    assert tree.tag == "div" and tree.get("class") == "brokerless"
    for element in tree.iter():
        assert element.tag in {
            "div",
            "style",
            "table",
            "caption",
            "thead",
            "tbody",
            "tfoot",
            "tr",
            "th",
            "td",
            "br",
            "p",
        }
        assert set(element.attrib) <= {"class", "scope", "colspan"}
        if element.tag == "th":
            assert element.get("scope") in ("row", "col")
    style = tree[0].text or ""
    assert tree[0].tag == "style" and "url(" not in style and "@import" not in style and "http" not in style
    return tree


def lines_of(element: ElementTree.Element) -> List[str]:
    return list(element.itertext())


def facts_of(html: str) -> Dict[str, List[str]]:
    """The tables of facts: what is said of what."""
    rows = [
        row
        for found in parsed(html).iter("table")
        if "brokerless-facts" in found.get("class", "")
        for row in found.iter("tr")
    ]
    return {lines_of(row[0])[0]: lines_of(row[1]) for row in rows}


def table_of(html: str, caption: str) -> List[Dict[str, str]]:
    """The rows of the table of this name, by its heads."""
    (found,) = [one for one in parsed(html).iter("table") if lines_of(one[0]) == [caption]]
    heads = ["".join(head.itertext()) for head in found[1].iter("th")]
    return [dict(zip(heads, ["|".join(lines_of(cell)) for cell in row])) for row in found[2].iter("tr")]


def captions(html: str) -> List[str]:
    return ["".join(found.itertext()) for found in parsed(html).iter("caption")]


def html_of(thing: Any) -> str:
    return str(thing._repr_html_())


# Tables


@given(st.text(), st.lists(st.tuples(st.text(), LINES), max_size=4))
def test_any_text_can_stand_in_facts(caption: str, pairs: Any) -> None:
    found = parsed(page(facts(caption, pairs)))[1]
    assert "".join(found[0].itertext()) == printable(caption)
    shown = [(row[0], row[1]) for row in found.iter("tr")]
    assert ["".join(name.itertext()) for name, _ in shown] == [printable(name) for name, cell in pairs if cell]
    for (_, cell), (_, wanted) in zip(shown, [pair for pair in pairs if pair[1]]):
        text = wanted if isinstance(wanted, str) else "".join(wanted)
        assert "".join(cell.itertext()) == (printable(text) or ("-" if wanted in ([""], [], "") else ""))


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True), st.lists(st.tuples(LINES, LINES), max_size=4))
def test_any_text_can_stand_in_a_table(heads: List[str], rows: Any) -> None:
    found = parsed(page(table("all", heads, rows, heads[1:], over=[0], left_out=7)))[1]
    assert [head.get("class") for head in found[1].iter("th")] == [None, "number"]
    shown = list(found[2].iter("tr"))
    assert [row.get("class") for row in shown] == ["over", None, None, None][: len(rows)]
    assert all(row[0].tag == "th" and row[1].get("class") == "number" for row in shown)
    assert lines_of(found[3]) == ["... and 7 more"]


def test_figures() -> None:
    assert [size(count) for count in (0, 1023, 1024, 1536, 1024**2 - 1, 1024**2, 5 * 1024**6)] == [
        "0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "1.0 MiB", "5,120.0 PiB",
    ]  # fmt: skip
    assert number(1234567) == "1,234,567"
    assert [span(seconds) for seconds in (0.03, 3.44, 60, 7500)] == ["30 ms", "3.4 s", "1 min", "2 h 05 min"]
    assert short("abcdef", 4) == "abc…" and short("abcd", 4) == "abcd"


# Sockets


def test_a_socket(pair: Callable[..., Any]) -> None:
    rep, req = pair(zmq.REP, zmq.REQ, sndhwm=5000)
    req.send(b"x" * 3000)
    rep.recv()
    shown = facts_of(html_of(rep))
    assert shown["bound to"] == rep.endpoints and "connected to" not in shown
    assert shown["peers"][0] == "1 connected"
    assert shown["options"] == ["linger = 0", "sndhwm = 5,000"]
    assert shown["waits for"][0].startswith("you to send the reply, for ")
    assert captions(html_of(rep)) == ["zmq.Socket: REP", "moved"]
    assert table_of(html_of(rep), "moved") == [
        {"direction": "sent", "messages": "0", "bytes": "0 B"},
        {"direction": "received", "messages": "1", "bytes": "2.9 KiB"},
    ]
    shown = facts_of(html_of(req))
    assert shown["connected to"] == req.endpoints and "bound to" not in shown
    assert shown["waits for"][0].startswith("its reply, for ")


def test_topics(make_socket: Callable[..., Any]) -> None:
    pub = make_socket(zmq.PUB, bind="tcp://127.0.0.1:*")
    topics = [b"", b"<b>", b"\xff"]
    sub = make_socket(zmq.SUB, connect=pub.endpoints[0])
    for topic in topics:
        sub.subscribe(topic)
    pub.wait_for_subscribers(3, timeout=10)
    wanted = ["everything (b'')", "b'<b>'", "b'\\xff'"]
    assert facts_of(html_of(sub))["subscribed to"] == wanted
    assert facts_of(html_of(pub))["subscriptions"] == wanted
    # What it cannot do is not counted.
    assert [row["direction"] for row in table_of(html_of(pub), "moved")] == ["sent"]
    for topic in range(100):
        sub.subscribe(b"%03d" % topic)
    assert facts_of(html_of(sub))["subscribed to"][-1] == "... and 93 more"


def test_names_are_escaped(make_socket: Callable[..., Any]) -> None:
    name = EVIL.replace("\x00", "")
    pair = make_socket(zmq.PAIR, bind=f"inproc://{name}", zap_domain=name.encode())
    html = html_of(pair)
    assert "<script" not in html
    assert facts_of(html)["bound to"] == [f"inproc://{printable(name)}"]
    assert f"zap_domain = {printable(name)}" in facts_of(html)["options"]


def test_secrets_are_not_shown(ctx: Any, make_socket: Callable[..., Any]) -> None:
    public, secret = zmq.curve_keypair()
    ctx.plain_password = b"hush"
    ctx.setsockopt(49, secret)
    dealer = make_socket(zmq.DEALER, curve_secretkey=secret, curve_publickey=public, curve_serverkey=public)
    plain = make_socket(zmq.DEALER, plain_username=b"me", plain_password=b"hush")
    for thing in (dealer, plain, ctx):
        html = html_of(thing)
        assert "(set)" in html and "hush" not in html and secret.decode() not in html
    assert {"plain_password = (set)", "curve_secretkey = (set)"} <= set(facts_of(html_of(ctx))["given to its sockets"])


def test_what_it_waits_for(make_socket: Callable[..., Any], waiting: Callable[..., Any]) -> None:
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    future = waiting(pull.recv)
    assert facts_of(html_of(pull))["waits for"][0].startswith("a message, for ")
    pull.close()
    assert isinstance(future.exception(), zmq.ZMQError)
    assert captions(html_of(pull)) == ["zmq.Socket: PULL (closed)", "moved"]


def test_closed_and_unfinished_ones(ctx: Any, make_socket: Callable[..., Any]) -> None:
    rep, req = make_socket(zmq.REP, bind="inproc://a"), make_socket(zmq.REQ, connect="inproc://a")
    req.send(b"")
    rep.recv()
    rep.close()
    assert "waits for" not in facts_of(html_of(rep))
    req.close()
    ctx.term()
    for thing in (rep, req, ctx):
        assert "(closed)" in captions(html_of(thing))[0]
    for kind in (zmq.Socket, zmq.Context, zmq.Poller, brokerless.asyncio.Socket):
        unfinished = kind.__new__(kind)
        assert repr(unfinished).startswith("<zmq.")
        parsed(html_of(unfinished))


def test_a_socket_is_shown_while_others_use_and_close_it(ctx: Any, in_thread: Callable[..., Any]) -> None:
    poller = zmq.Poller()

    def work() -> None:
        for _ in range(100):
            push, pull = ctx.socket(zmq.PUSH), ctx.socket(zmq.PULL)
            shared.append(push)
            poller.register(push)
            push.bind("tcp://127.0.0.1:*")
            pull.connect(push.endpoints[0])
            push.send(b"a")
            pull.recv()
            for sock in (push, pull):
                sock.close(0)
            poller.unregister(push)

    shared: List[Any] = [ctx.socket(zmq.PAIR)]
    worker = in_thread(work)
    looks = 0
    while not worker.done() or looks < 100:
        for thing in (shared[-1], ctx, poller):
            parsed(html_of(thing))
            assert repr(thing).startswith("<")
        looks += 1
    worker.result()
    shared[0].close()


def test_a_look_is_quick(ctx: Any, pair: Callable[..., Any]) -> None:
    rep, _ = pair(zmq.REP, zmq.REQ)
    html_of(rep)

    def took() -> float:
        begun = time.perf_counter()
        html_of(rep)
        return time.perf_counter() - begun

    assert min(took() for _ in range(20)) < 0.002


def test_asyncio_has_them_too(loose_ctx: Any) -> None:
    context = brokerless.asyncio.Context(loose_ctx)
    with context.socket(zmq.PULL) as sock:
        assert captions(html_of(sock))[0] == "zmq.asyncio.Socket: PULL"
        assert captions(html_of(context))[0] == "zmq.asyncio.Context: 1 open socket"
        poller = brokerless.asyncio.Poller()
        poller.register(sock, zmq.POLLIN)
        assert repr(poller).startswith("<zmq.asyncio.Poller(zmq.PULL) at 0x")
        assert captions(html_of(poller)) == ["zmq.asyncio.Poller: 1 thing to poll"]


# Contexts


def test_a_context(ctx: Any, pair: Callable[..., Any]) -> None:
    ctx.max_sockets = 2000
    ctx.rcvtimeo = 5000
    push, pull = pair(zmq.PUSH, zmq.PULL, rcvtimeo=-1)
    push.send(b"x")
    pull.recv()
    html = html_of(ctx)
    assert captions(html)[0].endswith("Context: 2 open sockets")
    assert facts_of(html) == {"options": ["max_sockets = 2,000"], "given to its sockets": ["rcvtimeo = 5,000"]}
    first, second = table_of(html, "open sockets")
    assert (first["socket"], first["bound to"], first["messages sent"]) == ("PUSH", push.endpoints[0], "1")
    assert (second["socket"], second["connected to"], second["bytes received"]) == ("PULL", push.endpoints[0], "1 B")
    assert second["messages sent"] == second["bound to"] == "-"
    # Nobody waits, so nobody needs the column.
    assert "waits for" not in first


def test_a_context_of_many_sockets(ctx: Any, make_socket: Callable[..., Any]) -> None:
    for _ in range(120):
        make_socket(zmq.PUSH)
    html = html_of(ctx)
    assert len(table_of(html, "open sockets")) == 50
    assert "... and 70 more" in html and len(html) < 20_000


def test_a_context_without_sockets(ctx: Any) -> None:
    (caption,) = captions(html_of(ctx))
    assert caption.endswith("Context: 0 open sockets")


# Pollers


class Odd:
    """Somebody's object that can be polled, and cannot be shown."""

    def fileno(self) -> int:
        return 0

    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_a_poller(make_socket: Callable[..., Any]) -> None:
    poller = zmq.Poller()
    assert repr(poller).startswith("<zmq.Poller() at 0x")
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    for item, events in ((pull, zmq.POLLIN), (7, zmq.POLLIN | zmq.POLLOUT | zmq.POLLERR), (Odd(), zmq.POLLPRI)):
        poller.register(item, events)
    assert repr(poller).startswith("<zmq.Poller(zmq.PULL, descriptor 7, Odd) at 0x")
    assert table_of(html_of(poller), "zmq.Poller: 3 things to poll") == [
        {"polled": f"PULL|bound to {pull.endpoints[0]}", "waits for": "POLLIN"},
        {"polled": "descriptor 7", "waits for": "POLLIN, POLLOUT, POLLERR"},
        {"polled": f"{__name__}.Odd", "waits for": "POLLPRI"},
    ]
    for descriptor in range(100, 300):
        poller.register(descriptor)
    assert "descriptor 101, and 198 more)" in repr(poller)
    assert "... and 153 more" in html_of(poller)
    pull.close()
    assert "PULL (closed)" in html_of(poller)


# Frames


@given(st.binary(max_size=200))
def test_any_frame_can_be_shown(data: bytes) -> None:
    shown = facts_of(html_of(zmq.Frame(data)))
    assert shown["size"] == [f"{len(data)} B"]
    assert list(shown) == ["size", "content"]


def test_a_frame(pair: Callable[..., Any]) -> None:
    assert facts_of(html_of(zmq.Frame(b'{"a": "<b>"}')))["content"] == ['{"a":"<b>"}']
    large = facts_of(html_of(zmq.Frame(b"x" * 70_000, track=True)))
    assert large["size"] == ["70,000 B (68.4 KiB)"] and large["content"] == ["x" * 64 + "…"]
    assert large["tracker"][0].startswith("libzmq ")
    dealer, router = pair(zmq.DEALER, zmq.ROUTER)
    dealer.send_multipart([b"one", b"two"])
    _, second, third = router.recv_multipart(copy=False)
    assert facts_of(html_of(second))["more follow"] == ["yes"] and "more follow" not in facts_of(html_of(third))
    assert facts_of(html_of(second))["Socket-Type"] == ["DEALER"]
    second.group = EVIL[:8]
    assert facts_of(html_of(second))["group"] == [EVIL[:8]]

    class Mine(zmq.Frame):
        pass

    assert captions(html_of(Mine(b""))) == [f"{__name__}.{Mine.__qualname__}"]


# Devices and roles


def test_a_device(make_device: Callable[..., Any], at: Callable[..., Any]) -> None:
    queue = make_device(zmq.Queue, start=False)
    assert captions(html_of(queue)) == ["zmq.Queue (not started)", "moved", "sockets"]
    queue.start()
    client, server = at(zmq.REQ, queue.frontend_endpoint), at(zmq.REP, queue.backend_endpoint)
    client.send(b"ask")
    server.send(server.recv() * 1000)
    client.recv()
    html = html_of(queue)
    assert facts_of(html) == {"frontend": queue.frontend_endpoints, "backend": queue.backend_endpoints}
    moved = [{"direction": "to the backend", "messages": "1"}, {"direction": "to the frontend", "messages": "1"}]
    assert [{name: row[name] for name in ("direction", "messages")} for row in table_of(html, "moved")] == moved
    front, back = table_of(html, "sockets")
    assert (front["socket"], front["peers"], back["socket"]) == ("frontend: ROUTER", "1", "backend: DEALER")
    assert "in_batch_size = 32,768" in front["options"]
    queue.stop(timeout=0)
    html = html_of(queue)
    assert captions(html)[0] == "zmq.Queue (ended)" and facts_of(html)["frontend"] == queue.frontend_endpoints
    streamer = make_device(zmq.Streamer)
    assert [row["direction"] for row in table_of(html_of(streamer), "moved")] == ["to the backend"]


def test_the_roles(ctx: Any) -> None:
    with pipeline.Collector("tcp://127.0.0.1:*", context=ctx) as collector:
        producer = pipeline.Producer("tcp://127.0.0.1:*", context=ctx)
        worker = pipeline.Worker(producer.endpoint, collector.endpoint, context=ctx)
        assert facts_of(html_of(worker))["sink"] == [collector.endpoint]
        assert captions(html_of(worker))[0] == "Worker (not started)"
        worker.start(lambda job: job)
        assert producer.send_all(range(1500)) == 1500
        assert len(collector.collect(1500)) == 1500
        worker.join()
        assert wait_until(lambda: not collector.stats.workers)
        assert captions(html_of(collector)) == ["Collector (0 workers connected)", "until now", "sockets"]
        assert table_of(html_of(worker), "until now") == [
            {"what": "received", "count": "1,500"}, {"what": "sent", "count": "1,500"}, {"what": "failed", "count": "0"},
        ]  # fmt: skip
        assert {"what": "sent", "count": "1,500"} in table_of(html_of(producer), "until now")
        assert facts_of(html_of(producer)) == {"endpoint": [producer.endpoint]}
        names = [row["socket"] for row in table_of(html_of(worker), "sockets")]
        assert names == ["source: PULL (closed)", "sink: PUSH (closed)"]
    assert captions(html_of(collector))[0] == "Collector (closed)" and "closed>" in repr(collector)


def test_in_a_forked_child(run_python: Callable[..., Any]) -> None:
    done = run_python(
        """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import xml.etree.ElementTree as ElementTree
import brokerless as zmq
from brokerless import pipeline

context = zmq.Context()
context.sndhwm = 5
pull = context.socket(zmq.PULL)
pull.bind("tcp://127.0.0.1:*")
queue = zmq.Queue("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", context=context).start()
poller = zmq.Poller()
poller.register(pull)
collector = pipeline.Collector("tcp://127.0.0.1:*", context=context)
worker = pipeline.Worker(collector.endpoint, context=context)
pid = os.fork()
if not pid:
    for thing in (context, pull, queue, poller, collector, worker, zmq.Frame(b"a")):
        ElementTree.fromstring(thing._repr_html_())
        print(repr(thing))
    print("all", flush=True)
    os._exit(0)
code = os.waitpid(pid, 0)[1]
worker.stop()
collector.close()
queue.stop()
context.destroy(0)
sys.exit(code)
"""
    )
    assert done.stdout.splitlines()[-1] == "all"
