"""What the tests of monitors read from them."""

from __future__ import annotations

from collections import namedtuple

from conftest import PATIENCE

import brokerless as zmq
import brokerless.asyncio
from brokerless.utils.monitor import parse_monitor_message

Told = namedtuple("Told", "event value endpoint")


def receive(reader, timeout=PATIENCE):
    """The next event; `reader` may be of either library."""
    assert reader.poll(timeout * 1000), "no event came"
    message = parse_monitor_message(reader.recv_multipart())
    return Told(zmq.Event(message["event"]), int(message["value"]), message["endpoint"].decode())


def told_until(reader, last):
    """The events up to one of this kind."""
    told = [receive(reader)]
    while told[-1].event != last:
        told.append(receive(reader))
    return told


def drained(reader):
    """What is there already."""
    told = []
    while reader.poll(0):
        told.append(receive(reader))
    return told


def names(told):
    return [one.event.name for one in told]
