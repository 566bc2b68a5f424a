"""Any thread may call any method of any socket at any time: nothing crashes, tears, hangs or is lost.

Close and term wake every call that waits, wherever it waits, with an error that says what happened.
"""

from __future__ import annotations

import itertools
import random
import threading

import pytest

import brokerless as zmq

SENDERS, RECEIVERS = 4, 2


def frames_of(sender, number):
    """A message that shows if it is torn: every frame says whose it is, and how many there are."""
    count = 1 + number % 6
    return [b"%d %d %d/%d " % (sender, number, index, count) + bytes(number % 97) for index in range(count)]


def whole(frames):
    """(sender, number) of a message that came whole."""
    sender, number = map(int, frames[0].split(b" ")[:2])
    assert frames == frames_of(sender, number), f"torn: {[frame[:20] for frame in frames]}"
    return sender, number


# Many threads on one socket


@pytest.mark.parametrize("kinds", [(zmq.PUSH, zmq.PULL), (zmq.DEALER, zmq.DEALER), (zmq.PAIR, zmq.PAIR)], ids=str)
def test_many_send_and_many_receive(pair, transport, in_thread, kinds):
    """Small queues, so that all of them wait now and then."""
    a, b = pair(*kinds, transport, sndhwm=10, rcvhwm=10)
    each = 1000
    total = SENDERS * each

    def send(sender):
        for number in range(each):
            a.send_multipart(frames_of(sender, number), timeout=20)

    counter = itertools.count()

    def receive():
        got = []
        while next(counter) < total:
            got.append(whole(b.recv_multipart(timeout=20)))
        return got

    receivers = [in_thread(receive) for _ in range(RECEIVERS)]
    senders = [in_thread(send, sender) for sender in range(SENDERS)]
    for future in senders:
        future.result()
    got = [future.result() for future in receivers]
    assert sorted(itertools.chain(*got)) == [(sender, number) for sender in range(SENDERS) for number in range(each)]
    for one in got:
        # One receiver sees each sender's messages in their order.
        for sender in range(SENDERS):
            numbers = [number for whose, number in one if whose == sender]
            assert numbers == sorted(numbers)
    assert a.stats.messages_sent == b.stats.messages_received == total
    assert a.stats.bytes_sent == b.stats.bytes_received


@pytest.mark.parametrize("round", range(5))
def test_many_send_two_receive_and_one_closes(make_socket, endpoint, in_thread, transport, round):
    """All on the same socket; its peer sends everything back."""
    mirror = make_socket(zmq.DEALER, bind=endpoint(transport), sndhwm=20, rcvhwm=20)
    sock = make_socket(zmq.DEALER, connect=mirror.last_endpoint.decode(), sndhwm=20, rcvhwm=20)
    enough = threading.Event()

    def reflect():
        count = 0
        for message in mirror:
            frames = message if isinstance(message, list) else [message]
            whole(frames)
            count += 1
            try:
                mirror.send_multipart(frames)
            except zmq.error.SocketClosed:
                break
        return count

    def send(sender):
        for number in itertools.count():
            try:
                sock.send_multipart(frames_of(sender, number))
            except zmq.error.SocketClosed:
                return number

    def receive():
        for count in itertools.count(1):
            try:
                whole(sock.recv_multipart())
            except zmq.error.SocketClosed:
                return count - 1
            if count == 200 * (1 + round):
                enough.set()

    reflected = in_thread(reflect)
    receivers = [in_thread(receive) for _ in range(RECEIVERS)]
    senders = [in_thread(send, sender) for sender in range(SENDERS)]
    assert enough.wait(20)
    sock.close()
    sent = sum(future.result() for future in senders)
    received = sum(future.result() for future in receivers)
    assert (sock.stats.messages_sent, sock.stats.messages_received) == (sent, received)
    mirror.close()
    assert received <= reflected.result() <= sent


def test_a_peer_that_goes_away_tears_no_message(make_socket, endpoint, in_thread):
    """Receivers come and go while two threads send; what arrives is whole, whichever of them it reaches."""
    push = make_socket(zmq.PUSH, bind=endpoint("inproc"), sndhwm=3)
    where = push.last_endpoint.decode()
    over = threading.Event()

    def send(sender):
        number = 0
        while not over.is_set():
            try:
                push.send_multipart(frames_of(sender, number), timeout=0.05)
            except zmq.Again:
                continue
            number += 1
        return number

    senders = [in_thread(send, sender) for sender in range(2)]
    got = []
    for round in range(60):
        pull = make_socket(zmq.PULL, connect=where, rcvhwm=2)
        got += [whole(pull.recv_multipart(timeout=20)) for _ in range(1 + round % 5)]
        pull.close()
    over.set()
    sent = sum(future.result() for future in senders)
    assert len(got) == len(set(got)) <= sent == push.stats.messages_sent


