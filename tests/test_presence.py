"""Who is there: wait_for_peers and wait_for_subscribers know at once who came and who went, over every transport."""

from __future__ import annotations

import errno
import time

import pytest
from conftest import wait_until

import brokerless as zmq

PAIRS = [
    (zmq.PAIR, zmq.PAIR),
    (zmq.PUB, zmq.SUB),
    (zmq.REP, zmq.REQ),
    (zmq.ROUTER, zmq.DEALER),
    (zmq.PULL, zmq.PUSH),
    (zmq.XPUB, zmq.XSUB),
]


# Peers


@pytest.mark.parametrize("kinds", PAIRS, ids=lambda kinds: "-".join(kind.name for kind in kinds))
def test_both_sides_know_of_each_other(make_socket, endpoint, transport, kinds):
    bound = make_socket(kinds[0], bind=endpoint(transport))
    assert bound.peers == []
    connected = make_socket(kinds[1], connect=bound.last_endpoint.decode())
    assert bound.wait_for_peers(timeout=10) == 1
    assert connected.wait_for_peers(timeout=10) == 1
    (seen,), (back,) = bound.peers, connected.peers
    where = bound.endpoints[0]
    assert seen.local == where and back.remote == where
    assert seen.connections == back.connections == 1
    assert abs(seen.since - time.time()) < 60
    assert where in repr(seen)


def test_connect_before_bind(make_socket, endpoint, transport, free_port, in_thread):
    where = f"tcp://127.0.0.1:{free_port}" if transport == "tcp" else endpoint(transport)
    early = make_socket(zmq.PUSH, reconnect_ivl=5, connect=where)
    waited = in_thread(early.wait_for_peers, timeout=20)
    assert not waited.done()
    late = make_socket(zmq.PULL, bind=where)
    assert waited.result() == 1
    assert late.wait_for_peers(timeout=10) == 1


def test_several_peers(make_socket, endpoint, transport, in_thread):
    push = make_socket(zmq.PUSH, bind=endpoint(transport))
    waited = in_thread(push.wait_for_peers, 5, timeout=20)
    pulls = [make_socket(zmq.PULL, connect=push.last_endpoint.decode()) for _ in range(5)]
    assert waited.result() == 5
    assert sum(peer.connections for peer in push.peers) == 5
    # It does not wait for what is there.
    assert push.wait_for_peers(3, timeout=0) == 5
    assert push.wait_for_peers(0, timeout=0) == 5
    # Each gets one: all of them are in turn from the first message on.
    for number in range(5):
        push.send(b"%d" % number)
    assert sorted(pull.recv(timeout=10) for pull in pulls) == [b"%d" % number for number in range(5)]


@pytest.mark.parametrize("how", ["close", "disconnect"])
def test_a_peer_that_leaves_is_not_counted(make_socket, endpoint, transport, how):
    bound = make_socket(zmq.ROUTER, bind=endpoint(transport))
    where = bound.endpoints[0]
    peers = [make_socket(zmq.DEALER, connect=where) for _ in range(3)]
    assert bound.wait_for_peers(3, timeout=10) == 3
    for left in (2, 1, 0):
        peer = peers.pop()
        peer.close() if how == "close" else peer.disconnect(where)
        # libzmq completes a disconnect() in a later call on that socket.
        look = peer.poll if how == "disconnect" else int
        assert wait_until(lambda: look(0) == 0 and sum(peer.connections for peer in bound.peers) == left)  # noqa: B023
        if how == "disconnect":
            assert peer.peers == []
    make_socket(zmq.DEALER, connect=where)
    assert bound.wait_for_peers(1, timeout=10) == 1


def test_a_server_that_leaves_and_comes_back(make_socket, endpoint):
    where = endpoint("ipc")
    client = make_socket(zmq.DEALER, connect=where, reconnect_ivl=5)
    for _ in range(3):
        server = make_socket(zmq.ROUTER, bind=where)
        assert client.wait_for_peers(timeout=10) == 1
        server.close()
        assert wait_until(lambda: client.peers == [])


