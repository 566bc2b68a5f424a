"""Who answers at the other end of a plain connection: a ZeroMQ socket, and of which type, or something else.

It says hello as ZMTP 3 has it (RFC 23), reads the answer, and leaves before the handshake is over: the other side never
counts it as a peer, and so sends it no message that somebody else should have got.
"""

from __future__ import annotations

import socket as network
import time
from typing import Callable, Dict, NamedTuple, Optional, Tuple, Union

__all__ = ["Answer", "Silent", "Stranger", "Zmtp", "look"]

#: The types by their numbers, which is how ZMTP 2 (libzmq 3) tells them.
_NUMBERED = ("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB")

_SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
#: A greeting has 64 bytes: these, and then the mechanism, as-server, and zeros. Whoever gets it whole, and has another
#: mechanism, leaves without a word, so that the second half is only for those who have the same.
_FIRST_HALF = _SIGNATURE + b"\x03\x00"
_SECOND_HALF = b"NULL".ljust(52, b"\0")

#: Flags of a frame: its size has 8 bytes; it is a command.
_LONG, _COMMAND = 0x02, 0x04
#: No command of a handshake is as large as this many bytes.
_LARGEST = 65536


class Zmtp(NamedTuple):
    """A ZeroMQ socket answers."""

    version: Tuple[int, int]
    #: NULL, PLAIN, CURVE...
    mechanism: str
    #: The type of the socket, such as "REP"; None if it does not tell strangers.
    socket_type: Optional[str]
    #: What it says why it lets nobody in, if it does.
    refusal: Optional[str]


class Stranger(NamedTuple):
    """Something answers that is no ZeroMQ socket."""

    #: The first bytes of what it said.
    said: bytes

    @property
    def name(self) -> str:
        """What it seems to be."""
        if self.said.startswith(b"HTTP/"):
            return "a web server"
        if self.said.startswith(b"SSH-"):
            return "an SSH server"
        # An alert or a handshake of TLS 1.0 or later.
        if self.said[:1] in (b"\x15", b"\x16") and self.said[1:2] == b"\x03":
            return "a TLS server"
        return "something that does not speak ZeroMQ"


class Silent(NamedTuple):
    """Something takes connections, and says nothing."""

    #: Whether it has ended the connection.
    closed: bool


Answer = Union[Zmtp, Stranger, Silent]


class _Ended(Exception):
    """The other side has said nothing more in time, or has left."""

    def __init__(self, got: bytes, closed: bool) -> None:
        super().__init__()
        self.got = got
        self.closed = closed


class _Reader:
    """Reads what comes within a limit of time."""

    def __init__(self, connection: network.socket, timeout: float) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + timeout
        self._got = b""

    def exactly(self, count: int) -> bytes:
        """The next bytes; raises _Ended with what there was of them."""
        while len(self._got) < count:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise _Ended(self._got, closed=False)
            self._connection.settimeout(left)
            try:
                more = self._connection.recv(4096)
            except network.timeout:
                continue
            except OSError:
                raise _Ended(self._got, closed=True) from None
            if not more:
                raise _Ended(self._got, closed=True)
            self._got += more
        taken, self._got = self._got[:count], self._got[count:]
        return taken

    def rest(self) -> bytes:
        """What has come already."""
        return self._got


def look(connect: Callable[[], network.socket], timeout: float) -> Answer:
    """Find out who answers. `connect` opens a connection; each answer is waited for `timeout` seconds at most.

    Raises OSError if there is no connection.
    """
    with connect() as connection:
        answer = _greet(connection, timeout)
    if isinstance(answer, Silent):
        # A web server waits for the end of a line, which a greeting does not have.
        with connect() as connection:
            answer = _ask_for_a_page(connection, timeout) or answer
    return answer


def _greet(connection: network.socket, timeout: float) -> Answer:
    reader = _Reader(connection, timeout)
    try:
        connection.sendall(_FIRST_HALF)
        signature = reader.exactly(10)
        if signature[0] != 0xFF or not signature[9] & 1:
            return Stranger(signature + reader.rest())
        version = reader.exactly(2)
        if version[0] < 3:
            # The revision of ZMTP 2 is 1, and the number of the type follows.
            old = _NUMBERED[version[1]] if version[1] < len(_NUMBERED) else None
            return Zmtp((2, 0), "NULL", old, None)
        # What follows the mechanism would tell the side that checks who comes, but libzmq leaves that empty.
        rest = reader.exactly(52)
        mechanism = rest[:20].rstrip(b"\0").decode("ascii", "backslashreplace")
        if mechanism == "NULL":
            connection.sendall(_SECOND_HALF)
    except _Ended as ended:
        return Stranger(ended.got) if ended.got[:1] not in (b"", b"\xff") else Silent(ended.closed)
    except OSError:
        return Silent(closed=True)
    known = Zmtp((version[0], version[1]), mechanism, None, None)
    return _first_command(reader, known) if mechanism == "NULL" else known


def _first_command(reader: _Reader, known: Zmtp) -> Zmtp:
    """What a NULL socket says first: READY, with its type, or ERROR, with the reason."""
    try:
        flags = reader.exactly(1)[0]
        size = int.from_bytes(reader.exactly(8 if flags & _LONG else 1), "big")
        if not flags & _COMMAND or size > _LARGEST:
            return known
        body = reader.exactly(size)
    except _Ended:
        return known
    name, arguments = _short(body)
    if name == b"READY":
        kind = _properties(arguments).get(b"socket-type")
        return known if kind is None else known._replace(socket_type=kind.decode("ascii", "backslashreplace"))
    if name == b"ERROR":
        return known._replace(refusal=_short(arguments)[0].decode("utf8", "backslashreplace"))
    return known


def _short(data: bytes) -> Tuple[bytes, bytes]:
    """A string with its length in one byte before it, and what follows."""
    end = 1 + data[0] if data else 0
    return data[1:end], data[end:]


def _properties(data: bytes) -> Dict[bytes, bytes]:
    """The metadata of a READY command, its names in lower case; as far as it can be read."""
    found = {}
    while data:
        name, data = _short(data)
        size = int.from_bytes(data[:4], "big")
        found[name.lower()], data = data[4 : 4 + size], data[4 + size :]
    return found


def _ask_for_a_page(connection: network.socket, timeout: float) -> Optional[Stranger]:
    reader = _Reader(connection, timeout)
    try:
        connection.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
        said = reader.exactly(1) + reader.rest()
    except (_Ended, OSError):
        return None
    # What only begins its own greeting now is slow, and no stranger.
    return None if said[:1] == b"\xff" else Stranger(said)
