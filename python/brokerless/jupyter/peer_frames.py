"""How a kernel and a peer's process talk over their pipes: records of a tag and bytes.

Several threads of a peer, and processes that it forks, write into one pipe. The system keeps a write of up to PIPE_BUF
bytes in one piece, so a record never takes more; what is longer goes in parts. The tag of a part is a small letter, that
of the last part (or of the only one) the capital. Output has digits for tags: there each record stands for itself.
"""

from __future__ import annotations

import os
import select
import struct
from typing import Dict, Iterator, List, Tuple

#: What a peer prints.
STDOUT, STDERR = b"1", b"2"
#: What a peer tells: it is about to run its cell; it cannot (a reason); the repr of the cell's last expression; the exception that
#: ended the cell (JSON); the cell is done, though the process may not be; what its sockets do (JSON).
READY, REFUSED, VALUE, ERROR, FINISHED, SURVEY = b"R", b"X", b"V", b"E", b"F", b"S"
#: What a kernel sends: a variable for the cell, a request for a survey.
VARIABLE, ASK = b"N", b"Q"

_HEAD = struct.Struct("!cI")

#: The longest record that the system keeps in one piece.
ATOMIC = select.PIPE_BUF
#: How many bytes fit into such a record.
ROOM = ATOMIC - _HEAD.size


def record(tag: bytes, payload: bytes = b"") -> bytes:
    """One record."""
    return _HEAD.pack(tag, len(payload)) + payload


def parts(tag: bytes, payload: bytes) -> Iterator[bytes]:
    """The records, each short enough to be written in one piece, that carry a payload of any length."""
    starts = range(0, len(payload), ROOM) if payload else range(1)
    for start in starts:
        is_last = start + ROOM >= len(payload)
        yield record(tag if is_last else tag.lower(), payload[start : start + ROOM])


class Records:
    """Makes records of the bytes that come, in whatever pieces."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun: Dict[bytes, List[bytes]] = {}

    def feed(self, data: bytes) -> List[Tuple[bytes, bytes]]:
        """The (tag, payload) of all that is complete with these bytes; parts are put together."""
        data = self._rest + data
        whole = []
        at = 0
        while at + _HEAD.size <= len(data):
            tag, length = _HEAD.unpack_from(data, at)
            end = at + _HEAD.size + length
            if end > len(data):
                break
            payload = data[at + _HEAD.size : end]
            at = end
            if tag.islower():
                self._begun.setdefault(tag.upper(), []).append(payload)
            else:
                whole.append((tag, b"".join([*self._begun.pop(tag, []), payload])))
        self._rest = data[at:]
        return whole


def read_record(source: int) -> Tuple[bytes, bytes]:
    """The next record of a pipe; (b"", b"") at its end."""
    head = _read_exactly(source, _HEAD.size)
    if len(head) < _HEAD.size:
        return b"", b""
    tag, length = _HEAD.unpack(head)
    payload = _read_exactly(source, length)
    return (tag, payload) if len(payload) == length else (b"", b"")


def _read_exactly(source: int, size: int) -> bytes:
    pieces = []
    while size:
        piece = os.read(source, min(size, 1 << 20))
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def write_all(target: int, data: bytes) -> None:
    """Writes all of it, however long that takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
