"""Host names that have no address are warned about at once, and nothing else is."""

from __future__ import annotations

import socket as network
import threading
import warnings
from typing import Any, Callable, List

import pytest

import brokerless as zmq
from brokerless import _names
from brokerless.socket import _has_name


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the look-up is, and whatever was known before."""
    monkeypatch.setattr(_names, "_PATIENCE", 20.0)
    monkeypatch.setattr(_names, "_known", set())


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> List[Any]:
    """What the system was asked for; it knows every host but those of `.invalid`."""
    asked: List[Any] = []

    def getaddrinfo(host: str, port: object, family: int = 0, *_: object) -> List[Any]:
        asked.append((host, family))
        if host.endswith(".invalid"):
            raise network.gaierror(network.EAI_NONAME, "Name or service not known")
        return []

    monkeypatch.setattr(network, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_without_an_address(make_socket: Callable[..., Any]) -> None:
    """With the system's own answer."""
    sock = make_socket(zmq.PUSH)
    with pytest.warns(RuntimeWarning, match=r"the host 'no-such-host\.invalid' has no address") as caught:
        sock.connect("tcp://no-such-host.invalid:5555")
    assert caught[0].filename == __file__ and "tcp://no-such-host.invalid:5555" in str(caught[0].message)
    assert len(sock.endpoints) == 1, "it goes on trying, as libzmq does"


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("tcp://board:5555", "board"),
        ("tcp://127.0.0.1:0;board.local:5555", "board.local"),
        ("ws://board:80/path/to:7", "board"),
        ("tcp://cafe:5555", "cafe"),
        ("tcp://localhost:5555", None),
        ("tcp://127.0.0.1:5555", None),
        ("tcp://[::1]:5555", None),
        ("tcp://[fe80::1%eth0]:5555", None),
        ("tcp://::1:5555", None),
        ("ipc:///tmp/board", None),
        ("inproc://board", None),
        ("udp://board:5555", None),
    ],
)
def test_what_is_looked_up(make_socket: Callable[..., Any], looked_up: List[Any], endpoint: str, host: Any) -> None:
    assert _names.host_in(endpoint) == host
    assert host is None or _has_name(endpoint), "the quick look leaves out what the slow one finds"
    _names.warn_of_unknown(make_socket(zmq.PUSH), endpoint)
    assert looked_up == ([] if host is None else [(host, network.AF_INET)])


def test_each_name_is_looked_up_once(make_socket: Callable[..., Any], looked_up: List[Any]) -> None:
    for _ in range(3):
        make_socket(zmq.PUSH, connect="tcp://board:5555")
    assert looked_up == [("board", network.AF_INET)]
    make_socket(zmq.PUSH, ipv6=1, connect="tcp://board:5555")
    assert looked_up[1:] == [("board", network.AF_UNSPEC)]
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="has no address"):
            make_socket(zmq.PUSH, connect="tcp://board.invalid:5555")


def test_a_proxy_looks_names_up_itself(make_socket: Callable[..., Any], looked_up: List[Any]) -> None:
    _names.warn_of_unknown(make_socket(zmq.PUSH, socks_proxy=b"127.0.0.1:9"), "tcp://board.invalid:5555")
    assert looked_up == []


def test_a_slow_answer_keeps_nobody_waiting(make_socket: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    monkeypatch.setattr(network, "getaddrinfo", lambda *_: answer.wait())
    monkeypatch.setattr(_names, "_PATIENCE", 0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_socket(zmq.PUSH, connect="tcp://board:5555")
    answer.set()
