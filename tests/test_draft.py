"""The draft types of libzmq: peers by number, groups, single frames; they wait, poll and close as the others do."""

from __future__ import annotations

import errno
import threading

import pytest

import brokerless as zmq
from brokerless import asyncio as zmq_asyncio

DRAFT = ["SERVER", "CLIENT", "RADIO", "DISH", "SCATTER", "GATHER", "DGRAM", "PEER", "CHANNEL"]
#: Those that libzmq makes thread-safe, and gives no descriptor.
THREAD_SAFE = [name for name in DRAFT if name != "DGRAM"]


@pytest.mark.parametrize("name", DRAFT)
def test_every_draft_type_opens(ctx, name):
    assert zmq.DRAFT_API and zmq.PYZMQ_DRAFT_API and zmq.has("draft")
    with ctx.socket(getattr(zmq, name)) as sock:
        assert sock.type == getattr(zmq, name) and f"zmq.{name}" in repr(sock)
        assert sock.thread_safe == (name in THREAD_SAFE)
        assert sock.FD == sock.get(zmq.FD) == sock.fileno() >= 0


def test_client_server(pair, transport):
    server, client = pair(zmq.SERVER, zmq.CLIENT, transport)
    for number in range(3):
        client.send(b"request %d" % number)
        request = server.recv(copy=False, timeout=10)
        assert request.bytes == b"request %d" % number
        assert request.routing_id == request.get("routing_id") == request["routing_id"] > 0
        server.send(b"reply", routing_id=request.routing_id)
        # The frame knows where it came from.
        server.send(request)
        assert client.recv(timeout=10) == b"reply"
        assert client.recv(timeout=10) == b"request %d" % number


def test_a_server_tells_its_clients_apart(make_socket, endpoint):
    server = make_socket(zmq.SERVER, bind=endpoint("tcp"))
    clients = [make_socket(zmq.CLIENT, connect=server.last_endpoint.decode()) for _ in range(3)]
    for number, client in enumerate(clients):
        client.send(b"%d" % number)
    requests = [server.recv(copy=False, timeout=10) for _ in clients]
    assert len({request.routing_id for request in requests}) == 3
    for request in requests:
        server.send_multipart([addressed(request)])
    assert [client.recv(timeout=10) for client in clients] == [b"for 0", b"for 1", b"for 2"]


def addressed(request):
    frame = zmq.Frame(b"for " + request.bytes)
    frame.routing_id = request.routing_id
    return frame


def test_a_routing_id_that_nobody_has(make_socket, endpoint):
    server = make_socket(zmq.SERVER, bind=endpoint("tcp"))
    with pytest.raises(zmq.ZMQError) as caught:
        server.send(b"x", routing_id=12345)
    assert caught.value.errno == errno.EHOSTUNREACH
    with pytest.raises(zmq.ZMQError) as caught:
        server.send(b"x", routing_id=0)
    assert caught.value.errno == zmq.EINVAL
    with pytest.raises(zmq.ZMQError, match="no routing id"):
        zmq.Frame(b"x").routing_id  # noqa: B018


def test_radio_dish(make_socket, endpoint, transport):
    radio = make_socket(zmq.RADIO, bind=endpoint(transport))
    dish = make_socket(zmq.DISH, connect=radio.last_endpoint.decode(), rcvtimeo=20)
    dish.join("news")
    dish.join(b"sports")
    hear(radio, dish, "news")
    radio.send(b"for nobody", group="weather")
    radio.send(b"goal", group="sports")
    radio.send_multipart([b"goal again"], group="sports")
    frame = dish.recv(copy=False, timeout=10)
    assert dish.recv(timeout=10) == b"goal again"
    assert (frame.bytes, frame.group, frame.get("group")) == (b"goal", "sports", "sports")
    dish.leave("news")
    dish.leave(b"sports")
    with pytest.raises(zmq.ZMQError, match="was not joined"):
        dish.leave("sports")


