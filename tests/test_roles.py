"""Every role of the course plays its part: with the other roles of its set, and with pyzmq in the other parts.

A set runs at the same time, each role in a kernel of its own. Then each role runs once more while the programs in
`lecture/`, on pyzmq, take the other side: what a role says on the wire is what the lecture's programs say.
"""

from __future__ import annotations

import queue
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from lecture_programs import PATIENCE, Program, Programs

from tools.notebooks import NOTEBOOKS, role_sources
from tools.runner import Run, free_ports, run_notebook

pytestmark = [pytest.mark.notebook, pytest.mark.timeout(150)]

ROLES = NOTEBOOKS / "roles"


def play(*parts: tuple[str, dict[str, object]]) -> list[Run]:
    """Run roles at the same time, each with its parameters; all of them must end well."""
    with ThreadPoolExecutor(len(parts)) as pool:
        running = [
            pool.submit(run_notebook, ROLES / f"{name}.py", parameters=parameters, timeout=100)
            for name, parameters in parts
        ]
    runs = [role.result() for role in running]
    for run in runs:
        assert run.ok, f"{run.source.name}: {run.error}"
    return runs


def printed(run: Run) -> str:
    """What the notebook printed, all of it."""
    return "".join(
        output.text
        for cell in run.notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    )


@pytest.fixture
def pyzmq_plays() -> Iterator[Callable[..., Program]]:
    """Starts a program of the lecture on pyzmq; what still runs after the test is ended."""
    with Programs() as programs:
        yield lambda name, *arguments: programs.start(name, "pyzmq", *arguments)


def test_every_role_is_played():
    text = Path(__file__).read_text(encoding="utf-8")
    for source in role_sources():
        assert text.count(f'("{source.stem}", {{') >= 2, f"{source.name} is not in a set and beside pyzmq"


# Each set together


def test_pair():
    (port,) = free_ports(1)
    server, client = play(("pair_server", {"PORT": port, "ROUNDS": 5}), ("pair_client", {"PORT": port, "ROUNDS": 5}))
    assert "answer 4 from the client" in printed(server)
    assert "greeting 4 from the server" in printed(client)


def test_one_server():
    (port,) = free_ports(1)
    _, client = play(("reqrep_server", {"PORT": port}), ("reqrep_client", {"PORT": port}))
    assert printed(client).count(f"World from {port}") == 10


def test_two_servers():
    port, second = free_ports(2)
    *_, client = play(
        ("reqrep_server", {"PORT": port, "REQUESTS": 5}),
        ("reqrep_server", {"PORT": second, "REQUESTS": 5}),
        ("reqrep_client", {"PORT": port, "SECOND_PORT": second}),
    )
    assert printed(client).count(f"World from {port}") == 5
    assert printed(client).count(f"World from {second}") == 5


def test_one_station_with_two_subscribers():
    (port,) = free_ports(1)
    _, one, two = play(
        ("pub_server", {"PORT": port, "SUBSCRIBERS": 2, "ROUNDS": 5, "INTERVAL": 0}),
        ("sub_client", {"PORT": port}),
        ("sub_client", {"PORT": port, "TOPIC": "9999"}),
    )
    assert printed(one).count("10001: ") == 5
    assert printed(two).count("9999: ") == 5


def test_two_stations_with_one_subscriber():
    port, second = free_ports(2)
    *_, subscriber = play(
        ("pub_server", {"PORT": port, "ROUNDS": 5, "INTERVAL": 0}),
        ("pub_server", {"PORT": second, "ROUNDS": 5, "INTERVAL": 0}),
        ("sub_client", {"PORT": port, "SECOND_PORT": second, "UPDATES": 10}),
    )
    assert "average of 10 updates" in printed(subscriber)


def test_producer_two_consumers_collector():
    work, results = free_ports(2)
    producer, one, two, collector = play(
        ("producer", {"WORK_PORT": work, "WORKERS": 2}),
        ("consumer", {"WORK_PORT": work, "RESULT_PORT": results}),
        ("consumer", {"WORK_PORT": work, "RESULT_PORT": results}),
        ("collector", {"RESULT_PORT": results}),
    )
    assert "20000 numbers handed out" in printed(producer)
    assert "numbers taken in" in printed(one)
    assert "numbers taken in" in printed(two)
    assert " results\n" in printed(collector)


