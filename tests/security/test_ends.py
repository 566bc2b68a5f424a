"""Devices and the roles of a pipeline take the same keys."""

from __future__ import annotations

import concurrent.futures
from typing import Any, Callable

import pytest

import brokerless as zmq
from brokerless import pipeline
from tests.conftest import PATIENCE
from tests.security.conftest import refused


@pytest.fixture
def secured(make_socket: Callable[..., Any], keys: zmq.Keys) -> Callable[..., Any]:
    """secured(kind, endpoint, keys): a client of the server."""

    def make(kind: int, endpoint: str, own: zmq.Keys, **options: Any) -> Any:
        sock = make_socket(kind, **options)
        zmq.secure(sock, own, server_key=keys)
        sock.connect(endpoint)
        return sock

    return make


def test_a_queue_has_its_clients_on_both_sides(
    make_device: Any, secured: Any, make_socket: Any, keys: zmq.Keys
) -> None:
    anna, bob = zmq.Keys.new("anna"), zmq.Keys.new("bob")
    device = make_device(zmq.Queue, keys=keys, clients=[anna, bob])
    server = secured(zmq.REP, device.backend_endpoint, bob)
    client = secured(zmq.REQ, device.frontend_endpoint, anna)
    client.send(b"hello")
    assert server.recv(timeout=PATIENCE) == b"hello"
    server.send(b"world")
    assert client.recv(timeout=PATIENCE) == b"world"
    front, back = device.gates
    make_socket(zmq.REQ, connect=device.frontend_endpoint)
    assert refused(front)[0].why == "it does not use the server's mechanism"
    secured(zmq.REP, device.backend_endpoint, zmq.Keys.new("eve"))
    assert refused(back)[0].mechanism == "CURVE"


def test_a_forwarder_and_its_capture(make_device: Any, secured: Any, keys: zmq.Keys) -> None:
    anna = zmq.Keys.new("anna")
    device = make_device(zmq.Forwarder, keys=keys, clients=anna, capture="tcp://127.0.0.1:*")
    publisher = secured(zmq.PUB, device.frontend_endpoint, anna)
    subscriber = secured(zmq.SUB, device.backend_endpoint, anna, subscribe=b"")
    # Not to everything: the subscriptions are copied, too.
    spy = secured(zmq.SUB, device.capture.endpoints[0], anna, subscribe=b"news")
    publisher.wait_for_subscribers(1, timeout=PATIENCE)
    device.capture.wait_for_subscribers(1, timeout=PATIENCE)
    publisher.send(b"news")
    assert subscriber.recv(timeout=PATIENCE) == spy.recv(timeout=PATIENCE) == b"news"
    assert len(device.gates) == 3


def test_devices_in_a_row(ctx: Any, make_device: Any, secured: Any, keys: zmq.Keys) -> None:
    """One device is the client of another."""
    anna = zmq.Keys.new("anna")
    first = make_device(zmq.Streamer, keys=keys, clients=[anna])
    second = zmq.Streamer(
        f">{first.backend_endpoint}", "tcp://127.0.0.1:*", context=ctx, keys=anna, clients=anna, server_key=keys
    )
    with second:
        push = secured(zmq.PUSH, first.frontend_endpoint, anna)
        pull = ctx.socket(zmq.PULL)
        zmq.secure(pull, anna, server_key=anna)
        pull.connect(second.backend_endpoint)
        push.send(b"job")
        assert pull.recv(timeout=PATIENCE) == b"job"
        assert len(second.gates) == 1


@pytest.mark.parametrize(
    ("frontend", "arguments"),
    [
        ("tcp://127.0.0.1:*", {"clients": {}}),
        ("tcp://127.0.0.1:*", {"server_key": True}),
        ("tcp://127.0.0.1:*", {"keys": True, "server_key": True}),
        (">tcp://127.0.0.1:5", {"keys": True, "clients": {}}),
        (["tcp://127.0.0.1:*", ">tcp://127.0.0.1:5"], {"keys": True, "clients": {}, "server_key": True}),
    ],
    ids=str,
)
def test_a_device_that_cannot_be_secured(ctx: Any, keys: zmq.Keys, frontend: Any, arguments: Any) -> None:
    arguments = {name: keys if value is True else value for name, value in arguments.items()}
    with pytest.raises((TypeError, ValueError)):
        zmq.Queue(frontend, "tcp://127.0.0.1:*", context=ctx, **arguments)
    assert "sockets" not in repr(ctx)