def test_any_method_from_any_thread(ctx, in_thread):
    """For a second, eight threads do anything to sockets that another one keeps closing."""
    where = "inproc://anything"
    sockets = [ctx.socket(zmq.DEALER) for _ in range(3)]
    for sock in sockets:
        sock.linger = 0
    over = threading.Event()

    def options(sock):
        sock.rcvtimeo = 5
        return sock.rcvtimeo, sock.events, sock.last_endpoint

    deeds = [
        lambda sock: sock.send_multipart([b"a", b"b", b"c"], zmq.NOBLOCK),
        lambda sock: sock.recv_multipart(timeout=0.002),
        lambda sock: sock.poll(1),
        lambda sock: sock.bind(where),
        lambda sock: sock.connect(where),
        lambda sock: sock.disconnect(where),
        lambda sock: sock.unbind(where),
        lambda sock: sock.wait_for_peers(1, timeout=0.002),
        lambda sock: sock.peers,
        lambda sock: (repr(sock), sock.stats, sock.endpoints, sock.closed),
        lambda sock: 0 < sock.bind_to_random_port("tcp://127.0.0.1") < 65536 or 1 / 0,
        lambda sock: zmq.select(list(sockets), list(sockets), [], timeout=0.001),
        options,
    ]

    def meddle(seed):
        chance = random.Random(seed)
        done = 0
        while not over.is_set():
            try:
                chance.choice(deeds)(chance.choice(sockets))
            except zmq.ZMQError:
                pass
            done += 1
        return done

    def replace():
        for number in range(30):
            old = sockets[number % 3]
            fresh = ctx.socket(zmq.DEALER)
            fresh.linger = 0
            sockets[number % 3] = fresh
            old.close()
            over.wait(0.005)
        over.set()

    meddling = [in_thread(meddle, seed) for seed in range(8)]
    in_thread(replace).result()
    assert all(future.result() for future in meddling)


def test_many_close_the_same_socket(make_socket, endpoint, in_thread):
    for _ in range(20):
        sock = make_socket(zmq.PULL, bind=endpoint("tcp"))
        together = threading.Barrier(6)
        closed = [in_thread(lambda sock=sock, together=together: (together.wait(10), sock.close())) for _ in range(6)]
        for future in closed:
            future.result()
        assert sock.closed


# Close and term wake what waits


def full(sock):
    """Waits for room: nobody is connected."""
    return lambda: sock.send_multipart([b"hello", b"world"])


def polled(sock):
    poller = zmq.Poller()
    poller.register(sock, zmq.POLLIN)
    return poller.poll


WAITS = {
    "recv": (zmq.PULL, lambda sock: sock.recv),
    "recv with a timeout": (zmq.PULL, lambda sock: lambda: sock.recv(timeout=60)),
    "recv_multipart": (zmq.ROUTER, lambda sock: sock.recv_multipart),
    "recv_json": (zmq.SUB, lambda sock: sock.recv_json),
    "send": (zmq.PUSH, lambda sock: lambda: sock.send(b"hello")),
    "send_multipart": (zmq.DEALER, full),
    "send_json": (zmq.PUSH, lambda sock: lambda: sock.send_json({})),
    "poll": (zmq.PULL, lambda sock: sock.poll),
    "poll for room": (zmq.PUSH, lambda sock: lambda: sock.poll(flags=zmq.POLLOUT)),
    "Poller.poll": (zmq.PULL, polled),
    "select": (zmq.PULL, lambda sock: lambda: zmq.select([sock], [], [])),
    "wait_for_peers": (zmq.PULL, lambda sock: sock.wait_for_peers),
    "wait_for_subscribers": (zmq.PUB, lambda sock: sock.wait_for_subscribers),
    "request": (zmq.REQ, lambda sock: lambda: sock.request(b"hello", timeout=60)),
}


@pytest.mark.parametrize("name", WAITS)
@pytest.mark.parametrize("transport", ["tcp", "inproc"])
def test_close_wakes(make_socket, endpoint, waiting, name, transport):
    kind, call = WAITS[name]
    sock = make_socket(kind, bind=endpoint(transport))
    futures = [waiting(call(sock)) for _ in range(2)]
    sock.close()
    for future in futures:
        error = future.exception()
        assert isinstance(error, zmq.error.SocketClosed), repr(error)
        assert error.errno == zmq.ENOTSOCK
        assert "closed" in str(error)


@pytest.mark.parametrize("name", WAITS)
def test_term_wakes(endpoint, waiting, in_thread, name):
    kind, call = WAITS[name]
    context = zmq.Context()
    with context.socket(kind) as sock:
        sock.linger = 0
        sock.bind(endpoint("tcp"))
        future = waiting(call(sock))
        ended = in_thread(context.term)
        error = future.exception()
        assert isinstance(error, zmq.ContextTerminated), repr(error)
        assert error.errno == zmq.ETERM
        assert not ended.done()
    ended.result()
    assert context.closed


