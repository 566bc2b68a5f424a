"""doctor(): who is not there, does not fit, or is not let in; real sockets in real trouble."""

from __future__ import annotations

import contextlib
import socket as system
import threading
import warnings
from typing import Any, Callable, Iterator, List

import pytest

import brokerless as zmq
from brokerless import pipeline
from brokerless._doctor import Finding, Report
from brokerless.auth.thread import ThreadAuthenticator
from brokerless.cli import main
from tests import made_up_surveys as made_up
from tests.conftest import wait_until


def kinds(report: Report) -> List[str]:
    return [found.kind for found in report]


def found(kind: str, *sockets: Any) -> Finding:
    """The finding of this kind, once there is one."""
    assert wait_until(lambda: kind in kinds(zmq.doctor(*sockets))), f"only {kinds(zmq.doctor(*sockets))}"
    return next(one for one in zmq.doctor(*sockets) if one.kind == kind)


def trouble(sock: Any) -> List[Any]:
    return [(one["kind"], one["over"]) for one in sock._survey()["trouble"]]


def test_nobody_is_bound(make_socket: Any, free_port: int) -> None:
    req = make_socket(zmq.REQ, connect=f"tcp://127.0.0.1:{free_port}", reconnect_ivl=1)
    assert wait_until(lambda: any(one["count"] > 2 for one in req._survey()["trouble"]))
    one = found("refused", req)
    assert one.severity == "problem"
    assert one.what == f"nobody is bound to tcp://127.0.0.1:{free_port}"
    assert one.why.startswith("refused ") and " times in " in one.why
    assert one.socket == f"REQ connected to tcp://127.0.0.1:{free_port}"


def test_who_comes_late_heals_it(make_socket: Any, free_port: int) -> None:
    req = make_socket(zmq.REQ, connect=f"tcp://127.0.0.1:{free_port}", reconnect_ivl=1)
    found("refused", req)
    rep = make_socket(zmq.REP, bind=f"tcp://127.0.0.1:{free_port}")
    # From now on the next attempt is all that is missing.
    assert "refused" not in kinds(zmq.doctor(req))
    req.wait_for_peers(timeout=10)
    assert kinds(zmq.doctor(req, rep)) == ["fine", "fine"]
    assert trouble(req) == [("refused", True)]
    assert "1 peer is connected" in zmq.doctor(req).first.what
    rep.close()
    assert wait_until(lambda: ("refused", False) in trouble(req))
    [again] = [one for one in req._survey()["trouble"] if one["kind"] == "refused"]
    lost = next(one for one in req._survey()["trouble"] if one["kind"] == "lost")
    assert again["first"] <= lost["last"]


def test_who_gives_an_endpoint_up_has_no_trouble_with_it(make_socket: Any, free_port: int) -> None:
    req = make_socket(zmq.REQ, connect=f"tcp://127.0.0.1:{free_port}", reconnect_ivl=1)
    found("refused", req)
    req.disconnect(f"tcp://127.0.0.1:{free_port}")
    assert kinds(zmq.doctor(req)) == ["nowhere"]
    make_socket(zmq.REP, bind="tcp://127.0.0.1:*")
    req.connect(f"tcp://127.0.0.1:0;127.0.0.1:{free_port}")
    found("refused", req)


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_types_that_do_not_go_together(pair: Any, transport: str) -> None:
    pull, req = pair(zmq.PULL, zmq.REQ, transport)
    one = found("mismatch", req)
    assert one.what == f"a PULL is bound to {pull.last_endpoint.decode()}, to which REQ does not talk"
    assert "REQ talks to REP or ROUTER" in one.cure
    assert "connect() anew" in one.cure
    kind = "mismatch" if transport == "tcp" else "hung up"
    other = found(kind, pull)
    assert "PUSH" in other.cure