def test_two_clients_and_two_servers_at_a_queue():
    frontend, backend = free_ports(2)
    *_, one, two = play(
        ("queue_device", {"FRONTEND_PORT": frontend, "BACKEND_PORT": backend, "QUIET": 1}),
        ("queue_server", {"BACKEND_PORT": backend, "QUIET": 2}),
        ("queue_server", {"BACKEND_PORT": backend, "QUIET": 2, "TIMEOUT": 10}),
        ("queue_client", {"FRONTEND_PORT": frontend}),
        ("queue_client", {"FRONTEND_PORT": frontend}),
    )
    assert "World from" in printed(one)
    assert "World from" in printed(two)


def test_two_publishers_and_two_subscribers_at_a_forwarder():
    frontend, backend = free_ports(2)
    play(
        ("forwarder_device", {"FRONTEND_PORT": frontend, "BACKEND_PORT": backend, "QUIET": 1}),
        ("forwarder_publisher", {"FRONTEND_PORT": frontend}),
        ("forwarder_publisher", {"FRONTEND_PORT": frontend}),
        ("forwarder_subscriber", {"BACKEND_PORT": backend}),
        ("forwarder_subscriber", {"BACKEND_PORT": backend, "TOPIC": "1"}),
    )


def test_two_producers_and_two_workers_at_a_streamer():
    frontend, backend = free_ports(2)
    play(
        ("streamer_device", {"FRONTEND_PORT": frontend, "BACKEND_PORT": backend, "QUIET": 1}),
        ("streamer_worker", {"BACKEND_PORT": backend, "QUIET": 1}),
        ("streamer_worker", {"BACKEND_PORT": backend, "QUIET": 1, "TIMEOUT": 10}),
        ("streamer_producer", {"FRONTEND_PORT": frontend, "COUNT": 2_000}),
        ("streamer_producer", {"FRONTEND_PORT": frontend, "COUNT": 2_000, "FIRST": 2_000}),
    )


# Each role with pyzmq on the other side


def test_pair_server_and_pyzmq(pyzmq_plays):
    (port,) = free_ports(1)
    client = pyzmq_plays("pair_client", port, 5, 1)
    play(("pair_server", {"PORT": port, "ROUNDS": 5}))
    assert client.result() == [f"greeting {number} from the server" for number in range(5)]


def test_pair_client_and_pyzmq(pyzmq_plays):
    (port,) = free_ports(1)
    server = pyzmq_plays("pair_server", port, 5, 1)
    play(("pair_client", {"PORT": port, "ROUNDS": 5}))
    assert server.result() == [f"answer {number} from the client" for number in range(5)]


def test_reqrep_server_and_pyzmq(pyzmq_plays):
    (port,) = free_ports(1)
    client = pyzmq_plays("reqrep_client", port)
    play(("reqrep_server", {"PORT": port}))
    assert client.result() == [f"World from {port}"] * 10


def test_reqrep_client_and_pyzmq(pyzmq_plays):
    ports = free_ports(2)
    servers = [pyzmq_plays("reqrep_server", "bind", port, 5) for port in ports]
    play(("reqrep_client", {"PORT": ports[0], "SECOND_PORT": ports[1]}))
    assert [server.result() for server in servers] == [["Hello"] * 5] * 2


def test_pub_server_and_pyzmq(pyzmq_plays):
    (port,) = free_ports(1)
    subscribers = [pyzmq_plays("subscriber", topic, port) for topic in ("10001", "9999")]
    play(("pub_server", {"PORT": port, "SUBSCRIBERS": 2, "ROUNDS": 5, "INTERVAL": 0}))
    assert [subscriber.result()["topics"] for subscriber in subscribers] == [["10001"] * 5, ["9999"] * 5]


def test_sub_client_and_pyzmq(pyzmq_plays):
    ports = free_ports(2)
    publishers = [pyzmq_plays("publisher", port) for port in ports]
    play(("sub_client", {"PORT": ports[0], "SECOND_PORT": ports[1], "UPDATES": 10}))
    for publisher in publishers:
        publisher.result()


def test_producer_and_pyzmq(pyzmq_plays):
    work, results = free_ports(2)
    collector = pyzmq_plays("collector", results, 1_000)
    for number in (1, 2):
        pyzmq_plays("consumer", number, work, results)
    play(("producer", {"WORK_PORT": work, "WORKERS": 2, "COUNT": 2_000}))
    assert collector.result()["total"] == sum(range(0, 2_000, 2))


def test_consumer_and_pyzmq(pyzmq_plays):
    work, results = free_ports(2)
    collector = pyzmq_plays("collector", results, 1_000)
    producer = pyzmq_plays("producer", "bind", work, 2_000)
    (consumer,) = play(("consumer", {"WORK_PORT": work, "RESULT_PORT": results}))
    assert "2000 numbers taken in, 1000 passed on" in printed(consumer)
    assert collector.result()["total"] == sum(range(0, 2_000, 2))
    producer.result()


