"""ZMTP as bytes, right and wrong, for strangers who have no ZeroMQ: what each kind of malformed peer sends to a socket.

The protocol is RFC 23 (ZMTP 3.0), 15 (2.0) and 13 (1.0).
"""

from __future__ import annotations

import random
import struct
from typing import Callable, Dict, List

#: Which type a peer has to claim so that a socket of that type takes it.
FITTING = {
    "PAIR": "PAIR",
    "PUB": "SUB",
    "SUB": "PUB",
    "REQ": "REP",
    "REP": "REQ",
    "DEALER": "DEALER",
    "ROUTER": "DEALER",
    "PULL": "PUSH",
    "PUSH": "PULL",
    "XPUB": "SUB",
    "XSUB": "PUB",
    "STREAM": "STREAM",
}

MORE, LONG, COMMAND = 1, 2, 4
_SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
_HUGE = 8 * 1024**3


def greeting(mechanism: bytes = b"NULL", major: int = 3) -> bytes:
    """What a peer of ZMTP 3.0 begins with."""
    return _SIGNATURE + bytes((major, 0)) + mechanism.ljust(20, b"\0") + bytes(1) + bytes(31)


def frame(body: bytes, flags: int = 0) -> bytes:
    """A frame, or a command, in as few bytes as possible."""
    if len(body) > 255:
        return bytes((flags | LONG,)) + struct.pack(">Q", len(body)) + body
    return bytes((flags, len(body))) + body


def announced(size: int, flags: int = 0) -> bytes:
    """The header of a frame that is so long."""
    return bytes((flags | LONG,)) + struct.pack(">Q", size)


def entry(name: bytes, value: bytes) -> bytes:
    """A property of a READY command."""
    return bytes((len(name),)) + name + struct.pack(">I", len(value)) + value


def ready(kind: str, *more: bytes) -> bytes:
    """The READY command of a socket of this type."""
    return frame(b"\x05READY" + entry(b"Socket-Type", kind.encode()) + b"".join(more), COMMAND)


def peer(target: str) -> bytes:
    """All that it takes to be a peer of a socket of this type. What follows has to wait for the other side's READY."""
    return greeting() + ready(FITTING[target])


def hello(target: str) -> bytes:
    """That, and then a subscription if it is what a socket of this type waits for."""
    return peer(target) + (frame(b"\x01nothing") if target in ("PUB", "XPUB") else b"")


def _noise(dice: random.Random, most: int) -> bytes:
    return bytes(dice.getrandbits(8) for _ in range(dice.randrange(1, most)))


def _random(dice: random.Random, target: str) -> bytes:
    # A quarter begins as ZMTP 2 and 3 do, and an eighth gets past the greeting.
    start = dice.choice((b"", b"", b"", b"", b"", b"\xff", _SIGNATURE, greeting()))
    return start + _noise(dice, 600)


_REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n\r\n",
    b"POST /cgi-bin/login HTTP/1.0\r\nContent-Length: 900\r\n\r\n" + b"user=admin&password=admin&" * 30,
    b"HEAD / HTTP/1.0\r\n\r\n",
    b"OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm;branch=foo\r\nContent-Length: 0\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    # The beginning of a TLS handshake.
    bytes.fromhex("16030100c8010000c40303") + bytes(range(190)),
)


def _foreign(dice: random.Random, target: str) -> bytes:
    return dice.choice(_REQUESTS)


def _cut(dice: random.Random, target: str) -> bytes:
    # Of ZMTP 1 two bytes are enough to be a peer, of ZMTP 2 twelve are.
    whole = dice.choice((greeting() + ready(FITTING[target]), _SIGNATURE + b"\x01\x08", b"\x06\x00"))
    return whole[: dice.randrange(1, len(whole))]


def _lying_header(dice: random.Random, target: str) -> bytes:
    wrong: List[bytes] = [
        greeting(mechanism=_noise(dice, 20)),
        greeting(mechanism=b"CURVE") + ready(FITTING[target]),
        greeting(major=dice.choice((0, 2, 4, 255)))[:-3],
        _SIGNATURE + b"\x01\xc8" + frame(_noise(dice, 300), MORE),
        hello(target) + bytes((dice.randrange(8, 256),)) + _noise(dice, 100),
        hello(target) + announced(dice.choice((2**63, 2**63 - 1, 2**64 - 1, 2**64 - 9))) + _noise(dice, 100),
        hello(target) + frame(b"\xff" + _noise(dice, 30), COMMAND),
        hello(target) + frame(b"", COMMAND) + frame(b"\x04PING", COMMAND) + frame(b"\x09SUBSCRI", COMMAND),
        hello(target) + frame(b"\x04PING" + b"\x00\x01" + bytes(200), COMMAND),
    ]
    return dice.choice(wrong)


def _lying_ready(dice: random.Random, target: str) -> bytes:
    kind, name = FITTING[target].encode(), b"Socket-Type"
    wrong: List[bytes] = [
        bytes((COMMAND, 200)) + b"\x05READY" + entry(name, kind) + bytes(200 - 6 - 12 - 4 - len(kind))[:-40],
        frame(b"\x05READY" + bytes((len(name),)) + name + struct.pack(">I", 2**31) + kind, COMMAND),
        frame(b"\x05READY" + bytes((len(name),)) + name + struct.pack(">I", 2**32 - 1) + kind, COMMAND),
        frame(b"\x05READY" + b"\xff" + name + struct.pack(">I", len(kind)) + kind, COMMAND),
        frame(b"\x05READY" + b"\x00" + struct.pack(">I", len(kind)) + kind, COMMAND),
        frame(b"\x05READY", COMMAND),
        frame(b"\xffREADY" + entry(name, kind), COMMAND),
        frame(b"\x05READY" + entry(name, dice.choice((b"", b"REPO", b"\0" * 40, kind + b"x"))), COMMAND),
        frame(b"\x05READY" + entry(name, b"PULL" if target == "PULL" else b"PUSH"), COMMAND)
        if target != "PULL"
        else b"",
        frame(b"\x05ERROR\xff" + _noise(dice, 30), COMMAND),
        frame(b"\x05READY" + entry(name, kind)),
        announced(_HUGE, COMMAND) + b"\x05READY" + entry(name, kind),
        frame(b"\x05READY" + _noise(dice, 400), COMMAND),
    ]
    return greeting() + dice.choice(wrong)


def _announces(dice: random.Random, target: str) -> bytes:
    return hello(target) + announced(_HUGE, dice.choice((0, MORE))) + _noise(dice, 100)


def _stalls(dice: random.Random, target: str) -> bytes:
    part = announced(dice.choice((300, 9_000, 1_000_000))) + _noise(dice, 250)
    return hello(target) + dice.choice(
        (part, frame(b"one", MORE), frame(b"one", MORE) + part[:5], b"\x00", b"\x02\x00")
    )


#: What a stranger of each kind sends to a socket of a type.
KINDS: Dict[str, Callable[[random.Random, str], bytes]] = {
    "random": _random,
    "foreign": _foreign,
    "cut": _cut,
    "header": _lying_header,
    "ready": _lying_ready,
    "huge": _announces,
    "stall": _stalls,
}
