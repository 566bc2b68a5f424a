"""dashboard() of sockets, devices and roles, outside of a notebook: figures, text, files, and how it ends."""

from __future__ import annotations

import io
import re
import sys
import threading
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Callable

import numpy
import pytest
from conftest import wait_until

import brokerless as zmq
import brokerless.asyncio
from brokerless import pipeline
from tools.interrupting import interrupt


def settle(dashboard: Any) -> None:
    """Until a sample was begun and taken from now on."""
    sampler = dashboard._sampler
    assert sampler.wait(sampler.taken + 1, 20)


def texts(path: Path) -> str:
    return " ".join(ElementTree.parse(path).getroot().itertext())


def test_a_socket_has_a_dashboard(pair: Callable[..., Any], tmp_path: Path) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    with push.dashboard(0.05) as sent, pull.dashboard(interval=0.05) as received:
        for _ in range(12):
            push.send(b"12345")
            pull.recv()
        settle(sent)
        settle(received)
        assert isinstance(sent, zmq.Dashboard) and sent.running
        assert repr(sent) == f"<Dashboard of PUSH bound to {push.endpoints[0]} (live)>"
        assert (sent.data["messages_sent"][0], sent.data["messages_sent"][-1]) == (0, 12)
        assert received.data["bytes_received"][-1] == 60
        title, figures, _peer = str(sent).splitlines()
        assert title.startswith(f"PUSH bound to {push.endpoints[0]} (") and title.endswith(" peers: 1)")
        # Only the direction that there is.
        assert figures.split()[0] == "sent" and figures.endswith("total 12 msg, 60 B")
        assert received.text().splitlines()[1].split()[0] == "received"
    assert not sent.running
    assert "(stopped" in sent.text() and "(stopped)" in repr(sent)
    sent.save(tmp_path / "sent.svg")
    assert "12 msg in total" in texts(tmp_path / "sent.svg")


def test_arrays_are_of_numpy(pair: Callable[..., Any]) -> None:
    push, _ = pair(zmq.PUSH, zmq.PULL)
    dashboard = push.dashboard(0.05)
    push.send(b"x")
    settle(dashboard)
    dashboard.stop()
    arrays = dashboard.to_arrays()
    assert {name: array.tolist() for name, array in arrays.items()} == dashboard.data
    assert {name: array.dtype for name, array in arrays.items() if array.dtype != numpy.int64} == {
        "time": numpy.float64,
        "elapsed": numpy.float64,
    }
    # They are the caller's own.
    arrays["bytes_sent"][:] = 7
    assert dashboard.data["bytes_sent"][-1] == 1


