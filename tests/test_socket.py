"""A socket, call by call: it does what pyzmq's does, over every transport, and an error says what happened and what to do."""

from __future__ import annotations

import errno

import pytest

import brokerless as zmq

TYPES = ["PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB", "STREAM"]


# Types


@pytest.mark.parametrize("name", [*TYPES, "XREQ", "XREP"])
def test_every_type_opens(ctx, name):
    kind = getattr(zmq, name)
    with ctx.socket(kind) as sock:
        assert sock.type == kind
        assert sock.getsockopt(zmq.TYPE) == kind
        assert isinstance(sock, zmq.Socket) and sock.context is ctx
        assert f"zmq.{zmq.SocketType(kind).name}" in repr(sock)
        assert not sock.closed
    assert sock.closed and "closed" in repr(sock)


def test_old_names_are_the_same_types():
    assert (zmq.XREQ, zmq.XREP) == (zmq.DEALER, zmq.ROUTER)


@pytest.mark.parametrize("kind", [-1, 99, 2**31 - 1])
def test_an_unknown_type(ctx, kind):
    with pytest.raises(zmq.ZMQError) as caught:
        ctx.socket(kind)
    assert caught.value.errno == errno.EINVAL


def test_a_socket_of_an_ended_context(ctx):
    ctx.term()
    with pytest.raises(zmq.ZMQError) as caught:
        ctx.socket(zmq.PAIR)
    assert caught.value.errno == zmq.ENOTSUP
    assert "terminated" in str(caught.value)


def test_a_closed_socket(make_socket):
    sock = make_socket(zmq.PAIR)
    sock.close()
    sock.close()
    uses = [lambda: sock.send(b""), sock.recv, sock.poll, lambda: sock.linger, lambda: sock.bind("inproc://closed")]
    for use in uses:
        with pytest.raises(zmq.error.SocketClosed) as caught:
            use()
        assert caught.value.errno == zmq.ENOTSOCK
        assert "closed" in str(caught.value)


def test_max_sockets(make_socket):
    with zmq.Context() as context:
        context.set(zmq.MAX_SOCKETS, 3)
        socks = [make_socket(zmq.PAIR, context=context) for _ in range(3)]
        # What brokerless opens for itself is not counted.
        for sock in socks:
            sock.bind("tcp://127.0.0.1:*")
            sock.peers  # noqa: B018
        with pytest.raises(zmq.ZMQError) as caught:
            context.socket(zmq.PAIR)
        assert caught.value.errno == errno.EMFILE
        assert "3 open sockets" in str(caught.value) and "MAX_SOCKETS" in str(caught.value)
        socks.pop().close()
        make_socket(zmq.PAIR, context=context).close()
        for sock in socks:
            sock.close()


# Patterns


def test_pair(pair, transport):
    a, b = pair(zmq.PAIR, zmq.PAIR, transport)
    for one, other in ((a, b), (b, a)):
        one.send(b"hello")
        assert other.recv(timeout=10) == b"hello"


def test_req_rep(pair, transport):
    rep, req = pair(zmq.REP, zmq.REQ, transport)
    for number in range(3):
        req.send(b"%d" % number)
        assert rep.recv(timeout=10) == b"%d" % number
        rep.send(b"reply %d" % number)
        assert req.recv(timeout=10) == b"reply %d" % number


def test_req_with_two_servers_asks_them_in_turn(make_socket, endpoint, transport):
    reps = [make_socket(zmq.REP, bind=endpoint(transport)) for _ in range(2)]
    req = make_socket(zmq.REQ)
    for rep in reps:
        req.connect(rep.last_endpoint.decode())
    assert req.wait_for_peers(2, timeout=10) == 2
    for rep in reps * 2:
        req.send(b"whose turn?")
        assert rep.recv(timeout=10) == b"whose turn?"
        rep.send(b"mine")
        assert req.recv(timeout=10) == b"mine"