def test_unbinding_ends_the_connections_of_that_endpoint_alone(make_socket):
    pull = make_socket(zmq.PULL)
    for _ in range(2):
        pull.bind("tcp://127.0.0.1:*")
    left, kept = (make_socket(zmq.PUSH, connect=where) for where in pull.endpoints)
    assert pull.wait_for_peers(2, timeout=10) == 2
    pull.unbind(pull.endpoints[0])
    # libzmq completes it in a later call.
    assert wait_until(lambda: pull.poll(0) == 0 and left.peers == [])
    assert [peer.local for peer in pull.peers] == pull.endpoints
    assert kept.wait_for_peers(timeout=0) == 1
    kept.send(b"still connected")
    assert pull.recv(timeout=10) == b"still connected"


def test_nobody_came(make_socket, endpoint):
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    with pytest.raises(zmq.Again, match=r"this PULL socket bound to tcp://127.0.0.1:\d+: 0 of 2 peers") as caught:
        pull.wait_for_peers(2, timeout=0.01)
    assert caught.value.errno == errno.EAGAIN
    push = make_socket(zmq.PUSH, reconnect_ivl=1, connect=endpoint("ipc"))
    with pytest.raises(zmq.Again, match=r"nobody is bound to ipc://.* \(refused "):
        push.wait_for_peers(timeout=0.2)


def test_a_socket_that_is_nowhere(make_socket):
    sock = make_socket(zmq.PULL)
    assert sock.peers == []
    with pytest.raises(zmq.Again, match="0 of 1"):
        sock.wait_for_peers(timeout=0)


@pytest.mark.parametrize("n", [-1, 1.5, "1", None])
def test_a_number_of_peers_that_makes_no_sense(make_socket, n):
    with pytest.raises((TypeError, OverflowError, ValueError)):
        make_socket(zmq.PULL).wait_for_peers(n, timeout=0)


def test_who_waits_for_peers_keeps_nobody_waiting(make_socket, endpoint, in_thread):
    """It shares the socket with those who send and receive meanwhile."""
    a = make_socket(zmq.PAIR, bind=endpoint("tcp"))
    waited = in_thread(a.wait_for_peers, 2, timeout=20)
    b = make_socket(zmq.PAIR, connect=a.endpoints[0])
    for number in range(100):
        a.send(b"%d" % number, timeout=10)
        assert b.recv(timeout=10) == b"%d" % number
    assert not waited.done()
    a.close()
    assert isinstance(waited.exception(), zmq.error.SocketClosed)


def test_more_sockets_than_are_watched_from_the_start(make_socket):
    many = [make_socket(zmq.PULL, bind="tcp://127.0.0.1:*") for _ in range(64)]
    assert many[-1].peers == []
    unwatched = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    for ask in (lambda: unwatched.peers, lambda: unwatched.wait_for_peers(timeout=0)):
        with pytest.raises(zmq.ZMQError, match=r"call watch\(\) before bind") as caught:
            ask()
        assert caught.value.errno == errno.EINVAL
    # All else works without.
    push = make_socket(zmq.PUSH, connect=unwatched.endpoints[0])
    push.send(b"hello", timeout=10)
    assert unwatched.recv(timeout=10) == b"hello"
    with pytest.raises(zmq.Again, match="is the other side there, and does it send"):
        unwatched.recv(timeout=0.001)

    asked = make_socket(zmq.PULL)
    asked.watch()
    asked.bind("tcp://127.0.0.1:*")
    late = make_socket(zmq.PUSH)
    late.watch()
    late.connect(asked.endpoints[0])
    assert asked.wait_for_peers(timeout=10) == late.wait_for_peers(timeout=10) == 1
    # A place becomes free when enough watched ones close.
    for _ in range(3):
        many.pop().close()

    def is_watched():
        sock = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
        try:
            return sock.peers == []
        except zmq.ZMQError:
            sock.close()
            return False

    assert wait_until(is_watched)


