"""Stop ends any call that waits, and takes nothing with it: the socket goes on where it was, no message is lost.

The signal comes when the system says that the main thread sleeps; `pytest -s` shows how long each call took to end.
"""

from __future__ import annotations

import signal
import threading
import time

import pytest

import brokerless as zmq
from tools.interrupting import NotInterrupted, disturb, interrupt

# Half of the promised 50 ms would do here; a loaded board may need more, and a hang takes for ever.
LIMIT = 1.0

TIMES: dict[str, float] = {}


@pytest.fixture(scope="module", autouse=True)
def _table():
    yield
    print("\n\nwhat was interrupted                      ms until KeyboardInterrupt")
    for name, seconds in TIMES.items():
        print(f"{name:<44} {seconds * 1e3:8.2f}")


def stop(name, call):
    """Interrupt `call()` while it waits."""
    seconds = interrupt(call)
    TIMES[name] = max(seconds, TIMES.get(name, 0.0))
    assert seconds < LIMIT


@pytest.fixture
def talk(make_socket, endpoint):
    """talk(kind, transport): a socket that has nothing to receive, what makes its peer speak, and what it then receives."""

    def connected(kind, peer_kind, transport, **options):
        sock = make_socket(kind, bind=endpoint(transport), **({"subscribe": b""} if kind == zmq.SUB else {}))
        peer = make_socket(peer_kind, connect=sock.last_endpoint.decode(), **options)
        sock.wait_for_peers(1, timeout=10)
        return sock, peer

    def talking(kind, transport="tcp"):
        sock, peer = connected(kind, PEERS[kind], transport, **({"routing_id": b"me"} if kind == zmq.ROUTER else {}))
        expected = [b"hello"]
        say = lambda: peer.send(b"hello", timeout=10)  # noqa: E731
        if kind == zmq.SUB:
            peer.wait_for_subscribers(1, timeout=10)
        elif kind == zmq.REQ:
            sock.send(b"question")
            assert peer.recv(timeout=10) == b"question"
        elif kind == zmq.ROUTER:
            expected = [b"me", b"hello"]
        elif kind == zmq.DEALER:
            sock.send(b"I am here")
            name, _ = peer.recv_multipart(timeout=10)
            say = lambda: peer.send_multipart([name, b"hello"])  # noqa: E731
        elif kind == zmq.XPUB:
            expected = [b"\x01hello"]
            say = lambda: peer.send(b"\x01hello")  # noqa: E731
        elif kind == zmq.XSUB:
            sock.send(b"\x01")
            assert peer.recv(timeout=10) == b"\x01"
        elif kind == zmq.STREAM:
            theirs, _ = peer.recv_multipart(timeout=10)
            ours, _ = sock.recv_multipart(timeout=10)
            expected = [ours, b"hello"]
            say = lambda: peer.send_multipart([theirs, b"hello"])  # noqa: E731
        return sock, say, expected

    return talking


PEERS = {
    zmq.PAIR: zmq.PAIR,
    zmq.SUB: zmq.PUB,
    zmq.REQ: zmq.REP,
    zmq.REP: zmq.REQ,
    zmq.DEALER: zmq.ROUTER,
    zmq.ROUTER: zmq.DEALER,
    zmq.PULL: zmq.PUSH,
    zmq.XPUB: zmq.XSUB,
    zmq.XSUB: zmq.XPUB,
    zmq.STREAM: zmq.STREAM,
}


@pytest.mark.parametrize("kind", PEERS, ids=lambda kind: kind.name)
def test_a_receive_of_every_type(talk, kind):
    sock, say, expected = talk(kind)
    for _ in range(3):
        stop(f"recv_multipart, {kind.name}", sock.recv_multipart)
    say()
    assert sock.recv_multipart(timeout=10) == expected
    assert sock.poll(0, zmq.POLLIN) == 0


@pytest.mark.parametrize("kind", PEERS, ids=lambda kind: kind.name)
def test_a_poll_of_every_type(talk, kind):
    sock, say, expected = talk(kind)
    stop(f"poll, {kind.name}", sock.poll)
    say()
    assert sock.poll(10_000) == zmq.POLLIN
    assert sock.recv_multipart() == expected


def polls(sock):
    poller = zmq.Poller()
    poller.register(sock, zmq.POLLIN)
    return poller.poll


def with_option(sock):
    sock.rcvtimeo = 60_000
    return sock.recv