def test_pub_sub(make_socket, endpoint, transport):
    pub = make_socket(zmq.PUB, bind=endpoint(transport))
    where = pub.last_endpoint.decode()
    all_of_it = make_socket(zmq.SUB, connect=where, subscribe=b"")
    some = make_socket(zmq.SUB, connect=where)
    some.subscribe("10001")
    assert pub.wait_for_subscribers(2, topic="10001", timeout=10) == 2
    for message in (b"10002 no", b"10001 yes", b"100011 a prefix is enough"):
        pub.send(message)
    assert [all_of_it.recv(timeout=10) for _ in range(3)] == [b"10002 no", b"10001 yes", b"100011 a prefix is enough"]
    assert [some.recv(timeout=10) for _ in range(2)] == [b"10001 yes", b"100011 a prefix is enough"]
    assert some.poll(0) == 0


def test_xpub_xsub(pair, transport):
    xpub, xsub = pair(zmq.XPUB, zmq.XSUB, transport)
    xsub.send(b"\x01news")
    assert xpub.recv(timeout=10) == b"\x01news"
    xpub.send_multipart([b"news", b"today"])
    assert xsub.recv_multipart(timeout=10) == [b"news", b"today"]
    xsub.send(b"\x00news")
    assert xpub.recv(timeout=10) == b"\x00news"


def test_push_pull(make_socket, endpoint, transport):
    push = make_socket(zmq.PUSH, bind=endpoint(transport))
    pulls = [make_socket(zmq.PULL, connect=push.last_endpoint.decode()) for _ in range(2)]
    assert push.wait_for_peers(2, timeout=10) == 2
    for number in range(10):
        push.send(b"%d" % number)
    got = [sorted(int(pull.recv(timeout=10)) for _ in range(5)) for pull in pulls]
    assert sorted(got) == [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]


def test_router_dealer(make_socket, endpoint, transport):
    router = make_socket(zmq.ROUTER, bind=endpoint(transport))
    dealers = {
        name: make_socket(zmq.DEALER, connect=router.last_endpoint.decode(), routing_id=name) for name in (b"a", b"b")
    }
    for name, dealer in dealers.items():
        dealer.send_multipart([b"", b"from " + name])
    for _ in dealers:
        name, *rest = router.recv_multipart(timeout=10)
        assert rest == [b"", b"from " + name]
        router.send_multipart([name, b"", b"to " + name])
    for name, dealer in dealers.items():
        assert dealer.recv_multipart(timeout=10) == [b"", b"to " + name]


def test_stream_speaks_to_a_plain_socket(make_socket):
    import socket

    stream = make_socket(zmq.STREAM, bind="tcp://127.0.0.1:*")
    port = int(stream.last_endpoint.rsplit(b":")[-1])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        name, opened = stream.recv_multipart(timeout=10)
        assert opened == b""
        assert stream.wait_for_peers(1, timeout=10) == 1
        stream.send_multipart([name, b"hello"])
        assert plain.recv(5) == b"hello"
        plain.sendall(b"raw")
        assert stream.recv_multipart(timeout=10) == [name, b"raw"]


def test_connect_before_bind(make_socket, endpoint, transport, free_port):
    where = f"tcp://127.0.0.1:{free_port}" if transport == "tcp" else endpoint(transport)
    push = make_socket(zmq.PUSH, reconnect_ivl=5)
    push.connect(where)
    push.send(b"early")
    assert make_socket(zmq.PULL, bind=where).recv(timeout=10) == b"early"


# The state machine, and what a type cannot do


def test_req_and_rep_out_of_turn(pair):
    rep, req = pair(zmq.REP, zmq.REQ)
    wrong = [
        (req.recv, "has sent no request to reply to; send"),
        (lambda: rep.send(b""), "has no request to reply to; recv"),
    ]
    req_waits = (lambda: req.send(b""), r"waiting for the reply to a request sent \d+ ms ago; recv\(\) it before")
    rep_owes = (rep.recv, r"owes the reply to a request received \d+ ms ago; send\(\) it before")

    def check(*cases):
        for use, text in cases:
            with pytest.raises(zmq.ZMQError, match=text) as caught:
                use()
            assert caught.value.errno == zmq.EFSM

    check(*wrong)
    req.send(b"request")
    check(req_waits)
    assert rep.recv(timeout=10) == b"request"
    check(req_waits, rep_owes)
    rep.send(b"reply")
    assert req.recv(timeout=10) == b"reply"
    check(*wrong)


