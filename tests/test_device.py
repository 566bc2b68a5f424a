"""Queue, Forwarder and Streamer: what they pass on, how they pause and stop, and that they need no GIL for it."""

from __future__ import annotations

import sys
import threading
import time

import pytest
from conftest import wait_until

import brokerless as zmq

DEVICES = [zmq.Queue, zmq.Forwarder, zmq.Streamer]


def serve(rep, name):
    for message in rep:
        rep.send_multipart([name, *(message if isinstance(message, list) else [message])])


def ask(req, requests):
    served_by = []
    for request in requests:
        req.send_multipart(request)
        name, *reply = req.recv_multipart(timeout=10)
        assert reply == request
        served_by.append(name)
    return served_by


def test_a_queue_shares_requests_among_its_servers(make_device, at, transport, in_thread):
    device = make_device(zmq.Queue, transport)
    servers = [at(zmq.REP, device.backend_endpoint) for _ in range(2)]
    device.backend.wait_for_peers(2, timeout=10)
    serving = [in_thread(serve, server, b"server %d" % number) for number, server in enumerate(servers)]
    clients = [at(zmq.REQ, device.frontend_endpoint) for _ in range(3)]
    requests = [[b"", b"two", b"%d" % number] for number in range(50)]
    asking = [in_thread(ask, client, requests) for client in clients]
    assert {name for each in asking for name in each.result()} == {b"server 0", b"server 1"}
    # A ROUTER adds the client's routing id of 5 bytes, and the REQ an empty frame.
    requested = 3 * sum(5 + len(b"".join(request)) for request in requests)
    stats = device.stats
    assert (stats.frontend_messages, stats.backend_messages) == (150, 150)
    assert (stats.frontend_bytes, stats.backend_bytes) == (requested, requested + 150 * len(b"server 0"))
    for server in servers:
        server.close()
    for each in serving:
        each.result()


def test_a_reply_goes_to_who_asked(make_device, at, in_thread):
    device = make_device(zmq.Queue)
    server = at(zmq.REP, device.backend_endpoint)
    serving = in_thread(serve, server, b"echo")
    clients = [at(zmq.REQ, device.frontend_endpoint) for _ in range(5)]
    for number, client in enumerate(clients):
        client.send_multipart([b"", b"%d" % number, b""])
    for number, client in reversed(list(enumerate(clients))):
        assert client.recv_multipart(timeout=10) == [b"echo", b"", b"%d" % number, b""]
    server.close()
    serving.result()


def test_a_forwarder_takes_subscriptions_upstream(make_device, at, transport):
    device = make_device(zmq.Forwarder, transport)
    publishers = [at(zmq.PUB, device.frontend_endpoint) for _ in range(2)]
    subscribers = [at(zmq.SUB, device.backend_endpoint) for _ in range(3)]
    for number, subscriber in enumerate(subscribers):
        subscriber.subscribe(b"news")
        # The same topic is announced upstream once only; one's own tells that both have arrived.
        subscriber.subscribe(b"mine %d" % number)
        for publisher in publishers:
            publisher.wait_for_subscribers(1, topic=b"mine %d" % number, timeout=10)
    for number, publisher in enumerate(publishers):
        publisher.send_multipart([b"unwanted", b"dropped"])
        publisher.send_multipart([b"news", b"from", b"%d" % number])
    for subscriber in subscribers:
        got = sorted(subscriber.recv_multipart(timeout=10) for _ in publishers)
        assert got == [[b"news", b"from", b"0"], [b"news", b"from", b"1"]]
    stats = device.stats
    assert (stats.frontend_messages, stats.frontend_bytes) == (2, 2 * len(b"newsfrom0"))
    # "news" and three of the subscribers' own, with a byte before each.
    assert (stats.backend_messages, stats.backend_bytes) == (4, 5 + 3 * 7)


def test_a_streamer_shares_jobs_among_its_workers(make_device, at, transport):
    device = make_device(zmq.Streamer, transport)
    workers = [at(zmq.PULL, device.backend_endpoint) for _ in range(3)]
    device.backend.wait_for_peers(3, timeout=10)
    producers = [at(zmq.PUSH, device.frontend_endpoint) for _ in range(2)]
    jobs = [[b"%d" % producer, b"", b"%03d" % job] for producer in range(2) for job in range(150)]
    for producer, _, job in jobs:
        producers[int(producer)].send_multipart([producer, b"", job], timeout=10)
    got = [[worker.recv_multipart(timeout=10) for _ in range(100)] for worker in workers]
    assert sorted(job for each in got for job in each) == jobs
    assert device.stats.frontend_messages == 300
    assert device.stats.frontend_bytes == 300 * 4
    assert device.stats.backend_messages == device.stats.backend_bytes == 0


@pytest.mark.parametrize("kind", DEVICES)
def test_pyzmq_on_both_sides(make_device, pyzmq, pyzmq_ctx, kind):
    device = make_device(kind)
    types = {zmq.Queue: ("REQ", "REP"), zmq.Forwarder: ("PUB", "SUB"), zmq.Streamer: ("PUSH", "PULL")}
    front, back = (pyzmq_ctx.socket(getattr(pyzmq, name)) for name in types[kind])
    front.connect(device.frontend_endpoint)
    back.connect(device.backend_endpoint)
    for sock in (front, back):
        sock.rcvtimeo = sock.sndtimeo = 10_000
    if kind is zmq.Forwarder:
        # pyzmq cannot see its subscribers: the device has seen the subscription pass, the publisher may need longer.
        back.subscribe(b"")

        def arrives():
            front.send_multipart([b"are you", b"there"])
            return back.poll(5)

        assert wait_until(arrives)
        while back.poll(20):
            back.recv_multipart()
    for number in range(20):
        front.send_multipart([b"a", b"", b"%d" % number])
        assert back.recv_multipart() == [b"a", b"", b"%d" % number]
        if kind is zmq.Queue:
            back.send_multipart([b"", b"back"])
            assert front.recv_multipart() == [b"", b"back"]