RECEIVES = {
    "recv": lambda sock: sock.recv,
    "recv(copy=False)": lambda sock: lambda: sock.recv(copy=False),
    "recv(timeout=60)": lambda sock: lambda: sock.recv(timeout=60),
    "recv with RCVTIMEO": with_option,
    "recv_string": lambda sock: sock.recv_string,
    "recv_json": lambda sock: sock.recv_json,
    "recv_multipart": lambda sock: sock.recv_multipart,
    "recv_serialized": lambda sock: lambda: sock.recv_serialized(list),
    "iteration": lambda sock: lambda: next(iter(sock)),
    "poll(60000)": lambda sock: lambda: sock.poll(60_000),
    "Poller.poll": polls,
    "Poller.poll(60000)": lambda sock: lambda: polls(sock)(60_000),
    "select": lambda sock: lambda: zmq.select([sock], [], []),
    "wait_for_peers": lambda sock: lambda: sock.wait_for_peers(2),
    "wait_for_peers(timeout=60)": lambda sock: lambda: sock.wait_for_peers(2, timeout=60),
}


@pytest.mark.parametrize("name", RECEIVES)
def test_every_way_to_wait_for_a_message(talk, name):
    sock, say, expected = talk(zmq.PULL)
    stop(name, RECEIVES[name](sock))
    say()
    assert sock.recv_multipart(timeout=10) == expected
    assert sock.poll(0) == 0


def test_over_every_transport(talk, transport):
    sock, say, expected = talk(zmq.PULL, transport)
    stop(f"recv over {transport}", sock.recv)
    say()
    assert sock.recv_multipart(timeout=10) == expected


def test_a_loop_over_messages(talk):
    """The messages that came before the interrupt were seen, those that come after it are seen by the next loop."""
    sock, say, _ = talk(zmq.PULL, "inproc")
    seen = []

    def loop():
        for message in sock:
            seen.append(message)

    for _ in range(3):
        say()
    stop("for message in sock", loop)
    # Over a network some may have come after the loop began to wait, and was interrupted.
    while len(seen) < 3:
        seen.append(sock.recv(timeout=10))
    assert seen == [b"hello"] * 3
    say()
    assert next(iter(sock)) == b"hello"


# Sending


def test_a_send_at_the_high_water_mark(make_socket, endpoint, transport):
    pull = make_socket(zmq.PULL, bind=endpoint(transport), rcvhwm=2, rcvbuf=10_000)
    push = make_socket(zmq.PUSH, connect=pull.last_endpoint.decode(), sndhwm=2, sndbuf=10_000)
    size = 200_000

    def sent():
        return push.stats.messages_sent

    def send_on():
        while True:
            push.send(b"%08d" % sent() + bytes(size))

    # To the mark: nothing more goes within a time that the network needs for much more.
    while True:
        try:
            push.send(b"%08d" % sent() + bytes(size), timeout=0.1)
        except zmq.Again:
            break
    before = sent()
    assert before >= 2
    for _ in range(3):
        stop(f"send at the high-water mark, {transport}", send_on)
    # Each of them would have sent the next number.
    assert sent() == before
    for expected in range(before):
        assert int(pull.recv(timeout=10)[:8]) == expected
    assert pull.poll(0) == 0
    push.send(b"and on")
    assert pull.recv(timeout=10) == b"and on"


def router_at_its_mark(make_socket, endpoint):
    router = make_socket(zmq.ROUTER, bind=endpoint("inproc"), router_mandatory=1, sndhwm=1)
    dealer = make_socket(zmq.DEALER, connect=router.last_endpoint.decode(), routing_id=b"me", rcvhwm=1)
    dealer.send(b"I am here")
    router.recv_multipart()
    return router, [b"me", b"hello"], lambda: dealer.recv_multipart(timeout=10) == [b"hello"]


def xpub_at_its_mark(make_socket, endpoint):
    xpub = make_socket(zmq.XPUB, bind=endpoint("inproc"), xpub_nodrop=1, sndhwm=1)
    sub = make_socket(zmq.SUB, connect=xpub.last_endpoint.decode(), rcvhwm=1, subscribe=b"")
    xpub.recv(timeout=10)
    return xpub, [b"hello"], lambda: sub.recv_multipart(timeout=10) == [b"hello"]


def at_its_mark(kind, peer_kind):
    def make(make_socket, endpoint):
        sock = make_socket(kind, bind=endpoint("inproc"), sndhwm=1)
        peer = make_socket(peer_kind, connect=sock.last_endpoint.decode(), rcvhwm=1)
        envelope = peer_kind == zmq.ROUTER
        return sock, [b"hello", b"world"], lambda: peer.recv_multipart(timeout=10)[envelope:] == [b"hello", b"world"]

    return make


