"""Those who stay: the devices, the two ends of the reliable pipeline, and the wires that some links go through."""

from __future__ import annotations

import ctypes
import random
import select
import selectors
import socket
import sys
import threading
import time
from typing import Any, ClassVar, Dict, List, Tuple

from benches.battery.part import Link

#: How much a wire carries at a time.
_CHUNK = 65_536


class _Allocated(ctypes.Structure):
    """What mallinfo2(3) returns."""

    _fields_: ClassVar[List[Tuple[str, Any]]] = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


def in_use() -> float:
    """How many MiB of memory this process has asked for and not given back: 0 where the C library does not tell.

    What is resident is more, and is not given back at once: an allocator keeps what a busy moment has asked for.
    """
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0.0
    ask.restype = _Allocated
    found = ask()
    return float(found.uordblks + found.hblkhd) / 2**20


def devices(zmq: Any, link: Link) -> None:
    """A Queue, a Forwarder and a Streamer: says where they are, and whenever it is asked, what has passed and is in use."""
    here = "tcp://127.0.0.1:*"
    with zmq.Queue(here, here) as queue, zmq.Forwarder(here, here) as forwarder, zmq.Streamer(here, here) as streamer:
        all_three = (queue, forwarder, streamer)
        link.say([[one.frontend_endpoint, one.backend_endpoint] for one in all_three])
        while link.hear() != "end":
            link.say([[one.stats.frontend_messages for one in all_three], in_use()])


def boss(zmq: Any, link: Link, rate: float) -> None:
    """Hands out jobs until told to stop, takes the results, and says how many there were, are missing, and came twice."""
    from brokerless import pipeline

    here = "tcp://127.0.0.1:*"
    with pipeline.ReliableCollector(here) as collector, pipeline.ReliableProducer(here) as producer:
        link.say([producer.endpoint, collector.endpoint])
        came = bytearray()
        twice = 0

        def jobs() -> Any:
            number = 0
            while not select.select([sys.stdin], [], [], 0)[0]:
                came.append(0)
                yield number
                number += 1
                time.sleep(1 / rate)
            link.hear()

        def collect() -> None:
            nonlocal twice
            for number in collector:
                twice += came[number]
                came[number] = 1

        thread = threading.Thread(target=collect)
        thread.start()
        producer.send_all(jobs(), workers=1)
        thread.join()
        link.say([len(came), came.count(0), twice, producer.stats.redelivered])
    link.hear()


class _Wires:
    """Listens before each of several endpoints, and carries what comes to it and back, until it is cut."""

    def __init__(self, targets: List[str]) -> None:
        self._selector = selectors.DefaultSelector()
        self._other: Dict[socket.socket, socket.socket] = {}
        self.endpoints: List[str] = []
        for target in targets:
            host, _, port = target[len("tcp://") :].rpartition(":")
            listener = socket.create_server(("127.0.0.1", 0), backlog=100)
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, (host, int(port)))
            self.endpoints.append(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        self._selector.register(sys.stdin, selectors.EVENT_READ)

    def carry(self) -> bool:
        """Once; whether there is something to hear."""
        told = False
        for key, _ in self._selector.select():
            if key.fileobj is sys.stdin:
                told = True
            elif isinstance(key.fileobj, socket.socket):
                if key.data is not None:
                    self._accept(key.fileobj, key.data)
                elif key.fileobj in self._other:
                    self._pass_on(key.fileobj)
        return told

    def cut(self) -> int:
        """Ends all connections as a pulled cable would be noticed, with what is in them; how many there were."""
        several = len(self._other) // 2
        for one in list(self._other):
            if one in self._other:
                self._end(one)
        return several

    def _accept(self, listener: socket.socket, target: Tuple[str, int]) -> None:
        one, _ = listener.accept()
        other = socket.create_connection(target)
        for here, there in ((one, other), (other, one)):
            self._other[here] = there
            self._selector.register(here, selectors.EVENT_READ)

    def _pass_on(self, one: socket.socket) -> None:
        try:
            data = one.recv(_CHUNK)
            if data:
                # May wait for whoever does not read: so do all others of these wires, but none for ever.
                self._other[one].settimeout(1.0)
                self._other[one].sendall(data)
                return
        except OSError:
            data = b""
        self._end(one)

    def _end(self, one: socket.socket) -> None:
        for end in (one, self._other[one]):
            self._selector.unregister(end)
            del self._other[end]
            end.close()


def wires(zmq: Any, link: Link, targets: List[str]) -> None:
    """Says where its ends are; cuts all of its links whenever it is told to, and is deaf for a moment."""
    ends = _Wires(targets)
    link.say(ends.endpoints)
    dice = random.Random(3)
    while True:
        if ends.carry():
            try:
                link.hear()
            except EOFError:
                return
            link.say(ends.cut())
            time.sleep(dice.uniform(0.0, 0.3))
