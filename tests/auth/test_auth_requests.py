"""One request at a time: the base class in a program's own loop, subclasses, and requests that libzmq would never send."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brokerless as zmq
from brokerless import _core
from brokerless.auth import CURVE_ALLOW_ANY, Authenticator
from brokerless.auth.thread import ThreadAuthenticator
from tests.auth.conftest import plain

NULL = [b"1.0", b"\x00\x01", b"global", b"127.0.0.1", b"", b"NULL"]
KEY = bytes(range(32))
KEY_TEXT = b"009c61o!#m2NH?C3>iWS5d]J*6CRx17-skh9337x"


def request(mechanism, *credentials, domain=b"global"):
    return [b"1.0", b"\x00\x01", domain, b"127.0.0.1", b"", mechanism, *credentials]


@pytest.fixture
def base(ctx, log):
    """A base Authenticator that was started, in a program that reads its socket."""
    with Authenticator(ctx, log=log) as auth:
        yield auth


@pytest.fixture
def ask(base, make_socket):
    """ask(frames): what the authenticator replies: (status code, status text, user id)."""
    client = make_socket(zmq.REQ, connect="inproc://zeromq.zap.01")

    def send(frames):
        client.send_multipart(frames)
        msg = base.zap_socket.recv_multipart(timeout=10)
        assert asyncio.run(base.handle_zap_message(msg)) is None
        version, number, code, text, user, metadata = client.recv_multipart(timeout=10)
        assert (version, metadata) == (b"1.0", b"")
        assert number == (frames[1] if len(frames) > 1 else b"")
        return code, text, user

    return send


def test_pyzmqs_loop(base, make_server, knock):
    """As the documentation of both tells it: a poller, and a coroutine for each message."""
    base.configure_plain(passwords={"bob": "b"})
    server = make_server(plain_server=1)
    knock(server, **plain(b"bob", b"b"))
    poller = zmq.Poller()
    poller.register(base.zap_socket, zmq.POLLIN)
    assert dict(poller.poll(10_000)) == {base.zap_socket: zmq.POLLIN}
    asyncio.run(base.handle_zap_message(base.zap_socket.recv_multipart()))
    assert server.recv(timeout=10) == b"hello"


@pytest.mark.parametrize("count", range(1, 6))
def test_too_few_frames(ask, count, log):
    assert ask(NULL[:count]) == (b"400", b"Not enough frames", b"")
    assert f"{count} frames" in log.wait_for("refused")
    assert ask(NULL) == (b"200", b"OK", b"anonymous")


@pytest.mark.parametrize("version", [b"", b"1", b"2.0", b"1.0\0", b"\xff\xff"])
def test_another_version(ask, version):
    assert ask([version, *NULL[1:]]) == (b"400", b"Invalid version", b"")


@pytest.mark.parametrize(
    ("mechanism", "credentials"),
    [
        (b"NULL", [b"?"]),
        (b"PLAIN", []),
        (b"PLAIN", [b"bob"]),
        (b"PLAIN", [b"bob", b"b", b"?"]),
        (b"CURVE", []),
        (b"CURVE", [b"short"]),
        (b"CURVE", [KEY_TEXT]),
        (b"CURVE", [KEY, KEY]),
        (b"GSSAPI", []),
        (b"GSSAPI", [b"me", b"?"]),
        (b"GSSAPI", [b"\xff"]),
    ],
)
def test_credentials_that_are_none(base, ask, mechanism, credentials):
    base.configure_plain("global", {"bob": "b"})
    base.configure_curve("global", CURVE_ALLOW_ANY)
    assert ask(request(mechanism, *credentials)) == (b"400", b"Invalid credentials", b"")


def test_each_mechanism(base, ask):
    base.configure_gssapi("global", "ignored")
    assert ask(request(b"GSSAPI", b"me@REALM")) == (b"200", b"OK", b"me@REALM")
    assert ask(request(b"FUTURE", b"?")) == (b"400", b"NO ACCESS", b"")
    assert ask(request(b"PLAIN", b"bob", b"b")) == (b"400", b"No passwords defined", b"")
    base.configure_plain("global", {"bob": "b"})
    assert ask(request(b"PLAIN", b"bob", b"b")) == (b"200", b"OK", b"bob")
    assert ask(request(b"PLAIN", b"bob", b"")) == (b"400", b"Invalid password", b"")
    assert ask(request(b"PLAIN", b"\xff", b"b")) == (b"400", b"Invalid credentials", b"")
    assert ask(request(b"PLAIN", b"bob", b"b", domain=b"\xff")) == (b"400", b"Invalid domain", b"")
    assert ask(request(b"CURVE", KEY)) == (b"400", b"Unknown domain", b"")
    base.certs["global"] = {KEY_TEXT: True}
    assert ask(request(b"CURVE", KEY)) == (b"200", b"OK", KEY_TEXT)
    assert ask(request(b"CURVE", bytes(32))) == (b"400", b"Unknown key", b"")
    base.deny("127.0.0.1")
    for frames in (NULL, request(b"PLAIN", b"bob", b"b"), request(b"CURVE", KEY), request(b"FUTURE")):
        assert ask(frames) == (b"400", b"Address denied", b"")


def test_a_message_of_frames(base, ask):
    request = base._policy.read([zmq.Frame(part) for part in NULL])
    assert (request.id, request.domain, request.mechanism, request.credentials) == (NULL[1], b"global", b"NULL", [])
    for wrong in (["1.0", *NULL[1:]], [1], NULL[0], None):
        with pytest.raises(TypeError):
            base._policy.read(wrong)


def test_a_password_is_in_no_log_and_no_repr(base, ask, log):
    base.configure_plain("global", {"bob": "hunter2"})
    ask(request(b"PLAIN", b"bob", b"hunter2"))
    ask(request(b"PLAIN", b"bob", b"hunter3"))
    ask(request(b"PLAIN", b"bob", b"hunter2", b"hunter2"))
    assert len(log.all) >= 3
    assert not any("hunter" in line for line in [*log.all, repr(base), repr(base._policy)])


def test_a_callback_that_raises_is_the_programs_and_the_client_goes(base, make_socket):
    class Provider:
        def callback(self, domain, key):
            raise OSError("no database")

    base.configure_curve_callback("global", Provider())
    client = make_socket(zmq.REQ, connect="inproc://zeromq.zap.01")
    client.send_multipart(request(b"CURVE", KEY))
    with pytest.raises(OSError, match="no database"):
        asyncio.run(base.handle_zap_message(base.zap_socket.recv_multipart(timeout=10)))
    assert client.recv_multipart(timeout=10)[2:4] == [b"500", b"Internal error"]


def test_a_reply_after_the_stop_is_refused(base, make_socket):
    client = make_socket(zmq.REQ, connect="inproc://zeromq.zap.01")
    client.send_multipart(NULL)
    msg = base.zap_socket.recv_multipart(timeout=10)
    base.stop()
    with pytest.raises(zmq.ZMQError, match="stopped before"):
        asyncio.run(base.handle_zap_message(msg))


# Subclasses


def test_a_subclass_that_sees_every_message(ctx, make_auth, make_server, let_in):
    class Counting(ThreadAuthenticator):
        def __init__(self, *args, **kwargs):
            # Before the authenticator is one: attributes of its own.
            self.passwords = None
            self.seen = []
            super().__init__(*args, **kwargs)

        async def handle_zap_message(self, msg):
            self.seen.append(msg)
            await super().handle_zap_message(msg)

    auth = make_auth(Counting)
    server = make_server(zap_domain=b"global")
    for _ in range(2):
        assert let_in(server) == "anonymous"
    assert [msg[2] for msg in auth.seen] == [b"global"] * 2


def test_a_subclass_that_decides_by_itself(make_auth, make_server, curve_server, curve, client_keys, let_in, log):
    class Deciding(ThreadAuthenticator):
        def _authenticate_plain(self, domain, username, password):
            return username == password, b"Another"

        async def _authenticate_curve(self, domain, client_key):
            await asyncio.sleep(0)
            return True, b"OK"

        def curve_user_id(self, client_public_key):
            return client_public_key.hex()

    make_auth(Deciding)
    server = make_server(plain_server=1)
    assert let_in(server, **plain(b"bob", b"bob")) == "bob"
    assert let_in(server, **plain(b"bob", b"b")) is None
    assert any("Another" in line for line in log.all)
    assert len(let_in(curve_server, **curve(client_keys))) == 64


def test_a_handler_that_fails_or_forgets_the_reply_holds_nobody_up(make_auth, make_server, knock, log):
    class Failing(ThreadAuthenticator):
        async def handle_zap_message(self, msg):
            if msg[2] == b"bad":
                raise KeyError("bad")
            await super().handle_zap_message(msg)

    make_auth(Failing)
    bad, good = make_server(zap_domain=b"bad"), make_server(zap_domain=b"good")
    for _ in range(2):
        knock(bad)
        log.wait_for("KeyError")
        knock(good)
        assert good.recv(timeout=10) == b"hello"
    assert not bad.poll(0)


# Whatever comes

ODD = st.binary(max_size=40) | st.sampled_from([*NULL, b"PLAIN", b"CURVE", b"GSSAPI", KEY])


@settings(max_examples=200)
@given(frames=st.lists(ODD, max_size=9) | st.lists(ODD, max_size=3).map(lambda extra: [*NULL[:5], *extra]))
def test_whatever_comes_is_decided(frames):
    policy = _core.ZapPolicy()
    policy.allow(["127.0.0.1"])
    request = policy.read(frames)
    assert request.malformed is (request.refusal is not None and request.refusal != b"Address not allowed")
    assert request.id == (frames[1] if len(frames) > 1 else b"")
    if request.refusal is None:
        assert frames[0] == b"1.0" and frames[3] == b"127.0.0.1"
    for allowed in (True, False):
        assert "\n" not in request.describe(allowed, b"why", b"who\nelse")


def test_the_handler_takes_a_rep(ctx, make_socket):
    policy = _core.ZapPolicy()
    with pytest.raises(zmq.ZMQError) as caught:
        _core.ZapHandler(make_socket(zmq.PULL), policy)
    assert caught.value.errno == zmq.EINVAL
    closed = make_socket(zmq.REP)
    closed.close()
    handler = _core.ZapHandler(closed, policy)
    assert handler.join(timeout=10) and handler.ended
    handler.stop()


@pytest.mark.parametrize("kind", [zmq.PULL, zmq.PAIR, zmq.DEALER, zmq.PUB])
def test_nobody_binds_there_who_cannot_reply(make_socket, kind):
    """libzmq would abort the process with the next client."""
    with pytest.raises(zmq.ZMQError, match="REP or ROUTER") as caught:
        make_socket(kind, bind="inproc://zeromq.zap.01")
    assert caught.value.errno == zmq.EINVAL
    make_socket(zmq.ROUTER, bind="inproc://zeromq.zap.01")
