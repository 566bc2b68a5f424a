"""pyzmq's clients with our authenticators, our clients with pyzmq's, and each other's certificates."""

from __future__ import annotations

import contextlib
import inspect

import brokerless
import brokerless.auth.asyncio
import brokerless.auth.thread
from brokerless import auth as our_auth
from tests.auth.conftest import plain


def test_pyzmqs_clients(
    auth, pyzmq, pyzmq_ctx, tmp_path, make_server, curve_server, server_keys, make_client_keys, log
):
    alice, eve = make_client_keys("alice"), make_client_keys("eve", folder="elsewhere")
    auth.configure_curve(location=tmp_path / "public")
    auth.configure_plain(passwords={"bob": "b"})
    plain_server = make_server(plain_server=1)

    def knock(server, **options):
        client = pyzmq_ctx.socket(pyzmq.PUSH)
        client.linger = 0
        for name, value in options.items():
            setattr(client, name, value)
        client.connect(server.last_endpoint.decode())
        with contextlib.suppress(pyzmq.Again):
            client.send(b"hello", pyzmq.DONTWAIT)
        return log.wait_for(" from ").split()[0]

    assert knock(curve_server, curve_serverkey=server_keys.public, **alice.options) == "ALLOWED"
    assert curve_server.recv(timeout=10) == b"hello"
    assert knock(curve_server, curve_serverkey=server_keys.public, **eve.options) == "DENIED"
    assert knock(plain_server, **plain(b"bob", b"b")) == "ALLOWED"
    assert plain_server.recv(timeout=10) == b"hello"
    assert knock(plain_server, **plain(b"bob", b"x")) == "DENIED"
    assert not curve_server.poll(0) and not plain_server.poll(0)


def test_pyzmqs_servers(pyzmq, pyzmq_ctx, tmp_path, make_socket, server_keys, make_client_keys):
    import zmq.auth.thread

    alice, eve = make_client_keys("alice"), make_client_keys("eve", folder="elsewhere")
    theirs = zmq.auth.thread.ThreadAuthenticator(pyzmq_ctx)
    theirs.start()
    try:
        theirs.configure_curve(location=str(tmp_path / "public"))
        server = pyzmq_ctx.socket(pyzmq.PULL)
        server.linger = 0
        server.rcvtimeo = 10_000
        server.curve_server = 1
        server.curve_secretkey = server_keys.secret
        server.bind("tcp://127.0.0.1:*")
        monitor = server.get_monitor_socket(pyzmq.EVENT_HANDSHAKE_FAILED_AUTH)
        for keys in (eve, alice):
            client = make_socket(pyzmq.PUSH, curve_serverkey=server_keys.public, **keys.options)
            client.connect(server.last_endpoint.decode())
            client.send(keys.public)
            if keys is eve:
                # The server's side is told that it refused.
                assert monitor.poll(10_000)
        assert server.recv() == alice.public
        assert not server.poll(0)
        server.disable_monitor()
    finally:
        theirs.stop()


def test_our_certificates_are_pyzmqs_and_theirs_are_ours(pyzmq, tmp_path):
    import zmq.auth

    for maker, reader in ((our_auth, zmq.auth), (zmq.auth, our_auth)):
        public, secret = maker.create_certificates(str(tmp_path), maker.__name__, {"name": "Zo\xe9"})
        for path in (public, secret):
            assert reader.load_certificate(path) == maker.load_certificate(path)
        assert reader.load_certificate(secret)[1] is not None
    assert len(our_auth.load_certificates(tmp_path)) == 2
    assert zmq.auth.load_certificates(str(tmp_path)) == our_auth.load_certificates(tmp_path)


def test_the_names_and_signatures_are_pyzmqs(pyzmq):
    import zmq.auth.asyncio
    import zmq.auth.thread

    def parameters(function):
        return [(name, p.kind, p.default) for name, p in inspect.signature(function).parameters.items()]

    assert set(our_auth.__all__) == {name for name in vars(zmq.auth) if name in our_auth.__all__}
    for name in ("create_certificates", "load_certificate", "load_certificates"):
        assert parameters(getattr(our_auth, name)) == parameters(getattr(zmq.auth, name))
    for ours, theirs in (
        (our_auth.Authenticator, zmq.auth.Authenticator),
        (brokerless.auth.thread.ThreadAuthenticator, zmq.auth.thread.ThreadAuthenticator),
        (brokerless.auth.asyncio.AsyncioAuthenticator, zmq.auth.asyncio.AsyncioAuthenticator),
    ):
        assert parameters(ours) == parameters(theirs)
        for name, member in vars(theirs).items():
            if inspect.isfunction(member) and not name.startswith("__") and "__" not in name[1:]:
                assert parameters(getattr(ours, name)) == parameters(member), name
    attributes = set(vars(zmq.auth.Authenticator(pyzmq.Context.instance())))
    with brokerless.Context() as context:
        mine = our_auth.Authenticator(context)
        assert {name for name in attributes if not hasattr(mine, name)} == set()
