"""A house with a bound socket of each stable type, and a good peer who visits them all: what strangers must not disturb."""

from __future__ import annotations

import socket as system
import threading
import time
from typing import Any, Dict, List, Optional, Tuple

from benches.battery.crowd import address
from benches.battery.part import Link
from benches.battery.zmtp import FITTING

#: Whose messages go to any one peer, so also to a stranger who has got in.
GIVERS = ("PUSH", "DEALER", "REQ")
_NAME = b"visitor"
_PREFIX = b"good "


class House:
    """All sockets, and the thread that answers at them."""

    def __init__(self, zmq: Any, endpoints: Dict[str, str], **options: int) -> None:
        self._zmq = zmq
        self.context = zmq.Context()
        self.sockets: Dict[str, Any] = {}
        for kind, endpoint in endpoints.items():
            made = self.context.socket(getattr(zmq, kind))
            made.setsockopt(zmq.LINGER, 0)
            for option, value in options.items():
                made.setsockopt(getattr(zmq, option), value)
            if kind == "SUB":
                made.subscribe(b"")
            made.bind(endpoint)
            self.sockets[kind] = made
        if "XSUB" in self.sockets:
            self.sockets["XSUB"].send(b"\x01")
        #: Messages that nobody good has sent.
        self.junk = 0
        #: How often a socket was readable, and then had nothing.
        self.vain = 0
        self.failure: Optional[BaseException] = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        zmq = self._zmq
        poller = zmq.Poller()
        names = {}
        for kind, made in self.sockets.items():
            if kind not in ("PUB", "PUSH"):
                poller.register(made, zmq.POLLIN)
                names[made] = kind
        try:
            while not self._closing.is_set():
                for made, _ in poller.poll(100):
                    self._take(names[made], made)
        except zmq.ZMQError as error:
            self.failure = error

    def _take(self, kind: str, made: Any) -> None:
        try:
            message = made.recv_multipart(self._zmq.DONTWAIT)
        except self._zmq.Again:
            # What was there has been found to be no request, or has gone with its sender: who waited here would wait for others.
            self.vain += 1
            return
        self._answer(kind, made, message)

    def _answer(self, kind: str, made: Any, message: List[bytes]) -> None:
        if not message[-1].startswith(_PREFIX):
            self.junk += kind not in ("XPUB", "STREAM")
            if kind == "REP":
                made.send(b"what?")
            return
        if kind in ("REP", "DEALER", "PAIR", "STREAM"):
            self._say(made, message)
        elif kind in ("PULL", "SUB", "XSUB", "REQ"):
            self._say(self.sockets["ROUTER"], [_NAME, message[-1]])
        elif kind == "ROUTER":
            # It names the socket that is to say it.
            asked = message[-1].split()[1].decode()
            self._say(self.sockets[asked], message if asked == "ROUTER" else message[-1:])

    def _say(self, made: Any, message: List[bytes]) -> None:
        try:
            made.send_multipart(message, self._zmq.DONTWAIT)
        except self._zmq.ZMQError:
            # Nobody is there, or a REQ waits for its reply: the visitor notices.
            return

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        for made in self.sockets.values():
            made.close()
        self.context.term()


class _Stream:
    """A visitor's end of a STREAM."""

    def __init__(self, endpoint: str) -> None:
        self._socket = system.create_connection(address(endpoint))

    def send(self, message: bytes) -> None:
        self._socket.sendall(message)

    def recv(self, seconds: float) -> Optional[bytes]:
        self._socket.settimeout(max(seconds, 0.001))
        try:
            return self._socket.recv(1000) or None
        except OSError:
            return None

    def close(self) -> None:
        self._socket.close()


class _Visitor:
    """Makes round trips by the sockets of a house."""

    def __init__(self, zmq: Any, endpoints: Dict[str, str]) -> None:
        self._zmq = zmq
        self._context = zmq.Context()
        self._sockets: Dict[str, Any] = {}
        self._number = 0
        self._answered: Dict[str, bytes] = {}
        self.lost: List[str] = []
        self.duplicated, self.trips, self.worst = 0, 0, 0.0
        for kind, endpoint in endpoints.items():
            if kind == "STREAM":
                self._sockets[kind] = _Stream(endpoint)
                continue
            made = self._context.socket(getattr(zmq, FITTING[kind]))
            made.setsockopt(zmq.LINGER, 0)
            if kind == "ROUTER":
                made.setsockopt(zmq.ROUTING_ID, _NAME)
            if FITTING[kind] == "SUB":
                made.subscribe(b"")
            made.connect(endpoint)
            self._sockets[kind] = made

    def trip(self, kind: str, seconds: float) -> bool:
        """There and back by the socket of this type; says whether that took less than so long."""
        self._number += 1
        words = _PREFIX + f"{kind} {self._number}".encode()
        router = self._sockets["ROUTER"]
        way_out = router if kind in ("PUSH", "PUB", "XPUB", "REQ") else self._sockets[kind]
        way_back = router if kind in ("PULL", "SUB", "XSUB") else self._sockets[kind]
        started = time.monotonic()
        self._send(way_out, words)
        while True:
            heard = self._hear(way_back, started + seconds - time.monotonic())
            if heard is None:
                return False
            if kind == "REQ" and heard == words:
                # Its reply goes on to the ROUTER, and from there to here.
                self._send(way_back, words)
                way_back = router
                kind = "reply"
            elif heard == words:
                self.worst = max(self.worst, time.monotonic() - started)
                self._answered[kind] = words
                return True
            elif heard == self._answered.get(kind):
                self.duplicated += 1
            elif kind == "REQ":
                self._send(way_back, heard)

    def _send(self, made: Any, words: bytes) -> None:
        try:
            made.send(words) if isinstance(made, _Stream) else made.send(words, self._zmq.DONTWAIT)
        except self._zmq.ZMQError:
            # A REQ without its reply, or nobody there: no answer will come.
            return

    def _hear(self, made: Any, seconds: float) -> Optional[bytes]:
        if isinstance(made, _Stream):
            return made.recv(seconds)
        return made.recv() if made.poll(max(0, round(seconds * 1000))) else None

    def arrive(self, kinds: Tuple[str, ...]) -> None:
        """Goes there and back by all of these until that works: connections, subscriptions and older answers are there then."""
        for kind in kinds:
            deadline = time.monotonic() + 10
            while not self.trip(kind, 0.3):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no way by the {kind}")
        self.worst = 0.0

    def count(self, kind: str) -> bool:
        """A round trip that counts."""
        self.trips += 1
        answered = self.trip(kind, 2.0)
        if not answered:
            self.lost.append(kind)
        return answered

    def close(self) -> None:
        for made in self._sockets.values():
            made.close()
        self._context.term()

    def told(self) -> Dict[str, Any]:
        """What came of it so far."""
        return {"trips": self.trips, "lost": self.lost, "duplicated": self.duplicated, "worst": self.worst}


def visit(zmq: Any, link: Link, endpoints: Dict[str, str], meanwhile: List[str], afterwards: int) -> None:
    """Makes round trips by the sockets `meanwhile` until it hears something, and so many by each socket afterwards."""
    visitor = _Visitor(zmq, endpoints)
    visitor.arrive(tuple(endpoints))
    link.say("here")
    heard = link.heard()
    while not heard.is_set():
        for kind in meanwhile:
            visitor.count(kind)
    link.say(visitor.told())
    link.hear()
    visitor.arrive(tuple(kind for kind in endpoints if kind not in meanwhile))
    for kind in endpoints:
        for _ in range(afterwards):
            if not visitor.count(kind):
                break
    visitor.close()
    link.say(visitor.told())