@pytest.mark.parametrize("turned", [False, True])
def test_types_that_do_not_go_together_over_inproc(make_socket: Any, turned: bool) -> None:
    pull = make_socket(zmq.PULL, bind="inproc://facing")
    req = make_socket(zmq.REQ, connect="inproc://facing")
    one = next(iter(zmq.doctor(pull if turned else req)))
    assert (one.severity, one.kind) == ("problem", "mismatch")
    assert ("a REQ is connected" if turned else "a PULL is bound") in one.what


def test_a_name_that_is_not_quite_the_same(make_socket: Any, ctx: Any) -> None:
    make_socket(zmq.REP, bind="inproc://weather")
    req = make_socket(zmq.REQ, connect="inproc://wether")
    one = found("refused", req)
    assert one.cure == "a REP is bound to inproc://weather: connect to that"


def test_a_name_of_another_context(make_socket: Any) -> None:
    with zmq.Context() as other, other.socket(zmq.REP) as rep:
        rep.bind("inproc://weather")
        req = make_socket(zmq.REQ, connect="inproc://weather")
        assert "in another context" in found("refused", req).cure


def test_the_port_next_door(make_socket: Any, free_port: int) -> None:
    rep = make_socket(zmq.REP, bind="tcp://127.0.0.1:*")
    req = make_socket(zmq.REQ, connect=f"tcp://127.0.0.1:{free_port}", reconnect_ivl=1)
    at = rep.last_endpoint.decode()
    assert found("refused", req).cure.startswith(f"a REP is bound to {at}: connect to that")
    other = found("nobody came", rep)
    assert other.severity == "problem"
    assert other.cure == f"a REQ is connected to tcp://127.0.0.1:{free_port}: let it connect to {at}"


def test_both_connect(make_socket: Any, free_port: int) -> None:
    rep = make_socket(zmq.REP, connect=f"tcp://127.0.0.1:{free_port}", reconnect_ivl=1)
    req = make_socket(zmq.REQ, connect=f"tcp://127.0.0.1:{free_port}", reconnect_ivl=1)
    for own, other in ((req, "REP"), (rep, "REQ")):
        one = found("refused", own)
        assert one.what.endswith(f"a {other} is connected to it, too")
        assert one.cure == "one of the two must bind(), usually the REP"


def test_both_bind(make_socket: Any) -> None:
    push = make_socket(zmq.PUSH, bind="tcp://127.0.0.1:*")
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    one = found("nobody came", pull)
    assert one.cure == f"a PUSH is bound to {push.last_endpoint.decode()}: one of the two must connect() to the other"


def test_a_device_that_waits_for_its_clients_and_servers_is_well(make_device: Any) -> None:
    device = make_device(zmq.Queue)
    report = zmq.doctor(device)
    assert not report
    assert {one.severity for one in report} == {"hint"}
    assert [one.cure for one in report] == [
        "connect REQ or DEALER or ROUTER to it",
        "connect REP or DEALER or ROUTER to it",
    ]


def test_nobody_came(make_socket: Any, waiting: Any) -> None:
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    one = found("nobody came", pull)
    assert (one.severity, one.cure) == ("hint", "connect PUSH to it")
    received = waiting(pull.recv)
    one = found("nobody came", pull)
    assert one.severity == "problem"
    assert one.why.startswith("it has waited for ")
    make_socket(zmq.PUSH, connect=pull.last_endpoint.decode()).send(b"x")
    assert received.result() == b"x"


def test_nowhere(make_socket: Any, waiting: Any) -> None:
    pull = make_socket(zmq.PULL)
    one = found("nowhere", pull)
    assert (one.severity, one.socket) == ("hint", "PULL")
    received = waiting(pull.recv)
    assert found("nowhere", pull).severity == "problem"
    pull.bind("tcp://127.0.0.1:*")
    make_socket(zmq.PUSH, connect=pull.last_endpoint.decode()).send(b"x")
    assert received.result() == b"x"
    pull.close()
    assert found("closed", pull).severity == "problem"