FULL = {
    "PAIR": at_its_mark(zmq.PAIR, zmq.PAIR),
    "PUSH": at_its_mark(zmq.PUSH, zmq.PULL),
    "DEALER": at_its_mark(zmq.DEALER, zmq.ROUTER),
    "ROUTER with ROUTER_MANDATORY": router_at_its_mark,
    "XPUB with XPUB_NODROP": xpub_at_its_mark,
}


@pytest.mark.parametrize("name", FULL)
def test_a_multipart_send_at_the_high_water_mark(make_socket, endpoint, name):
    sock, message, taken = FULL[name](make_socket, endpoint)
    sent = 0
    while True:
        try:
            sock.send_multipart(message, zmq.NOBLOCK)
        except zmq.Again:
            break
        sent += 1
    stop(f"send_multipart, {name}", lambda: sock.send_multipart(message))
    if sock.type not in (zmq.ROUTER, zmq.XPUB):
        # These two say that they can always send.
        stop(f"poll(POLLOUT), {name}", lambda: sock.poll(flags=zmq.POLLOUT))
    for _ in range(sent):
        assert taken()
    sock.send_multipart(message, timeout=10)
    assert taken()
    assert sock.stats.messages_sent == sent + 1


@pytest.mark.parametrize("kind", [zmq.PUSH, zmq.REQ, zmq.DEALER, zmq.PAIR], ids=lambda kind: kind.name)
def test_a_send_to_nobody(make_socket, endpoint, kind):
    sock = make_socket(kind, bind=endpoint("tcp"))
    sends = {
        "send": lambda: sock.send(b"hello"),
        "send_string": lambda: sock.send_string("hello"),
        "send_json": lambda: sock.send_json("hello"),
        "send_multipart": lambda: sock.send_multipart([b"hello"]),
        "send(timeout=60)": lambda: sock.send(b"hello", timeout=60),
        "a large send": lambda: sock.send(bytes(1_000_000)),
    }
    for name, send in sends.items():
        stop(f"{name} to nobody, {kind.name}", send)
    peers = {zmq.PUSH: zmq.PULL, zmq.REQ: zmq.REP, zmq.DEALER: zmq.DEALER, zmq.PAIR: zmq.PAIR}
    peer = make_socket(peers[kind], connect=sock.last_endpoint.decode())
    sock.send(b"the first that goes", timeout=10)
    assert peer.recv(timeout=10) == b"the first that goes"
    assert sock.stats.messages_sent == 1


# New calls, and the end


def test_wait_for_subscribers(make_socket, endpoint):
    pub = make_socket(zmq.PUB, bind=endpoint("tcp"))
    stop("wait_for_subscribers", lambda: pub.wait_for_subscribers(1, topic="10001"))
    sub = make_socket(zmq.SUB, connect=pub.last_endpoint.decode(), subscribe=b"10001")
    assert pub.wait_for_subscribers(1, topic="10001", timeout=10) == 1
    pub.send(b"10001 20 60")
    assert sub.recv(timeout=10) == b"10001 20 60"


def test_a_request_to_a_dead_server(make_socket, endpoint, in_thread):
    where = endpoint("ipc")
    req = make_socket(zmq.REQ, connect=where)
    stop("request", lambda: req.request(b"first"))
    stop("request(timeout=60)", lambda: req.request(b"second", timeout=60, retries=3))

    rep = make_socket(zmq.REP, bind=where)

    def serve():
        for request in rep:
            rep.send(request.upper())

    served = in_thread(serve)
    # The replies to the interrupted requests come first, and are not taken for the reply to this one.
    assert req.request(b"third", timeout=10) == b"THIRD"
    rep.close()
    served.result()


def test_a_term_with_undelivered_messages(make_socket, endpoint):
    where = endpoint("ipc")
    context = zmq.Context()
    push = context.socket(zmq.PUSH)
    push.connect(where)
    push.send(b"the last words")
    push.close()
    stop("term with undelivered messages", context.term)
    stop("destroy with undelivered messages", context.destroy)
    assert not context.closed
    pull = make_socket(zmq.PULL, bind=where)
    assert pull.recv(timeout=10) == b"the last words"
    context.term()
    assert context.closed


def test_a_term_with_an_open_socket(in_thread):
    context = zmq.Context()
    sock = context.socket(zmq.PULL)
    stop("term with an open socket", context.term)
    with pytest.raises(zmq.ContextTerminated):
        sock.recv()
    ended = in_thread(context.term)
    sock.close()
    ended.result()
    assert context.closed


# Signals that do not end the call


