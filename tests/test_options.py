"""Every option of every socket type: by number, by name, as an attribute; read and written just as pyzmq does."""

from __future__ import annotations

import errno

import pytest

import brokerless as zmq

TYPES = ["PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB", "STREAM"]

# This libzmq is built with the draft API, pyzmq's is not: there these are EINVAL.
DRAFTS = {
    "BUSY_POLL",
    "DISCONNECT_MSG",
    "HELLO_MSG",
    "HICCUP_MSG",
    "IN_BATCH_SIZE",
    "OUT_BATCH_SIZE",
    "PRIORITY",
    "ROUTER_NOTIFY",
    "TOPICS_COUNT",
    "XSUB_VERBOSE_UNSUBSCRIBE",
}
# pyzmq asks for CURVE keys in a way that libzmq refuses.
KEYS = {"CURVE_PUBLICKEY", "CURVE_SECRETKEY", "CURVE_SERVERKEY"}

INTS = [0, 1, -1, 2, 100, 2**31 - 1, -(2**31), 2**31, 2**40, 2**64, -(2**63) - 1, True]
OTHERS = [1.5, None, [], "", "10001", b"", b"a", b"abc\0", b"x" * 254, b"x" * 256, bytearray(b"a"), memoryview(b"a")]


def outcome(library, call, *args):
    """What a call returns, or the essence of what it raises."""
    try:
        return call(*args)
    except library.ZMQError as refused:
        return ("refused", refused.errno)
    except Exception as wrong:
        return type(wrong).__name__


@pytest.fixture
def both(pyzmq, pyzmq_ctx, ctx):
    """both(name): a fresh socket of that type from each library."""

    def make(name):
        ours, theirs = ctx.socket(getattr(zmq, name)), pyzmq_ctx.socket(getattr(pyzmq, name))
        ours.linger = theirs.linger = 0
        return ours, theirs

    return make


# The whole table


def test_the_table_is_pyzmqs(pyzmq):
    ours, theirs = zmq.SocketOption.__members__, pyzmq.SocketOption.__members__
    assert {name: int(theirs[name]) for name in theirs if name in ours} == {
        name: int(ours[name]) for name in theirs if name in ours
    }
    assert set(theirs) <= set(ours)


@pytest.mark.parametrize("name", TYPES)
def test_a_fresh_socket_reads_as_pyzmqs(both, pyzmq, name):
    ours, theirs = both(name)
    read = 0
    for option, number in zmq.SocketOption.__members__.items():
        if option in DRAFTS | KEYS or number == zmq.FD:
            continue
        mine = outcome(zmq, ours.get, number)
        expected = outcome(pyzmq, theirs.get, number)
        assert mine == expected and type(mine) is type(expected), option
        read += not isinstance(mine, tuple)
    assert read > 50


@pytest.mark.parametrize("name", TYPES)
def test_every_option_takes_and_refuses_what_it_does_in_pyzmq(both, pyzmq, name):
    values = [*INTS, *OTHERS]
    for option, number in zmq.SocketOption.__members__.items():
        if option in DRAFTS:
            continue
        ours, theirs = both(name)
        for value in values:
            mine = outcome(zmq, ours.set, number, value)
            expected = outcome(pyzmq, theirs.set, number, value)
            assert mine == expected, (option, value)
        mine, expected = outcome(zmq, ours.get, number), outcome(pyzmq, theirs.get, number)
        # pyzmq reads no more than 254 bytes.
        if option not in KEYS and number != zmq.FD and not (isinstance(mine, bytes) and len(mine) > 254):
            assert mine == expected, option
        ours.close()
        theirs.close()


def test_what_reads_otherwise_on_purpose(make_socket, pyzmq):
    sock = make_socket(zmq.ROUTER)
    for option in KEYS:
        assert len(sock.get(getattr(zmq, option))) == 40
    public, secret = zmq.curve_keypair()
    sock.curve_secretkey = secret
    assert sock.curve_secretkey == secret
    sock.curve_publickey = public
    assert sock.get_string(zmq.CURVE_PUBLICKEY) == public.decode()
    assert sock.router_notify == 0
    sock.router_notify = zmq.NOTIFY_CONNECT
    assert sock.router_notify == zmq.NOTIFY_CONNECT
    assert isinstance(sock.fd, int) and sock.fileno() == sock.fd
    # 64 bits, of which pyzmq takes 63.
    sock.affinity = 2**64 - 1
    assert sock.affinity == -1
    with pytest.raises(OverflowError):
        sock.maxmsgsize = 2**63


