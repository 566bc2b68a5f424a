"""What a monitor's events look like: the messages that `Socket.get_monitor_socket()` receives, taken apart."""

from __future__ import annotations

import struct
from typing import Any, Awaitable, List, TypedDict, Union, overload

import brokerless
import brokerless.asyncio

__all__ = ["parse_monitor_message", "recv_monitor_message"]

#: An event and its value, in the machine's own order and without padding.
_HEAD = struct.Struct("=hi")


class _MonitorMessage(TypedDict):
    event: int
    value: int
    endpoint: bytes


def parse_monitor_message(msg: List[bytes]) -> _MonitorMessage:
    """Takes a monitor's message (its two frames) apart, into a dict.

    `event` is the `Event`; `value` is what it has to tell: a file descriptor, an errno, an interval in milliseconds, or the
    reason of a failed handshake (`PROTOCOL_ERROR_...`); `endpoint` is the one concerned, as bytes: the own one of what was
    bound, the other side's of what was connected. Both numbers are members of `Event`, as in pyzmq, so that reasons show
    their names. Raises RuntimeError for anything else than such a message.
    """
    if len(msg) != 2 or len(msg[0]) != _HEAD.size:
        raise RuntimeError(f"not the message of a monitor, which has a frame of 6 bytes and an endpoint: {msg!r}")
    event, value = _HEAD.unpack(msg[0])
    return {"event": brokerless.Event(event), "value": brokerless.Event(value), "endpoint": msg[1]}


async def _parse_later(frames: Awaitable[List[bytes]]) -> _MonitorMessage:
    return parse_monitor_message(await frames)


@overload
def recv_monitor_message(socket: brokerless.asyncio.Socket, flags: int = 0) -> Awaitable[_MonitorMessage]: ...


@overload
def recv_monitor_message(socket: brokerless.Socket[Any], flags: int = 0) -> _MonitorMessage: ...


def recv_monitor_message(
    socket: brokerless.Socket[Any], flags: int = 0
) -> Union[_MonitorMessage, Awaitable[_MonitorMessage]]:
    """Receives the next event from a monitor's PAIR, and takes it apart: see parse_monitor_message().

    With an asyncio socket the result is to be awaited. `flags`, and what is raised, are those of recv_multipart().
    """
    frames: Any = socket.recv_multipart(flags)
    if isinstance(frames, Awaitable):
        return _parse_later(frames)
    return parse_monitor_message(frames)