def test_a_pipeline_with_keys(ctx: Any, keys: zmq.Keys, make_socket: Any) -> None:
    anna = zmq.Keys.new("anna")
    secrets = {"context": ctx, "keys": keys, "clients": [anna]}
    with pipeline.Collector("tcp://127.0.0.1:*", **secrets) as collector:
        with pipeline.Producer("tcp://127.0.0.1:*", **secrets) as producer:
            stranger = make_socket(zmq.PULL, connect=producer.endpoint)
            assert producer.gate is not None and collector.gate is not None
            refused(producer.gate)
            worker = pipeline.Worker(producer.endpoint, collector.endpoint, context=ctx, keys=anna, server_key=keys)
            with worker.start(lambda job: job * 2), concurrent.futures.ThreadPoolExecutor(1) as beside:
                results = beside.submit(collector.collect, 100, PATIENCE)
                assert producer.send_all(range(100), timeout=PATIENCE) == 100
                assert sorted(results.result()) == list(range(0, 200, 2))
            assert not stranger.poll(0)


def test_a_collector_with_a_key_of_its_own(ctx: Any, keys: zmq.Keys) -> None:
    other = zmq.Keys.new("other")
    with pipeline.Collector("tcp://127.0.0.1:*", context=ctx, keys=other, clients=zmq.ANYONE) as collector:
        with pipeline.Producer("tcp://127.0.0.1:*", context=ctx, keys=keys, clients=zmq.ANYONE) as producer:
            worker = pipeline.Worker(
                producer.endpoint, collector.endpoint, context=ctx, server_key=keys, sink_key=other.public
            )
            with worker.start(str):
                producer.wait_for_workers(1, timeout=PATIENCE)
                producer.send(7, timeout=PATIENCE)
                assert collector.recv(timeout=PATIENCE) == "7"


def test_a_role_that_cannot_be_secured(ctx: Any, keys: zmq.Keys) -> None:
    for wrong in (
        lambda: pipeline.Producer("tcp://127.0.0.1:*", context=ctx, clients={}),
        lambda: pipeline.Collector("tcp://127.0.0.1:*", context=ctx, keys=keys),
        lambda: pipeline.Worker("tcp://127.0.0.1:5", context=ctx, keys=keys),
        lambda: pipeline.Worker("tcp://127.0.0.1:5", context=ctx, server_key=keys, sink_key=keys),
    ):
        with pytest.raises(TypeError):
            wrong()
    assert "socket" not in repr(ctx).split("(")[1]


@pytest.mark.parametrize("workers", [2, "threads:2"])
def test_a_reliable_pipeline_with_keys(keys: zmq.Keys, make_socket: Any, free_port: int, workers: Any) -> None:
    anna = zmq.Keys.new("anna")
    ends = {"jobs": "tcp://127.0.0.1:*", "results": "tcp://127.0.0.1:*"}
    with pipeline.Pipeline(str, workers=workers, keys=keys, clients=[anna], **ends) as p:
        stranger = make_socket(zmq.DEALER, connect=p.jobs)
        assert refused(p._producer.gate)[0].why == "it does not use the server's mechanism"
        eve = pipeline.Worker(p.jobs, p.results, reliable=True, keys=zmq.Keys.new("eve"), server_key=keys)
        assert refused(p._producer.gate, 2)[-1].mechanism == "CURVE"
        secrets = {"keys": anna, "server_key": keys.public}
        with pipeline.Worker(p.jobs, p.results, reliable=True, name="anna", **secrets) as worker:
            worker.start(str)
            p.wait_for_workers(3, timeout=PATIENCE)
            assert list(p.map(range(200), timeout=PATIENCE)) == [str(number) for number in range(200)]
        assert {tally.name for tally in p.workers if tally.done} >= {"anna"}
        eve.stop()
        assert not stranger.poll(0)


def test_reliable_roles_with_keys(keys: zmq.Keys) -> None:
    other, anna = zmq.Keys.new("other"), zmq.Keys.new("anna")
    with pipeline.Collector("tcp://127.0.0.1:*", reliable=True, keys=other, clients=anna) as collector:
        with pipeline.Producer("tcp://127.0.0.1:*", reliable=True, keys=keys, clients=anna) as producer:
            worker = pipeline.Worker(
                producer.endpoint, collector.endpoint, reliable=True, keys=anna, server_key=keys, sink_key=other
            )
            with worker.start(str), concurrent.futures.ThreadPoolExecutor(1) as beside:
                results = beside.submit(list, collector)
                assert producer.send_all(range(50), timeout=PATIENCE) == 50
                assert sorted(results.result(PATIENCE), key=int) == [str(number) for number in range(50)]


def test_a_pipeline_that_cannot_be_secured(keys: zmq.Keys) -> None:
    ends = {"jobs": "tcp://127.0.0.1:*", "results": "tcp://127.0.0.1:*"}
    with pytest.raises(TypeError, match="where others connect"):
        pipeline.Pipeline(str, workers=1, keys=keys, clients=zmq.ANYONE)
    with pytest.raises(TypeError, match="needs keys="):
        pipeline.Pipeline(str, workers=1, clients=zmq.ANYONE, **ends)
    with pytest.raises(TypeError, match="say who may come"):
        pipeline.Pipeline(str, workers=1, keys=keys, **ends)
    with pytest.raises(ValueError, match="the key of 'anna'"):
        pipeline.Pipeline(str, workers=1, keys=keys, clients={"anna": "no key"}, **ends)
