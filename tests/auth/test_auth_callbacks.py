"""What Python has a say in, and that it is needed for nothing else."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import sys
import threading
import time

import pytest

import brokerless as zmq
from brokerless.auth import CURVE_ALLOW_ANY
from brokerless.auth.asyncio import AsyncioAuthenticator
from brokerless.auth.thread import ThreadAuthenticator
from tests.auth.conftest import plain


@pytest.mark.parametrize("awaited", [False, True])
def test_a_credentials_provider(auth, curve_server, curve, make_client_keys, let_in, awaited):
    alice, eve = make_client_keys("alice"), make_client_keys("eve")
    asked = []

    class Provider:
        def callback(self, domain, key):
            asked.append((domain, key))
            return self.later(key) if awaited else key == alice.public

        async def later(self, key):
            await asyncio.sleep(0.01)
            return key == alice.public

    auth.configure_curve_callback(credentials_provider=Provider())
    assert let_in(curve_server, **curve(alice)) == alice.public.decode()
    assert let_in(curve_server, **curve(eve)) is None
    assert asked == [("*", alice.public), ("*", eve.public)]


def test_a_provider_counts_in_its_domain_and_certificates_no_more(
    auth, tmp_path, make_server, server_keys, curve, client_keys, let_in
):
    class Everybody:
        def callback(self, domain, key):
            return domain == "east"

    auth.configure_curve(location=tmp_path / "public")
    auth.configure_curve_callback("east", Everybody())
    nowhere = make_server(curve_server=1, **server_keys.options)
    east = make_server(curve_server=1, zap_domain=b"east", **server_keys.options)
    assert let_in(east, **curve(client_keys))
    assert let_in(nowhere, **curve(client_keys)) is None
    auth.credentials_providers.clear()
    assert let_in(nowhere, **curve(client_keys))


def test_a_provider_that_raises_sends_the_client_away_and_the_next_one_comes(
    auth, curve_server, curve, make_client_keys, knock, let_in, log
):
    bad, good = make_client_keys("bad"), make_client_keys("good")

    class Provider:
        def callback(self, domain, key):
            return key == good.public or 1 / 0

    auth.configure_curve_callback(credentials_provider=Provider())
    knock(curve_server, **curve(bad))
    assert "ZeroDivisionError" in log.wait_for("Cannot decide")
    assert let_in(curve_server, **curve(good))
    assert not curve_server.poll(0)


def test_what_is_no_provider(auth, log):
    for wrong in (lambda domain, key: True, object(), "callback"):
        with pytest.raises(TypeError, match="callback"):
            auth.configure_curve_callback(credentials_provider=wrong)
    auth.allow_any = True
    auth.configure_curve_callback()
    log.wait_for("No credentials_provider")
    assert auth.allow_any is False and auth.credentials_providers == {}


def test_a_user_id_of_ones_own(auth, curve_server, curve, client_keys, let_in):
    auth.configure_curve(location=CURVE_ALLOW_ANY)
    asked = []

    def name(key):
        asked.append(key)
        return "the \xe4nderer"

    auth.curve_user_id = name
    assert let_in(curve_server, **curve(client_keys)) == "the \xe4nderer"
    assert [len(key) for key in asked] == [32]
    del auth.curve_user_id
    assert let_in(curve_server, **curve(client_keys)) == client_keys.public.decode()


def test_a_log_that_wants_little_gets_little(make_auth, make_server, knock, caplog):
    caplog.set_level("INFO", logger="zmq.auth")
    auth = make_auth(log=None)
    server = make_server(zap_domain=b"global")
    for _ in range(3):
        knock(server)
        assert server.recv(timeout=10) == b"hello"
    auth.configure_curve(location="/no/such/place")
    assert [(record.name, record.levelname) for record in caplog.records] == [("zmq.auth", "ERROR")]


# Without the GIL


@pytest.fixture
def holding_the_gil(monkeypatch):
    """holding_the_gil(reached, seconds): looks until `reached()` is true, while no other thread of Python can run."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        pytest.skip("this Python has no GIL")
    interval = sys.getswitchinterval()
    # Unlike CDLL, this does not give the GIL back for the call.
    nap = ctypes.PyDLL(None).usleep

    def look(reached, seconds):
        deadline = time.monotonic() + seconds
        while not reached() and time.monotonic() < deadline:
            nap(1000)
        return bool(reached())

    sys.setswitchinterval(1000)
    yield look
    sys.setswitchinterval(interval)


@pytest.fixture
def lets_in_without_python(make_server, knock, holding_the_gil):
    """Whether a client is let in by a new server while nothing of Python can run."""

    def ask(seconds=10.0, server=None, **options):
        server = make_server(**(server or {"zap_domain": b"global"}))
        knock(server, **options)
        return holding_the_gil(lambda: server.events & zmq.POLLIN, seconds)

    return ask


def quiet(make_auth, **options):
    log = logging.Logger("quiet", logging.INFO)
    return make_auth(ThreadAuthenticator, log=log, **options)


def test_python_is_not_needed_for_addresses_passwords_and_keys(
    make_auth, tmp_path, server_keys, curve, client_keys, make_server, knock, lets_in_without_python
):
    auth = quiet(make_auth)
    auth.allow("127.0.0.1")
    auth.configure_curve(location=tmp_path / "public")
    assert lets_in_without_python()
    assert lets_in_without_python(server={"curve_server": 1, **server_keys.options}, **curve(client_keys))
    auth.configure_plain(passwords={"bob": "b"})
    # The dict is adopted with its first client.
    first = make_server(plain_server=1)
    knock(first, **plain(b"bob", b"b"))
    assert first.recv(timeout=10) == b"hello"
    assert lets_in_without_python(server={"plain_server": 1}, **plain(b"bob", b"b"))


def test_python_is_needed_for_a_provider(make_auth, server_keys, curve, client_keys, lets_in_without_python):
    class Provider:
        def callback(self, domain, key):
            return True

    quiet(make_auth).configure_curve_callback(credentials_provider=Provider())
    server = {"curve_server": 1, **server_keys.options}
    assert not lets_in_without_python(0.2, server=server, **curve(client_keys))


def test_a_busy_loop_holds_no_client_up(
    make_auth, loop, tmp_path, curve_server, curve, client_keys, knock, server_keys
):
    auth = make_auth(AsyncioAuthenticator)
    auth.configure_curve(location=tmp_path / "public")
    busy, over = threading.Event(), threading.Event()

    def hold():
        busy.set()
        over.wait(20)

    loop.call_soon_threadsafe(hold)
    assert busy.wait(10)
    knock(curve_server, **curve(client_keys))
    assert curve_server.recv(timeout=10) == b"hello"
    over.set()