def hear(radio, dish, group, tries=500):
    """Sends until the radio knows of the group, and takes in what came twice."""
    for _ in range(tries):
        radio.send(b"hello?", group=group)
        if dish.poll(10):
            break
    else:
        raise TimeoutError(group)
    while dish.poll(20):
        assert dish.recv() == b"hello?"


def test_radio_dish_over_udp(make_socket, free_port):
    dish = make_socket(zmq.DISH, bind=f"udp://127.0.0.1:{free_port}")
    dish.join("temperature")
    radio = make_socket(zmq.RADIO, connect=f"udp://127.0.0.1:{free_port}")
    hear(radio, dish, "temperature")
    radio.send(b"21.5", group="temperature")
    assert dish.recv(timeout=10) == b"21.5"


def test_groups_have_a_limit(make_socket):
    dish, radio, sub = make_socket(zmq.DISH), make_socket(zmq.RADIO), make_socket(zmq.SUB)
    dish.join("g" * 14)
    wrong = [
        (lambda: dish.join("g" * 15), zmq.EINVAL),
        (lambda: dish.join("g" * 14), zmq.EINVAL),
        (lambda: sub.join("g"), zmq.ENOTSUP),
        (lambda: sub.leave("g"), zmq.ENOTSUP),
        (lambda: radio.send(b"", group="g" * 15), zmq.EINVAL),
        (lambda: sub.connect_peer("inproc://x"), zmq.ENOTSUP),
    ]
    for use, number in wrong:
        with pytest.raises(zmq.ZMQError) as caught:
            use()
        assert caught.value.errno == number
    with pytest.raises(TypeError):
        dish.join(5)
    with pytest.raises(ValueError):
        dish.join("NUL\0")
    frame = zmq.Frame(b"x")
    frame.group = b"bytes too"
    assert frame.group == "bytes too"
    frame.set("group", "g")
    assert frame["group"] == "g"


