"""secure(): who is let in, who is not, and that nobody reads along."""

from __future__ import annotations

import asyncio
import errno
import socket as network
import threading
from typing import Any, Callable, List

import pytest

import brokerless as zmq
import brokerless.asyncio
from brokerless.auth.thread import ThreadAuthenticator
from tests.conftest import PATIENCE
from tests.security.conftest import heard, refused

# Who is let in


def test_three_lines_are_enough(make_socket: Callable[..., Any]) -> None:
    """Without anything else, you are the client: the keys of this user."""
    server, client = make_socket(zmq.REP), make_socket(zmq.REQ)
    keys = zmq.Keys.load("server")
    gate = zmq.secure(server, keys)
    server.bind("tcp://127.0.0.1:*")
    assert zmq.secure(client, server_key=keys.public) is None
    client.connect(server.last_endpoint.decode())
    client.send(b"hello")
    frame = server.recv(copy=False, timeout=PATIENCE)
    assert (frame.bytes, frame.get("User-Id")) == (b"hello", "default")
    server.send(b"world")
    assert client.recv(timeout=PATIENCE) == b"world"
    assert gate.clients == ["default", "server"] and gate.refused == []
    assert server.mechanism == client.mechanism == zmq.CURVE


def test_by_default_a_stranger_is_refused(serve: Any, knock: Any) -> None:
    """Also one whose public key lies beside yours: without its secret half it is not you."""
    keys = zmq.Keys.load("server")
    assert keys.path is not None
    eve = zmq.Keys.load("eve")
    assert eve.path is not None
    eve.path.unlink()
    server, gate = serve(keys)
    knock(server, eve, server_key=keys)
    (one,) = refused(gate)
    assert (one.mechanism, one.who, one.address) == ("CURVE", eve.public.decode(), "127.0.0.1")
    assert not server.poll(0)


def test_keys_in_memory_have_no_clients_by_default(make_socket: Callable[..., Any], keys: zmq.Keys) -> None:
    server = make_socket(zmq.PULL)
    with pytest.raises(TypeError, match=r"say who may come: clients=.*zmq\.ANYONE"):
        zmq.secure(server, keys)
    assert server.mechanism == zmq.NULL


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_client_goes_by_its_name(serve: Any, knock: Any, keys: zmq.Keys, endpoint: Any, transport: str) -> None:
    anna, bob = zmq.Keys.new(), zmq.Keys.new()
    clients = {"anna": anna.public, "bob ✓": bob.public.decode()}
    server, gate = serve(keys, clients=clients, bind=endpoint(transport))
    for who, name in ((anna, "anna"), (bob, "bob ✓")):
        knock(server, who, server_key=keys)
        assert heard(server) == name
    assert gate.keys == {"anna": anna.public, "bob ✓": bob.public}
    assert gate.refused == [] and "2 clients may come" in repr(gate)


def test_who_has_another_servers_key_is_refused(serve: Any, knock: Any, keys: zmq.Keys, lines: Any) -> None:
    anna = zmq.Keys.new("anna")
    server, gate = serve(keys, clients=anna)
    knock(server, anna, server_key=zmq.Keys.new())
    one = refused(gate)[0]
    assert (one.mechanism, one.who) == ("", "") and "does not know the server's public key" in one.why
    assert "does not know the server's public key" in lines.next().getMessage()
    knock(server, anna, server_key=keys)
    assert heard(server) == "anna"


def test_who_has_no_key_is_refused(serve: Any, knock: Any, keys: zmq.Keys, lines: Any) -> None:
    server, gate = serve(keys, clients=zmq.ANYONE)
    knock(server)
    one = refused(gate)[0]
    assert one.why == "it does not use the server's mechanism" and one.address == "127.0.0.1"
    record = lines.next()
    assert record.levelname == "WARNING" and gate.domain in record.getMessage() and "127.0.0.1" in record.getMessage()
    assert not server.poll(0)


def test_a_client_that_knows_its_server_tells_no_other(make_socket: Callable[..., Any], keys: zmq.Keys) -> None:
    """A server without keys, or with others, gets nothing of it."""
    fake = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    client = make_socket(zmq.PUSH)
    zmq.secure(client, zmq.Keys.new(), server_key=keys)
    client.connect(fake.last_endpoint.decode())
    client.send(b"hello")
    with pytest.raises(zmq.Again):
        client.wait_for_peers(1, timeout=0.3)
    assert not fake.poll(0)


