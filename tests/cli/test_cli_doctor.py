"""brokerless doctor: it tells apart all that may be at an endpoint, and leaves no trace there."""

from __future__ import annotations

import http.server
import os
import socket as network
import threading

import pytest

import brokerless as zmq
from brokerless.auth.thread import ThreadAuthenticator

BOTH = pytest.mark.parametrize("transport", ["tcp", "ipc"])


def bound(sock):
    return sock.last_endpoint.decode()


@pytest.fixture
def listener():
    """A plain tcp server that nobody accepts at: who connects is kept waiting."""
    with network.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def doctor(command):
    """doctor(endpoint, "--type", "SUB"): (exit code, its lines)."""

    def run(*arguments):
        done = command("doctor", *arguments)
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    return run


@BOTH
@pytest.mark.parametrize(("kind", "fitting"), [("REP", "REQ or DEALER"), ("PUSH", "PULL"), ("SERVER", "CLIENT")])
def test_a_socket(doctor, make_socket, endpoint, transport, kind, fitting):
    sock = make_socket(getattr(zmq, kind), bind=endpoint(transport))
    status, lines = doctor(bound(sock))
    assert status == 0
    assert lines[-4:] == [
        "ok    listens   somebody takes connections",
        "ok    protocol  ZMTP 3.1, security NULL",
        f"ok    type      a socket of the type {kind}",
        f"note  type      to connect to it, take {fitting}",
    ]


def test_it_is_no_peer_and_takes_nothing_away(doctor, make_socket):
    push = make_socket(zmq.PUSH, bind="tcp://127.0.0.1:*")
    assert doctor(bound(push), "--type", "PULL")[0] == 0
    assert push.peers == []
    with pytest.raises(zmq.Again):
        push.send(b"job", zmq.DONTWAIT)
    pull = make_socket(zmq.PULL, connect=bound(push))
    push.send(b"job", timeout=20)
    assert pull.recv(timeout=20) == b"job"


def test_a_publisher_of_pyzmq_and_the_name_of_this_machine(doctor, pyzmq, pyzmq_ctx):
    pub = pyzmq_ctx.socket(pyzmq.PUB)
    port = pub.bind_to_random_port("tcp://127.0.0.1")
    status, lines = doctor(f"tcp://localhost:{port}", "--type", "sub")
    assert status == 0
    assert lines[0] == "ok    name      localhost is 127.0.0.1"
    assert lines[-2].startswith("ok    type      ")
    assert lines[-1].startswith("ok    fits      SUB and ")


def test_a_type_that_does_not_fit(doctor, make_socket):
    rep = make_socket(zmq.REP, bind="tcp://127.0.0.1:*")
    status, lines = doctor(bound(rep), "--type", "SUB")
    assert status == 1
    assert lines[-1] == "FAIL  fits      SUB and REP do not talk to each other: to connect to it, take REQ or DEALER"


def test_an_address_to_bind_to(doctor, make_socket):
    rep = make_socket(zmq.REP, bind="tcp://127.0.0.1:*")
    port = bound(rep).rsplit(":", 1)[1]
    status, lines = doctor(f"@tcp://*:{port}", "--type", "REQ")
    assert status == 0
    assert lines[0].startswith("note  endpoint  * is for bind")


def test_a_name_without_a_file(doctor, make_socket):
    name = f"ipc://@brokerless-doctor-{os.getpid()}"
    status, lines = doctor(name)
    assert status == 1
    assert "nobody listens" in lines[-1]
    make_socket(zmq.PAIR, bind=name)
    assert doctor(name, "--type", "PAIR")[0] == 0


@pytest.mark.parametrize(("security", "needs"), [("CURVE", "curve_serverkey"), ("PLAIN", "plain_username")])
def test_who_needs_credentials(doctor, make_socket, security, needs):
    options = {"plain_server": True}
    if security == "CURVE":
        options = {"curve_server": True, "curve_secretkey": zmq.curve_keypair()[1]}
    status, lines = doctor(bound(make_socket(zmq.PULL, bind="tcp://127.0.0.1:*", **options)), "--type", "PUSH")
    assert status == 0
    assert f"ok    protocol  ZMTP 3.1, security {security}" in lines
    assert needs in lines[-2]
    assert lines[-1].startswith("note  type      it does not say what it is before it knows who asks")