def test_it_needs_no_gil(make_device, at, ctx, endpoint):
    """A message that goes round and round, its device being connected to itself, while no Python thread but this one runs."""
    where = endpoint("inproc")
    device = zmq.Streamer(where, ">" + where, context=ctx).start()
    at(zmq.PUSH, where).send(b"round")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    try:
        before, end, spins = device.stats.frontend_messages, time.monotonic() + 0.2, 0
        while time.monotonic() < end:
            spins += 1
        moved = device.stats.frontend_messages - before
        while device.stats.frontend_messages < moved + 100 and time.monotonic() < end + 10:
            spins += 1
    finally:
        sys.setswitchinterval(interval)
        device.stop(timeout=0)
    assert moved > 100
    assert device.stats.frontend_messages >= moved + 100


def test_a_pause_holds_and_a_resume_lets_go(make_device, at):
    device = make_device(zmq.Streamer)
    producer = at(zmq.PUSH, device.frontend_endpoint)
    worker = at(zmq.PULL, device.backend_endpoint)
    for number in range(20):
        device.pause()
        assert device.paused and device.running
        stats = device.stats
        producer.send(b"%d" % number)
        assert wait_until(lambda: device.frontend.poll(0)), "it has arrived, and stays there"
        assert worker.poll(0) == 0 and device.stats == stats
        device.resume()
        assert not device.paused and device.running
        assert worker.recv(timeout=10) == b"%d" % number
    device.pause()
    device.pause()
    producer.send(b"last")
    assert wait_until(lambda: device.frontend.poll(0))
    device.stop()
    assert worker.recv(timeout=10) == b"last"


def test_a_stop_loses_nothing_that_was_taken_in(make_device, at, transport, in_thread):
    device = make_device(zmq.Streamer, transport)
    # Over ipc, libzmq forgets what a PULL whose queue is full has still to read once the sender has closed.
    worker = at(zmq.PULL, device.backend_endpoint, rcvhwm=0 if transport == "ipc" else 1000)
    producer = at(zmq.PUSH, device.frontend_endpoint)
    stopped = threading.Event()

    def produce():
        number = 0
        while not stopped.is_set():
            try:
                producer.send_multipart([b"job", b"%d" % number], timeout=0.02)
                number += 1
            except zmq.Again:
                pass

    producing = in_thread(produce)
    got = [worker.recv_multipart(timeout=10) for _ in range(500)]
    device.stop()
    stopped.set()
    producing.result()
    assert not device.running
    assert device.frontend.closed and device.backend.closed
    got += [worker.recv_multipart(timeout=10) for _ in range(device.stats.frontend_messages - 500)]
    assert got == [[b"job", b"%d" % number] for number in range(len(got))]
    assert worker.poll(0) == 0


def test_a_stopped_queue_waits_for_the_replies_that_are_due(make_device, at, in_thread):
    device = make_device(zmq.Queue)
    client, server = at(zmq.REQ, device.frontend_endpoint), at(zmq.REP, device.backend_endpoint)
    client.send(b"question")
    assert server.recv(timeout=10) == b"question"
    stopping = in_thread(device.stop, timeout=10)
    assert wait_until(lambda: "stopping" in repr(device))
    server.send(b"answer")
    stopping.result()
    assert client.recv(timeout=10) == b"answer"


def test_copies_for_a_capture(make_device, at, endpoint):
    device = make_device(zmq.Queue, capture=endpoint("tcp"))
    watcher = at(zmq.SUB, device.capture.last_endpoint.decode(), subscribe=b"")
    device.capture.wait_for_subscribers(1, timeout=10)
    client, server = at(zmq.REQ, device.frontend_endpoint), at(zmq.REP, device.backend_endpoint)
    client.send_multipart([b"question", b"1"])
    server.recv_multipart(timeout=10)
    server.send(b"answer")
    client.recv(timeout=10)
    asker, *request = watcher.recv_multipart(timeout=10)
    assert request == [b"", b"question", b"1"]
    assert watcher.recv_multipart(timeout=10) == [asker, b"", b"answer"]


def test_several_endpoints_bound_and_connected(ctx, make_socket, at, endpoint):
    worker = make_socket(zmq.PULL, bind=endpoint("tcp"))
    there = worker.last_endpoint.decode()
    fronts = [endpoint("tcp"), "@" + endpoint("ipc"), endpoint("inproc")]
    with zmq.Streamer(fronts, [">" + there], context=ctx) as device:
        assert [where.split(":")[0] for where in device.frontend_endpoints] == ["tcp", "ipc", "inproc"]
        assert device.frontend_endpoint == device.frontend_endpoints[0]
        assert "*" not in device.frontend_endpoint
        assert device.backend_endpoints == [device.backend_endpoint] == [there]
        for where in device.frontend_endpoints:
            at(zmq.PUSH, where).send(where.encode())
        assert {worker.recv(timeout=10).decode() for _ in fronts} == set(device.frontend_endpoints)
