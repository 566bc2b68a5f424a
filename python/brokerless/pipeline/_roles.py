"""What the three roles have in common: how their sockets are made."""

from __future__ import annotations

import sys
import warnings
from typing import Any, Dict, Iterable, Optional, TypeVar

from .._watched import Watched
from ..constants import SocketOption, SocketType
from ..context import Context
from ..error import ZMQError

# What is on its way to a worker is out of reach for one that joins late, so it is less than ZeroMQ's 1,000 messages at
# either side and the system's receive buffer of megabytes. The send buffer is the system's own: libzmq drops its last
# batch when a socket is closed while that buffer happens to be full, and a small one often is.

#: How many jobs each worker may have waiting at either side.
QUEUE = 100
#: How many results of each worker may wait at the collector: ZeroMQ's default.
RESULTS = 1000
#: Bytes that the system may hold for a worker (Linux takes twice as many).
BUFFER = 64 * 1024


_R = TypeVar("_R", bound="BoundRole")


class BoundRole(Watched):
    """A producer or collector: one bound socket, to which workers connect."""

    #: The socket, for its options and figures.
    socket: Any

    def close(self) -> None:
        """Closes the socket."""
        self.socket.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed, and its stream with it."""
        closed: bool = self.socket.closed
        return closed

    def __enter__(self: _R) -> _R:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()

    def _workers(self) -> int:
        try:
            return 0 if self.closed else sum(peer.connections for peer in self.socket.peers)
        except ZMQError:
            # Another thread closes it just now, or ends the context.
            return 0

    def _state(self) -> str:
        return "closed" if self.closed else f"{count(self._workers(), 'worker')} connected"


def reliable_class(made: Any, plain: Any, options: Dict[str, Any]) -> Any:
    """The class to make: with `reliable=True`, the reliable one in place of the plain one."""
    if made is plain and options.get("reliable"):
        from . import reliable

        return getattr(reliable, f"Reliable{plain.__name__}")
    return made


def refuse_options(reliable: bool, options: Iterable[str]) -> None:
    """A plain role has no options of a reliable one, and a class derived from one is plain."""
    if reliable:
        raise TypeError("this class is derived from a plain role: derive it from ReliableProducer, ReliableWorker, ...")
    for name in options:
        raise TypeError(f"{name}= is for a reliable role: reliable=True")


def queue_for(endpoints: Iterable[str], most: int) -> int:
    """RCVHWM for a PULL socket at these endpoints: `most`, but without a limit over ipc.

    When an ipc peer closes while the queue is full, libzmq drops what it has not read yet.
    """
    return 0 if any(endpoint.startswith("ipc:") for endpoint in endpoints) else most


def open_socket(context: Optional[Any], kind: SocketType, **options: int) -> Any:
    """A watched socket with these options, unless its context has others for it (`context.sndhwm = 10`)."""
    owner = Context.instance() if context is None else context
    socket = owner.socket(kind)
    chosen = {SocketOption(number) for number in owner.sockopts}
    for name, value in options.items():
        if SocketOption[name] not in chosen:
            socket.set(SocketOption[name], value)
    return socket


def secure_end(socket: Any, keys: Optional[Any], **others: Any) -> Optional[Any]:
    """What a role does with its `keys`: see the function of that name in `security.ends`, imported where there are any."""
    if keys is None and all(others.get(name) is None for name in ("clients", "server_key")):
        return None
    from ..security.ends import secure_end

    return secure_end(socket, keys, **others)


def bar(*jobs: Any, **options: Any) -> Any:
    """tqdm's bar, for a notebook or a terminal, whichever this is."""
    try:
        with warnings.catch_warnings():
            # In a notebook without ipywidgets it says so, and draws with characters.
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("progress=True draws its bar with the package tqdm: pip install tqdm") from error
    if type(sys.stderr).__module__.startswith("ipykernel."):
        # What a notebook shows of stderr is red, as if something were wrong.
        options["file"] = sys.stdout
    return tqdm(*jobs, unit="job", unit_scale=True, **options)


def count(number: int, one: str) -> str:
    """In words: 1 worker, 2 workers."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"
