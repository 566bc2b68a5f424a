"""device, proxy and proxy_steerable in the calling thread: pyzmq's way, and Stop ends it with nothing lost."""

from __future__ import annotations

import itertools
import os
import signal
import struct
import threading

import pytest
from conftest import wait_until

import brokerless as zmq
from tools.interrupting import interrupt


@pytest.fixture
def sockets(in_thread, make_socket, endpoint):
    """sockets(zmq.PULL, zmq.PUSH): two that are bound, and a connected peer for each."""
    peers = {
        zmq.ROUTER: zmq.REQ,
        zmq.DEALER: zmq.REP,
        zmq.SUB: zmq.PUB,
        zmq.XSUB: zmq.PUB,
        zmq.PUB: zmq.SUB,
        zmq.XPUB: zmq.SUB,
        zmq.PULL: zmq.PUSH,
        zmq.PUSH: zmq.PULL,
        zmq.PAIR: zmq.PAIR,
        zmq.REP: zmq.REQ,
    }

    def make(*types, transport="tcp"):
        bound = [make_socket(kind, bind=endpoint(transport)) for kind in types]
        return (*bound, *(make_socket(peers[sock.type], connect=sock.last_endpoint.decode()) for sock in bound))

    return make


def ended(running):
    """A foreground device ends by an error: which one."""
    error = running.exception()
    assert isinstance(error, zmq.ZMQError), error
    return error.errno


def test_a_queue(sockets, transport, in_thread):
    front, back, client, server = sockets(zmq.ROUTER, zmq.DEALER, transport=transport)
    running = in_thread(zmq.device, zmq.QUEUE, front, back)
    for number in range(20):
        client.send_multipart([b"", b"question", b"%d" % number])
        assert server.recv_multipart(timeout=10) == [b"", b"question", b"%d" % number]
        server.send_multipart([b"answer", b""])
        assert client.recv_multipart(timeout=10) == [b"answer", b""]
    front.close()
    assert ended(running) == zmq.ENOTSOCK
    assert not back.closed


def test_a_forwarder_between_sub_and_pub_as_in_pyzmq(sockets, in_thread):
    front, back, publisher, subscriber = sockets(zmq.SUB, zmq.PUB)
    front.subscribe(b"")
    subscriber.subscribe(b"a")
    back.wait_for_subscribers(1, timeout=10)
    running = in_thread(zmq.device, zmq.FORWARDER, front, back)
    # A SUB that is bound tells a new publisher once it looks: not before the device runs.
    publisher.wait_for_subscribers(1, timeout=10)
    publisher.send_multipart([b"b", b"unwanted"])
    publisher.send_multipart([b"a", b"1"])
    assert subscriber.recv_multipart(timeout=10) == [b"a", b"1"]
    back.close()
    assert ended(running) == zmq.ENOTSOCK


def test_a_streamer(sockets, in_thread):
    front, back, producer, worker = sockets(zmq.PULL, zmq.PUSH)
    running = in_thread(zmq.device, zmq.STREAMER, front, back)
    for number in range(500):
        producer.send_multipart([b"%d" % number, b""])
    assert [worker.recv_multipart(timeout=10)[0] for _ in range(500)] == [b"%d" % number for number in range(500)]
    front.close()
    assert ended(running) == zmq.ENOTSOCK


def test_its_context_ends_it(endpoint, in_thread):
    ctx = zmq.Context()
    front, back = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
    front.bind(endpoint("tcp"))
    back.bind(endpoint("tcp"))
    running = in_thread(zmq.device, zmq.STREAMER, front, back)
    ctx.shutdown()
    assert isinstance(running.exception(), zmq.ContextTerminated)
    ctx.destroy(linger=0)


def test_an_interrupt_while_nothing_moves(sockets, in_thread):
    front, back, client, server = sockets(zmq.ROUTER, zmq.DEALER)
    for number in range(3):
        assert interrupt(lambda: zmq.device(zmq.QUEUE, front, back)) < 1.0
        # It waits in the frontend until the cell runs again.
        client.send(b"%d" % number)
        assert wait_until(lambda: front.poll(0))
        served = in_thread(serve_once, client, server)

        def stop_when_served(served=served):
            served.result()
            os.kill(os.getpid(), signal.SIGINT)

        interrupt(lambda: zmq.proxy(front, back), send=stop_when_served)
        assert served.result() == [b"%d" % number] * 2


def serve_once(client, server):
    request = server.recv(timeout=10)
    server.send(request)
    return [request, client.recv(timeout=10)]


