"""Surveys of processes that are not there, for tests of what is made of surveys."""

from __future__ import annotations

from typing import Any, Dict, Sequence

from brokerless.constants import SocketType

TCP = "tcp://127.0.0.1:"
_TALKS = {
    "PAIR": ["PAIR"],
    "PUB": ["SUB", "XSUB"],
    "SUB": ["PUB", "XPUB"],
    "REQ": ["REP", "ROUTER"],
    "REP": ["REQ", "DEALER"],
    "DEALER": ["REP", "DEALER", "ROUTER"],
    "ROUTER": ["REQ", "DEALER", "ROUTER"],
    "PULL": ["PUSH"],
    "PUSH": ["PULL"],
}
TYPES = [kind.name for kind in SocketType]


def socket(
    pid: int,
    number: int,
    kind: str,
    *,
    bind: Sequence[str] = (),
    connect: Sequence[str] = (),
    peers: Any = (),
    sent: int = 0,
    received: int = 0,
    **more: Any,
) -> Dict[str, Any]:
    """A socket; `peers` are (local, remote) or (local, remote, connections), or None for an unwatched one."""
    ends = [(endpoint, True) for endpoint in bind] + [(endpoint, False) for endpoint in connect]
    told = {
        "key": f"{pid}.context.{number}",
        "type": kind,
        "closed": False,
        "endpoints": [{"endpoint": endpoint, "bound": bound, "given": endpoint} for endpoint, bound in ends],
        "stats": {"messages_sent": sent, "messages_received": received, "bytes_sent": 0, "bytes_received": 0},
        "peers": None if peers is None else [peer(*one) for one in peers],
        "subscribed": [],
        "trouble": [],
        "talks_to": _TALKS.get(kind, []),
        "waits": [],
        "owes": None,
        "options": {},
        "opened_by": "__main__",
        "cell": None,
        "device": None,
        "role": None,
    }
    return {**told, **more}


def peer(local: str, remote: str, connections: int = 1) -> Dict[str, Any]:
    return {"local": local, "remote": remote, "connections": connections, "since": 0.0}


def process(pid: int, name: str, *sockets: Any, devices: Any = (), roles: Any = (), **more: Any) -> Dict[str, Any]:
    told = {"pid": pid, "name": name, "time": 0.0, "sockets": list(sockets)}
    return {**told, "devices": list(devices), "roles": list(roles), **more}


def device(pid: int, kind: str, frontend: Any, backend: Any, there: int = 0, back: int = 0) -> Dict[str, Any]:
    """A device, which its two sockets are told to belong to."""
    key = f"{pid}.device.1"
    frontend["device"] = backend["device"] = key
    moved = {"frontend_messages": there, "backend_messages": back, "frontend_bytes": 0, "backend_bytes": 0}
    return {
        "key": key,
        "kind": kind,
        "state": "running",
        "frontend": frontend["key"],
        "backend": backend["key"],
        "capture": None,
        "stats": moved,
        "opened_by": "__main__",
        "cell": None,
    }
