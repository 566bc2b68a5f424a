"""docs/differences.md, case by case: what brokerless does on purpose, and what pyzmq does instead.

A case that hangs or kills the process in pyzmq is not tried there. If pyzmq has changed, the page has to.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import socket as tcp
import sys
from pathlib import Path

import pytest

import brokerless

PAGE = Path(__file__).parent.parent / "docs" / "differences.md"


@pytest.fixture
def both(ctx, pyzmq, pyzmq_ctx):
    """both(case): what `case(zmq, context)` gives in brokerless and in pyzmq; an error is its class, errno and text."""

    def outcome(case, zmq, context):
        try:
            return case(zmq, context)
        except Exception as error:
            return type(error).__name__, getattr(error, "errno", None), str(error)

    return lambda case: (outcome(case, brokerless, ctx), outcome(case, pyzmq, pyzmq_ctx))


def part(zmq, name):
    return importlib.import_module(f"{zmq.__name__}.{name}")


@pytest.mark.parametrize(
    ("endpoint", "instead"),
    [
        ("tcp://127.0.0.1:99999", "tcp://127.0.0.1:34463"),
        ("tcp://127.0.0.1:-1", "tcp://127.0.0.1:65535"),
        ("tcp://127.0.0.1:*\0a", "tcp://127.0.0.1:"),
    ],
)
def test_endpoints_that_are_none(both, endpoint, instead):
    def case(zmq, context):
        socket = context.socket(zmq.PULL)
        socket.bind(endpoint)
        return socket.last_endpoint.decode()

    ours, theirs = both(case)
    assert ours[:2] == ("ZMQError", brokerless.EINVAL)
    # The port may be another program's.
    assert str(theirs).startswith(instead) or theirs[1] == brokerless.EADDRINUSE


def test_nobody_listens_at_port_0(both):
    def case(zmq, context):
        socket = context.socket(zmq.PULL)
        socket.connect("tcp://127.0.0.1:0")
        return socket.last_endpoint.decode()

    ours, theirs = both(case)
    assert ours[:2] == ("ZMQError", brokerless.EINVAL)
    assert theirs == "tcp://127.0.0.1:0"


CALLS = {
    "poll() of a closed socket": (
        lambda zmq, context: closed(zmq, context).poll(0),
        ("SocketClosed", brokerless.ENOTSOCK),
        ("ZMQError", brokerless.ENOTSUP),
    ),
    "send_multipart([])": (
        lambda zmq, context: context.socket(zmq.PAIR).send_multipart([]),
        ("ValueError", None),
        ("IndexError", None),
    ),
    "group=": (
        lambda zmq, context: context.socket(zmq.PAIR).send(b"x", group="g"),
        ("ZMQError", brokerless.ENOTSUP),
        ("RuntimeError", None),
    ),
    "routing_id=": (
        lambda zmq, context: context.socket(zmq.PAIR).send(b"x", routing_id=1),
        ("ZMQError", brokerless.ENOTSUP),
        ("RuntimeError", None),
    ),
}


def closed(zmq, context):
    socket = context.socket(zmq.PULL)
    socket.close()
    return socket


@pytest.mark.parametrize("name", CALLS)
def test_errors_of_other_types(both, name):
    case, ours, theirs = CALLS[name]
    assert tuple(outcome[:2] for outcome in both(case)) == (ours, theirs)


def test_a_poller_tells_that_a_socket_is_closed(both):
    def case(zmq, context):
        poller = zmq.Poller()
        poller.register(closed(zmq, context))
        return poller.poll(0)

    ours, theirs = both(case)
    assert ours[0] == "SocketClosed"
    assert [descriptor for descriptor, _ in theirs] == [0]


def test_errors_say_more(both):
    def case(zmq, context):
        context.socket(zmq.REP).send(b"x")

    ours, theirs = both(case)
    assert ours[:2] == theirs[:2] == ("ZMQError", brokerless.EFSM)
    assert ours[2].startswith(theirs[2] + ": ")


def test_a_text_of_ones_own(pyzmq):
    assert brokerless.Again(msg="mine").strerror == "mine"
    assert pyzmq.Again(msg="mine").strerror == pyzmq.strerror(pyzmq.EAGAIN)


def test_no_device_of_that_kind(make_socket):
    with pytest.raises(brokerless.ZMQError, match="no device"):
        brokerless.device(77, make_socket(brokerless.PULL), make_socket(brokerless.PUSH))


def test_a_topic_subscribed_to_twice_is_told_once(both):
    def case(zmq, context):
        publisher, subscriber = context.socket(zmq.XPUB), context.socket(zmq.SUB)
        publisher.xpub_verbose = 1
        publisher.rcvtimeo = 10_000
        publisher.bind("tcp://127.0.0.1:*")
        subscriber.connect(publisher.last_endpoint.decode())
        # Once it is connected, every change is told by itself.
        subscriber.subscribe(b"first")
        assert publisher.recv() == b"\x01first"
        for change in (subscriber.subscribe, subscriber.unsubscribe):
            change(b"a")
            change(b"a")
        subscriber.subscribe(b"last")
        return list(iter(publisher.recv, b"\x01last"))

    assert both(case) == ([b"\x01a", b"\x00a"], [b"\x01a", b"\x01a", b"\x00a"])


def test_a_publisher_is_told_to_be_an_xpub(both):
    def case(zmq, context):
        publisher, subscriber = context.socket(zmq.PUB), context.socket(zmq.SUB)
        subscriber.bind("tcp://127.0.0.1:*")
        subscriber.subscribe(b"")
        publisher.connect(subscriber.last_endpoint.decode())
        while not subscriber.poll(20):
            # pyzmq does not tell when the subscription has come.
            publisher.send(b"x")
        return publisher.type.name, subscriber.recv(copy=False).get("Socket-Type")

    assert both(case) == (("PUB", "XPUB"), ("PUB", "PUB"))


def test_a_shadow_has_a_context(both):
    def case(zmq, context):
        socket = context.socket(zmq.PULL)
        return zmq.Socket.shadow(socket.underlying).context is None

    assert both(case) == (False, True)


def test_handles_of_others_are_refused(pyzmq, pyzmq_ctx):
    with pytest.raises(brokerless.ZMQError, match="no context at the address"):
        brokerless.Context.shadow(pyzmq_ctx.underlying)
    with pytest.raises(brokerless.ZMQError, match="no open socket"):
        brokerless.Socket.shadow(pyzmq_ctx.socket(pyzmq.PULL).underlying)


def test_lent_bytes_are_read_only(pyzmq):
    for zmq, readonly in ((brokerless, True), (pyzmq, False)):
        assert zmq.Frame(b"0123456789", copy=False).buffer.readonly == readonly
        assert not zmq.Frame(bytearray(10), copy=False).buffer.readonly


def test_large_bytes_are_lent(both):
    def case(zmq, context):
        push = context.socket(zmq.PUSH)
        # Nobody is there: what is sent stays with libzmq.
        push.connect("tcp://127.0.0.1:1")
        data, copied = bytes(100_000), bytes(100_000)
        before = sys.getrefcount(data), sys.getrefcount(copied)
        push.send(data)
        push.send(memoryview(copied))
        return sys.getrefcount(data) - before[0], sys.getrefcount(copied) - before[1]

    assert both(case) == ((1, 0), (0, 0))


def test_a_connection_within_the_machine_has_another_send_buffer(both):
    def case(zmq, context, own=None):
        pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        if own is not None:
            push.sndbuf = own
        pull.bind("tcp://127.0.0.1:*")
        with push.get_monitor_socket(zmq.EVENT_CONNECTED) as monitor:
            push.connect(pull.last_endpoint)
            assert monitor.poll(10_000)
            event = part(zmq, "utils.monitor").recv_monitor_message(monitor)
            with tcp.socket(fileno=os.dup(event["value"])) as connection:
                return connection.getsockopt(tcp.SOL_SOCKET, tcp.SO_SNDBUF), push.sndbuf

    with tcp.socket() as plain:
        plain.setsockopt(tcp.SOL_SOCKET, tcp.SO_SNDBUF, 512 * 1024)
        wanted = plain.getsockopt(tcp.SOL_SOCKET, tcp.SO_SNDBUF)
        plain.setsockopt(tcp.SOL_SOCKET, tcp.SO_SNDBUF, 64 * 1024)
        set_by_hand = plain.getsockopt(tcp.SOL_SOCKET, tcp.SO_SNDBUF)
    (ours, option), (theirs, their_option) = both(case)
    assert ours == wanted != theirs
    assert option == their_option == -1
    assert both(lambda zmq, context: case(zmq, context, 64 * 1024)) == ((set_by_hand, 64 * 1024),) * 2


def test_the_sockets_of_devices_move_more_at_once(ctx, make_socket):
    with brokerless.Streamer("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", context=ctx) as device:
        for socket in (device.frontend, device.backend):
            assert (socket.in_batch_size, socket.out_batch_size) == (32 * 1024, 32 * 1024)
    socket = make_socket(brokerless.PULL)
    assert (socket.in_batch_size, socket.out_batch_size) == (8 * 1024, 8 * 1024)


def test_drafts(both, pyzmq):
    assert both(lambda zmq, context: (zmq.DRAFT_API, zmq.has("draft"))) == ((True, True), (False, False))


def test_a_representation_shows_the_endpoint(both):
    def case(zmq, context):
        socket = context.socket(zmq.PULL)
        socket.bind("inproc://here")
        return "inproc://here" in repr(socket)

    assert both(case) == (True, False)


def test_versions_and_headers(both):
    ours, theirs = both(lambda zmq, context: zmq.__version__ == zmq.pyzmq_version())
    assert (ours, theirs) == (False, True)
    for name in ("get_includes", "get_library_dirs"):
        ours, theirs = both(lambda zmq, context, name=name: getattr(zmq, name)())
        assert ours[0] == "NotImplementedError"
        assert isinstance(theirs, list)


def test_what_is_not_there(both):
    def case(zmq, context):
        return [name for name in ("Enum", "IntEnum", "IntFlag") if name in zmq.__all__]

    assert both(case) == ([], ["Enum", "IntEnum", "IntFlag"])
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("brokerless.green")


def test_a_coroutine_keeps_its_socket(both):
    def case(zmq, context):
        async def work(context, socket):
            return socket.closed

        async def main():
            return await part(zmq, "decorators").socket(zmq.PUSH)(work)(context)

        return asyncio.run(main())

    assert both(case) == (False, True)


def test_forgotten_parentheses(both):
    ours, theirs = both(lambda zmq, context: part(zmq, "decorators").context(lambda made: None))
    assert ours[0] == "TypeError"
    assert callable(theirs)


@pytest.mark.parametrize("name", ["debug", "info", "warning", "error", "critical"])
def test_loggers_with_topics(both, name):
    def case(zmq, context):
        logger = part(zmq, "log.handlers").TopicLogger("x")
        seen = []
        handler = logging.Handler()
        handler.emit = seen.append
        logger.addHandler(handler)
        getattr(logger, name)("topic", "text")
        return [(record.levelname, record.getMessage()) for record in seen]

    ours, theirs = both(case)
    assert ours == [(name.upper(), "topic::text")]
    assert theirs[0] == "TypeError"


def test_levels_without_a_formatter(both, capsys):
    def case(zmq, context):
        handler = part(zmq, "log.handlers").PUBHandler("inproc://log", context)
        handler.emit(logging.makeLogRecord({"msg": "x", "levelno": 25, "levelname": "NOTICE"}))
        return "KeyError" in capsys.readouterr().err

    assert both(case) == (False, True)


def test_the_case_of_an_option_that_is_read(both):
    def case(zmq, context):
        with context.socket(zmq.PUSH) as sock:
            sock.Linger = 7
            return [getattr(sock, name, None) for name in ("LINGER", "linger", "Linger")]

    assert both(case) == ([7, 7, None], [7, 7, 7])


def test_the_page_names_what_there_is():
    text = PAGE.read_text(encoding="utf-8")
    for name in ("SocketClosed", "ForkedProcessError", "UnknownAttribute", "install_as_zmq"):
        assert name in text
        assert hasattr(brokerless, name)