def test_without_numpy_there_are_lists(make_socket: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with make_socket(zmq.PULL).dashboard() as dashboard:
        with pytest.raises(ImportError, match="pip install numpy"):
            dashboard.to_arrays()
        assert dashboard.data["messages_received"] == [0]
        assert "received" in dashboard.text()


def test_a_device_has_a_dashboard(make_device: Callable[..., Any], at: Callable[..., Any], tmp_path: Path) -> None:
    queue = make_device(zmq.Queue)
    client, server = at(zmq.REQ, queue.frontend_endpoint), at(zmq.REP, queue.backend_endpoint)
    dashboard = queue.dashboard(0.05)
    client.send(b"ab")
    server.send(server.recv() * 2)
    client.recv()
    settle(dashboard)
    data = dashboard.data
    names = ("frontend_messages", "backend_messages", "frontend_peers", "backend_peers")
    assert [data[name][-1] for name in names] == [1, 1, 1, 1]
    assert data["backend_bytes"][-1] == data["frontend_bytes"][-1] + 2
    head, *flows = dashboard.text().splitlines()
    assert head.startswith(f"Queue {queue.frontend_endpoint} | {queue.backend_endpoint} (")
    assert head.endswith("at the frontend: 1 · at the backend: 1)")
    assert [line.split("  ")[1] for line in flows[:2]] == ["to the backend", "to the frontend"]
    queue.stop(timeout=0)
    assert wait_until(lambda: not dashboard.running)
    assert "(ended)" in repr(dashboard)
    dashboard.save(str(tmp_path / "queue.SVG"))
    assert "to the frontend" in texts(tmp_path / "queue.SVG")
    with pytest.raises(zmq.SocketClosed):
        queue.dashboard()


def test_each_peer_has_its_own_figures(make_socket: Callable[..., Any], at: Callable[..., Any], tmp_path: Path) -> None:
    push = make_socket(zmq.PUSH, bind="tcp://127.0.0.1:*")
    pulls = [at(zmq.PULL, push.endpoints[0]) for _ in range(2)]
    push.wait_for_peers(2, timeout=20)
    with push.dashboard(0.05) as dashboard, pulls[0].dashboard(0.05) as other:
        # In turn, so that both get one in two.
        for _ in range(40):
            push.send(bytes(1000))
        for pull in pulls:
            assert all(len(pull.recv(timeout=20)) == 1000 for _ in range(20))
        settle(dashboard)
        settle(other)
        peers = dashboard.peers
        assert [(peer.side, peer.connected, peer.local) for peer in peers] == [("peers", True, push.endpoints[0])] * 2
        assert all(20_000 < peer.bytes_sent[-1] < 22_000 for peer in peers)
        assert all(peer.bytes_received[-1] < 1000 for peer in peers)
        assert all(len(peer.elapsed) == len(peer.bytes_sent) == len(peer.bytes_received) for peer in peers)
        (server,) = other.peers
        assert server.remote == push.endpoints[0] and server.local in {peer.remote for peer in peers}
        assert 20_000 < server.bytes_received[-1] < 22_000
        _, _, *lines = dashboard.text().splitlines()
        assert sorted(line.split()[0] for line in lines) == sorted(peer.name for peer in peers)
        pulls[1].close()
        assert wait_until(lambda: sum(peer.connected for peer in dashboard.peers) == 1)
        assert "(gone)" in dashboard.text().splitlines()[-1]
    dashboard.save(tmp_path / "push.svg")
    drawn = texts(tmp_path / "push.svg")
    assert "by peer, over TCP" in drawn and "sent, bytes a second" in drawn and "(gone)" in drawn


def test_the_peers_of_both_sides_of_a_device(make_device: Callable[..., Any], at: Callable[..., Any]) -> None:
    queue = make_device(zmq.Queue)
    client, server = at(zmq.REQ, queue.frontend_endpoint), at(zmq.REP, queue.backend_endpoint)
    with queue.dashboard(0.05) as dashboard:
        client.send(bytes(5000))
        server.send(server.recv()[:10])
        client.recv()
        settle(dashboard)
    front, back = sorted(dashboard.peers, key=lambda peer: peer.side, reverse=True)
    assert (front.side, back.side) == ("at the frontend", "at the backend")
    assert front.bytes_received[-1] > 5000 > front.bytes_sent[-1]
    assert back.bytes_sent[-1] > 5000 > back.bytes_received[-1]
    assert f"{front.name}, at the frontend" in dashboard.text()


def test_the_workers_of_a_reliable_producer_have_figures(ctx: Any) -> None:
    at = "tcp://127.0.0.1:*"
    with pipeline.Pipeline(str.upper, workers="threads:2", context=ctx, jobs=at, results=at) as p:
        with p.dashboard(0.05) as dashboard:
            assert sum(len(result) for result in p.map(["x" * 10_000] * 50)) == 500_000
            settle(dashboard)
        # Each worker is connected to two ports.
        assert len(dashboard.peers) == 4 and len({peer.local for peer in dashboard.peers}) == 2
        assert sum(peer.bytes_sent[-1] for peer in dashboard.peers) > 500_000
        assert sum(peer.bytes_received[-1] for peer in dashboard.peers) > 500_000


def test_over_ipc_and_inproc_nobody_counts_for_a_peer(pair: Callable[..., Any]) -> None:
    for transport in ("ipc", "inproc"):
        push, pull = pair(zmq.PUSH, zmq.PULL, transport)
        with push.dashboard(0.05) as dashboard:
            push.send(b"x")
            pull.recv()
            settle(dashboard)
        assert dashboard.peers == [] and len(dashboard.text().splitlines()) == 2


def test_a_device_must_have_been_started(make_device: Callable[..., Any]) -> None:
    with pytest.raises(RuntimeError, match="was not started"):
        make_device(zmq.Streamer, start=False).dashboard()


def test_a_socket_of_asyncio_has_one_too(pair: Callable[..., Any]) -> None:
    push, _ = pair(zmq.PUSH, zmq.PULL)
    with brokerless.asyncio.Socket.shadow(push).dashboard() as dashboard:
        push.send(b"x")
    assert dashboard.data["messages_sent"] == [0, 1]


def test_a_streamer_has_one_direction(make_device: Callable[..., Any]) -> None:
    with make_device(zmq.Streamer).dashboard() as dashboard:
        assert len(dashboard.text().splitlines()) == 2


def test_the_roles_of_a_pipeline_have_dashboards(ctx: Any, in_thread: Callable[..., Any]) -> None:
    producer = pipeline.Producer("tcp://127.0.0.1:*", context=ctx)
    collector = pipeline.Collector("tcp://127.0.0.1:*", context=ctx)
    worker = pipeline.Worker(producer.endpoint, collector.endpoint, context=ctx)
    lonely = pipeline.Worker(producer.endpoint, context=ctx)
    dashboards = [role.dashboard(0.05) for role in (producer, worker, collector, lonely)]
    counted = in_thread(collector.tally, "parity")
    working = in_thread(worker.run, lambda number: {"parity": "<odd>" if number % 2 else "even", "n": number})
    assert producer.send_all(range(9)) == 9
    working.result()
    assert counted.result() == {"even": 5, "<odd>": 4}
    collector.close()
    lonely.close()
    assert wait_until(lambda: not any(dashboard.running for dashboard in dashboards))
    sent, worked, collected, nothing = dashboards
    assert sent.data["messages_sent"][-1] == 9
    assert worked.data["jobs_messages_received"][-1] == worked.data["results_messages_sent"][-1] == 9
    assert collected.data["messages_received"][-1] == 9
    assert "results_peers" not in nothing.data
    assert [dashboard.text().split()[0] for dashboard in dashboards] == ["Producer", "Worker", "Collector", "Worker"]
    assert collected.text().splitlines()[-1] == "  by 'parity': even 5, <odd> 4 (of 9)"


def test_a_tally_is_seen_while_it_waits(ctx: Any, make_socket: Callable[..., Any], in_thread: Any) -> None:
    collector = pipeline.Collector("tcp://127.0.0.1:*", context=ctx)
    push = make_socket(zmq.PUSH, connect=collector.endpoint)
    push.send_json({"k": "before"})
    with collector.dashboard() as dashboard:
        counting = in_thread(collector.tally, "k", 300)
        assert wait_until(lambda: "by 'k': before 1 (of 1)" in dashboard.text())
        for number in range(298):
            push.send_json({"k": number % 20})
        assert wait_until(lambda: "(of 299)" in dashboard.text())
        assert "0 15, 1 15" in dashboard.text() and ", 13 more (of 299)" in dashboard.text()
        # What Python's own reader has to look at is shown as well.
        push.send(b'{"k": NaN}')
        assert len(counting.result()) == 22
        assert "(of 300)" in dashboard.text()


def test_a_tally_of_what_trickles_in_is_seen_too(ctx: Any, make_socket: Callable[..., Any], in_thread: Any) -> None:
    collector = pipeline.Collector("tcp://127.0.0.1:*", context=ctx)
    push = make_socket(zmq.PUSH, connect=collector.endpoint)
    pause = threading.Event()
    with collector.dashboard() as dashboard:
        counting = in_thread(collector.tally, "k", 200)
        # Never a tenth of a second without a result, and fewer than a tally takes between two looks at the clock.
        sent = 0
        while "by 'k': a" not in dashboard.text() and sent < 199:
            push.send_json({"k": "a"})
            sent += 1
            pause.wait(0.02)
        assert 0 < sent < 199
        push.send_json_many([{"k": "a"}] * (200 - sent))
        assert counting.result() == {"a": 200}


def test_what_is_closed_has_none(make_socket: Callable[..., Any]) -> None:
    socket = make_socket(zmq.PULL)
    socket.close()
    with pytest.raises(zmq.SocketClosed):
        socket.dashboard()


@pytest.mark.parametrize("options", [{"interval": 0}, {"seconds": -1}, {"keep": 0}, {"interval": float("inf")}])
def test_what_makes_no_sense_is_refused(make_socket: Callable[..., Any], options: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        make_socket(zmq.PULL).dashboard(**options)


def test_it_is_saved_as_svg_only(make_socket: Callable[..., Any], tmp_path: Path) -> None:
    with make_socket(zmq.PULL).dashboard() as dashboard:
        with pytest.raises(ValueError, match=r"\.svg"):
            dashboard.save(tmp_path / "plot.png")
        with pytest.raises(OSError):
            dashboard.save(tmp_path / "nowhere" / "plot.svg")
    assert list(tmp_path.iterdir()) == []


def test_names_cannot_break_the_picture(make_socket: Callable[..., Any], tmp_path: Path) -> None:
    socket = make_socket(zmq.PAIR, bind="inproc://<script>'&\"\x01]]>")
    with socket.dashboard() as dashboard:
        dashboard.save(tmp_path / "a.svg")
    assert "inproc://<script>'&\"\\x01]]>" in texts(tmp_path / "a.svg")


def test_pictures_have_names_of_their_own_and_need_nothing_else(
    make_socket: Callable[..., Any], tmp_path: Path
) -> None:
    socket = make_socket(zmq.PAIR, bind="inproc://a")
    names = []
    for number in range(2):
        path = tmp_path / f"{number}.svg"
        with socket.dashboard() as dashboard:
            dashboard.save(path)
        names.append(ElementTree.parse(path).getroot().get("id"))
        assert not re.search(r"href|url\(|@import|<script", path.read_text(encoding="utf-8"))
    assert names[0] != names[1]


def test_a_run_shows_the_text_at_its_end(
    make_socket: Callable[..., Any], capsys: pytest.CaptureFixture[str], waiting: Callable[..., Any]
) -> None:
    socket = make_socket(zmq.PULL)
    dashboard = socket.dashboard()
    done = waiting(dashboard.run)
    socket.close()
    done.result()
    printed = capsys.readouterr().out
    assert printed == f"{dashboard.text()}\n" and printed.startswith("PULL (ended")
    # Over is over.
    dashboard.run()
    assert capsys.readouterr().out == printed


def test_a_run_ends_after_its_seconds(make_socket: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    dashboard = make_socket(zmq.PULL).dashboard()
    dashboard.run(seconds=0.01)
    assert not dashboard.running
    assert capsys.readouterr().out.startswith("PULL (stopped")
    with pytest.raises(ValueError, match="seconds"):
        dashboard.run(seconds=-1)
    limited = make_socket(zmq.PULL).dashboard(seconds=0.01)
    limited.run()
    assert capsys.readouterr().out.count("PULL (ended") == 1


def test_a_run_can_be_interrupted(make_socket: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    dashboard = make_socket(zmq.PULL).dashboard()
    interrupt(dashboard.run)
    assert not dashboard.running
    assert "PULL (stopped" in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen(written: str) -> list[str]:
    """What a terminal shows of it."""
    lines = [""]
    for part in re.findall(r"\x1b\[\d+F|\x1b\[J|\n|[^\x1b\n]+", written):
        if part.endswith("F"):
            del lines[-int(part[2:-1]) :]
            lines[-1] = ""
        elif part == "\n":
            lines.append("")
        elif not part.startswith("\x1b"):
            lines[-1] += part
    return lines


def test_a_terminal_is_drawn_over(
    pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, in_thread: Callable[..., Any]
) -> None:
    push, _ = pair(zmq.PUSH, zmq.PULL)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    terminal.write("before\n")
    dashboard = push.dashboard(0.05)
    done = in_thread(dashboard.run)
    assert wait_until(lambda: terminal.getvalue().count("PUSH bound") >= 2)
    push.send(b"x")
    assert wait_until(lambda: terminal.getvalue().count("\x1b[J") >= 3)
    shown = screen(terminal.getvalue())
    push.close()
    done.result()
    assert len(shown) == 5 and max(map(len, shown)) == 59
    assert screen(terminal.getvalue()) == ["before", *dashboard.text().splitlines(), ""]


def test_a_process_may_end_with_one(run_python: Callable[..., Any]) -> None:
    done = run_python(
        """
import brokerless as zmq
ctx = zmq.Context()
sock = ctx.socket(zmq.PULL)
board = sock.dashboard(0.05)
sock.close()
sock = ctx.socket(zmq.PULL)
other = sock.dashboard(0.05)
import os
if os.fork() == 0:
    other.stop()
    assert not other.running
    try:
        other.text()
    except zmq.ForkedProcessError:
        os._exit(7)
    os._exit(1)
assert os.wait()[1] >> 8 == 7
assert other.running
sock.close()
print("end")
"""
    )
    assert done.stdout == "end\n"


def test_it_needs_no_ipython_and_costs_nothing_before(run_python: Callable[..., Any]) -> None:
    done = run_python(
        """
import sys
import brokerless as zmq
with zmq.Context() as ctx, ctx.socket(zmq.PULL) as sock:
    assert "brokerless._dashboard" not in sys.modules
    with sock.dashboard() as board:
        print(board)
assert "IPython" not in sys.modules and "numpy" not in sys.modules
"""
    )
    assert done.stdout.startswith("PULL (")


def test_ipython_in_a_terminal_shows_the_text(run_python: Callable[..., Any]) -> None:
    pytest.importorskip("IPython")
    done = run_python(
        """
import os, warnings
warnings.simplefilter("ignore")
os.environ["IPYTHONDIR"] = os.path.join(os.getcwd(), "ipython")
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
shell.run_cell("import brokerless as zmq; ctx = zmq.Context(); board = ctx.socket(zmq.PUB).dashboard()").raise_error()
shell.run_cell("board").raise_error()
shell.run_cell("ctx.destroy(0)").raise_error()
"""
    )
    assert "PUB (" in done.stdout and done.stdout.count("\n") == 2
