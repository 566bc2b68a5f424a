"""The gate: lists that change while the server runs, who was refused, and passwords that nobody overhears."""

from __future__ import annotations

import errno
import logging
import os
import threading
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

import brokerless as zmq
from brokerless.security.gate import log as gate_log
from tests.conftest import PATIENCE, wait_until
from tests.security.conftest import heard, refused

# Reload


def test_a_folder_is_read_again(serve: Any, knock: Any, keys: zmq.Keys, tmp_path: Path) -> None:
    anna, bob = zmq.Keys.load("anna"), zmq.Keys.load("bob")
    assert anna.path is not None
    folder = tmp_path / "clients"
    folder.mkdir(mode=0o700)
    (folder / "anna.key").write_bytes(anna.path.with_suffix(".key").read_bytes())
    server, gate = serve(keys, clients=folder)
    knock(server, anna, server_key=keys)
    assert heard(server) == "anna"
    knock(server, bob, server_key=keys)
    refused(gate)
    (folder / "anna.key").unlink()
    (folder / "robert.key").write_bytes(anna.path.with_name("bob.key").read_bytes())
    gate.reload()
    assert gate.clients == ["robert"]
    knock(server, bob, server_key=keys)
    assert heard(server) == "robert"
    before = len(gate.refused)
    knock(server, anna, server_key=keys)
    assert refused(gate, before + 1)[-1].who == anna.public.decode()


def test_who_is_refused_is_let_in_after_a_reload(serve: Any, knock: Any, keys: zmq.Keys) -> None:
    """Without a restart on either side: a client that was sent away comes again when it connects again."""
    clients: Dict[str, Any] = {}
    server, gate = serve(keys, clients=clients)
    anna = zmq.Keys.new()
    client = knock(server, anna, server_key=keys)
    refused(gate)
    clients["anna"] = anna
    gate.reload()
    client.disconnect(server.last_endpoint)
    client.connect(server.last_endpoint)
    client.send(b"hello")
    assert heard(server) == "anna"


def test_a_connection_outlives_its_place_on_the_list(serve: Any, knock: Any, keys: zmq.Keys) -> None:
    anna = zmq.Keys.new("anna")
    server, gate = serve(keys, clients=anna)
    client = knock(server, anna, server_key=keys)
    assert heard(server) == "anna"
    gate.reload({})
    assert gate.clients == []
    client.send(b"hello")
    assert heard(server) == "anna"
    knock(server, anna, server_key=keys)
    refused(gate)


def test_a_list_that_cannot_be_read_changes_nothing(serve: Any, knock: Any, keys: zmq.Keys, tmp_path: Path) -> None:
    anna = zmq.Keys.load("anna")
    assert anna.path is not None
    folder = tmp_path / "clients"
    folder.mkdir(mode=0o700)
    (folder / "anna.key").write_bytes(anna.path.with_suffix(".key").read_bytes())
    server, gate = serve(keys, clients=str(folder))
    (folder / "eve.key").write_text("no key")
    with pytest.raises(ValueError, match=r"eve\.key"):
        gate.reload()
    (folder / "eve.key").write_bytes((folder / "anna.key").read_bytes())
    with pytest.raises(ValueError, match="'anna' and 'eve' have the same key"):
        gate.reload()
    (folder / "eve.key").unlink()
    (folder / "anna.key").chmod(0o666)
    with pytest.raises(PermissionError, match="chmod go-w"):
        gate.reload()
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="chmod go-w"):
        gate.reload()
    with pytest.raises(FileNotFoundError):
        gate.reload(tmp_path / "nowhere")
    with pytest.raises(TypeError):
        gate.reload(7)
    knock(server, anna, server_key=keys)
    assert heard(server) == "anna" and gate.clients == ["anna"]


def test_an_iterator_is_read_once_and_kept(serve: Any, keys: zmq.Keys) -> None:
    _server, gate = serve(keys, clients=(zmq.Keys.new(name) for name in ("anna", "bob")))
    gate.reload()
    assert gate.clients == ["anna", "bob"]