def test_an_address_that_is_none(make_socket: Any) -> None:
    with warnings.catch_warnings():
        # connect() warns of it, too, where the system answers soon.
        warnings.simplefilter("ignore", RuntimeWarning)
        req = make_socket(zmq.REQ, connect="tcp://no-such-host.invalid:5555", reconnect_ivl=1)
    one = found("unresolved", req)
    assert one.what == "the host no-such-host.invalid in tcp://no-such-host.invalid:5555 has no address"
    assert wait_until(lambda: trouble(req) == [("unresolved", False)])
    # Who is looked for in vain is known to the error, too, which looks nothing up.
    with pytest.raises(zmq.Again, match=r"the host in tcp://no-such-host.invalid:5555 has no address"):
        req.wait_for_peers(timeout=0.01)


# Who is not let in


def test_a_password_on_a_network(make_socket: Any) -> None:
    server = make_socket(zmq.REP, plain_server=1, bind="tcp://127.0.0.1:*")
    client = make_socket(zmq.REQ, plain_username=b"anna", plain_password=b"one")
    client.connect(server.endpoints[0])
    assert "in the clear" not in kinds(zmq.doctor(server, client))
    server.bind("tcp://*:*")
    one = found("in the clear", server)
    assert one.severity == "hint" and one.what.endswith(f"in the clear at {server.endpoints[1]}")
    assert "zmq.secure" in one.cure
    client.connect("tcp://192.0.2.1:5555")
    assert "in the clear" in kinds(zmq.doctor(client))


@pytest.fixture
def keys() -> Any:
    return [zmq.curve_keypair() for _ in range(2)]


def test_security_on_one_side_only(make_socket: Any, keys: Any) -> None:
    (_, secret), _ = keys
    server = make_socket(zmq.PULL, curve_server=1, curve_secretkey=secret, bind="tcp://127.0.0.1:*")
    client = make_socket(zmq.PUSH, connect=server.last_endpoint.decode())
    for sock, mechanism in ((client, "NULL"), (server, "CURVE")):
        one = found("protocol", sock)
        assert "different security mechanisms" in one.what
        assert f"here it is {mechanism}" in one.why


def test_the_wrong_server_key(make_socket: Any, keys: Any) -> None:
    (_, secret), (public, own) = keys
    server = make_socket(zmq.PULL, curve_server=1, curve_secretkey=secret, bind="tcp://127.0.0.1:*")
    client = make_socket(
        zmq.PUSH,
        curve_serverkey=public,
        curve_publickey=public,
        curve_secretkey=own,
        reconnect_ivl=1,
        connect=server.last_endpoint.decode(),
    )
    assert "curve_serverkey" in found("hung up", client).cure
    one = found("protocol", server)
    assert "CURVE keys that do not fit" in one.what
    assert "curve_serverkey" in one.cure


def test_who_is_denied(make_socket: Any, ctx: Any) -> None:
    authenticator = ThreadAuthenticator(ctx)
    authenticator.start()
    try:
        authenticator.configure_plain("*", {"ada": "secret"})
        server = make_socket(zmq.PULL, plain_server=1, bind="tcp://127.0.0.1:*")
        options = {"plain_username": b"ada", "connect": server.last_endpoint.decode()}
        client = make_socket(zmq.PUSH, plain_password=b"wrong", **options)
        assert found("denied", client).why.startswith("ZAP status 400 (refused)")
        assert found("denied", server).severity == "problem"
        welcome = make_socket(zmq.PUSH, plain_password=b"secret", **options)
        welcome.wait_for_peers(timeout=10)
        # The server works, and has still something to tell of the other one.
        assert wait_until(lambda: found("denied", server).severity == "hint")
    finally:
        authenticator.stop()


# Who is no ZeroMQ at all