def test_anyone_goes_by_their_key(serve: Any, knock: Any, keys: zmq.Keys) -> None:
    server, gate = serve(keys, clients=zmq.ANYONE)
    anna = zmq.Keys.new()
    knock(server, anna, server_key=keys)
    assert heard(server) == anna.public.decode()
    assert gate.clients is zmq.ANYONE and "anyone may come" in repr(gate) and repr(zmq.ANYONE) == "zmq.ANYONE"


def test_two_servers_have_their_own_clients(serve: Any, knock: Any, keys: zmq.Keys) -> None:
    anna, bob = zmq.Keys.new("anna"), zmq.Keys.new("bob")
    (first, gate), (second, other) = serve(keys, clients=[anna]), serve(keys, clients=[bob])
    assert gate.domain != other.domain
    knock(second, anna, server_key=keys)
    refused(other)
    knock(second, bob, server_key=keys)
    knock(first, anna, server_key=keys)
    assert heard(second) == "bob" and heard(first) == "anna" and gate.refused == []


def test_a_server_of_options_alone_has_no_list(
    make_socket: Callable[..., Any], serve: Any, knock: Any, keys: zmq.Keys
) -> None:
    """In the context of one that has: it lets nobody in, where without a handler it would let in everybody."""
    serve(keys, clients=zmq.ANYONE)
    _, secret = zmq.curve_keypair()
    server = make_socket(zmq.PULL, curve_server=1, curve_secretkey=secret, bind="tcp://127.0.0.1:*", heartbeat_ivl=0)
    client = knock(server, zmq.Keys.new(), server_key=zmq.curve_public(secret))
    with pytest.raises(zmq.Again):
        client.wait_for_peers(1, timeout=0.3)
    plain = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    knock(plain)
    assert plain.recv(timeout=PATIENCE) == b"hello"


def test_side_and_direction_are_two_things(make_socket: Callable[..., Any], keys: zmq.Keys) -> None:
    server, client, anna = make_socket(zmq.PULL), make_socket(zmq.PUSH), zmq.Keys.new("anna")
    zmq.secure(server, keys, clients=anna)
    zmq.secure(client, anna, server_key=keys)
    client.bind("tcp://127.0.0.1:*")
    server.connect(client.last_endpoint.decode())
    client.send(b"hello")
    assert heard(server) == "anna"


def test_nobody_comes_in_without_the_handler(make_socket: Callable[..., Any], knock: Any, keys: zmq.Keys) -> None:
    """What secure() sets is refused by libzmq itself, should nobody be there to decide."""
    context = zmq.Context()
    server = context.socket(zmq.PULL)
    gate = zmq.secure(server, keys, clients=zmq.ANYONE)
    assert server.zap_enforce_domain == 1 and server.zap_domain.decode() == gate.domain
    context.destroy(linger=0)
    lonely = make_socket(zmq.PULL, zap_domain=b"x", zap_enforce_domain=1, curve_server=1)
    keys._apply(lonely)
    lonely.bind("tcp://127.0.0.1:*")
    client = knock(lonely, zmq.Keys.new(), server_key=keys)
    with pytest.raises(zmq.Again):
        client.wait_for_peers(1, timeout=0.3)
    assert not lonely.poll(0)


# With pyzmq


def test_clients_and_servers_of_pyzmq(pyzmq: Any, pyzmq_ctx: Any, serve: Any, knock: Any, keys: zmq.Keys) -> None:
    public, secret = pyzmq.curve_keypair()
    server, _gate = serve(keys, clients={"pyzmq": public})
    theirs = pyzmq_ctx.socket(pyzmq.PUSH)
    theirs.linger, theirs.curve_publickey, theirs.curve_secretkey = 0, public, secret
    theirs.curve_serverkey = keys.public
    theirs.connect(server.last_endpoint.decode())
    theirs.send(b"hello")
    assert heard(server) == "pyzmq"
    their_server = pyzmq_ctx.socket(pyzmq.PULL)
    their_server.linger, their_server.curve_secretkey, their_server.curve_server = 0, secret, 1
    their_server.bind("tcp://127.0.0.1:*")
    knock(their_server, server_key=public)
    assert their_server.poll(PATIENCE * 1000) and their_server.recv() == b"hello"


