"""How what a cell has opened is closed: quickly, whatever state it is in, and all of it whatever one of them says."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import warnings
from typing import Any, Callable, Iterable, List, Optional, Tuple

from .. import _opened
from ..constants import SocketOption
from ..context import Context
from ..device import _Device
from ..devices import ProcessDevice
from ..error import Again, ContextTerminated, ZMQError
from ..pipeline.worker import Worker
from ..socket import LAST_WORDS, Socket

#: Seconds that devices and workers have to end, all together. They need milliseconds; a job in hand may need for ever.
_PATIENCE = 1.0
#: What is stopped, and not just closed.
_STOPPED: Tuple[Any, ...] = (_Device, ProcessDevice, Worker)


def close(things: Iterable[Any]) -> None:
    """Closes sockets, stops devices and roles, and ends contexts if no other socket is open in them, without lingering here.

    What goes wrong with one of them is a RuntimeWarning, and does not save the others.
    """
    several = still_open(things)
    devices = [thing for thing in several if isinstance(thing, _Device) and thing.running]
    workers = [thing for thing in several if isinstance(thing, Worker)]
    processes = [thing for thing in several if isinstance(thing, ProcessDevice)]
    others = [thing for thing in several if not isinstance(thing, (Context, Socket, *_STOPPED))]
    # All are asked before one is waited for.
    for device in devices:
        _try(device, device._running("stop").ask_stop, 0)
    for worker in workers:
        _try(worker, worker._loop.stop)
    for process in processes:
        _try(process, process.launcher.terminate)
    end = time.monotonic() + _PATIENCE
    for device in devices:
        _try(device, device.join, max(0.0, end - time.monotonic()))
    for process in processes:
        _try(process, process.join, max(0.0, end - time.monotonic()))
    for worker in workers:
        _try(worker, _join, worker, end)
    # What has not ended by now does so when it finds its sockets closed.
    sockets = [socket for socket in several if isinstance(socket, Socket)]
    for socket in [*sockets, *(part for thing in several for part in parts(thing))]:
        _try(socket, _close_socket, socket)
    for other in others:
        _try(other, other.close)
    for context in several:
        if isinstance(context, Context):
            _try(context, _end_context, context)


def still_open(things: Iterable[Any]) -> List[Any]:
    """Those of these that close() would close."""
    return [thing for thing in things if not _is_over(thing)]


def parts(thing: Any) -> List[Any]:
    """The sockets of a device or role."""
    if isinstance(thing, _Device):
        return list(thing._sockets)
    held = (getattr(thing, name, None) for name in ("socket", "source", "sink"))
    return [] if isinstance(thing, (Context, Socket)) else [socket for socket in held if isinstance(socket, Socket)]


def _is_over(thing: Any) -> bool:
    if isinstance(thing, _Device):
        return all(socket.closed for socket in thing._sockets) and not thing.running
    if isinstance(thing, ProcessDevice):
        return not thing.launcher.is_alive()
    if isinstance(thing, (Context, Socket)) and thing._shadow:
        # Another handle to what somebody else opened.
        return True
    over: bool = thing.closed
    return over


def _try(thing: Any, step: Callable[..., Any], *args: Any) -> None:
    try:
        step(*args)
    except Exception as error:
        text = f"{thing!r}, which the last run of this cell had opened, did not end well: {error}"
        warnings.warn(text, RuntimeWarning, stacklevel=3)


def _join(worker: Worker, end: float) -> None:
    try:
        worker.stop(max(0.0, end - time.monotonic()))
    except Again:
        # The job in hand goes on, and its result is nobody's.
        return


def _close_socket(socket: Any) -> None:
    if socket.closed:
        return
    try:
        linger = socket.get(SocketOption.LINGER)
    except ZMQError:
        # Somebody closes it, or ends its context, at this moment.
        linger = 0
    most = int(LAST_WORDS * 1000)
    linger = most if linger < 0 else min(linger, most)
    try:
        # A stream leaves its loop with its socket, not when the loop finds that closed.
        for stream in _streams_of(socket):
            _close_stream(stream, linger)
        socket.close(linger)
    finally:
        # A class of the program's own may do otherwise.
        if not socket.closed:
            socket._abandon(LAST_WORDS)


def _streams_of(socket: Any) -> List[Any]:
    turns = sys.modules.get("brokerless.eventloop._turns")
    return [] if turns is None else [stream for stream in _opened._all(turns.streams) if stream.socket is socket]


def _close_stream(stream: Any, linger: int) -> None:
    loop = stream.io_loop.asyncio_loop
    if not loop.is_running() or asyncio._get_running_loop() is loop:
        stream.close(linger)
        return
    # A loop of another thread, which may be busy.
    done = threading.Event()

    def close_there() -> None:
        try:
            stream.close(linger)
        finally:
            done.set()

    stream.io_loop.add_callback(close_there)
    done.wait(_PATIENCE)


def _end_context(context: Any) -> None:
    shared = getattr(type(context), "_instance", None) is context
    if context.closed or shared:
        return
    address = _address(context)
    # One whose term() was interrupted opens no socket any more, and what is open in it is of no use.
    if address is None or not any(_address(socket.context) == address for socket in _opened.sockets()):
        context._abandon(LAST_WORDS)


def _address(context: Any) -> Optional[int]:
    """Which context of the core a handle is for; None if its end has begun."""
    try:
        address: int = context.underlying
    except ContextTerminated:
        return None
    return address
