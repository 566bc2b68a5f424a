"""Keys in a home of the test's own, servers with lists of clients, and those who knock."""

from __future__ import annotations

import contextlib
import logging
import queue
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional

import pytest

import brokerless as zmq
from brokerless.security import Gate, Refused
from tests.conftest import PATIENCE, wait_until


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this user's keys are. Nothing is there yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "brokerless" / "keys"


class Lines(logging.Handler):
    """What is logged, for a test to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: queue.Queue[logging.LogRecord] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.queue.put(record)

    def next(self) -> logging.LogRecord:
        return self.queue.get(timeout=PATIENCE)


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The lines of the logger `brokerless.security`."""
    logger, handler = logging.getLogger("brokerless.security"), Lines()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def keys() -> zmq.Keys:
    """The server's."""
    return zmq.Keys.new("server")


@pytest.fixture
def serve(make_socket: Callable[..., Any]) -> Callable[..., Any]:
    """serve(keys, clients=...): a PULL that is secured and bound, and its gate."""

    def make(*args: Any, bind: str = "tcp://127.0.0.1:*", **kwargs: Any) -> Any:
        server = make_socket(zmq.PULL)
        gate = zmq.secure(server, *args, **kwargs)
        server.bind(bind)
        return server, gate

    return make


@pytest.fixture
def knock(make_socket: Callable[..., Any]) -> Callable[..., Any]:
    """knock(server, keys, server_key=...): a PUSH that is secured (if there is anything to secure it with) and connected, and
    has said hello."""

    def make(server: Any, *args: Any, **kwargs: Any) -> Any:
        client = make_socket(zmq.PUSH)
        if args or kwargs:
            zmq.secure(client, *args, **kwargs)
        client.connect(server.last_endpoint.decode())
        with contextlib.suppress(zmq.Again):  # who was refused already has nobody to say it to
            client.send(b"hello", zmq.DONTWAIT)
        return client

    return make


def heard(server: Any) -> Optional[str]:
    """The User-Id under which a hello has come."""
    frame = server.recv(copy=False, timeout=PATIENCE)
    assert frame.bytes == b"hello"
    return str(frame.get("User-Id"))


def refused(gate: Gate, count: int = 1) -> List[Refused]:
    """Who was refused, once there are so many; nothing of theirs has arrived."""
    assert wait_until(lambda: len(gate.refused) >= count), gate.refused
    return gate.refused