def test_a_reload_while_clients_come(serve: Any, knock: Any, keys: zmq.Keys) -> None:
    """At no moment is there another list than one of the two: anna is on both."""
    anna, bob = zmq.Keys.new("anna"), zmq.Keys.new("bob")
    server, gate = serve(keys, clients=anna)
    stop = threading.Event()

    def reload() -> None:
        while not stop.is_set():
            gate.reload([anna, bob])
            gate.reload([anna])

    threads = [threading.Thread(target=reload) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            client = knock(server, anna, server_key=keys)
            assert heard(server) == "anna"
            client.close()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert gate.refused == []


# Who was refused


def test_refusals_are_counted_and_logged_once(serve: Any, knock: Any, keys: zmq.Keys, lines: Any) -> None:
    server, gate = serve(keys, clients={})
    eve = zmq.Keys.new("eve")
    knock(server, eve, server_key=keys)
    record = lines.next()
    assert record.name == "brokerless.security" and record.levelno == logging.WARNING
    text = record.getMessage()
    assert eve.public.decode() in text and "127.0.0.1" in text and "CURVE" in text and gate.domain in text
    (one,) = gate.refused
    assert one.times == 1 and one.first <= one.last
    knock(server, eve, server_key=keys)
    assert wait_until(lambda: gate.refused[0].times == 2)
    (one,) = gate.refused
    assert one.first < one.last and lines.queue.empty()
    assert "1 refused" in repr(gate)


def test_who_comes_in_is_logged_for_those_who_want_it(serve: Any, knock: Any, keys: zmq.Keys, lines: Any) -> None:
    gate_log.setLevel(logging.DEBUG)
    try:
        server, _gate = serve(keys, clients=zmq.Keys.load("anna"))
        knock(server, zmq.Keys.load("anna"), server_key=keys)
        assert heard(server) == "anna"
        record = lines.next()
        assert (
            record.levelno == logging.DEBUG and "ALLOWED CURVE" in record.getMessage() and "anna" in record.getMessage()
        )
    finally:
        gate_log.setLevel(logging.NOTSET)


def test_a_gate_outlives_its_socket_and_its_context(keys: zmq.Keys) -> None:
    with zmq.Context() as context, context.socket(zmq.PULL) as server, context.socket(zmq.PUSH) as client:
        gate = zmq.secure(server, keys, clients={})
        server.bind("tcp://127.0.0.1:*")
        client.linger = 0
        client.connect(server.last_endpoint.decode())
        refused(gate)
    assert gate.refused and gate.clients == []
    gate.reload(zmq.ANYONE)


def test_a_forked_child_has_no_gate(run_python: Callable[..., Any]) -> None:
    done = run_python(
        "import os, warnings, brokerless as zmq\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "context = zmq.Context()\n"
        "server = context.socket(zmq.PULL)\n"
        "gate = zmq.secure(server, zmq.Keys.new('a'), clients=zmq.ANYONE)\n"
        "if os.fork() == 0:\n"
        "    for call in (lambda: gate.refused, gate.reload):\n"
        "        try: call()\n"
        "        except zmq.ForkedProcessError: print('refused', flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "context.destroy()\n"
    )
    assert done.stdout.split() == ["refused", "refused"]


# Passwords


def test_passwords_on_this_machine(serve: Any, knock: Any, endpoint: Any) -> None:
    passwords = {"anna": "one"}
    for where in (endpoint("tcp"), endpoint("ipc")):
        server, gate = serve(passwords=passwords, bind=where)
        assert server.mechanism == zmq.PLAIN and gate.clients == ["anna"] and gate.keys == {}
        knock(server, user="anna", password="one")
        assert heard(server) == "anna"
        knock(server, user="anna", password="two")
        assert refused(gate)[-1].why == "the password is wrong"
        knock(server, user="eve", password="one")
        last = refused(gate, 2)[-1]
        assert (last.mechanism, last.who, last.why) == ("PLAIN", "eve", "there is no such user")
        gate.reload({"eve": "one"})
        knock(server, user="eve", password="one")
        assert heard(server) == "eve"


def test_passwords_show_in_no_log(serve: Any, knock: Any, lines: Any) -> None:
    server, gate = serve(passwords={"anna": "hunter2"})
    knock(server, user="anna", password="hunter3")
    text = lines.next().getMessage()
    assert "anna" in text and "hunter" not in text and "hunter" not in repr(gate) + repr(gate.refused)
    with pytest.raises(ValueError) as caught:
        gate.reload({"anna": "hunter2" * 100})
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("where", ["tcp://*:*", "tcp://0.0.0.0:*", "ws://*:*", "tcp://[::]:*"])
def test_passwords_go_over_no_network(make_socket: Callable[..., Any], where: str) -> None:
    server = make_socket(zmq.PULL)
    zmq.secure(server, passwords={"anna": "one"})
    with pytest.raises(zmq.ZMQError, match="says its password in the clear") as caught:
        server.bind(where)
    assert caught.value.errno == errno.EACCES
    assert server.endpoints == []
    client = make_socket(zmq.PUSH)
    zmq.secure(client, user="anna", password="one")
    for address in ("tcp://192.0.2.1:5555", "tcp://127.0.0.1:0;192.0.2.1:5555"):
        with pytest.raises(zmq.ZMQError, match="allow_plain_text=True"):
            client.connect(address)
    server.bind("tcp://127.0.0.1:*")


def test_unless_one_says_so(make_socket: Callable[..., Any]) -> None:
    server, client = make_socket(zmq.PULL), make_socket(zmq.PUSH)
    zmq.secure(server, passwords={"anna": "one"}, allow_plain_text=True)
    zmq.secure(client, user="anna", password="one", allow_plain_text=True)
    server.bind("tcp://*:*")
    client.connect(server.last_endpoint.decode().replace("0.0.0.0", "127.0.0.1"))
    client.send(b"hello")
    assert heard(server) == "anna"


@pytest.mark.parametrize(
    "passwords", [{"": "a"}, {"a": ""}, {"a": 7}, {"a": "x" * 256}, {"a\n": "b"}, {"x" * 256: "b"}]
)
def test_passwords_that_cannot_be(make_socket: Callable[..., Any], passwords: Any) -> None:
    sock = make_socket(zmq.PULL)
    with pytest.raises(ValueError):
        zmq.secure(sock, passwords=passwords)
    ((name, password),) = passwords.items()
    with pytest.raises(ValueError):
        zmq.secure(sock, user=name, password=password)
    assert sock.mechanism == zmq.NULL


# Many


@pytest.mark.timeout(60)
def test_threads_that_secure_at_once(ctx: Any, keys: zmq.Keys) -> None:
    """They share one handler, and each has its own list."""
    start, gates, sockets = threading.Barrier(8), [], []

    def make() -> None:
        start.wait()
        server = ctx.socket(zmq.PULL)
        sockets.append(server)
        gates.append(zmq.secure(server, keys, clients=zmq.ANYONE))
        server.bind("tcp://127.0.0.1:*")

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({gate.domain for gate in gates}) == 8
    for server in sockets:
        with ctx.socket(zmq.PUSH) as client:
            zmq.secure(client, zmq.Keys.new(), server_key=keys)
            client.connect(server.last_endpoint.decode())
            client.send(b"hello")
            assert server.recv(timeout=PATIENCE) == b"hello"
    assert sum(thread.name == "brokerless.security" for thread in threading.enumerate()) == 1


def test_many_strangers_leave_few_traces(serve: Any, make_socket: Callable[..., Any], keys: zmq.Keys) -> None:
    server, gate = serve(keys, clients={})
    before = len(os.listdir("/proc/self/fd"))

    def knocks() -> int:
        return sum(one.times for one in gate.refused)

    for _ in range(40):
        before_this = knocks()
        client = make_socket(zmq.PUSH, connect=server.last_endpoint.decode())
        assert wait_until(lambda so_far=before_this: knocks() > so_far)
        client.close()
    (one,) = gate.refused
    assert one.times >= 40
    assert wait_until(lambda: len(os.listdir("/proc/self/fd")) < before + 20)


def test_term_waits_for_no_gate(keys: zmq.Keys) -> None:
    """The handler is no socket of the user's: it counts nowhere, and ends with the context."""
    context = zmq.Context()
    context.max_sockets = 1
    server = context.socket(zmq.PULL)
    gate = zmq.secure(server, keys, clients={})
    assert "1 socket)" in repr(context)
    server.close()
    context.term(timeout=PATIENCE)
    assert context.closed and wait_until(lambda: gate._guard.ended)