@pytest.fixture
def handled():
    """Handles SIGUSR1 without raising: the times at which it came."""
    came = []
    event = threading.Event()

    def handle(signum, frame):
        came.append(time.monotonic())
        event.set()

    before = signal.signal(signal.SIGUSR1, handle)
    came_event = event
    yield came, came_event
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize(
    "name", ["recv", "recv_multipart", "iteration", "Poller.poll", "poll(60000)", "recv(timeout=60)"]
)
def test_a_handler_that_does_not_raise_lets_the_call_go_on(talk, handled, in_thread, name):
    sock, say, _ = talk(zmq.PULL)
    came, event = handled

    def speak_after_the_signal():
        assert event.wait(20)
        say()

    spoken = in_thread(speak_after_the_signal)
    got = disturb(RECEIVES[name](sock), signal.SIGUSR1)
    spoken.result()
    assert len(came) == 1
    assert got in (b"hello", [b"hello"], [(sock, zmq.POLLIN)], zmq.POLLIN)


def test_a_handler_may_use_the_socket_that_waits(make_socket, endpoint):
    """It runs while the call waits, without any lock."""
    pull = make_socket(zmq.PULL, bind=endpoint("inproc"))
    push = make_socket(zmq.PUSH, connect=pull.last_endpoint.decode())
    seen = []

    def handle(signum, frame):
        seen.append((pull.poll(0), pull.stats.messages_received, pull.endpoints))
        push.send(b"from the handler")

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        assert disturb(pull.recv, signal.SIGUSR1) == b"from the handler"
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [(0, 0, pull.endpoints)]


@pytest.mark.parametrize("name", ["recv", "recv_multipart", "iteration", "recv(timeout=60)"])
def test_a_handler_may_take_what_the_call_waits_for(make_socket, endpoint, name):
    """It uses the same socket in the same thread, and so may use up every wake-up that was meant for the call."""
    pull = make_socket(zmq.PULL, bind=endpoint("tcp"))
    push = make_socket(zmq.PUSH, connect=pull.last_endpoint.decode())
    pull.wait_for_peers(1, timeout=10)
    taken = []

    def handle(signum, frame):
        push.send(b"first")
        push.send(b"second")
        taken.append(pull.recv(timeout=10))
        pull.poll(10_000)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        got = disturb(RECEIVES[name](pull), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert taken == [b"first"]
    assert got in (b"second", [b"second"])


def test_a_handler_may_close_the_socket_that_waits(make_socket, endpoint):
    pull = make_socket(zmq.PULL, bind=endpoint("tcp"))
    before = signal.signal(signal.SIGUSR1, lambda signum, frame: pull.close())
    try:
        with pytest.raises(zmq.error.SocketClosed):
            disturb(pull.recv, signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_an_error_of_a_handler_ends_the_call(make_socket, endpoint):
    pull = make_socket(zmq.PULL, bind=endpoint("tcp"))

    def handle(signum, frame):
        raise LookupError("from the handler")

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with pytest.raises(LookupError, match="from the handler"):
            disturb(pull.recv, signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_many_signals_do_not_move_a_deadline(make_socket, endpoint):
    pull = make_socket(zmq.PULL, bind=endpoint("tcp"))
    ticks = []
    before = signal.signal(signal.SIGALRM, lambda signum, frame: ticks.append(1))
    start = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    try:
        with pytest.raises(zmq.Again):
            pull.recv(timeout=0.2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        took = time.monotonic() - start
        signal.signal(signal.SIGALRM, before)
    assert 0.2 <= took < 2
    assert len(ticks) > 3


# Threads


def test_a_signal_that_another_thread_takes(make_socket, endpoint):
    """The system may hand it to any thread; the main thread, where Python handles it, must notice it nevertheless."""
    pull = make_socket(zmq.PULL, bind=endpoint("tcp"))
    seconds = interrupt(pull.recv, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT))
    TIMES["recv, another thread took it"] = seconds
    assert seconds < LIMIT


def test_the_calls_of_other_threads_go_on(make_socket, endpoint, in_thread):
    pull = make_socket(zmq.PULL, bind=endpoint("inproc"))
    push = make_socket(zmq.PUSH, connect=pull.last_endpoint.decode())
    beside = make_socket(zmq.PULL, bind=endpoint("inproc"))
    received = in_thread(pull.recv)
    stop("recv beside a thread's recv", beside.recv)
    # On the same socket, too.
    stop("recv on the socket of a thread's recv", pull.recv)
    push.send(b"for the thread")
    assert received.result() == b"for the thread"


def test_a_call_that_need_not_wait_is_not_interrupted(make_socket, endpoint):
    """What the other tests rely on: an interrupt is only counted if the call was waiting."""
    pull = make_socket(zmq.PULL, bind=endpoint("inproc"))
    with pytest.raises(NotInterrupted):
        interrupt(lambda: pull.poll(0))
