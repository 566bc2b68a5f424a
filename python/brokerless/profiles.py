"""Profiles: sets of socket options by name, for where libzmq's own defaults bite. `Context(profile="classroom")` takes one.

This table is the only place that has them; the documentation's is compared with it.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

from .constants import SocketOption

__all__ = ["PROFILES", "Default", "defaults_of"]


class Default(NamedTuple):
    """An option that a profile sets."""

    option: SocketOption
    value: int
    #: What the value is, with its unit.
    meaning: str
    #: What goes wrong with libzmq's own.
    why: str


_SILENT = "a peer whose cable was pulled looks connected for ever, and gets messages"
_TCP = "what is between two machines (a router, a phone's hotspot) forgets connections that say nothing"

#: All profiles, by name.
PROFILES: Dict[str, Tuple[Default, ...]] = {
    "classroom": (
        Default(SocketOption.HEARTBEAT_IVL, 5_000, "a ping every 5 s", _SILENT),
        Default(SocketOption.HEARTBEAT_TIMEOUT, 15_000, "gone after 15 s without an answer", _SILENT),
        Default(SocketOption.HEARTBEAT_TTL, 15_000, "the other side gives up after 15 s, too", _SILENT),
        Default(
            SocketOption.HANDSHAKE_IVL,
            10_000,
            "10 s for a handshake",
            "who connects and says nothing holds a connection for 30 s",
        ),
        Default(
            SocketOption.MAXMSGSIZE,
            64 * 1024 * 1024,
            "frames of 64 MiB at most",
            "any peer can announce a message that takes all memory",
        ),
        Default(
            SocketOption.LINGER,
            5_000,
            "5 s after close() for what is not delivered",
            "term() waits for ever for a peer that never comes",
        ),
        Default(
            SocketOption.REQ_RELAXED,
            1,
            "a REQ may send again before its reply has come",
            "one lost reply, and a REQ is of no more use",
        ),
        Default(
            SocketOption.REQ_CORRELATE,
            1,
            "a late reply to an older request is dropped",
            "without it, a relaxed REQ takes the wrong reply",
        ),
        Default(SocketOption.TCP_KEEPALIVE, 1, "the system probes idle connections", _TCP),
        Default(SocketOption.TCP_KEEPALIVE_IDLE, 60, "after 60 s of silence", _TCP),
        Default(SocketOption.TCP_KEEPALIVE_INTVL, 10, "every 10 s", _TCP),
        Default(SocketOption.TCP_KEEPALIVE_CNT, 3, "3 times, then the connection has ended", _TCP),
        Default(
            SocketOption.BACKLOG,
            1_024,
            "1024 connections may wait to be accepted",
            "all boards are switched on at once, and some are turned away",
        ),
    ),
}


def defaults_of(profile: str) -> Dict[int, int]:
    """The options of a profile, by number. Raises ValueError for an unknown one."""
    # What cannot be a name is none that is known, whatever a dict says of it.
    named: object = profile
    rows = PROFILES.get(profile) if isinstance(named, str) else None
    if rows is None:
        known = ", ".join(repr(name) for name in sorted(PROFILES))
        raise ValueError(f"there is no profile {profile!r}; known: {known}")
    return {row.option: row.value for row in rows}
