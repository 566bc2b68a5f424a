"""What is open in this process, for whoever wants to see all of it: a notebook's cells, surveys, diagrams.

Everything is known weakly: to be listed here keeps nothing alive.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, List
from weakref import WeakSet

#: Called with each context, socket, device and pipeline role that is opened, by the thread that opens it.
hooks: List[Callable[[Any], None]] = []
#: Called with each socket that is about to be closed, by the thread that closes it.
closing: List[Callable[[Any], None]] = []

#: Called at the end of the process, before what was sent gets its time to leave.
ending: List[Callable[[], None]] = []

_contexts: WeakSet[Any] = WeakSet()
_devices: WeakSet[Any] = WeakSet()
_roles: WeakSet[Any] = WeakSet()

#: What serves a notebook itself. What these open is nobody's to close, and no picture of a program shows it.
MACHINERY = frozenset(
    "IPython comm debugpy ipykernel ipykernel_launcher ipywidgets jupyter_client jupyter_core jupyter_kernel_test "
    "jupyter_server nbclient notebook tornado zmq".split()
)

_OWN = __name__.partition(".")[0]


def context_opened(context: Any) -> None:
    """Takes note of a context."""
    _note(_contexts, context)


def socket_opened(socket: Any) -> None:
    """Takes note of a socket; its context lists it already."""
    _note(None, socket)


def device_opened(device: Any) -> None:
    """Takes note of a device that has its sockets."""
    _note(_devices, device)


def process_opened(device: Any) -> None:
    """Takes note of a device that runs in a process of its own; what it has open is there."""
    _note(None, device)


def role_opened(role: Any) -> None:
    """Takes note of a role of a pipeline that has its sockets."""
    _note(_roles, role)


def _note(known: Any, thing: Any) -> None:
    object.__setattr__(thing, "_opened_by", _caller())
    if known is not None:
        known.add(thing)
    for hook in list(hooks):
        hook(thing)


def _caller() -> str:
    """The module whose code called into this package."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        name: str = frame.f_globals.get("__name__", "")
        if name.partition(".")[0] != _OWN:
            return name
        frame = frame.f_back
    return _OWN


def opened_by(thing: Any) -> str:
    """The name of the module whose code opened it ("__main__" for a notebook's); "" if that is not known."""
    name: str = thing.__dict__.get("_opened_by", "")
    return name


def contexts() -> List[Any]:
    """The contexts that have not ended."""
    return [context for context in _all(_contexts) if not context.closed]


def sockets() -> List[Any]:
    """The open sockets of all contexts, in the order in which their contexts made them."""
    found = [socket for context in contexts() for socket in context._made()]
    return sorted((socket for socket in found if not socket.closed), key=lambda socket: socket._id)


def devices() -> List[Any]:
    """The devices whose sockets are open, started or not."""
    return [device for device in _all(_devices) if any(not socket.closed for socket in device._sockets)]


def roles() -> List[Any]:
    """The roles of pipelines that are not closed."""
    return [role for role in _all(_roles) if not role.closed]


def _all(known: Any) -> List[Any]:
    while True:
        try:
            return list(known)
        except RuntimeError:
            # Another thread opened one meanwhile, which a set does not forgive who walks through it.
            continue