# By name, as an attribute


def test_three_ways_to_one_option(make_socket):
    sock = make_socket(zmq.PULL)
    sock.setsockopt(zmq.LINGER, 7)
    assert (sock.getsockopt(zmq.LINGER), sock.get(zmq.LINGER), sock.linger, sock.LINGER) == (7, 7, 7, 7)
    sock.LINGER = 8
    assert sock.get(zmq.LINGER) == 8
    sock.set(17, 9)
    assert sock.linger == 9
    sock.Linger = 10
    assert sock.linger == 10


@pytest.mark.parametrize("name", TYPES)
def test_every_readable_option_is_an_attribute(make_socket, name):
    sock = make_socket(getattr(zmq, name))
    for option, number in zmq.SocketOption.__members__.items():
        if option in ("SUBSCRIBE", "UNSUBSCRIBE", "HWM"):
            # These are methods, and both high-water marks in one.
            continue
        value = outcome(zmq, sock.get, number)
        if isinstance(value, tuple):
            with pytest.raises(AttributeError):
                getattr(sock, option.lower())
        else:
            assert getattr(sock, option.lower()) == getattr(sock, option) == value
        assert option in dir(sock)


@pytest.mark.parametrize("option", ["subscribe", "router_mandatory", "xpub_verbose", "probe_router", "req_relaxed"])
def test_write_only(make_socket, option):
    kinds = {"s": zmq.SUB, "r": zmq.ROUTER, "x": zmq.XPUB, "p": zmq.ROUTER}
    sock = make_socket(zmq.REQ if option.startswith("req") else kinds[option[0]])
    setattr(sock, option, "topic" if option == "subscribe" else 1)
    with pytest.raises(zmq.ZMQError) as caught:
        sock.get(getattr(zmq, option.upper()))
    assert caught.value.errno == errno.EINVAL
    if option == "subscribe":
        assert callable(sock.subscribe)
    else:
        with pytest.raises(AttributeError, match="write-only"):
            getattr(sock, option)


@pytest.mark.parametrize("option", ["last_endpoint", "type", "rcvmore", "fd", "events", "mechanism", "thread_safe"])
def test_read_only(make_socket, option):
    sock = make_socket(zmq.PULL)
    before = getattr(sock, option)
    with pytest.raises(zmq.ZMQError) as caught:
        sock.set(getattr(zmq, option.upper()), b"" if option == "last_endpoint" else 1)
    assert caught.value.errno == errno.EINVAL
    assert getattr(sock, option) == before


@pytest.mark.parametrize("option", ["lingre", "no_such", "NOBLOCK_", "", "_private", "__dunder__"])
def test_an_attribute_that_is_none(make_socket, option):
    sock = make_socket(zmq.PULL)
    with pytest.raises(AttributeError):
        getattr(sock, option)
    with pytest.raises(AttributeError):
        setattr(sock, option, 1)
    assert not hasattr(sock, option)


def test_a_subclass_may_have_attributes_of_its_own(ctx):
    class Named(zmq.Socket):
        title = None

        def __init__(self, *args, **kwargs):
            self.title = "named"
            super().__init__(*args, **kwargs)

    with ctx.socket(zmq.PULL, socket_class=Named) as sock:
        assert isinstance(sock, Named) and sock.title == "named"
        sock.title = "renamed"
        assert sock.title == "renamed"
        with pytest.raises(AttributeError):
            sock.titel = "mistyped"


# Types of values


@pytest.mark.parametrize("value", ["1", b"1", 1.0, None, [1], object()])
def test_an_int_is_due(make_socket, value):
    sock = make_socket(zmq.PULL)
    for number in (zmq.LINGER, zmq.IPV6, zmq.MAXMSGSIZE, zmq.AFFINITY):
        with pytest.raises(TypeError):
            sock.set(number, value)
    with pytest.raises(TypeError):
        sock.linger = value


