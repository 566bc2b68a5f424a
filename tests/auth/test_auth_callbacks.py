"""What Python has a say in, and that it is needed for nothing else."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import sys
import threading
import time
from contextlib import contextmanager

import pytest

import brokerless as zmq
from brokerless.auth import CURVE_ALLOW_ANY
from brokerless.auth.asyncio import AsyncioAuthenticator
from brokerless.auth.thread import ThreadAuthenticator
from brokerless.utils import z85
from tests.auth.conftest import plain
from tests.conftest import PATIENCE, wait_until


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


def test_a_log_that_raises_and_a_name_that_is_none_hold_nobody_up(
    make_auth, loop, curve_server, curve, make_client_keys, knock
):
    mistakes = []
    loop.set_exception_handler(lambda _, context: mistakes.append(context))

    class Broken:
        full = False

        def debug(self, *args):
            if self.full:
                raise OSError("disk full")

        error = debug

    log = Broken()
    auth = make_auth(AsyncioAuthenticator, log=log)
    log.full = True
    auth.allow_any = True
    bad, good = make_client_keys("bad"), make_client_keys("good")
    auth.curve_user_id = lambda key: key if key == z85.decode(good.public) else 7
    for _ in range(2):
        knock(curve_server, **curve(bad))
        knock(curve_server, **curve(good))
        assert curve_server.recv(timeout=10) == b"hello"
    assert not curve_server.poll(0)
    assert wait_until(lambda: mistakes)


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


@contextmanager
def busy(loop):
    """Nothing else happens in this loop until the end of the `with`."""
    begun, over = threading.Event(), threading.Event()

    def hold():
        begun.set()
        over.wait(PATIENCE)

    loop.call_soon_threadsafe(hold)
    assert begun.wait(PATIENCE)
    yield
    over.set()


@pytest.fixture
def quiet_auth(make_auth):
    return make_auth(ThreadAuthenticator, log=logging.Logger("quiet", logging.INFO))


@pytest.fixture
def lets_in_without_python(quiet_auth, make_server, knock, holding_the_gil):
    """Whether a client is let in by a new server while nothing of Python can run, the authenticator's thread least of all."""

    def ask(server, **options):
        sock = make_server(**server)
        with busy(quiet_auth.thread.loop):
            knock(sock, **options)
            return holding_the_gil(lambda: sock.events & zmq.POLLIN, 10.0)

    return ask


def test_python_is_not_needed_for_addresses(quiet_auth, lets_in_without_python):
    quiet_auth.allow("127.0.0.1")
    assert lets_in_without_python({"zap_domain": b"global"})


def test_python_is_not_needed_for_keys(quiet_auth, tmp_path, server_keys, curve, client_keys, lets_in_without_python):
    quiet_auth.configure_curve(location=tmp_path / "public")
    assert lets_in_without_python({"curve_server": 1, **server_keys.options}, **curve(client_keys))


def test_python_is_not_needed_for_passwords(quiet_auth, make_server, knock, lets_in_without_python):
    quiet_auth.configure_plain(passwords={"bob": "b"})
    # With the first client, it turns out that nobody else has the dict.
    server = make_server(plain_server=1)
    knock(server, **plain(b"bob", b"b"))
    assert server.recv(timeout=10) == b"hello"
    assert lets_in_without_python({"plain_server": 1}, **plain(b"bob", b"b"))


def test_holding_the_gil_is_what_the_test_says(quiet_auth, curve_server, curve, client_keys, knock, holding_the_gil):
    begun, go = threading.Event(), threading.Event()

    class Provider:
        def callback(self, domain, key):
            begun.set()
            return go.wait(PATIENCE)

    quiet_auth.configure_curve_callback(credentials_provider=Provider())
    knock(curve_server, **curve(client_keys))
    assert begun.wait(PATIENCE)
    go.set()
    assert not holding_the_gil(lambda: curve_server.events & zmq.POLLIN, 0.2)
    assert curve_server.recv(timeout=10) == b"hello"


def test_a_busy_loop_holds_no_client_up(make_auth, loop, tmp_path, curve_server, curve, client_keys, knock):
    make_auth(AsyncioAuthenticator).configure_curve(location=tmp_path / "public")
    with busy(loop):
        knock(curve_server, **curve(client_keys))
        assert curve_server.recv(timeout=10) == b"hello"