def test_who_is_refused(doctor, ctx, make_socket):
    authenticator = ThreadAuthenticator(ctx)
    authenticator.start()
    try:
        authenticator.deny("127.0.0.1")
        status, lines = doctor(bound(make_socket(zmq.PULL, zap_domain=b"all", bind="tcp://127.0.0.1:*")))
    finally:
        authenticator.stop()
    assert status == 1
    assert lines[-1] == "FAIL  security  it lets nobody in without credentials (ZAP says 400)"


def test_a_web_server(doctor):
    class Quiet(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            status, lines = doctor(f"tcp://127.0.0.1:{server.server_port}", "--timeout", "1")
        finally:
            server.shutdown()
            thread.join()
    assert status == 1
    assert lines[-1].startswith("FAIL  protocol  a web server is there, which said ")
    assert "HTTP/1.0 501 " in lines[-1]


def test_one_who_says_nothing(doctor, listener):
    status, lines = doctor(f"tcp://127.0.0.1:{listener.getsockname()[1]}", "--timeout", "0.2")
    assert status == 1
    assert lines[-1].startswith("FAIL  protocol  it takes connections and says nothing within 0.2 s")


def test_a_wrong_port(doctor, make_socket, free_port):
    near = bound(make_socket(zmq.REP, bind="tcp://127.0.0.1:*")).rsplit(":", 1)[1]
    status, lines = doctor(f"tcp://127.0.0.1:{free_port}")
    assert status == 1
    assert lines[-1].startswith(
        "FAIL  listens   nobody listens on this port; the nearest that somebody listens on are "
    )
    # There may be nearer ones than ours; a port beside ours has it among the nearest.
    status, lines = doctor(f"tcp://127.0.0.1:{beside(int(near))}")
    assert status == 1
    assert near in lines[-1]


def beside(port):
    """A port near this one that nothing listens on."""
    for candidate in (*range(port + 1, min(port + 50, 65536)), *range(port - 50, port)):
        with network.socket() as probe:
            if probe.connect_ex(("127.0.0.1", candidate)) != 0:
                return candidate
    raise AssertionError("no free port near")


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("nothing", "there is no "),
        ("file", "is there, but it is no socket"),
        ("left", "nobody listens: the file is left from a program that has ended"),
    ],
)
def test_ipc_without_a_listener(doctor, ipc_dir, what, problem):
    path = ipc_dir / what
    if what == "file":
        path.touch()
    elif what == "left":
        with network.socket(network.AF_UNIX) as gone:
            gone.bind(str(path))
    status, lines = doctor(f"ipc://{path}")
    assert status == 1
    assert problem in lines[-1]


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        ("tcp://127.0.0.1:99999", "FAIL  endpoint  99999 is no port"),
        ("tcp://127.0.0.1:http", "FAIL  endpoint  http is no port"),
        ("tcp://127.0.0.1:0", "FAIL  endpoint  0 is no port"),
        ("tcp://127.0.0.1", "FAIL  endpoint  the port is missing"),
        ("tcp://no-such-name.invalid:5555", "FAIL  name      "),
        (f"tcp://{'a' * 64}.example:5555", "FAIL  name      "),
    ],
)
def test_what_cannot_be_connected_to(doctor, endpoint, line):
    status, lines = doctor(endpoint, "--timeout", "1")
    assert status == 1
    assert lines[-1].startswith(line)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["localhost:5555"], "an endpoint is transport://address"),
        (["inproc://here"], "inproc is within one process"),
        (["udp://127.0.0.1:5555"], "only tcp and ipc can be looked at from outside, not udp"),
        (["tcp://127.0.0.1:5555", "--type", "FOO"], "there is no socket type FOO"),
        (["tcp://127.0.0.1:5555", "--timeout", "0"], "'0' is no number of seconds"),
    ],
)
def test_what_is_mistyped_is_one_line(command, arguments, problem):
    done = command("doctor", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