@pytest.mark.parametrize("value", ["text", 1, None, bytearray(b"x"), memoryview(b"x")])
def test_bytes_are_due(make_socket, value):
    sock = make_socket(zmq.DEALER)
    for number in (zmq.ROUTING_ID, zmq.PLAIN_USERNAME, zmq.CURVE_SERVERKEY):
        with pytest.raises(TypeError):
            sock.set(number, value)
    with pytest.raises(TypeError):
        sock.routing_id = value


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 2**64, 10**100])
def test_too_large_an_int(make_socket, value):
    with pytest.raises(OverflowError, match=str(value)[:20]):
        make_socket(zmq.PULL).linger = value


def test_strings(make_socket):
    sock = make_socket(zmq.DEALER)
    for setter in (sock.set_string, sock.setsockopt_string, sock.setsockopt_unicode):
        setter(zmq.ROUTING_ID, "gr\u00fc\u00df")
        assert sock.routing_id == "gr\u00fc\u00df".encode()
        with pytest.raises(TypeError):
            setter(zmq.ROUTING_ID, b"bytes")
    for getter in (sock.get_string, sock.getsockopt_string, sock.getsockopt_unicode):
        assert getter(zmq.ROUTING_ID) == "gr\u00fc\u00df"
        with pytest.raises(TypeError):
            getter(zmq.LINGER)
    sock.set_string(zmq.ROUTING_ID, "\u00e9", encoding="latin-1")
    assert sock.routing_id == b"\xe9"
    assert sock.get_string(zmq.ROUTING_ID, encoding="latin-1") == "\u00e9"
    with pytest.raises(TypeError):
        sock.set_string(zmq.LINGER, "1")


def test_an_unknown_number(make_socket):
    sock = make_socket(zmq.PULL)
    for call in (lambda: sock.get(12345), lambda: sock.set(12345, 1), lambda: sock.get(-1)):
        with pytest.raises(zmq.ZMQError) as caught:
            call()
        assert caught.value.errno == errno.EINVAL


# Some that do something


def test_identity(pair, make_socket, endpoint):
    router = make_socket(zmq.ROUTER, bind=endpoint("tcp"))
    dealer = make_socket(zmq.DEALER, identity=b"my name", connect=router.last_endpoint.decode())
    assert dealer.identity == dealer.routing_id == dealer.IDENTITY == b"my name"
    dealer.send(b"x")
    assert router.recv_multipart(timeout=10) == [b"my name", b"x"]
    with pytest.raises(zmq.ZMQError) as caught:
        dealer.identity = b""
    assert caught.value.errno == errno.EINVAL


def test_hwm(make_socket, endpoint):
    push = make_socket(zmq.PUSH)
    assert (push.hwm, push.sndhwm, push.rcvhwm) == (1000, 1000, 1000)
    push.hwm = 3
    assert (push.hwm, push.sndhwm, push.rcvhwm, push.get_hwm()) == (3, 3, 3, 3)
    push.set_hwm(2)
    push.bind(endpoint("inproc"))
    make_socket(zmq.PULL, hwm=1, connect=push.last_endpoint.decode())
    for _ in range(3):
        push.send(b"x", zmq.NOBLOCK)
    with pytest.raises(zmq.Again):
        push.send(b"x", zmq.NOBLOCK)


def test_events_and_rcvmore(pair):
    a, b = pair(zmq.PAIR, zmq.PAIR, "inproc")
    assert a.events == zmq.POLLOUT and isinstance(a.events, zmq.PollEvent)
    b.send_multipart([b"x", b"y"])
    assert a.events == zmq.POLLIN | zmq.POLLOUT
    assert a.rcvmore == 0
    a.recv()
    assert a.rcvmore == 1
    a.recv()
    assert a.rcvmore == 0