@pytest.mark.parametrize("name", ["PUSH", "PUB"])
def test_types_that_only_send(make_socket, name):
    sock = make_socket(getattr(zmq, name))
    for receive in (sock.recv, sock.recv_multipart, sock.recv_json, lambda: list(sock)):
        with pytest.raises(zmq.ZMQError) as caught:
            receive()
        assert caught.value.errno == zmq.ENOTSUP
        assert (f"{name} " in str(caught.value) and "send" in str(caught.value)) or "cannot receive" in str(
            caught.value
        )


@pytest.mark.parametrize("name", ["PULL", "SUB"])
def test_types_that_only_receive(make_socket, name):
    sock = make_socket(getattr(zmq, name))
    for send in (lambda: sock.send(b""), lambda: sock.send_multipart([b"", b""]), lambda: sock.send_json(1)):
        with pytest.raises(zmq.ZMQError, match=f"{name} cannot send") as caught:
            send()
        assert caught.value.errno == zmq.ENOTSUP


def test_a_peer_that_a_mandatory_router_does_not_know(make_socket, endpoint):
    router = make_socket(zmq.ROUTER, bind=endpoint("tcp"), router_mandatory=1)
    with pytest.raises(zmq.ZMQError, match="ROUTER_MANDATORY") as caught:
        router.send_multipart([b"nobody", b"hello"])
    assert caught.value.errno == errno.EHOSTUNREACH
    assert router.stats.messages_sent == 0


# Iteration


def test_iteration(pair, in_thread):
    pull, push = pair(zmq.PULL, zmq.PUSH)
    for number in range(3):
        push.send(b"%d" % number)
    push.send_multipart([b"a", b""])
    got = []

    def loop():
        for message in pull:
            got.append(message)
            if len(got) == 4:
                pull.close()

    in_thread(loop).result()
    assert got == [b"0", b"1", b"2", [b"a", b""]]
    assert list(pull) == []


def test_iteration_keeps_to_rcvtimeo(make_socket, endpoint):
    pull = make_socket(zmq.PULL, bind=endpoint("tcp"), rcvtimeo=10)
    with pytest.raises(zmq.Again):
        next(iter(pull))


# Counts


def test_stats(pair, transport):
    rep, req = pair(zmq.REP, zmq.REQ, transport)
    assert req.stats == rep.stats
    assert (req.stats.messages_sent, req.stats.bytes_received) == (0, 0)
    for _ in range(3):
        req.send_multipart([b"12345", b"67"])
        rep.recv_multipart(timeout=10)
        rep.send(b"1")
        req.recv(timeout=10)
    sent, received = req.stats, rep.stats
    assert (sent.messages_sent, sent.bytes_sent, sent.messages_received, sent.bytes_received) == (3, 21, 3, 3)
    assert (received.messages_sent, received.bytes_sent) == (3, 3)
    assert (received.messages_received, received.bytes_received) == (3, 21)
    req.close()
    # They outlive the socket.
    assert req.stats == sent
    assert "messages_sent=3" in repr(sent)


def test_a_type_that_does_not_exist_says_so(ctx):
    with pytest.raises(zmq.ZMQError, match="99 is no socket type") as refused:
        ctx.socket(99)
    assert refused.value.errno == zmq.EINVAL


def test_what_a_type_cannot_tell_is_no_attribute(make_socket):
    push = make_socket(zmq.PUSH)
    assert hasattr(push, "peers") and not hasattr(push, "subscriptions")
    with pytest.raises(zmq.error.UnknownAttribute, match="only a PUB") as refused:
        push.subscriptions  # noqa: B018
    assert refused.value.errno == zmq.ENOTSUP
    push.close()
    with pytest.raises(zmq.error.SocketClosed):
        push.peers  # noqa: B018


def test_the_old_name_of_the_type_is_deprecated(make_socket):
    with pytest.warns(DeprecationWarning, match="Socket.type"):
        assert make_socket(zmq.PUSH).socket_type == zmq.PUSH
