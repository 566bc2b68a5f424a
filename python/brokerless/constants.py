"""libzmq's constants as enums, and each of them by its plain name (`SocketType.PUB` is also `PUB`).

Names and numbers come from the one table in the Rust core, so that what Python shows and what the core does cannot
differ. Here is only what the table does not know: which sort of enum a group is and what its plain names begin with.
"""

from __future__ import annotations

from enum import Enum, IntEnum, IntFlag

from . import _core

# What libzmq does by way of its draft API works: sockets such as CLIENT and RADIO, and the options marked as drafts.
DRAFT_API: bool = _core.has("draft")


class _OptType(Enum):
    """What the value of a socket option is."""

    int = "int"
    int64 = "int64"
    bytes = "bytes"
    fd = "fd"


class _TypedEnum(IntEnum):
    """Numbers that know the type of the option that they stand for."""

    _opt_type: _OptType

    def __new__(cls, value: int, opt_type: _OptType = _OptType.int) -> _TypedEnum:
        member = int.__new__(cls, value)
        member._value_ = value
        member._opt_type = opt_type
        return member


# The enum's name, its sort, what the plain names of its members begin with, its docstring.
_ENUMS = (
    ("Errno", IntEnum, "", "Error numbers of libzmq: the `errno` of a `ZMQError`."),
    ("ContextOption", IntEnum, "", "Options for `Context.get` and `Context.set`."),
    ("SocketType", IntEnum, "", "Types of sockets, for `Context.socket`."),
    ("SocketOption", _TypedEnum, "", "Options for `Socket.get` and `Socket.set`."),
    ("MessageOption", IntEnum, "", "Options for `Frame.get`."),
    ("Flag", IntFlag, "", "Flags for sending and receiving."),
    ("RouterNotify", IntEnum, "NOTIFY_", "Values of ROUTER_NOTIFY."),
    ("NormMode", IntEnum, "NORM_", "Values of NORM_MODE."),
    ("SecurityMechanism", IntEnum, "", "Values of MECHANISM."),
    ("ReconnectStop", IntEnum, "RECONNECT_STOP_", "Values of RECONNECT_STOP."),
    ("Event", IntFlag, "EVENT_", "What a socket's monitor reports."),
    ("PollEvent", IntFlag, "", "What to wait for when polling."),
    ("DeviceType", IntEnum, "", "Types of devices, for `device`."),
)

__all__ = ["DRAFT_API"]


def _make_enums() -> None:
    """Put the enums and the plain names into this module."""
    members: dict[str, list[tuple[str, object]]] = {name: [] for name, *_ in _ENUMS}
    for group, name, number, kind in _core.constants_table():
        value = (number, _OptType(kind)) if group == "SocketOption" else number
        members[group].append((name, value))

    names = globals()
    for group, sort, prefix, doc in _ENUMS:
        enum = sort(group, members[group], module=__name__, qualname=group)
        enum.__doc__ = doc
        names[group] = enum
        __all__.append(group)
        for name, member in enum.__members__.items():
            # Why a handshake failed stands among the events, but is none: its name is whole.
            plain = name if name.startswith("PROTOCOL_ERROR_") else prefix + name
            names[plain] = member
            __all__.append(plain)


_make_enums()