def test_subscribing_by_any_of_its_names(make_socket, endpoint):
    pub = make_socket(zmq.PUB, bind=endpoint("inproc"))
    sub = make_socket(zmq.SUB, connect=pub.last_endpoint.decode())
    sub.subscribe("a")
    sub.subscribe(b"b")
    sub.subscribe = "c"
    sub.SUBSCRIBE = b"d"
    sub.setsockopt(zmq.SUBSCRIBE, b"e")
    sub.setsockopt_string(zmq.SUBSCRIBE, "f")
    assert pub.wait_for_subscribers(6, timeout=10) == 6
    assert set(pub.subscriptions) == {b"a", b"b", b"c", b"d", b"e", b"f"}
    sub.unsubscribe("a")
    sub.unsubscribe = b"b"
    sub.setsockopt(zmq.UNSUBSCRIBE, b"c")
    pub.send(b"a")
    pub.send(b"d")
    assert sub.recv(timeout=10) == b"d"
    with pytest.raises(zmq.ZMQError):
        make_socket(zmq.PULL).subscribe("a")


def test_conflate(make_socket, endpoint):
    pull = make_socket(zmq.PULL, bind=endpoint("inproc"))
    push = make_socket(zmq.PUSH, conflate=1, connect=pull.last_endpoint.decode())
    for number in range(5):
        push.send(b"%d" % number)
    assert pull.recv(timeout=10) == b"4"
    assert pull.poll(0) == 0


# Defaults of a context


def test_defaults_of_a_context(ctx, make_socket):
    before = make_socket(zmq.PULL)
    ctx.linger = 0
    ctx.rcvtimeo = 123
    ctx.setsockopt(zmq.SNDHWM, 5)
    with ctx.socket(zmq.DEALER) as sock:
        assert (sock.linger, sock.rcvtimeo, sock.sndhwm) == (0, 123, 5)
    assert before.rcvtimeo == -1
    assert (ctx.linger, ctx.RCVTIMEO, ctx.getsockopt(zmq.SNDHWM)) == (0, 123, 5)
    # What a type does not have does not concern it.
    ctx.subscribe = b""
    ctx.socket(zmq.PUSH).close()
    ctx.socket(zmq.SUB).close()
    del ctx.rcvtimeo
    with ctx.socket(zmq.DEALER) as sock:
        assert sock.rcvtimeo == -1
    with pytest.raises(AttributeError):
        ctx.rcvtimeo  # noqa: B018
    with pytest.raises(AttributeError):
        del ctx.rcvtimeo


def test_options_of_a_context(pyzmq, pyzmq_ctx, ctx):
    for name in zmq.ContextOption.__members__:
        number = getattr(zmq, name)
        if not hasattr(pyzmq, name):
            continue
        mine = outcome(zmq, ctx.get, number)
        assert mine == outcome(pyzmq, pyzmq_ctx.get, number), name
    assert ctx.io_threads == ctx.IO_THREADS == 1
    assert ctx.max_sockets == 1023
    ctx.max_sockets = 10
    assert ctx.get(zmq.MAX_SOCKETS) == 10
    for wrong in (0, -1, 10**6):
        with pytest.raises(zmq.ZMQError) as caught:
            ctx.max_sockets = wrong
        assert caught.value.errno == errno.EINVAL
    assert ctx.max_sockets == 10
    with pytest.raises(TypeError):
        ctx.set(zmq.MAX_SOCKETS, "10")


def test_io_threads():
    with zmq.Context(io_threads=3) as context:
        assert context.io_threads == 3
    with zmq.Context(0) as context, context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
        # inproc needs none.
        a.bind("inproc://no-threads")
        b.connect("inproc://no-threads")
        a.send(b"x")
        assert b.recv(timeout=10) == b"x"
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.Context(-1)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("name", ["no_such", "lingre", "_private"])
def test_an_attribute_that_a_context_has_not(ctx, name):
    with pytest.raises(AttributeError):
        getattr(ctx, name)
    with pytest.raises(AttributeError):
        setattr(ctx, name, 1)


@pytest.mark.parametrize("size", [-1, 100_000])
def test_buffers_within_the_machine_leave_the_option_as_it_was(make_socket, size):
    sock = make_socket(zmq.PUSH, sndbuf=size)
    sock.bind("tcp://127.0.0.1:*")
    assert sock.sndbuf == size
    with pytest.raises(zmq.ZMQError):
        make_socket(zmq.PUSH).bind(sock.last_endpoint)
    other = make_socket(zmq.PUSH, sndbuf=size)
    with pytest.raises(zmq.ZMQError):
        other.bind(sock.last_endpoint)
    assert other.sndbuf == size
    other.connect(sock.last_endpoint)
    assert other.sndbuf == size
