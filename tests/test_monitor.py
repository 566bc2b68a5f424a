"""Users' monitors: where they report to, and what; one at a time; what a message of theirs says."""

from __future__ import annotations

import asyncio
import errno

import pytest
from conftest import PATIENCE, wait_until
from monitor_events import drained, names, receive, told_until

import brokerless as zmq
import brokerless.asyncio
from brokerless.utils.monitor import parse_monitor_message, recv_monitor_message

# Where a monitor reports to, and what


@pytest.mark.parametrize(
    ("addr", "events", "number"),
    [
        ("tcp://127.0.0.1:*", zmq.EVENT_ALL, errno.EPROTONOSUPPORT),
        ("tcp://nonsense", zmq.EVENT_ALL, errno.EPROTONOSUPPORT),
        ("ipc:///tmp/x", zmq.EVENT_ALL, errno.EPROTONOSUPPORT),
        ("nonsense://x", zmq.EVENT_ALL, errno.EPROTONOSUPPORT),
        ("nonsense", zmq.EVENT_ALL, errno.EINVAL),
        ("inproc://", zmq.EVENT_ALL, errno.EINVAL),
        ("://x", zmq.EVENT_ALL, errno.EINVAL),
        ("tcp://", zmq.EVENT_ALL, errno.EINVAL),
        ("inproc://x", zmq.EVENT_PIPES_STATS, errno.EINVAL),
        ("inproc://x", zmq.EVENT_ALL_V2, errno.EINVAL),
        ("inproc://x", -1, errno.EINVAL),
        (None, 0x10000, errno.EINVAL),
    ],
)
def test_what_is_refused(pyzmq_ctx, make_socket, addr, events, number):
    for sock in (make_socket(zmq.PULL), pyzmq_ctx.socket(zmq.PULL)):
        with pytest.raises(Exception, match=r"\w") as caught:
            sock.monitor(addr, int(events))
        assert caught.value.errno == number


def test_what_is_no_address_and_no_number(make_socket):
    sock = make_socket(zmq.PULL)
    for arguments in ((3,), ("inproc://x", "all"), ("inproc://x", 1.5), ()):
        with pytest.raises(TypeError):
            sock.monitor(*arguments)
    with pytest.raises(OverflowError):
        sock.monitor("inproc://x", 1 << 40)


def test_a_name_that_is_taken(make_socket, endpoint):
    where = endpoint("inproc")
    make_socket(zmq.PAIR, bind=where)
    sock = make_socket(zmq.PULL)
    with pytest.raises(zmq.ZMQError, match="already") as caught:
        sock.monitor(where)
    assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(zmq.ZMQError):
        sock.get_monitor_socket(addr=where)
    sock.get_monitor_socket().close()


def test_a_closed_socket_and_an_ended_context(make_socket, loose_ctx):
    closed = make_socket(zmq.PULL)
    closed.close()
    sock = loose_ctx.socket(zmq.PULL)
    with sock, sock.get_monitor_socket() as reader:
        loose_ctx.shutdown()
        for use, expected in (
            (lambda: closed.monitor("inproc://x"), zmq.error.SocketClosed),
            (closed.get_monitor_socket, zmq.error.SocketClosed),
            (closed.disable_monitor, zmq.error.SocketClosed),
            (lambda: sock.monitor("inproc://x"), zmq.ContextTerminated),
            (sock.disable_monitor, zmq.ContextTerminated),
            (reader.recv, zmq.ContextTerminated),
        ):
            with pytest.raises(expected):
                use()


def test_only_what_was_asked_for(make_socket):
    server = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    ear = server.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
    for _ in range(3):
        make_socket(zmq.PUSH, connect=server.endpoints[0]).close()
    told = [receive(ear) for _ in range(6)]
    assert sorted(names(told)) == ["ACCEPTED"] * 3 + ["DISCONNECTED"] * 3
    # Its end was not asked for either.
    server.disable_monitor()
    assert drained(ear) == []
    server.monitor("inproc://nothing", 0)
    reader = make_socket(zmq.PAIR, connect="inproc://nothing")
    server.bind("tcp://127.0.0.1:*")
    server.close()
    assert reader.poll(20) == 0
    ear.close()


