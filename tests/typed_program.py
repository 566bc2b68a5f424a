"""What a type checker knows of a program that uses brokerless. It is checked by `make lint` and never run.

A line that must be an error says so in its `type: ignore`: mypy complains about one that is not needed.
"""

from __future__ import annotations

from typing import Any, Dict, List, Tuple, Union

from typing_extensions import assert_type

import brokerless as zmq
import brokerless.asyncio as zmq_asyncio
from brokerless.constants import PollEvent, SocketType


def sockets() -> None:
    context = zmq.Context()
    socket = context.socket(zmq.REP)
    assert_type(context, zmq.Context)
    assert_type(zmq.Context.instance(), zmq.Context)
    assert_type(socket, zmq.Socket)
    assert_type(context.socket(zmq.PUB, socket_class=Special), Special)
    with socket, zmq.Context() as other:
        assert_type(other, zmq.Context)
    socket.bind("tcp://*:5555")
    socket.bind(5555)  # type: ignore[arg-type]
    assert_type(socket.bind_to_random_port("tcp://*"), int)
    assert_type(socket.endpoints, List[str])
    assert_type(socket.type, SocketType)
    assert_type(socket.closed, bool)


def receiving(socket: zmq.Socket, copy: bool) -> None:
    assert_type(socket.recv(), bytes)
    assert_type(socket.recv(zmq.DONTWAIT, timeout=1.5), bytes)
    assert_type(socket.recv(copy=False), zmq.Frame)
    assert_type(socket.recv(0, False), zmq.Frame)
    assert_type(socket.recv(copy=copy), Union[bytes, zmq.Frame])
    assert_type(socket.recv_multipart(), List[bytes])
    assert_type(socket.recv_multipart(copy=False), List[zmq.Frame])
    assert_type(socket.recv_string(), str)
    assert_type(socket.recv_json(), Any)
    assert_type(socket.request(b"x", timeout=1, retries=2), Union[bytes, List[bytes]])
    assert_type(socket.poll(1000), int)
    for message in socket:
        assert_type(message, Union[bytes, List[bytes]])
    socket.recv(timeout="1")  # type: ignore[call-overload]


def sending(socket: zmq.Socket) -> None:
    for data in (b"x", bytearray(b"x"), memoryview(b"x")):
        socket.send(data, zmq.SNDMORE, timeout=1)
    socket.send(zmq.Frame(b"x"))
    socket.send("x")  # type: ignore[call-overload]
    socket.send_string("x")
    socket.send_string(b"x")  # type: ignore[arg-type]
    socket.send_json({"a": [1]}, sort_keys=True)
    socket.send_multipart([b"x", zmq.Frame(b"y")], timeout=2)
    memoryview(zmq.Frame(b"x"))


def options(context: zmq.Context, socket: zmq.Socket) -> None:
    assert_type(socket.linger, int)
    assert_type(socket.rcvtimeo, int)
    assert_type(socket.last_endpoint, bytes)
    assert_type(socket.events, PollEvent)
    assert_type(context.io_threads, int)
    socket.linger = 0
    socket.routing_id = b"me"
    socket.linger = "0"  # type: ignore[assignment]
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    socket.subscribe("topic")
    assert_type(socket.get_string(zmq.LAST_ENDPOINT), str)


def presence(socket: zmq.Socket) -> None:
    assert_type(socket.wait_for_peers(2, timeout=1.5), int)
    assert_type(socket.wait_for_subscribers(topic=b"x"), int)
    assert_type(socket.peers, List[zmq.Peer])
    assert_type(socket.peers[0].remote, str)
    assert_type(socket.subscriptions, Dict[bytes, int])
    assert_type(socket.stats, zmq.SocketStats)
    assert_type(socket.stats.bytes_sent, int)


def constants_and_errors() -> None:
    assert_type(zmq.zmq_version(), str)
    assert_type(zmq.zmq_version_info(), Tuple[int, int, int])
    assert_type(zmq.Poller().poll(100), List[Tuple[Any, int]])
    try:
        raise zmq.Again()
    except zmq.ZMQError as error:
        assert_type(error.errno, Union[int, None])
        assert_type(error.detail, Union[str, None])
    zmq.NO_SUCH_NAME  # type: ignore[attr-defined]  # noqa: B018


async def awaiting(context: zmq_asyncio.Context) -> None:
    socket = context.socket(zmq.REP)
    assert_type(socket, zmq_asyncio.Socket)
    assert_type(await socket.recv(), bytes)
    assert_type(await socket.recv(copy=False), zmq.Frame)
    assert_type(await socket.recv_multipart(), List[bytes])
    assert_type(await socket.recv_string(), str)
    assert_type(await socket.poll(10), int)
    assert_type(await socket.request(b"x"), Union[bytes, List[bytes]])
    assert_type(await socket.wait_for_peers(), int)
    assert_type(socket.linger, int)
    await socket.send(b"x", timeout=1)
    await socket.send_multipart([b"x"])
    async for message in socket:
        assert_type(message, Union[bytes, List[bytes]])


class Special(zmq.Socket):
    """A subclass of a program's own."""