def test_asyncio(keys: zmq.Keys) -> None:
    async def talk() -> str:
        with zmq.asyncio.Context() as context, context.socket(zmq.PULL) as server, context.socket(zmq.PUSH) as client:
            zmq.secure(server, keys, clients=zmq.Keys.load("anna"))
            server.bind("tcp://127.0.0.1:*")
            zmq.secure(client, zmq.Keys.load("anna"), server_key=keys)
            client.connect(server.last_endpoint.decode())
            await client.send(b"hello")
            frame = await asyncio.wait_for(server.recv(copy=False), PATIENCE)
            return str(frame.get("User-Id"))

    assert asyncio.run(talk()) == "anna"


# Nobody reads along


class Relay:
    """Passes bytes on between a client and a server, and keeps a copy, as whoever sits at the cable can."""

    def __init__(self, port: int) -> None:
        self.heard = bytearray()
        self._listener = network.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: List[Any] = [self._listener]
        self._threads = [threading.Thread(target=self._accept, args=(port,), daemon=True)]
        self._threads[0].start()

    def _accept(self, port: int) -> None:
        near, _ = self._listener.accept()
        far = network.create_connection(("127.0.0.1", port))
        self._open += [near, far]
        for source, target in ((near, far), (far, near)):
            self._threads.append(threading.Thread(target=self._pass_on, args=(source, target), daemon=True))
            self._threads[-1].start()

    def _pass_on(self, source: Any, target: Any) -> None:
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    return
                self.heard += data
                target.sendall(data)
        except OSError:
            return

    def close(self) -> None:
        for one in self._open:
            one.close()


@pytest.mark.parametrize("secured", [False, True])
def test_a_relay_hears_the_text_or_cipher(make_socket: Callable[..., Any], keys: zmq.Keys, secured: bool) -> None:
    server, client = make_socket(zmq.REP), make_socket(zmq.REQ)
    if secured:
        zmq.secure(server, keys, clients=zmq.ANYONE)
        zmq.secure(client, zmq.Keys.new(), server_key=keys)
    server.bind("tcp://127.0.0.1:*")
    relay = Relay(int(server.last_endpoint.rsplit(b":", 1)[1]))
    client.connect(relay.endpoint)
    secret = b"the exam's third question is about heartbeats"
    client.send(secret)
    assert server.recv(timeout=PATIENCE) == secret
    server.send(secret[::-1])
    assert client.recv(timeout=PATIENCE) == secret[::-1]
    relay.close()
    assert len(relay.heard) > 200
    assert (secret in relay.heard, secret[::-1] in relay.heard) == (not secured, not secured)


# What is refused at once


def test_it_comes_before_bind_and_connect(make_socket: Callable[..., Any], keys: zmq.Keys) -> None:
    bound = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    connected = make_socket(zmq.PUSH, connect="tcp://127.0.0.1:5")
    for sock in (bound, connected):
        for how in ({"clients": zmq.ANYONE}, {"server_key": keys}):
            with pytest.raises(zmq.ZMQError, match=r"comes before bind\(\) and connect\(\)") as caught:
                zmq.secure(sock, keys, **how)  # type: ignore[call-overload]
            assert caught.value.errno == zmq.EFSM
        assert sock.mechanism == zmq.NULL
    bound.unbind(bound.last_endpoint)
    zmq.secure(bound, keys, clients=zmq.ANYONE)
    with pytest.raises(zmq.ZMQError, match=r"has security already \(CURVE\)") as caught:
        zmq.secure(bound, keys, clients=zmq.ANYONE)
    assert caught.value.errno == zmq.EFSM
    connected.close()
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.secure(connected, keys, server_key=keys)
    assert caught.value.errno == errno.ENOTSOCK


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"clients": {}},
        {"keys": True, "clients": {}, "server_key": True},
        {"keys": True, "passwords": {"a": "b"}},
        {"keys": True, "user": "a", "password": "b"},
        {"server_key": True, "user": "a", "password": "b"},
        {"user": "a"},
        {"password": "a"},
        {"passwords": {"a": "b"}, "user": "a", "password": "b"},
        {"keys": True, "clients": {}, "allow_plain_text": True},
        {"keys": "name", "clients": {}},
        {"keys": True, "clients": 7},
        {"keys": True, "clients": b"key"},
        {"keys": True, "clients": [b"key"]},
        {"keys": True, "clients": {7: b"x" * 32}},
        {"keys": True, "clients": {"a": 7}},
        {"server_key": 7},
        {"passwords": [("a", "b")]},
    ],
    ids=str,
)
def test_arguments_that_do_not_go_together(make_socket: Callable[..., Any], keys: zmq.Keys, arguments: Any) -> None:
    sock = make_socket(zmq.PULL)
    arguments = {
        name: keys if value is True and name != "allow_plain_text" else value for name, value in arguments.items()
    }
    with pytest.raises(TypeError):
        zmq.secure(sock, **arguments)
    assert sock.mechanism == zmq.NULL and sock.zap_domain == b""