def test_peers_and_groups_are_refused_where_they_mean_nothing(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    for options in ({"routing_id": 1}, {"group": "g"}):
        sends = [(push.send, b"x"), (push.send_multipart, [b"x"]), (push.send_string, "x"), (push.send_json, 1)]
        for send, what in [*sends, (push.send_pyobj, 1), (push.send_multipart, [b"a", b"b"])]:
            with pytest.raises(zmq.ZMQError) as caught:
                send(what, **options)
            assert caught.value.errno == zmq.ENOTSUP
    assert pull.poll(0) == 0


def test_scatter_gather(make_socket, endpoint):
    scatter = make_socket(zmq.SCATTER, bind=endpoint("tcp"))
    gathers = [make_socket(zmq.GATHER, connect=scatter.last_endpoint.decode()) for _ in range(2)]
    assert scatter.wait_for_peers(2, timeout=10) == 2
    for number in range(4):
        scatter.send(b"%d" % number)
    got = [sorted(gather.recv(timeout=10) for _ in range(2)) for gather in gathers]
    assert sorted(got) == [[b"0", b"2"], [b"1", b"3"]]


def test_channel(pair, transport):
    a, b = pair(zmq.CHANNEL, zmq.CHANNEL, transport)
    for one, other in ((a, b), (b, a)):
        one.send(b"hello")
        assert other.recv(timeout=10) == b"hello"


def test_peer_speaks_first_by_the_number_that_connecting_gave(make_socket, endpoint):
    bound = make_socket(zmq.PEER, bind=endpoint("tcp"))
    other = make_socket(zmq.PEER)
    number = other.connect_peer(bound.last_endpoint.decode())
    assert number > 0 and other.endpoints == bound.endpoints
    other.send(b"hello", routing_id=number)
    request = bound.recv(copy=False, timeout=10)
    bound.send(b"hello yourself", routing_id=request.routing_id)
    reply = other.recv(copy=False, timeout=10)
    assert (reply.bytes, reply.routing_id) == (b"hello yourself", number)


@pytest.mark.parametrize("name", THREAD_SAFE)
def test_no_frames_after_the_first(make_socket, name):
    sock = make_socket(getattr(zmq, name))
    with pytest.raises(zmq.ZMQError):
        sock.send_multipart([b"a", b"b"], zmq.DONTWAIT)


def test_waiting_is_ended_by_time_by_close_and_by_a_message(make_socket, endpoint, in_thread):
    server = make_socket(zmq.SERVER, bind=endpoint("tcp"))
    with pytest.raises(zmq.Again):
        server.recv(timeout=0.01)
    assert server.poll(10) == 0
    client = make_socket(zmq.CLIENT, connect=server.last_endpoint.decode())
    # Often: each wait listens anew for what libzmq rings.
    for number in range(200):
        waiting = in_thread(server.recv)
        client.send(b"%d" % number)
        assert waiting.result() == b"%d" % number
    waiting = in_thread(server.recv)
    server.close()
    with pytest.raises(zmq.error.SocketClosed):
        waiting.result()


def test_many_threads_on_one_client(make_socket, endpoint, in_thread):
    server = make_socket(zmq.SERVER, bind=endpoint("tcp"))
    client = make_socket(zmq.CLIENT, connect=server.last_endpoint.decode())
    count, threads = 500, 4
    start = threading.Barrier(threads)

    def ask():
        start.wait()
        for _ in range(count):
            client.send(b"x")

    def answer():
        for _ in range(count * threads):
            server.send(server.recv(copy=False, timeout=20))

    work = [in_thread(answer), *(in_thread(ask) for _ in range(threads))]
    for _ in range(count * threads):
        assert client.recv(timeout=20) == b"x"
    for done in work:
        done.result()


def test_a_full_queue_says_again_and_opens_later(make_socket, endpoint, in_thread):
    scatter = make_socket(zmq.SCATTER, bind=endpoint("inproc"), sndhwm=1)
    gather = make_socket(zmq.GATHER, connect=scatter.last_endpoint.decode(), rcvhwm=1)
    sent = 0
    while scatter.poll(0, zmq.POLLOUT):
        scatter.send(b"%d" % sent, zmq.DONTWAIT)
        sent += 1
    assert sent > 0
    with pytest.raises(zmq.Again):
        scatter.send(b"no room", zmq.DONTWAIT)
    waiting = in_thread(scatter.send, b"last")
    for number in range(sent):
        assert gather.recv(timeout=10) == b"%d" % number
    waiting.result()
    assert gather.recv(timeout=10) == b"last"


def test_a_poller_takes_them(pair):
    server, client = pair(zmq.SERVER, zmq.CLIENT, "tcp")
    poller = zmq.Poller()
    poller.register(server, zmq.POLLIN)
    assert poller.poll(10) == []
    client.send(b"x")
    assert poller.poll(10_000) == [(server, zmq.POLLIN)]
    assert server.recv() == b"x"
    assert poller.poll(10) == []


def test_asyncio_takes_them(endpoint):
    import asyncio

    async def talk():
        with zmq_asyncio.Context() as context:
            server, client = context.socket(zmq.SERVER), context.socket(zmq.CLIENT)
            server.linger = client.linger = 0
            server.bind(endpoint("tcp"))
            client.connect(server.last_endpoint.decode())
            for number in range(20):
                asked = asyncio.ensure_future(server.recv(copy=False))
                await client.send(b"%d" % number)
                request = await asyncio.wait_for(asked, 10)
                await server.send(request.bytes, routing_id=request.routing_id)
                assert await asyncio.wait_for(client.recv(), 10) == b"%d" % number
            server.close()
            client.close()

    asyncio.run(talk())


def test_context_ends_under_them(in_thread):
    with zmq.Context() as context:
        sock = context.socket(zmq.DISH)
        waiting = in_thread(sock.recv)
        ending = in_thread(context.term)
        with pytest.raises(zmq.ContextTerminated):
            waiting.result()
        sock.close()
        ending.result()