def test_what_happened_before_is_not_told(make_socket):
    server = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    client = make_socket(zmq.PUSH, connect=server.endpoints[0])
    assert client.wait_for_peers(timeout=10) == server.wait_for_peers(timeout=10) == 1
    with server.get_monitor_socket() as ear, client.get_monitor_socket() as client_ear:
        server.unbind(server.endpoints[0])
        assert names(drained(ear)) == ["CLOSED"]
        # Which end is its own is known all the same.
        make_socket(zmq.PUSH, connect=server.bind("tcp://127.0.0.1:*").addr)
        assert names(told_until(ear, zmq.EVENT_HANDSHAKE_SUCCEEDED)) == ["LISTENING", "ACCEPTED", "HANDSHAKE_SUCCEEDED"]
        assert wait_until(lambda: server.poll(0) == 0 and client.peers == [])
        assert client_ear.poll(PATIENCE * 1000)
        assert receive(client_ear).event == zmq.EVENT_DISCONNECTED


def test_an_end_of_a_connection_from_before_the_monitor(make_socket):
    server = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    client = make_socket(zmq.PUSH, connect=server.endpoints[0])
    assert server.wait_for_peers(timeout=10) == 1
    with server.get_monitor_socket() as ear:
        client.close()
        assert receive(ear)[::2] == (zmq.EVENT_DISCONNECTED, server.endpoints[0])


def test_nothing_happens_over_inproc(make_socket, endpoint):
    server = make_socket(zmq.PAIR)
    with server.get_monitor_socket() as ear:
        server.bind(endpoint("inproc"))
        client = make_socket(zmq.PAIR, connect=server.endpoints[0])
        client.send(b"hello")
        assert server.recv(timeout=10) == b"hello"
        client.close()
        server.close()
        assert receive(ear) == (zmq.EVENT_MONITOR_STOPPED, 0, "")


# One monitor at a time


def test_a_monitor_takes_the_place_of_another(make_socket):
    sock = make_socket(zmq.PULL)
    sock.monitor("inproc://first")
    first = make_socket(zmq.PAIR, connect="inproc://first")
    sock.bind("tcp://127.0.0.1:*")
    sock.monitor(b"inproc://second")
    # Earlier or later than the monitor makes no difference.
    second = make_socket(zmq.PAIR, connect="inproc://second")
    sock.bind("tcp://127.0.0.1:*")
    assert [one[::2] for one in drained(first)] == [
        (zmq.EVENT_LISTENING, sock.endpoints[0]),
        (zmq.EVENT_MONITOR_STOPPED, ""),
    ]
    assert [one[::2] for one in drained(second)] == [(zmq.EVENT_LISTENING, sock.endpoints[1])]
    # At once under the same name, which libzmq frees only a moment later.
    sock.monitor("inproc://second")
    assert names(drained(second)) == ["MONITOR_STOPPED"]


def test_a_monitor_that_cannot_be_ends_the_former_one(make_socket, endpoint):
    """As in libzmq, unless it is refused before that."""
    where = endpoint("inproc")
    make_socket(zmq.PAIR, bind=where)
    sock = make_socket(zmq.PULL)
    with sock.get_monitor_socket() as ear:
        for bad in ("tcp://127.0.0.1:*", "nonsense"):
            with pytest.raises(zmq.ZMQError):
                sock.monitor(bad)
        assert drained(ear) == []
        with pytest.raises(zmq.ZMQError):
            sock.monitor(where)
        assert names(drained(ear)) == ["MONITOR_STOPPED"]


def test_the_reader_may_come_first_or_late(make_socket):
    sock = make_socket(zmq.PULL)
    early = make_socket(zmq.PAIR, connect="inproc://early")
    sock.monitor("inproc://early")
    sock.bind("tcp://127.0.0.1:*")
    assert names(drained(early)) == ["LISTENING"]
    sock.monitor("inproc://late")
    for _ in range(3):
        sock.bind("tcp://127.0.0.1:*")
    late = make_socket(zmq.PAIR, connect="inproc://late")
    assert [receive(late).endpoint for _ in range(3)] == sock.endpoints[1:]