@pytest.fixture
def stranger() -> Iterator[Callable[..., str]]:
    """A server of another kind: stranger(answer, leaves) is where it is. It says `answer`, and hangs up if it `leaves`."""
    ending = threading.Event()
    threads = []

    def serve(listener: Any, answer: bytes, leaves: bool) -> None:
        held = []
        with listener:
            while not ending.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    continue
                connection.sendall(answer)
                if leaves:
                    connection.close()
                held.append(connection)
            for connection in held:
                connection.close()

    def start(answer: bytes, leaves: bool) -> str:
        listener = system.create_server(("127.0.0.1", 0))
        listener.settimeout(0.05)
        thread = threading.Thread(target=serve, args=(listener, answer, leaves))
        threads.append(thread)
        thread.start()
        return f"tcp://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    ending.set()
    for thread in threads:
        thread.join()


def test_a_web_server(make_socket: Any, stranger: Any) -> None:
    req = make_socket(zmq.REQ, connect=stranger(b"HTTP/1.1 400 Bad Request\r\n\r\n", leaves=True), reconnect_ivl=1)
    one = found("hung up", req)
    assert one.severity == "problem"
    assert "check the port" in one.cure


def test_a_server_that_says_other_things(make_socket: Any, stranger: Any) -> None:
    req = make_socket(zmq.REQ, connect=stranger(b"SSH-2.0-OpenSSH_9.2\r\n", leaves=False))
    one = found("hung up", req)
    assert "does not speak ZeroMQ" in one.what and "check the port" in one.cure


def test_a_server_that_waits_to_be_greeted(make_socket: Any, stranger: Any) -> None:
    req = make_socket(zmq.REQ, connect=stranger(b"", leaves=False))
    one = found("silent", req)
    assert "does not speak ZeroMQ" in one.what


def test_a_browser(make_socket: Any) -> None:
    rep = make_socket(zmq.REP, bind="tcp://127.0.0.1:*")
    port = int(rep.last_endpoint.rpartition(b":")[2])
    with system.create_connection(("127.0.0.1", port)) as browser:
        browser.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        one = found("hung up", rep)
        assert "127.0.0.1" in one.what and "does not speak ZeroMQ" in one.what
        # It was turned out, and need not be waited for.
        browser.settimeout(20)
        with contextlib.suppress(ConnectionResetError):  # what it said last was not read
            while browser.recv(100):
                continue


def test_who_was_there_and_left(make_socket: Any) -> None:
    rep = make_socket(zmq.REP, bind="tcp://127.0.0.1:*")
    req = make_socket(zmq.REQ, connect=rep.last_endpoint.decode())
    rep.wait_for_peers(timeout=10)
    req.close()
    one = found("lost", rep)
    assert (one.severity, one.cure) == ("hint", "start the other side again")
    make_socket(zmq.REQ, connect=rep.last_endpoint.decode())
    rep.wait_for_peers(timeout=10)
    assert kinds(zmq.doctor(rep)) == ["fine"]


def test_a_port_that_is_taken(make_socket: Any) -> None:
    rep = make_socket(zmq.REP, bind="tcp://127.0.0.1:*")
    other = make_socket(zmq.REP)
    with pytest.raises(zmq.ZMQError):
        other.bind(rep.last_endpoint)
    assert "Address already in use" in found("bind", other).what
    other.bind("tcp://127.0.0.1:*")
    assert ("bind", False) in trouble(other)
    at = rep.last_endpoint
    rep.close()
    other.bind(at)
    assert wait_until(lambda: ("bind", True) in trouble(other))


def test_the_other_end_of_a_monitor_and_of_zap_is_there(make_socket: Any, ctx: Any) -> None:
    with ThreadAuthenticator(ctx) as authenticator:
        authenticator.allow("127.0.0.1")
        rep = make_socket(zmq.REP, zap_domain=b"global", bind="tcp://127.0.0.1:*")
        req = make_socket(zmq.REQ, connect=rep.last_endpoint.decode())
        monitor, named = rep.get_monitor_socket(), make_socket(zmq.PAIR)
        req.monitor("inproc://what-happens", zmq.EVENT_ALL)
        named.connect("inproc://what-happens")
        req.send(b"?")
        assert rep.recv(timeout=10) == b"?"
        rep.send(b"!")
        assert req.recv(timeout=10) == b"!"
        report = zmq.doctor()
        assert not report, str(report)
        # What monitors tell is nothing that another PAIR could be meant to hear.
        lonely = make_socket(zmq.PAIR, bind="tcp://127.0.0.1:*")
        assert "monitor" not in zmq.doctor(lonely).first.cure and "what-happens" not in zmq.doctor(lonely).first.cure
        req.monitor(None)
        assert "refused" in kinds(zmq.doctor(named))
        monitor.close()


