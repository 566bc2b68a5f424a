"""What a doctor hands over; and that its rules need nothing but surveys, wherever these come from."""

from __future__ import annotations

import json
import threading
from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

import brokerless as zmq
from brokerless import _doctor_scene, _survey
from brokerless._doctor import Finding, Report
from brokerless._doctor_scene import Place, Scene

REQ = "REQ connected to tcp://127.0.0.1:1"


def finding(severity: str, what: str = "it is <odd>", why: str = "seen", cure: str = "turn it") -> Finding:
    return Finding(severity, REQ, what, why, cure, "odd")


def test_the_worst_comes_first() -> None:
    report = Report([finding("fine", cure=""), finding("hint"), finding("problem"), finding("hint")])
    assert [found.severity for found in report] == ["problem", "hint", "hint", "fine"]
    assert report.first == report.problems[0]
    assert len(report) == 4
    assert report
    assert str(report).splitlines()[:4] == [
        "1 problem, 2 hints",
        f"!  {REQ}",
        "     it is <odd> (seen)",
        "     -> turn it",
    ]
    assert repr(report) == str(report)
    assert str(report.first) == "it is <odd> (seen); turn it"


def test_nothing_is_wrong() -> None:
    report = Report([finding("fine", why="", cure="")])
    assert not report
    assert str(report).splitlines() == ["Nothing is wrong.", f"ok {REQ}", "     it is <odd>"]


def test_nothing_is_there() -> None:
    report = Report([])
    assert report.first is None
    assert not report
    assert str(report) == "No socket is open."


def test_a_notebook_shows_it() -> None:
    html = Report([finding("problem")])._repr_html_()
    assert "it is &lt;odd&gt;" in html
    assert '<li class="problem">' in html
    assert "http" not in html


def test_without_sockets_it_looks_at_all_of_the_users(make_socket: Any, loose_ctx: Any) -> None:
    rep = make_socket(zmq.REP, bind="tcp://127.0.0.1:*")
    kernel: Dict[str, Any] = {"__name__": "ipykernel.kernelapp", "ctx": loose_ctx, "zmq": zmq}
    exec("sock = ctx.socket(zmq.ROUTER)", kernel)
    names = [found.socket for found in zmq.doctor()]
    assert f"REP bound to {rep.last_endpoint.decode()}" in names
    assert not any(name.startswith("ROUTER") for name in names)
    # Asked for by name, it is looked at.
    assert [found.kind for found in zmq.doctor(kernel["sock"])] == ["nowhere"]
    kernel["sock"].close()


def test_what_is_no_socket() -> None:
    with pytest.raises(TypeError, match=r"doctor\(\) looks at sockets, devices and roles of pipelines, not at 'tcp"):
        zmq.doctor("tcp://127.0.0.1:5555")


def test_other_handles_to_a_socket(make_socket: Any) -> None:
    rep = make_socket(zmq.REP, bind="tcp://127.0.0.1:*")
    shadow = zmq.Socket.shadow(rep)
    assert [found.kind for found in zmq.doctor(shadow)] == [found.kind for found in zmq.doctor(rep)] == ["nobody came"]


# A process that only its survey is known of


@pytest.fixture
def elsewhere(run_python: Any) -> Any:
    """elsewhere(code): the survey of a process in which `code` ran, as it comes over the wire; `s` are its sockets."""

    def look(code: str) -> Any:
        program = (
            "import json, brokerless as zmq\nfrom brokerless import _survey\n"
            f"with zmq.Context() as ctx:\n    ctx.linger = 0\n    {code}\n"
            "    print(json.dumps(_survey.survey('server')))\n    ctx.destroy(0)\n"
        )
        return json.loads(run_python(program).stdout.splitlines()[-1])

    return look


def test_a_mistake_between_two_processes(make_socket: Any, elsewhere: Any, free_port: int) -> None:
    survey = elsewhere(f"s = ctx.socket(zmq.REP); s.bind('tcp://127.0.0.1:{free_port}')")
    req = make_socket(zmq.REQ, connect="tcp://127.0.0.1:1", reconnect_ivl=1)
    with pytest.raises(zmq.Again):
        req.wait_for_peers(timeout=0.1)
    surveys = [json.loads(json.dumps(_survey.survey("here"))), survey]
    report = zmq.doctor(surveys=surveys)
    [one] = [found for found in report if found.socket.startswith("REQ") and found.kind == "refused"]
    assert f"a REP is bound to tcp://127.0.0.1:{free_port}: connect to that" in one.cure
    [other] = [found for found in report if found.socket.startswith("REP")]
    assert other.cure == f"a REQ is connected to tcp://127.0.0.1:1: let it connect to tcp://127.0.0.1:{free_port}"