def test_shutdown_wakes_and_does_not_wait(endpoint, waiting):
    context = zmq.Context()
    with context.socket(zmq.PULL) as sock:
        sock.bind(endpoint("tcp"))
        future = waiting(sock.recv)
        context.shutdown()
        assert isinstance(future.exception(), zmq.ContextTerminated)
    context.term()


@pytest.mark.parametrize("end", ["close", "term"])
def test_a_loop_over_messages_ends(endpoint, waiting, in_thread, end):
    context = zmq.Context()
    sock = context.socket(zmq.PULL)
    sock.bind(endpoint("tcp"))
    looped = waiting(lambda: list(sock))
    ended = in_thread(sock.close if end == "close" else context.term)
    assert looped.result() == []
    sock.close()
    ended.result()
    context.term()


def test_destroy_wakes(endpoint, waiting):
    context = zmq.Context()
    sock = context.socket(zmq.PULL)
    sock.bind(endpoint("tcp"))
    future = waiting(sock.recv)
    context.destroy()
    assert isinstance(future.exception(), (zmq.error.SocketClosed, zmq.ContextTerminated))


def test_close_leaves_the_waits_of_other_sockets_alone(make_socket, endpoint, waiting):
    """Also where one call waits for several sockets."""
    one, other = (make_socket(zmq.PULL, bind=endpoint("inproc")) for _ in range(2))
    push = make_socket(zmq.PUSH, connect=other.last_endpoint.decode())
    received = waiting(other.recv)
    one.close()
    push.send(b"hello")
    assert received.result() == b"hello"


# No wake-up is lost


@pytest.mark.parametrize("name", ["recv", "recv_multipart", "poll", "Poller.poll", "iteration"])
def test_as_many_messages_as_receivers(pair, transport, waiting, name):
    """Each waits for one message. libzmq tells of new messages once, to whoever looks first; the others must hear of it."""
    pull, push = pair(zmq.PULL, zmq.PUSH, transport)
    receivers = 4

    def then_receive(wait):
        def call():
            while True:
                wait()
                try:
                    return pull.recv(zmq.NOBLOCK)
                except zmq.Again:
                    # Another one was faster.
                    continue

        return call

    call = {
        "recv": pull.recv,
        "recv_multipart": lambda: pull.recv_multipart()[0],
        "poll": then_receive(pull.poll),
        "Poller.poll": then_receive(polled(pull)),
        "iteration": lambda: next(iter(pull)),
    }[name]
    for round in range(10):
        futures = [waiting(call) for _ in range(receivers)]
        for number in range(receivers):
            push.send(b"%d %d" % (round, number))
        got = sorted(future.result() for future in futures)
        assert got == [b"%d %d" % (round, number) for number in range(receivers)]


def test_as_much_room_as_senders(make_socket, endpoint, transport, in_thread):
    """The same for threads that wait for room: a receiver makes some, and everyone gets on."""
    pull = make_socket(zmq.PULL, bind=endpoint(transport), rcvhwm=1, rcvbuf=4096)
    push = make_socket(zmq.PUSH, connect=pull.last_endpoint.decode(), sndhwm=1, sndbuf=4096)
    size = 300_000
    for _ in range(5):
        number = 0
        while True:
            try:
                push.send(b"%d" % number + bytes(size), timeout=0.01)
            except zmq.Again:
                break
            number += 1
        sent = [in_thread(push.send, b"waited" + bytes(size)) for _ in range(4)]
        got = [pull.recv(timeout=20)[:-size] for _ in range(number + 4)]
        for future in sent:
            future.result()
        assert sorted(got) == sorted([b"%d" % n for n in range(number)] + [b"waited"] * 4)
        assert pull.poll(0) == 0


def test_one_thread_waits_for_messages_and_one_for_room(make_socket, endpoint, waiting, transport):
    """Both wait on the same socket, and its one descriptor tells of both."""
    a = make_socket(zmq.PAIR, bind=endpoint(transport), sndhwm=1)
    received, sent = waiting(a.recv), waiting(lambda: a.send(b"at last"))
    b = make_socket(zmq.PAIR, connect=a.last_endpoint.decode(), rcvhwm=1)
    sent.result()
    assert b.recv(timeout=10) == b"at last"
    b.send(b"hello")
    assert received.result() == b"hello"


def test_looking_at_a_socket_takes_no_message_from_who_waits(pair, waiting, in_thread):
    """EVENTS, a poll, an option: each may use up the descriptor's edge that another thread waits for."""
    pull, push = pair(zmq.PULL, zmq.PUSH, "inproc")
    over = threading.Event()

    def look():
        looks = 0
        while not over.is_set():
            pull.poll(0)
            pull.events  # noqa: B018
            pull.linger  # noqa: B018
            looks += 1
        return looks

    looking = [in_thread(look) for _ in range(2)]
    for number in range(200):
        received = in_thread(pull.recv)
        push.send(b"%d" % number)
        assert received.result() == b"%d" % number
    over.set()
    assert all(future.result() for future in looking)
