"""Context: makes sockets, hands them their default options, and ends without hanging anybody."""

from __future__ import annotations

import atexit
import os
import threading
import warnings
from typing import Any, ClassVar, Dict, List, Optional, Type, TypeVar
from weakref import WeakSet

from . import _core
from ._options import OptionAttributes
from .constants import ContextOption, Errno, SocketOption
from .error import Again, ZMQError
from .socket import LAST_WORDS, Socket

_C = TypeVar("_C", bound="Context")


class Context(_core.Context, OptionAttributes):
    _instance: ClassVar[Optional[Context]] = None
    _instance_pid: ClassVar[Optional[int]] = None
    _instance_lock: ClassVar[Any] = threading.Lock()
    _socket_class: Type[Socket] = Socket

    sockopts: Dict[int, Any]
    _sockets: WeakSet

    def __init__(self, io_threads: int = 1) -> None:
        # `io_threads` went to the core, in __new__.
        self.sockopts = {}
        self._sockets = WeakSet()

    @classmethod
    def instance(cls: Type[_C], io_threads: int = 1) -> _C:
        with cls._instance_lock:
            known = cls._instance
            if known is None or cls._instance_pid != os.getpid() or known.closed:
                cls._instance = known = cls(io_threads=io_threads)
                cls._instance_pid = os.getpid()
            return known  # type: ignore[return-value]

    def socket(self, socket_type: int, socket_class: Optional[Type[Socket]] = None, **kwargs: Any) -> Any:
        if self.closed:
            raise ZMQError(Errno.ENOTSUP, "this context is terminated: make a new one")
        made = (socket_class or self._socket_class)(self, socket_type, **kwargs)
        for option, value in self.sockopts.items():
            try:
                made.set(option, value)
            except ZMQError:
                # pyzmq's rule: a default that a type does not have (SUBSCRIBE for a PUSH) does not concern it.
                continue
        return made

    def term(self, *, timeout: Optional[float] = None) -> None:
        if timeout is None:
            try:
                super().term(timeout=1.0)
            except Again:
                warnings.warn(f"term() goes on waiting: {self._waited_for()}", RuntimeWarning, stacklevel=2)
            else:
                return
        super().term(timeout=timeout)

    def _waited_for(self) -> str:
        """What keeps a context from ending, and the cure."""
        sockets = [repr(socket) for socket in self._sockets if not socket.closed]
        if sockets:
            return f"close() these first, or use destroy(): {', '.join(sockets)}"
        return "closed sockets still have messages for peers that do not take them; set LINGER to bound that"

    def destroy(self, linger: Optional[int] = None) -> None:
        if self.closed:
            return
        for socket in list(self._sockets):
            socket.close(linger)
        self.term()

    def __enter__(self: _C) -> _C:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        # The end of a `with` never blocks: what is left open lingers in the background, for a bounded time.
        self._leave()

    def __del__(self) -> None:
        # A half-made object (the core refused) has no dictionary yet.
        if "_sockets" in self.__dict__ and not self.closed:
            self._leave()

    def _leave(self) -> None:
        # The core knows the sockets even when a garbage cycle has taken the weak references to them.
        for line in self._abandon(LAST_WORDS):
            warnings.warn(
                f"{line} was still open when its context ended: close() it, or use `with`", ResourceWarning, stacklevel=3
            )

    # Options

    def setsockopt(self, opt: int, value: Any) -> None:
        self.sockopts[opt] = value

    def getsockopt(self, opt: int) -> Any:
        return self.sockopts[opt]

    def _set_option(self, name: str, number: int, value: Any) -> None:
        if name in ContextOption.__members__:
            self.set(number, value)
        elif name in SocketOption.__members__:
            self.sockopts[number] = value
        else:
            raise AttributeError(f"No such context or socket option: {name}")

    def _get_option(self, name: str, number: int) -> Any:
        if name in ContextOption.__members__:
            return self.get(number)
        try:
            return self.sockopts[number]
        except KeyError:
            raise AttributeError(name) from None

    def __delattr__(self, key: str) -> None:
        if key in self.__dict__:
            del self.__dict__[key]
            return
        option = SocketOption.__members__.get(key.upper())
        if option is None:
            raise AttributeError(f"No such socket option: {key!r}")
        if option not in self.sockopts:
            raise AttributeError(key)
        del self.sockopts[option]

    def __dir__(self) -> List[str]:
        return [*super().__dir__(), *ContextOption.__members__]

    def __repr__(self) -> str:
        count = len(self._sockets)
        sockets = f"{count} socket{'s' if count != 1 else ''}" if count else ""
        closed = " closed" if self.closed else ""
        return f"<zmq.Context({sockets}) at {hex(id(self))}{closed}>"


def _at_exit() -> None:
    """Lets what was sent leave, for a bounded time, so that a script's last message arrives and a restart never hangs."""
    for line in _core.flush_at_exit(LAST_WORDS):
        warnings.warn(f"may not have delivered all messages: {line}", ResourceWarning, stacklevel=1)


atexit.register(_at_exit)
