"""The lecture's own programs run on brokerless when nothing but their import is changed, alone and beside pyzmq.

Each test runs a set of them as processes of their own, some with `import zmq` (pyzmq) as it stands and some with
`import brokerless as zmq` in its place: `one` is the import of the side that binds, `other` that of its clients.
"""

from __future__ import annotations

import itertools
import queue
import sys
from typing import Any, Callable, Iterator

import pytest
from lecture_programs import IMPORTS, PATIENCE, Program, Programs

from tools.runner import free_ports

both_sides = pytest.mark.parametrize(("one", "other"), list(itertools.product(IMPORTS, IMPORTS)))

Start = Callable[..., Program]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a program; what still runs after the test is ended."""
    with Programs() as programs:
        yield programs.start


def check_interrupt(device: Program, library: str) -> None:
    """Ctrl-C ends a device; that pyzmq's misses it now and then is not our business."""
    if library == "brokerless":
        assert "bringing down" in device.interrupt()


@both_sides
def test_pair(start: Start, one: str, other: str) -> None:
    (port,) = free_ports(1)
    client = start("pair_client", other, port, 5, 2)
    server = start("pair_server", one, port, 5, 2)
    assert client.result() == ["Server message to client3"] * 5
    assert server.result() == ["client message to server1", "client message to server2"] * 5


@both_sides
def test_a_client_with_one_server(start: Start, one: str, other: str) -> None:
    (port,) = free_ports(1)
    server = start("reqrep_server", one, "bind", port, 10)
    client = start("reqrep_client", other, port)
    assert client.result() == [f"World from {port}"] * 10
    assert server.result() == ["Hello"] * 10


@both_sides
def test_a_client_with_two_servers(start: Start, one: str, other: str) -> None:
    ports = free_ports(2)
    servers = [start("reqrep_server", one, "bind", port, 5) for port in ports]
    client = start("reqrep_client", other, *ports)
    assert client.result() == [f"World from {port}" for port in ports] * 5
    assert [server.result() for server in servers] == [["Hello"] * 5] * 2


@both_sides
def test_two_subscribers_of_one_publisher(start: Start, one: str, other: str) -> None:
    (port,) = free_ports(1)
    publisher = start("publisher", one, port)
    subscribers = [start("subscriber", other, topic, port) for topic in ("10001", "10003")]
    for topic, subscriber in zip(("10001", "10003"), subscribers):
        heard = subscriber.result()
        assert heard["topics"] == [topic] * 5
        assert heard["average"] == heard["total"] / 5
    publisher.result()


@both_sides
def test_two_publishers_with_one_subscriber(start: Start, one: str, other: str) -> None:
    ports = free_ports(2)
    publishers = [start("publisher", one, port) for port in ports]
    assert start("subscriber", other, "10001", *ports).result()["topics"] == ["10001"] * 5
    for publisher in publishers:
        publisher.result()


@both_sides
def test_producer_consumers_collector(start: Start, one: str, other: str) -> None:
    work_port, result_port = free_ports(2)
    count = 20_000
    collector = start("collector", one, result_port, count // 2)
    for consumer_id in (1, 2):
        start("consumer", other, consumer_id, work_port, result_port)
    producer = start("producer", one, "bind", work_port, count)
    found = collector.result()
    assert set(found["tally"]) <= {"1", "2"}
    assert sum(found["tally"].values()) == count // 2
    assert found["total"] == sum(range(0, count, 2))
    producer.result()


@both_sides
def test_queue_device(start: Start, one: str, other: str) -> None:
    frontend, backend = free_ports(2)
    device = start("queue_device", one, frontend, backend)
    for _ in range(2):
        start("reqrep_server", other, "connect", backend, sys.maxsize)
    clients = [start("reqrep_client", other, frontend) for _ in range(2)]
    for client in clients:
        assert client.result() == [f"World from {backend}"] * 10
    check_interrupt(device, one)


@both_sides
def test_forwarder_device(start: Start, one: str, other: str) -> None:
    frontend, backend = free_ports(2)
    device = start("forwarder_device", one, frontend, backend)
    publishers = [start("forwarder_publisher", other, frontend) for _ in range(2)]
    subscribers = {topic: start("forwarder_subscriber", other, topic, backend) for topic in ("9", "1")}
    for topic, subscriber in subscribers.items():
        updates = subscriber.result()
        assert [heard for heard, _ in updates] == [topic] * 10
        assert all(news.startswith("server#") for _, news in updates)
    for publisher in publishers:
        publisher.result()
    check_interrupt(device, one)


@both_sides
def test_streamer_device(start: Start, one: str, other: str) -> None:
    frontend, backend = free_ports(2)
    count = 200
    device = start("streamer_device", one, frontend, backend)
    workers = [start("task_worker", other, number, backend) for number in (1, 2)]
    found: queue.Queue[Any] = queue.Queue()
    readers = [worker.lines(found) for worker in workers]
    producers = [start("producer", other, "connect", frontend, count) for _ in range(2)]
    for producer in producers:
        producer.result()
    done = [found.get(timeout=PATIENCE)["num"] for _ in range(2 * count)]
    assert sorted(done) == sorted([*range(count), *range(count)])
    for worker, reader in zip(workers, readers):
        worker.kill()
        reader.join(PATIENCE)
    assert found.empty()
    check_interrupt(device, one)