def test_before_the_first_attempt_is_over() -> None:
    sock = made_up.socket(1, 1, "PUSH", connect=[f"{made_up.TCP}5"])
    [one] = zmq.doctor(surveys=[made_up.process(1, "main", sock)])
    assert (one.severity, one.kind) == ("hint", "not yet")
    assert "moment" in one.cure


def test_who_is_meant_is_guessed_only_where_there_is_reason_to() -> None:
    pull = made_up.socket(1, 1, "PULL", bind=[f"{made_up.TCP}5557"])
    others = [made_up.socket(1, 2 + n, "PUSH", connect=[f"{made_up.TCP}{port}"]) for n, port in enumerate((1, 9000))]

    def cure(*sockets: Any) -> str:
        report = zmq.doctor(surveys=[made_up.process(1, "main", pull, *sockets)])
        return next(one.cure for one in report if one.kind == "nobody came")

    assert cure(others[0]) == f"a PUSH is connected to {made_up.TCP}1: let it connect to {made_up.TCP}5557"
    assert cure(*others) == "connect PUSH to it"
    alike = made_up.socket(1, 5, "PUSH", connect=[f"{made_up.TCP}5575"])
    assert cure(*others, alike) == f"a PUSH is connected to {made_up.TCP}5575: let it connect to {made_up.TCP}5557"


def test_the_bound_side_of_a_name_of_another_context(make_socket: Any, loose_ctx: Any) -> None:
    push = make_socket(zmq.PUSH, bind="inproc://twice")
    with loose_ctx.socket(zmq.PULL) as pull:
        pull.connect("inproc://twice")
        assert (
            found("nobody came", push).cure == "a PULL is connected to it in another context: make both sockets in one"
        )


def test_a_server_with_passwords_and_nobody_who_knows_them(make_socket: Any) -> None:
    rep = make_socket(zmq.REP, plain_server=True, bind="tcp://127.0.0.1:*")
    req = make_socket(zmq.REQ, plain_username=b"me", plain_password=b"secret")
    req.connect(rep.last_endpoint.decode())
    assert "authenticator" in found("hung up", rep).cure
    # Now and then the connection only falls silent: libzmq fails with the errno that telling its monitor happens to leave.
    assert wait_until(lambda: any("authenticator" in one.cure for one in zmq.doctor(req)))


def test_who_only_looked_does_not_hide_what_is_wrong(make_socket: Any) -> None:
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    endpoint = pull.last_endpoint.decode()
    make_socket(zmq.REQ, connect=endpoint)
    found("mismatch", pull)
    assert main(["doctor", endpoint]) == 0
    found("hung up", pull)
    with pytest.raises(zmq.Again, match="of a type that PULL does not talk to"):
        pull.recv(timeout=0.1)
    push = make_socket(zmq.PUSH, connect=endpoint)
    push.send(b"!")
    assert pull.recv(timeout=10) == b"!"
    assert wait_until(lambda: "hung up" not in kinds(zmq.doctor(pull)))


def test_a_worker_that_was_not_started(free_port: int) -> None:
    with pipeline.Worker(f"tcp://127.0.0.1:{free_port}", f"tcp://127.0.0.1:{free_port}") as worker:
        assert found("nowhere", worker).cure == "start() or run() it"


def test_each_socket_is_looked_at_once(make_socket: Any) -> None:
    sock = make_socket(zmq.REP)
    assert len(zmq.doctor(sock, sock)) == 1
