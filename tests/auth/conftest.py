"""Authenticators, and the clients that they let in or send away."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple, Type

import pytest

import brokerless as zmq
from brokerless.auth import Authenticator, create_certificates, load_certificate
from brokerless.auth.asyncio import AsyncioAuthenticator
from brokerless.auth.thread import ThreadAuthenticator
from tests.conftest import PATIENCE

RUNNING: List[Type[Authenticator]] = [ThreadAuthenticator, AsyncioAuthenticator]


class Log:
    """A log that wants everything, and that a test can wait for."""

    def __init__(self) -> None:
        self.lines: queue.Queue[Tuple[str, str]] = queue.Queue()
        self.all: List[str] = []

    def debug(self, text: str, *args: object) -> None:
        self._take("debug", text % args)

    def error(self, text: str, *args: object) -> None:
        self._take("error", text % args)

    def _take(self, level: str, text: str) -> None:
        self.all.append(text)
        self.lines.put((level, text))

    def wait_for(self, *words: str) -> str:
        """The next line with these words in it."""
        while True:
            _, text = self.lines.get(timeout=PATIENCE)
            if all(word in text for word in words):
                return text


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread of its own."""
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever, name="the test's loop")
    thread.start()
    yield made
    made.call_soon_threadsafe(made.stop)
    thread.join(PATIENCE)
    made.close()


class InLoop:
    """An AsyncioAuthenticator whose start() and stop() are called in its loop; all else is the authenticator's."""

    def __init__(self, auth: Authenticator, loop: asyncio.AbstractEventLoop) -> None:
        self.__dict__.update(_auth=auth, _loop=loop)

    def _call(self, method: Callable[[], None]) -> None:
        async def call() -> None:
            method()

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE)

    def start(self) -> None:
        self._call(self._auth.start)

    def stop(self) -> None:
        self._call(self._auth.stop)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._auth, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._auth, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._auth, name)


@pytest.fixture
def make_auth(ctx: Any, log: Log, loop: asyncio.AbstractEventLoop) -> Iterator[Callable[..., Any]]:
    """make_auth(ThreadAuthenticator): one that runs, and tells `log` what it decides; stopped after the test."""
    made = []

    def make(
        kind: Type[Authenticator] = ThreadAuthenticator, context: Any = None, start: bool = True, **options: Any
    ) -> Any:
        options.setdefault("log", log)
        auth: Any = kind(context if context is not None else ctx, **options)
        if issubclass(kind, AsyncioAuthenticator):
            auth = InLoop(auth, loop)
        made.append(auth)
        if start:
            auth.start()
        return auth

    yield make
    for auth in made:
        auth.stop()


@pytest.fixture(params=RUNNING)
def auth(request: pytest.FixtureRequest, make_auth: Callable[..., Any]) -> Any:
    """An authenticator that runs; of each kind."""
    return make_auth(request.param)


class Keys(NamedTuple):
    """A pair, as Z85."""

    public: bytes
    secret: bytes

    @property
    def options(self) -> Dict[str, bytes]:
        """What the socket of its owner has to know."""
        return {"curve_publickey": self.public, "curve_secretkey": self.secret}


@pytest.fixture
def server_keys() -> Keys:
    return Keys(*zmq.curve_keypair())


@pytest.fixture
def make_client_keys(tmp_path: Path) -> Callable[..., Keys]:
    """make_client_keys("alice"): new keys; the certificate with the public one is in tmp_path / "public"."""

    def make(name: str = "client", folder: str = "public") -> Keys:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / "secret").mkdir(exist_ok=True)
        public, secret = create_certificates(tmp_path / "secret", name)
        Path(public).rename(tmp_path / folder / Path(public).name)
        key, secret_key = load_certificate(secret)
        assert secret_key is not None
        return Keys(key, secret_key)

    return make


@pytest.fixture
def client_keys(make_client_keys: Callable[..., Keys]) -> Keys:
    return make_client_keys()


@pytest.fixture
def make_server(make_socket: Callable[..., Any]) -> Callable[..., Any]:
    """make_server(plain_server=1, zap_domain=b"global"): a PULL that is bound."""
    return lambda **options: make_socket(zmq.PULL, bind="tcp://127.0.0.1:*", **options)


@pytest.fixture
def curve_server(make_server: Callable[..., Any], server_keys: Keys) -> Any:
    """A PULL whose clients need a key."""
    return make_server(curve_server=1, **server_keys.options)


@pytest.fixture
def curve(server_keys: Keys) -> Callable[[Keys], Dict[str, bytes]]:
    """curve(keys): what a client with these keys sets."""
    return lambda keys: {"curve_serverkey": server_keys.public, **keys.options}


def plain(username: bytes, password: bytes) -> Dict[str, bytes]:
    """What a client with this name and password sets."""
    return {"plain_username": username, "plain_password": password}


@pytest.fixture
def knock(make_socket: Callable[..., Any]) -> Callable[..., Any]:
    """knock(server, plain_username=b"...", ...): a client that connects and says hello; the PUSH is returned."""

    def connect(server: Any, **options: Any) -> Any:
        client = make_socket(zmq.PUSH, **options)
        client.connect(server.last_endpoint.decode())
        # One that was sent away before it could say so has nobody to say it to, and never will.
        with contextlib.suppress(zmq.Again):
            client.send(b"hello", zmq.DONTWAIT)
        return client

    return connect


@pytest.fixture
def let_in(knock: Callable[..., Any], log: Log) -> Callable[..., Optional[str]]:
    """let_in(server, ...): the User-Id under which a client is let in; None if it is sent away."""

    def ask(server: Any, **options: Any) -> Optional[str]:
        client = knock(server, **options)
        if "DENIED" in log.wait_for(" from "):
            # It has been decided: what is not there now will never be.
            assert not server.poll(0)
            client.close(0)
            return None
        frame = server.recv(copy=False, timeout=PATIENCE)
        assert frame.bytes == b"hello"
        client.close(0)
        return str(frame.get("User-Id"))

    return ask