def test_collector_and_pyzmq(pyzmq_plays):
    work, results = free_ports(2)
    for number in (1, 2):
        pyzmq_plays("consumer", number, work, results)
    producer = pyzmq_plays("producer", "bind", work, 2_000)
    (collector,) = play(("collector", {"RESULT_PORT": results, "COUNT": 2_000}))
    assert "consumer " in printed(collector)
    producer.result()


def test_queue_device_and_pyzmq(pyzmq_plays):
    frontend, backend = free_ports(2)
    pyzmq_plays("reqrep_server", "connect", backend, sys.maxsize)
    client = pyzmq_plays("reqrep_client", frontend)
    play(("queue_device", {"FRONTEND_PORT": frontend, "BACKEND_PORT": backend, "QUIET": 1}))
    assert client.result() == [f"World from {backend}"] * 10


def test_queue_server_and_pyzmq(pyzmq_plays):
    frontend, backend = free_ports(2)
    pyzmq_plays("queue_device", frontend, backend)
    client = pyzmq_plays("reqrep_client", frontend)
    play(("queue_server", {"BACKEND_PORT": backend, "QUIET": 1}))
    assert all(reply.startswith("World from") for reply in client.result())


def test_queue_client_and_pyzmq(pyzmq_plays):
    frontend, backend = free_ports(2)
    pyzmq_plays("queue_device", frontend, backend)
    pyzmq_plays("reqrep_server", "connect", backend, sys.maxsize)
    (client,) = play(("queue_client", {"FRONTEND_PORT": frontend}))
    assert f"World from {backend}" in printed(client)


def test_forwarder_device_and_pyzmq(pyzmq_plays):
    frontend, backend = free_ports(2)
    publisher = pyzmq_plays("forwarder_publisher", frontend)
    subscriber = pyzmq_plays("forwarder_subscriber", "9", backend)
    play(("forwarder_device", {"FRONTEND_PORT": frontend, "BACKEND_PORT": backend, "QUIET": 1}))
    assert [topic for topic, _ in subscriber.result()] == ["9"] * 10
    publisher.result()


def test_forwarder_publisher_and_pyzmq(pyzmq_plays):
    frontend, backend = free_ports(2)
    pyzmq_plays("forwarder_device", frontend, backend)
    subscriber = pyzmq_plays("forwarder_subscriber", "9", backend)
    # The lecture's device subscribes to everything for as long as it lives, so the publisher ends by its time.
    play(("forwarder_publisher", {"FRONTEND_PORT": frontend, "SECONDS": 5}))
    assert [topic for topic, _ in subscriber.result()] == ["9"] * 10


def test_forwarder_subscriber_and_pyzmq(pyzmq_plays):
    frontend, backend = free_ports(2)
    pyzmq_plays("forwarder_device", frontend, backend)
    publisher = pyzmq_plays("forwarder_publisher", frontend)
    play(("forwarder_subscriber", {"BACKEND_PORT": backend}))
    publisher.result()


def test_streamer_device_and_pyzmq(pyzmq_plays):
    frontend, backend = free_ports(2)
    pyzmq_plays("task_worker", 1, backend)
    producer = pyzmq_plays("producer", "connect", frontend, 500)
    (device,) = play(("streamer_device", {"FRONTEND_PORT": frontend, "BACKEND_PORT": backend, "QUIET": 1}))
    assert "500" in printed(device)
    producer.result()


def test_streamer_worker_and_pyzmq(pyzmq_plays):
    frontend, backend = free_ports(2)
    pyzmq_plays("streamer_device", frontend, backend)
    producer = pyzmq_plays("producer", "connect", frontend, 500)
    (worker,) = play(("streamer_worker", {"BACKEND_PORT": backend, "QUIET": 1}))
    assert "did 500 jobs" in printed(worker)
    producer.result()


def test_streamer_producer_and_pyzmq(pyzmq_plays):
    frontend, backend = free_ports(2)
    pyzmq_plays("streamer_device", frontend, backend)
    worker = pyzmq_plays("task_worker", 1, backend)
    found: queue.Queue[Any] = queue.Queue()
    reader = worker.lines(found)
    play(("streamer_producer", {"FRONTEND_PORT": frontend, "COUNT": 500}))
    assert [found.get(timeout=PATIENCE)["num"] for _ in range(500)] == list(range(500))
    worker.kill()
    reader.join(PATIENCE)
