"""What programs that are typed for pyzmq say. `make lint` checks it with brokerless and with pyzmq; it is never run."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Dict, List, Optional, Tuple

import brokerless as zmq
import brokerless.asyncio
import brokerless.auth
import brokerless.devices
from brokerless.auth.asyncio import AsyncioAuthenticator
from brokerless.auth.thread import ThreadAuthenticator
from brokerless.error import ZMQBindError
from brokerless.eventloop.zmqstream import ZMQStream
from brokerless.log.handlers import PUBHandler
from brokerless.utils import jsonapi, z85
from brokerless.utils.monitor import parse_monitor_message, recv_monitor_message


class Server:
    """A socket of a class of its own, in a context that is handed in."""

    context: zmq.Context[zmq.Socket[bytes]]
    socket: zmq.Socket[bytes]

    def __init__(self, context: Optional[zmq.Context[zmq.Socket[bytes]]] = None) -> None:
        self.context = context or zmq.Context.instance()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.setsockopt(zmq.RCVHWM, 10)
        self.socket.set(zmq.SNDHWM, 10)
        with self.socket.bind("tcp://127.0.0.1:0"):
            pass
        self.port: int = self.socket.bind_to_random_port("tcp://127.0.0.1")

    def serve(self) -> None:
        parts: List[bytes] = self.socket.recv_multipart()
        self.socket.send_multipart(parts)
        frames: List[zmq.Frame] = self.socket.recv_multipart(copy=False)
        tracker: Optional[zmq.MessageTracker] = self.socket.send_multipart(frames, copy=False, track=True)
        if tracker is not None:
            tracker.wait(timeout=1)
        frame: zmq.Frame = self.socket.recv(copy=False)
        followed: zmq.MessageTracker = self.socket.send(frame, copy=False, track=True)
        print(followed.done, frame.more, bytes(frame.buffer), frame.bytes, len(frame))
        message: bytes = self.socket.recv(zmq.NOBLOCK)
        self.socket.send(message, zmq.SNDMORE)
        self.socket.send_string("text")
        text: str = self.socket.recv_string()
        self.socket.send_json({"text": text})
        self.socket.send_pyobj(object(), protocol=2)
        made: Any = self.socket.recv_pyobj()
        decoded: int = self.socket.recv_serialized(len)
        count: int = self.socket.recv_into(bytearray(10), nbytes=5, flags=zmq.DONTWAIT)
        print(made, decoded, count, self.socket.type == zmq.ROUTER, self.socket.closed, self.socket.underlying)


def options(socket: zmq.SyncSocket, context: zmq.SyncContext) -> None:
    socket.subscribe(b"topic")
    socket.subscribe("topic")
    socket.unsubscribe("topic")
    socket.set_string(zmq.IDENTITY, "me")
    me: str = socket.get_string(zmq.IDENTITY)
    socket.hwm = 5
    hwm: int = socket.get_hwm()
    context.set(zmq.IO_THREADS, 2)
    threads: int = context.get(zmq.IO_THREADS)
    context.setsockopt(zmq.LINGER, 0)
    socket.close(linger=0)
    context.destroy(linger=0)
    other: zmq.SyncContext = zmq.Context.shadow(context)
    again: zmq.SyncSocket = zmq.Socket.shadow(socket.underlying)
    print(me, hwm, threads, other, again)


def polling(sockets: List[zmq.Socket[bytes]]) -> None:
    poller = zmq.Poller()
    for socket in sockets:
        poller.register(socket, zmq.POLLIN | zmq.POLLOUT)
    events: Dict[Any, int] = dict(poller.poll(1000))
    readable, writable, failed = zmq.select(sockets, [], [], timeout=0.5)
    print(events, readable, writable, failed, sockets[0].poll(100, zmq.POLLIN) & zmq.POLLIN)


def errors(socket: zmq.Socket[bytes]) -> int:
    try:
        socket.send(b"")
    except zmq.Again as again:
        return again.errno or 0
    except zmq.ContextTerminated:
        raise
    except (zmq.ZMQError, ZMQBindError, zmq.NotDone) as error:
        print(error)
    return zmq.EFSM + zmq.Errno.ETERM + zmq.ETERM


async def awaited(context: zmq.asyncio.Context) -> Tuple[bytes, List[bytes]]:
    socket: zmq.asyncio.Socket = context.socket(zmq.REP)
    message: bytes = await socket.recv()
    await socket.send(message)
    text: str = await socket.recv_string()
    await socket.send_string(text)
    parts: List[bytes] = await socket.recv_multipart()
    await socket.send_multipart(parts)
    frame: zmq.Frame = await socket.recv(copy=False)
    await socket.send(frame, copy=False)
    print(await socket.poll(timeout=10), await asyncio.wait_for(socket.recv_json(), 1))
    poller = zmq.asyncio.Poller()
    poller.register(socket, zmq.POLLIN)
    await poller.poll(10)
    shadow = zmq.asyncio.Socket.shadow(socket.underlying)
    shadow.close()
    return message, parts


def monitored(socket: zmq.Socket[bytes]) -> None:
    monitor: zmq.Socket[bytes] = socket.get_monitor_socket(zmq.EVENT_CONNECTED)
    event = recv_monitor_message(monitor, zmq.NOBLOCK)
    print(event["event"], event["value"], event["endpoint"], parse_monitor_message(monitor.recv_multipart()))
    socket.disable_monitor()


def secured(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    public, secret = zmq.curve_keypair()
    assert zmq.curve_public(secret) == public
    server = context.socket(zmq.PULL)
    server.curve_secretkey = secret
    server.curve_server = True
    auth = ThreadAuthenticator(context)
    auth.start()
    auth.allow("127.0.0.1")
    auth.configure_curve(domain="*", location=zmq.auth.CURVE_ALLOW_ANY)
    auth.configure_plain(domain="*", passwords={"admin": "secret"})
    auth.stop()
    print(z85.encode(z85.decode(public)), AsyncioAuthenticator, zmq.auth.create_certificates(".", "server"))


def devices(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    device = zmq.devices.ThreadDevice(zmq.STREAMER, zmq.PULL, zmq.PUSH)
    device.bind_in("tcp://127.0.0.1:*")
    device.connect_out("inproc://out")
    device.setsockopt_in(zmq.LINGER, 0)
    device.start()
    zmq.proxy(context.socket(zmq.PULL), context.socket(zmq.PUSH))


def streamed(socket: zmq.Socket[bytes]) -> None:
    stream = ZMQStream(socket)
    stream.on_recv(lambda parts: print(parts))
    stream.send_multipart([b"a"])
    stream.close()


def logged(socket: zmq.Socket[bytes]) -> None:
    handler = PUBHandler(socket)
    handler.root_topic = "app"
    logging.getLogger().addHandler(handler)
    print(jsonapi.loads(jsonapi.dumps({})), zmq.zmq_version(), zmq.pyzmq_version_info(), zmq.has("curve"))


class Special(zmq.Socket[bytes]):
    """A socket of one's own."""

    name: str = ""


class SpecialContext(zmq.Context[Special]):
    """A context that makes them."""

    _socket_class = Special


def special() -> Special:
    with SpecialContext() as context, context.socket(zmq.PAIR) as socket:
        made: Special = socket
        made.name = "x"
    return made