def test_a_process_of_the_notebook(
    make_socket: Any, elsewhere: Any, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey = elsewhere(f"s = ctx.socket(zmq.PULL); s.bind('tcp://127.0.0.1:{free_port}')")
    mute = {"pid": 1, "name": "mute", "time": 0.0, "sockets": [], "devices": [], "roles": [], "error": "stopped"}

    class Peers:
        @staticmethod
        def surveys() -> Any:
            return [survey, mute]

    monkeypatch.setitem(__import__("sys").modules, "brokerless.jupyter.peers", Peers)
    req = make_socket(zmq.REQ, connect=f"tcp://127.0.0.1:{free_port}")
    report = zmq.doctor()
    assert f"PULL bound to tcp://127.0.0.1:{free_port} in server" in [found.socket for found in report]
    [one] = [found for found in report if found.kind == "absent"]
    assert str(one).startswith("the peer mute does not say what it has (stopped)")
    assert not any(found.socket.endswith("in server") for found in zmq.doctor(peers=False))
    assert [found.socket for found in zmq.doctor(req)] == [f"REQ connected to tcp://127.0.0.1:{free_port}"]


# Who faces whom


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("tcp://127.0.0.1:5555", ("tcp", "127.0.0.1", 5555)),
        ("tcp://[::1]:5555", ("tcp", "[::1]", 5555)),
        ("tcp://127.0.0.1:0;10.0.0.1:7", ("tcp", "10.0.0.1", 7)),
        ("ws://127.0.0.1:80/a:b", ("ws", "127.0.0.1", 80)),
        ("ipc:///tmp/a:1", ("ipc", "/tmp/a:1", None)),
        ("inproc://a", ("inproc", "a", None)),
        ("", ("", "", None)),
    ],
)
def test_places(endpoint: str, expected: Any) -> None:
    assert Place.of(endpoint) == expected


@given(st.one_of(st.text(), st.text().map("tcp://127.0.0.1:{}".format), st.text().map("ipc://{}".format)))
def test_every_text_is_some_place(endpoint: str) -> None:
    place = Place.of(endpoint)
    assert endpoint.startswith(place.transport)
    assert place.name in endpoint
    assert place.port is None or place.port >= 0


@pytest.mark.parametrize(
    ("connect", "bind", "meets"),
    [
        ("tcp://127.0.0.1:5", "tcp://0.0.0.0:5", True),
        ("tcp://localhost:5", "tcp://127.0.0.1:5", True),
        ("tcp://[::1]:5", "tcp://[::]:5", True),
        ("tcp://127.0.0.1:5", "tcp://127.0.0.1:6", False),
        ("tcp://10.0.0.1:5", "tcp://10.0.0.1:5", True),
        ("tcp://far.example:5", "tcp://0.0.0.0:5", False),
        ("tcp://127.0.0.1:5", "tcp://10.0.0.1:5", False),
        ("ipc:///a", "ipc:///a", True),
        ("ipc:///a", "ipc:///b", False),
        ("inproc://a", "inproc://a", True),
        ("ipc://a", "inproc://a", False),
    ],
)
def test_who_meets_whom(connect: str, bind: str, meets: bool) -> None:
    scene = Scene([process(1, socket("1.c.1", bound=bind), socket("1.c.2", connected=connect))], 1)
    server, client = scene.sockets
    assert (scene.facing(client) == [server]) is meets
    assert (scene.facing(server) == [client]) is meets


def test_a_name_belongs_to_its_context() -> None:
    scene = Scene([process(1, socket("1.c.1", bound="inproc://a"), socket("1.d.1", connected="inproc://a"))], 1)
    assert scene.facing(scene.sockets[0]) == []


def process(pid: int, *sockets: Dict[str, Any]) -> Dict[str, Any]:
    return {"pid": pid, "name": "process", "time": 0.0, "sockets": list(sockets), "devices": [], "roles": []}


def socket(key: str, bound: str = "", connected: str = "") -> Dict[str, Any]:
    endpoint = {"endpoint": bound or connected, "bound": bool(bound), "given": bound or connected}
    stats = {"messages_sent": 0, "messages_received": 0, "bytes_sent": 0, "bytes_received": 0}
    known = {"closed": False, "opened_by": "__main__", "peers": [], "waits": [], "owes": None, "options": {}}
    return {"key": key, "type": "PAIR", "endpoints": [endpoint], "stats": stats, "subscribed": [], **known}


def test_a_look_for_an_address_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    asked = []

    def never(host: str, port: None) -> None:
        asked.append(host)
        over.wait(20)

    monkeypatch.setattr(_doctor_scene.socket, "getaddrinfo", never)
    scene = Scene([process(1, *(socket(f"1.c.{n}", connected=f"tcp://host{n}:5") for n in range(3)))], 1)
    scene.sockets += Scene([process(1, socket("1.c.9", connected="tcp://127.0.0.1:5"))], 1).sockets
    try:
        scene.resolve(0.01)
        assert sorted(asked) == ["host0", "host1", "host2"]
        assert set(scene.addresses.values()) == {"the name servers have not answered within 0.01 s"}
    finally:
        over.set()