@pytest.mark.parametrize(
    "clients",
    [{"a": b"short"}, {"": b"x" * 32}, {"a\nb": b"x" * 32}, {"a": "ü" * 40}, {"a": b"x" * 32, "b": b"x" * 32}],
)
def test_clients_that_cannot_be(make_socket: Callable[..., Any], keys: zmq.Keys, clients: Any) -> None:
    sock = make_socket(zmq.PULL)
    with pytest.raises(ValueError):
        zmq.secure(sock, keys, clients=clients)
    assert sock.mechanism == zmq.NULL and sock.zap_domain == b""
    with pytest.raises(ValueError, match="server_key has 40"):
        zmq.secure(sock, keys, server_key="short")


def test_only_our_sockets(pyzmq: Any, pyzmq_ctx: Any, keys: zmq.Keys) -> None:
    with pytest.raises(TypeError, match="a socket of brokerless"):
        zmq.secure(pyzmq_ctx.socket(pyzmq.PULL), keys, clients=zmq.ANYONE)


def test_datagrams_are_refused(make_socket: Callable[..., Any], keys: zmq.Keys) -> None:
    radio, dish = make_socket(zmq.RADIO), make_socket(zmq.DISH)
    zmq.secure(radio, keys, server_key=keys)
    zmq.secure(dish, keys, clients=zmq.ANYONE)
    for attach in (radio.connect, dish.bind):
        with pytest.raises(zmq.ZMQError, match="datagrams are neither encrypted nor authenticated") as caught:
            attach("udp://127.0.0.1:5555")
        assert caught.value.errno == zmq.EPROTONOSUPPORT


# One handler a context


def test_not_beside_an_authenticator(ctx: Any, make_socket: Callable[..., Any], keys: zmq.Keys) -> None:
    with ThreadAuthenticator(ctx) as auth:
        auth.configure_curve(location=zmq.auth.CURVE_ALLOW_ANY)
        sock = make_socket(zmq.PULL)
        with pytest.raises(zmq.ZMQError, match="an authenticator runs in this context") as caught:
            zmq.secure(sock, keys, clients=zmq.ANYONE)
        assert caught.value.errno == zmq.EADDRINUSE and sock.mechanism == zmq.NULL
    zmq.secure(sock, keys, clients=zmq.ANYONE)
    with pytest.raises(zmq.ZMQError, match=r"zmq\.secure\(\) has given servers of this context") as caught:
        ThreadAuthenticator(ctx).start()
    assert caught.value.errno == zmq.EADDRINUSE


def test_a_domain_of_ones_own(make_socket: Callable[..., Any], keys: zmq.Keys) -> None:
    first, second = make_socket(zmq.PULL, zap_domain=b"lab"), make_socket(zmq.PULL, zap_domain=b"lab")
    assert zmq.secure(first, keys, clients=zmq.ANYONE).domain == "lab"
    with pytest.raises(zmq.ZMQError, match="has the ZAP_DOMAIN 'lab'") as caught:
        zmq.secure(second, keys, clients=zmq.ANYONE)
    assert caught.value.errno == zmq.EADDRINUSE and second.mechanism == zmq.NULL


def test_a_program_that_just_ends(run_python: Callable[..., Any]) -> None:
    """The handler and its log keep nobody from ending, whatever is still open."""
    done = run_python(
        "import brokerless as zmq\n"
        "context = zmq.Context()\n"
        "server = context.socket(zmq.PULL)\n"
        "gate = zmq.secure(server, zmq.Keys.new('a'), clients=zmq.ANYONE)\n"
        "server.bind('tcp://127.0.0.1:*')\n"
        "client = context.socket(zmq.PUSH)\n"
        "client.linger = 0\n"
        "client.connect(server.last_endpoint.decode())\n"
        "while not gate.refused: server.poll(5)\n"
        "print(gate.refused[0].why)\n"
    )
    assert "does not use the server's mechanism" in done.stdout
