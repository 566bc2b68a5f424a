"""What this process has, in plain types that JSON can carry: sockets, devices, roles, and who faces whom.

Diagrams, tables and the doctor read it, here and from the processes of a notebook's peers. To look changes nothing: no
message is taken, nobody waits.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Callable, Dict, List, Optional

from . import _core, _opened
from .constants import ContextOption, SocketOption
from .error import ZMQError

#: What changes by itself, or says what the survey says elsewhere.
_LEFT_OUT = {
    "EVENTS",
    "FD",
    "LAST_ENDPOINT",
    "MECHANISM",
    "RCVMORE",
    "THREAD_SAFE",
    "TOPICS_COUNT",
    "TYPE",
}
#: What nobody is to read in a picture.
_SECRET = {"CURVE_SECRETKEY", "PLAIN_PASSWORD", "SOCKS_PASSWORD", "WSS_KEY_PEM"}

_defaults: Dict[int, Dict[str, Any]] = {}
_context_defaults: Dict[str, Any] = {}

#: How a cell that opened something is found: the notebook's extension sets it.
cell_number: Callable[[Any], Optional[int]] = lambda _thing: None  # noqa: E731


def survey(name: Optional[str] = None) -> Dict[str, Any]:
    """All that this process has: {"pid", "name", "time", "sockets", "devices", "roles"}.

    A socket that is closed, and a device or role all of whose sockets are, is left out.
    """
    sockets = [seen for seen in map(_survey_if_open, _opened.sockets()) if seen is not None]
    devices = [device_survey(device) for device in _opened.devices()]
    roles = [role_survey(role) for role in _opened.roles()]
    by_key = {seen["key"]: seen for seen in sockets}
    for device in devices:
        for side in ("frontend", "backend", "capture"):
            if device[side] in by_key:
                by_key[device[side]]["device"] = device["key"]
    for role in roles:
        for key in role["sockets"]:
            if key in by_key:
                by_key[key]["role"] = role["key"]
    return {
        "pid": os.getpid(),
        "name": name or os.path.basename(sys.argv[0] if sys.argv else "") or "python",
        "time": time.time(),
        "sockets": sockets,
        "devices": devices,
        "roles": roles,
    }


def socket_survey(socket: Any) -> Dict[str, Any]:
    """All that is known of one socket, also of a closed one."""
    seen: Dict[str, Any] = socket._survey()
    seen["key"] = _key(socket)
    seen["type"] = socket.type.name
    seen["opened_by"] = _opened.opened_by(socket)
    seen["cell"] = cell_number(socket)
    seen["options"] = {} if seen["closed"] else changed_options(socket)
    seen["device"] = seen["role"] = None
    return seen


def _survey_if_open(socket: Any) -> Optional[Dict[str, Any]]:
    try:
        seen = socket_survey(socket)
    except ZMQError:
        # Another thread closes it just now.
        return None
    return None if seen["closed"] else seen


def device_survey(device: Any) -> Dict[str, Any]:
    """All that is known of a device: its sockets by their keys, and what it has moved."""
    stats = device.stats
    return {
        "key": f"{os.getpid()}.device.{id(device):x}",
        "kind": type(device).__name__,
        "state": "not started" if device._device is None else device._device.phase,
        "frontend": _key(device.frontend),
        "backend": _key(device.backend),
        "capture": None if device.capture is None else _key(device.capture),
        "stats": {
            name: getattr(stats, name)
            for name in ("frontend_messages", "frontend_bytes", "backend_messages", "backend_bytes")
        },
        "opened_by": _opened.opened_by(device),
        "cell": cell_number(device),
    }


def role_survey(role: Any) -> Dict[str, Any]:
    """All that is known of a role of a pipeline: its sockets by their keys, and its own counts."""
    sockets = sockets_of_role(role)
    return {
        "key": f"{os.getpid()}.role.{id(role):x}",
        "kind": type(role).__name__,
        "sockets": [_key(socket) for socket in sockets],
        "counts": role.stats._asdict(),
        "opened_by": _opened.opened_by(role),
        "cell": cell_number(role),
    }


def sockets_of_role(role: Any) -> List[Any]:
    """The sockets of a role of a pipeline; none for what is no role."""
    found = (getattr(role, name, None) for name in ("socket", "source", "sink"))
    return [socket for socket in found if isinstance(socket, _core.Socket)]


def changed_options(socket: Any) -> Dict[str, Any]:
    """The socket's options that differ from a fresh socket's of its type; bytes as text, secrets as "(set)"."""
    kind = int(socket.type)
    if kind not in _defaults:
        _defaults[kind] = _options_of_fresh(kind)
    fresh = _defaults[kind]
    now = _options(socket, list(fresh))
    return {name.lower(): _told(name, value) for name, value in now.items() if value != fresh[name]}


def changed_context_options(context: Any) -> Dict[str, Any]:
    """The context's own options that differ from a fresh context's."""
    if not _context_defaults:
        fresh = _core.Context()
        fresh._open(1)
        _context_defaults.update(_options_of_context(fresh))
        fresh.term()
    return {
        name.lower(): value
        for name, value in _options_of_context(context).items()
        if value != _context_defaults.get(name, value)
    }


def defaults_for_sockets(context: Any) -> Dict[str, Any]:
    """The options that a context gives to its sockets; secrets as "(set)"."""
    names = {int(option): option.name for option in SocketOption}
    given = {
        names.get(number, str(number)): value for number, value in list(context.__dict__.get("sockopts", {}).items())
    }
    return {name.lower(): _told(name, value) for name, value in given.items()}


def _options_of_context(context: Any) -> Dict[str, Any]:
    values = {}
    for option in ContextOption:
        try:
            values[option.name] = context.get(option)
        except ZMQError:
            # Only to be written; or it has ended.
            continue
    return values


def _options_of_fresh(kind: int) -> Dict[str, Any]:
    context = _core.Context()
    context._open(1)
    socket = _core.Socket()
    try:
        socket._open(context, kind)
        names = [option.name for option in SocketOption if option.name not in _LEFT_OUT]
        return _options(socket, names)
    finally:
        socket.close(0)
        context.term()


def _options(socket: Any, names: List[str]) -> Dict[str, Any]:
    values = {}
    for name in names:
        try:
            values[name] = socket.get(SocketOption[name])
        except ZMQError:
            # Only to be written, or not for this type.
            continue
    return values


def _told(name: str, value: Any) -> Any:
    if name in _SECRET:
        return "(set)"
    return value.decode("utf8", "backslashreplace") if isinstance(value, bytes) else value


def _key(socket: Any) -> str:
    """What tells this socket from every other, of any process of this machine; its handles share it."""
    return f"{os.getpid()}.{id_of_context(socket.context)}.{socket._id}"


def id_of_context(context: Any) -> str:
    """What tells a context from others of this process; its handles share it. Of one that has ended nothing is left: "ended"."""
    try:
        return f"{context.underlying:x}"
    except ZMQError:
        return "ended"