def test_get_monitor_socket(ctx, make_socket):
    sock = make_socket(zmq.PULL)
    assert sock._monitor_socket is None
    reader = sock.get_monitor_socket()
    assert type(reader) is type(sock)
    assert reader.type == zmq.PAIR
    assert sock.get_monitor_socket() is sock._monitor_socket is reader
    # Again, after a close: a new one.
    reader.close()
    again = sock.get_monitor_socket(addr="inproc://mine")
    assert again is not reader and not again.closed
    sock.bind("tcp://127.0.0.1:*")
    assert names(drained(again)) == ["LISTENING"]
    sock.disable_monitor()
    assert sock._monitor_socket is None
    assert names(drained(again)) == ["MONITOR_STOPPED"]
    sock.disable_monitor()
    with sock.get_monitor_socket(zmq.EVENT_LISTENING, "inproc://mine") as third:
        assert third is not again
        sock.bind("tcp://127.0.0.1:*")
        sock.close()
        assert names([receive(third)]) == ["LISTENING"]
    again.close()


class Named(zmq.Socket):
    """A class of somebody's own, that wants to know more."""

    def __init__(self, context, kind, name):
        super().__init__(context, kind)
        self.__dict__["name"] = name


def test_the_reader_is_what_the_context_makes(ctx):
    with ctx.socket(zmq.PULL, socket_class=Named, name="x") as sock, sock.get_monitor_socket() as reader:
        assert type(reader) is zmq.Socket


def test_no_reader_to_be_had(loose_ctx):
    loose_ctx.max_sockets = 1
    with loose_ctx.socket(zmq.PULL) as sock:
        with pytest.raises(zmq.ZMQError) as caught:
            sock.get_monitor_socket()
        assert caught.value.errno == errno.EMFILE
        assert sock._monitor_socket is None


# Messages


def test_a_message_is_taken_apart(pyzmq):
    from zmq.utils import monitor as theirs

    frames = [b"\x00\x20\x02\x00\x00\x11", b"tcp://127.0.0.1:5555"]
    ours = parse_monitor_message(frames)
    assert ours == theirs.parse_monitor_message(frames)
    assert ours == {
        "event": zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        "value": zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH,
        "endpoint": b"tcp://127.0.0.1:5555",
    }
    assert isinstance(ours["event"], zmq.Event) and isinstance(ours["value"], zmq.Event)


@pytest.mark.parametrize("frames", [[], [b"123456"], [b"12345", b""], [b"1234567", b""], [b"123456", b"", b""]])
def test_what_is_no_message_of_a_monitor(frames):
    with pytest.raises(RuntimeError, match="not the message of a monitor"):
        parse_monitor_message(frames)


def test_receiving_a_message(make_socket):
    sock = make_socket(zmq.PULL)
    with sock.get_monitor_socket() as reader:
        with pytest.raises(zmq.Again):
            recv_monitor_message(reader, zmq.DONTWAIT)
        sock.bind("tcp://127.0.0.1:*")
        message = recv_monitor_message(reader)
        assert sorted(message) == ["endpoint", "event", "value"]
        assert message["event"] == zmq.EVENT_LISTENING
        assert message["endpoint"] == sock.last_endpoint


def test_asyncio():
    async def main():
        with brokerless.asyncio.Context() as context, context.socket(zmq.PULL) as sock:
            with sock.get_monitor_socket() as reader:
                assert isinstance(reader, brokerless.asyncio.Socket)
                waiting = asyncio.ensure_future(recv_monitor_message(reader))
                await asyncio.sleep(0)
                sock.bind("tcp://127.0.0.1:*")
                message = await asyncio.wait_for(waiting, PATIENCE)
                assert message["event"] == zmq.EVENT_LISTENING
                with context.socket(zmq.PUSH) as client:
                    client.connect(sock.endpoints[0])
                    told = [(await recv_monitor_message(reader))["event"] for _ in range(2)]
                    assert told == [zmq.EVENT_ACCEPTED, zmq.EVENT_HANDSHAKE_SUCCEEDED]
                sock.disable_monitor()
                while message["event"] != zmq.EVENT_MONITOR_STOPPED:
                    message = await asyncio.wait_for(recv_monitor_message(reader), PATIENCE)
                with pytest.raises(zmq.Again):
                    await recv_monitor_message(reader, zmq.DONTWAIT)

    asyncio.run(main())