def test_an_interrupt_in_full_flow_loses_nothing(sockets, transport, in_thread):
    front, back, producer, worker = sockets(zmq.PULL, zmq.PUSH, transport=transport)
    enough = threading.Event()

    def produce():
        # For as long as there are interrupts to come, however fast the device is.
        for number in itertools.count():
            if enough.is_set():
                producer.send_multipart([b"end", b"%d" % number], timeout=20)
                return number
            producer.send_multipart([b"job", b"%d" % number], timeout=20)

    def work():
        jobs = iter(lambda: worker.recv_multipart(timeout=20), None)
        return list(itertools.takewhile(lambda job: job[0] == b"job", jobs))

    def stop_soon(moved):
        # What has moved was moved by the device: the main thread is within it.
        assert wait_until(lambda: front.stats.messages_received > moved + 2000)
        os.kill(os.getpid(), signal.SIGINT)

    working = in_thread(work)
    producing = in_thread(produce)
    for _ in range(3):
        stopping = in_thread(stop_soon, front.stats.messages_received)
        with pytest.raises(KeyboardInterrupt):
            zmq.device(zmq.STREAMER, front, back)
        stopping.result()
    running = in_thread(zmq.device, zmq.STREAMER, front, back)
    enough.set()
    total = producing.result()
    assert working.result() == [[b"job", b"%d" % number] for number in range(total)]
    front.close()
    assert ended(running) == zmq.ENOTSOCK


def test_a_proxy_copies_each_message(sockets, in_thread):
    front, back, capture, client, server, watcher = sockets(zmq.ROUTER, zmq.DEALER, zmq.PUSH)
    running = in_thread(zmq.proxy, front, back, capture)
    for number in range(50):
        client.send_multipart([b"question", b"%d" % number])
        assert server.recv_multipart(timeout=10) == [b"question", b"%d" % number]
        server.send(b"answer")
        assert client.recv(timeout=10) == b"answer"
        asker, *question = watcher.recv_multipart(timeout=10)
        assert question == [b"", b"question", b"%d" % number]
        assert watcher.recv_multipart(timeout=10) == [asker, b"", b"answer"]
    capture.close()
    assert ended(running) == zmq.ENOTSOCK


@pytest.mark.parametrize("kind", [zmq.REP, zmq.PAIR], ids=lambda kind: kind.name)
def test_a_steerable_proxy_obeys(sockets, in_thread, kind):
    front, back, control, producer, worker, boss = sockets(zmq.PULL, zmq.PUSH, kind)
    running = in_thread(zmq.proxy_steerable, front, back, None, control)

    def order(command):
        boss.send(command)
        if kind == zmq.REP:
            assert boss.recv(timeout=10) == b""

    def statistics():
        boss.send(b"STATISTICS")
        return [struct.unpack("=Q", frame)[0] for frame in boss.recv_multipart(timeout=10)]

    producer.send_multipart([b"12345", b"678"])
    assert worker.recv_multipart(timeout=10) == [b"12345", b"678"]
    assert statistics() == [1, 8, 0, 0, 0, 0, 1, 8]
    order(b"PAUSE")
    statistics()
    producer.send(b"later")
    assert wait_until(lambda: front.poll(0))
    order(b"nonsense")
    assert statistics()[0] == 1 and worker.poll(0) == 0
    order(b"RESUME")
    assert worker.recv(timeout=10) == b"later"
    assert statistics() == [2, 13, 0, 0, 0, 0, 2, 13]
    order(b"TERMINATE")
    # As the C function does, and pyzmq's.
    assert running.result() == 0
    assert not front.closed and not back.closed and not control.closed


def test_a_steerable_proxy_without_control_is_a_proxy(sockets, in_thread):
    front, back, capture, producer, worker, watcher = sockets(zmq.PULL, zmq.PUSH, zmq.PUSH)
    running = in_thread(zmq.proxy_steerable, front, back, capture)
    producer.send(b"job")
    assert worker.recv(timeout=10) == watcher.recv(timeout=10) == b"job"
    front.close()
    assert ended(running) == zmq.ENOTSOCK


def test_what_is_no_device_is_refused(make_socket):
    pull, push = make_socket(zmq.PULL), make_socket(zmq.PUSH)
    for nonsense in (0, 7, -1):
        with pytest.raises(zmq.ZMQError, match="no device") as caught:
            zmq.device(nonsense, pull, push)
        assert caught.value.errno == zmq.EINVAL
    # Nothing can pass between these.
    for front, back in ((push, push), (push, make_socket(zmq.PUB)), (pull, make_socket(zmq.SUB))):
        with pytest.raises(zmq.ZMQError) as caught:
            zmq.device(zmq.STREAMER, front, back)
        assert caught.value.errno == zmq.EINVAL
    with pytest.raises(zmq.ZMQError, match="cannot capture"):
        zmq.proxy(pull, push, make_socket(zmq.SUB))
    with pytest.raises(zmq.ZMQError, match="cannot control"):
        zmq.proxy_steerable(pull, push, None, make_socket(zmq.PUSH))
    assert not pull.closed and not push.closed


def test_what_is_no_socket_is_refused(make_socket, pyzmq, pyzmq_ctx):
    pull, push = make_socket(zmq.PULL), make_socket(zmq.PUSH)
    theirs = pyzmq_ctx.socket(pyzmq.PUSH)
    for front, back in ((pull, theirs), (None, push), (pull, 5), ("tcp://127.0.0.1:5559", push)):
        with pytest.raises(TypeError):
            zmq.device(zmq.STREAMER, front, back)
        with pytest.raises(TypeError):
            zmq.proxy(front, back)
    push.close()
    for call in (lambda: zmq.device(zmq.STREAMER, pull, push), lambda: zmq.proxy(pull, push)):
        with pytest.raises(zmq.ZMQError) as caught:
            call()
        assert caught.value.errno == zmq.ENOTSOCK