def test_peers_over_several_transports_at_once(make_socket, endpoint):
    pull = make_socket(zmq.PULL)
    for transport in ("tcp", "ipc", "inproc"):
        pull.bind(endpoint(transport))
    for where in pull.endpoints:
        make_socket(zmq.PUSH, connect=where)
    assert pull.wait_for_peers(3, timeout=10) == 3
    assert sorted(peer.local for peer in pull.peers) == sorted(pull.endpoints)


# Subscribers


def test_wait_for_subscribers(make_socket, endpoint, transport, in_thread):
    pub = make_socket(zmq.PUB, bind=endpoint(transport))
    waited = in_thread(pub.wait_for_subscribers, 2, timeout=20)
    for topic in (b"10001", b"10002"):
        make_socket(zmq.SUB, connect=pub.last_endpoint.decode(), subscribe=topic)
    assert waited.result() == 2
    assert pub.subscriptions == {b"10001": 1, b"10002": 1}
    assert pub.wait_for_subscribers(1, topic="10001", timeout=0) == 1


def test_a_subscription_covers_the_topics_it_is_a_prefix_of(make_socket, endpoint):
    pub = make_socket(zmq.PUB, bind=endpoint("inproc"))
    where = pub.last_endpoint.decode()
    for topic in (b"", b"a", b"ab", b"b"):
        make_socket(zmq.SUB, connect=where, subscribe=topic)
    assert pub.wait_for_subscribers(4, timeout=10) == 4
    assert pub.wait_for_subscribers(3, topic="abc", timeout=0) == 3
    assert pub.wait_for_subscribers(2, topic=b"a", timeout=0) == 2
    assert pub.wait_for_subscribers(1, topic="zzz", timeout=0) == 1
    with pytest.raises(zmq.Again, match=r'1 of 2 subscriptions to "zzz"'):
        pub.wait_for_subscribers(2, topic="zzz", timeout=0.01)


def test_unsubscribing_and_leaving(make_socket, endpoint, transport):
    pub = make_socket(zmq.PUB, bind=endpoint(transport))
    one, other = (make_socket(zmq.SUB, connect=pub.last_endpoint.decode(), subscribe=b"a") for _ in range(2))
    one.subscribe(b"b")
    assert pub.wait_for_subscribers(3, timeout=10) == 3
    assert pub.subscriptions == {b"a": 2, b"b": 1}
    one.unsubscribe(b"a")
    assert wait_until(lambda: pub.subscriptions == {b"a": 1, b"b": 1})
    one.close()
    assert wait_until(lambda: pub.subscriptions == {b"a": 1})
    other.close()
    assert wait_until(lambda: pub.subscriptions == {})
    with pytest.raises(zmq.Again, match="0 of 1 subscriptions"):
        pub.wait_for_subscribers(timeout=0.01)


@pytest.mark.parametrize("leave", ["unsubscribe", "close"])
def test_the_same_topic_twice(make_socket, endpoint, transport, leave):
    """It is one subscription: who waits for two subscribers must not be deceived, nor who waits when it is gone."""
    pub = make_socket(zmq.PUB, bind=endpoint(transport))
    sub = make_socket(zmq.SUB, connect=pub.last_endpoint.decode())
    sub.subscribe(b"a")
    sub.subscribe(b"a")
    sub.subscribe(b"b")
    assert pub.wait_for_subscribers(2, timeout=10) == 2
    assert pub.subscriptions == {b"a": 1, b"b": 1}
    sub.unsubscribe(b"b")
    sub.unsubscribe(b"a")
    pub.send(b"a still")
    assert sub.recv(timeout=10) == b"a still"
    sub.unsubscribe(b"a") if leave == "unsubscribe" else sub.close()
    assert wait_until(lambda: pub.subscriptions == {})
    with pytest.raises(zmq.Again):
        pub.wait_for_subscribers(timeout=0)


def test_subscribers_of_a_publisher_that_connects(make_socket, endpoint, transport, in_thread):
    subs = [make_socket(zmq.SUB, bind=endpoint(transport), subscribe=b"") for _ in range(2)]
    # They are at work: libzmq has a bound SUB subscribe at a new publisher only during a call.
    received = [in_thread(sub.recv, timeout=20) for sub in subs]
    pub = make_socket(zmq.PUB)
    for sub in subs:
        pub.connect(sub.last_endpoint.decode())
    assert pub.wait_for_subscribers(2, timeout=10) == 2
    pub.send(b"to both")
    assert [future.result() for future in received] == [b"to both"] * 2


def test_a_long_run_of_sends_knows_its_subscribers(make_socket, endpoint):
    """The publisher reads subscriptions while it sends, so that they do not pile up; none may be forgotten by that."""
    pub = make_socket(zmq.PUB, bind=endpoint("inproc"), sndhwm=0)
    for number in range(20):
        make_socket(zmq.SUB, connect=pub.last_endpoint.decode(), subscribe=b"%d" % number)
        for _ in range(300):
            pub.send(b"x")
    assert pub.wait_for_subscribers(20, timeout=10) == 20
    assert len(pub.subscriptions) == 20


@pytest.mark.parametrize("kind", [zmq.XPUB, zmq.SUB, zmq.PUSH], ids=lambda kind: kind.name)
def test_only_a_pub_counts_subscriptions(make_socket, kind):
    sock = make_socket(kind)
    for ask in (lambda: sock.subscriptions, lambda: sock.wait_for_subscribers(timeout=0)):
        with pytest.raises(zmq.ZMQError, match="only a PUB") as caught:
            ask()
        assert caught.value.errno == zmq.ENOTSUP


def test_an_xpub_still_gets_its_subscriptions_as_messages(make_socket, endpoint):
    xpub = make_socket(zmq.XPUB, bind=endpoint("tcp"))
    make_socket(zmq.SUB, connect=xpub.last_endpoint.decode(), subscribe=b"a")
    assert xpub.recv(timeout=10) == b"\x01a"


def test_a_pub_is_a_pub(make_socket, endpoint):
    """It is an XPUB underneath, which must not show."""
    pub = make_socket(zmq.PUB, bind=endpoint("tcp"))
    sub = make_socket(zmq.SUB, connect=pub.last_endpoint.decode(), subscribe=b"a")
    assert pub.wait_for_subscribers(timeout=10) == 1
    assert pub.type == pub.getsockopt(zmq.TYPE) == zmq.PUB
    assert "zmq.PUB" in repr(pub)
    sub.subscribe(b"b")
    sub.unsubscribe(b"a")
    assert wait_until(lambda: pub.subscriptions == {b"b": 1})
    # What has come upstream is no message of its own.
    assert pub.poll(0) == 0
    assert pub.poll(0, zmq.POLLIN | zmq.POLLOUT) == zmq.POLLOUT
    assert pub.events == zmq.POLLOUT
    poller = zmq.Poller()
    poller.register(pub, zmq.POLLIN)
    assert poller.poll(1) == []
    for receive in (pub.recv, pub.recv_multipart, lambda: pub.recv(zmq.NOBLOCK)):
        with pytest.raises(zmq.ZMQError) as caught:
            receive()
        assert caught.value.errno == zmq.ENOTSUP
    assert pub.stats.messages_received == 0


def test_a_pub_takes_nothing_from_upstream(make_socket, endpoint):
    """An XSUB may send messages upstream; an XPUB would receive them, a PUB has no use for them."""
    pub = make_socket(zmq.PUB, bind=endpoint("tcp"))
    xsub = make_socket(zmq.XSUB, connect=pub.last_endpoint.decode())
    xsub.send(b"\x02no subscription")
    xsub.send(b"nor this")
    xsub.send(b"\x01topic")
    assert pub.wait_for_subscribers(timeout=10) == 1
    assert pub.subscriptions == {b"topic": 1}
    pub.send(b"topic")
    assert xsub.recv(timeout=10) == b"topic"
