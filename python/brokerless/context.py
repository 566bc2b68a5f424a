"""Context: makes sockets, hands them their default options, and ends without hanging anybody."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any, Callable, ClassVar, Dict, Generic, List, Optional, Type, Union, overload
from weakref import WeakSet

from . import _core, _opened
from ._options import OptionAttributes
from ._shown import Shown
from .constants import ContextOption, Errno, SocketOption
from .error import Again, ZMQError, _make
from .socket import LAST_WORDS, Socket, SyncSocket
from .utils.interop import cast_int_addr

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    # A plain `Context` makes sockets that wait.
    _Made = TypeVar("_Made", bound="Socket[Any]", covariant=True, default=Socket[bytes])
else:
    from typing import TypeVar

    #: What socket() returns.
    _Made = TypeVar("_Made", bound="Socket[Any]", covariant=True)
#: For how many seconds term() waits without a word: for longer than sockets that linger for one, as Jupyter's do.
_QUIET = 2.0

_C = TypeVar("_C", bound="Context[Any]")
_S = TypeVar("_S", bound="Socket[Any]")


class Context(_core.Context, OptionAttributes, Shown, Generic[_Made]):
    """Makes sockets, which share its I/O threads and its inproc names (zmq_ctx_new). A program needs one.

    Options are attributes: the context's own (`context.max_sockets`), and those of sockets (`context.linger = 0`), which
    become the defaults of the sockets made afterwards.

    End it by term() or destroy(), or use it in a `with`. The end of a `with` never blocks, nor does forgetting a context:
    sockets left open are closed, with a ResourceWarning, and what they have sent has a second to leave.
    """

    _instance: ClassVar[Optional[Context[Any]]] = None
    _instance_pid: ClassVar[Optional[int]] = None
    #: A signal handler, or a finalizer, may ask for the instance while its thread makes it.
    _instance_lock: ClassVar[Any] = threading.RLock()
    _socket_class: Type[Socket[Any]] = Socket

    #: The options that sockets made by this context get, by number.
    sockopts: Dict[int, Any]
    _sockets: WeakSet[Socket[Any]]

    #: The context (or address) that this is another handle to, if it was made as one.
    _shadow_obj: Union[Context[Any], int, None] = None
    _shadow: bool = False
    #: What repr() calls it; a subclass has its own name.
    _repr_cls = "zmq.Context"

    #: The profile that this handle was made with.
    _profile: Optional[str] = None

    @overload
    def __init__(self, io_threads: Union[int, Context[Any]] = 1, *, profile: Optional[str] = None) -> None: ...

    @overload
    def __init__(
        self, io_threads: int = 1, shadow: Union[Context[Any], int] = 0, *, profile: Optional[str] = None
    ) -> None: ...

    def __init__(
        self,
        io_threads: Union[int, Context[Any]] = 1,
        shadow: Union[Context[Any], int] = 0,
        *,
        profile: Optional[str] = None,
    ) -> None:
        """A new context with `io_threads` threads for the network (one is enough for a gigabyte a second), or another handle
        to a context: Context(other), see shadow().

        `profile` is the name of a set of socket options, "classroom", for where libzmq's own defaults bite: heartbeats, limits
        for handshakes and message sizes, a LINGER of seconds... (`brokerless.profiles` has the table). They become the
        defaults of this handle's sockets; whatever you set yourself, here or on a socket, takes their place. None changes
        nothing. Raises ValueError for an unknown one.
        """
        self.sockopts = {} if profile is None else dict(_defaults_of(profile))
        self._profile = profile
        self._sockets = WeakSet()
        if isinstance(io_threads, _core.Context):
            shadow = io_threads
        if isinstance(shadow, _core.Context):
            self._share(shadow)
        elif shadow:
            self._share_address(cast_int_addr(shadow))
        else:
            self._open(io_threads)  # type: ignore[arg-type]
            _flush_child()
            _opened.context_opened(self)
            return
        self._shadow = True
        self._shadow_obj = shadow
        _opened.context_opened(self)

    @classmethod
    def shadow(cls: Type[_C], address: Union[Context[Any], int]) -> _C:
        """Another handle to the same context, of this class: to make asyncio's sockets in a plain one, or the other way round.

        `address` is a context, or the `underlying` of one. Ending either ends the context, forgetting this one does not.
        Defaults for sockets are each handle's own. Raises ZMQError(EFAULT) for an address that is no context of brokerless.
        """
        return cls(shadow=address)

    @classmethod
    def shadow_pyczmq(cls: Type[_C], ctx: Any) -> _C:
        """Refused: a context of pyczmq lives in another libzmq. Raises ZMQError(EFAULT)."""
        raise _make(Errno.EFAULT, "a context of pyczmq lives in a libzmq of its own, which brokerless cannot share")

    def __copy__(self: _C, memo: Any = None) -> _C:
        """Another handle to the same context; see shadow()."""
        return type(self).shadow(self)

    __deepcopy__ = __copy__

    @classmethod
    def instance(cls: Type[_C], io_threads: int = 1) -> _C:
        """The context that everybody in this process shares, made at the first call; a new one after its end, or a fork.

        `io_threads` counts for the call that makes it.
        """
        with cls._instance_lock:
            known = cls._known_instance()
            if known is None:
                made = cls(io_threads=io_threads)
                # Again: in the meantime this very thread may have come here.
                known = cls._known_instance()
                if known is None:
                    cls._instance = known = made
                    cls._instance_pid = os.getpid()
            return known  # type: ignore[return-value]

    @classmethod
    def _known_instance(cls) -> Optional[Context[Any]]:
        known = cls._instance
        return None if known is None or cls._instance_pid != os.getpid() or known.closed else known

    @overload
    def socket(self, socket_type: int, socket_class: None = None, **kwargs: Any) -> _Made: ...

    @overload
    def socket(self, socket_type: int, socket_class: Callable[..., _S], **kwargs: Any) -> _S: ...

    def socket(self, socket_type: int, socket_class: Optional[Callable[..., Any]] = None, **kwargs: Any) -> Any:
        """A new socket of this type (`zmq.REP`, `SocketType.REP`...), with the context's defaults as its options.

        `socket_class` takes the place of `Socket`; it is called with the context, the type, and `kwargs`. Raises
        ZMQError(ENOTSUP) after the end of the context, ZMQError(EINVAL) for what is no type of socket, ZMQError(EMFILE) when
        MAX_SOCKETS are open.
        """
        if self.closed:
            # libzmq's and pyzmq's numbers for it differ.
            errno = Errno.EFAULT if self._shadow else Errno.ENOTSUP
            raise ZMQError(errno, "this context is terminated: make a new one")
        make: Callable[..., Any] = socket_class or self._socket_class
        made = make(self, socket_type, **kwargs)
        for option, value in self.sockopts.items():
            try:
                made.set(option, value)
            except ZMQError:
                # pyzmq's rule: a default that a type does not have (SUBSCRIBE for a PUSH) does not concern it.
                continue
        return made

    def term(self, *, timeout: Optional[float] = None) -> None:
        """Ends the context (zmq_ctx_term); ending it again does nothing.

        Waits until all of its sockets are closed and have delivered what they sent, or lingered for LINGER milliseconds:
        for ever, if a socket stays open. Calls on open sockets raise ContextTerminated from now on. After two
        seconds of waiting a RuntimeWarning tells what is waited for. `timeout` is in seconds; at its end Again is raised,
        and the context goes on ending. So it does when a signal (Ctrl-C) ends the wait.
        """
        if timeout is None:
            try:
                super().term(timeout=_QUIET)
            except Again:
                warnings.warn(f"term() goes on waiting: {self._waited_for()}", RuntimeWarning, stacklevel=2)
            else:
                return
        super().term(timeout=timeout)

    def _waited_for(self) -> str:
        """What keeps a context from ending, and the cure."""
        sockets = [repr(socket) for socket in self._made() if not socket.closed]
        if sockets:
            return f"close() these first, or use destroy(): {', '.join(sockets)}"
        return "closed sockets still have messages for peers that do not take them; set LINGER to bound that"

    def destroy(self, linger: Optional[int] = None) -> None:
        """Closes all sockets of this context and ends it; `linger` is that of Socket.close(), in milliseconds.

        Without it (and without LINGER) this waits for what peers have not taken yet, as term() does.
        """
        if self.closed:
            return
        self._close_all(linger)
        try:
            # From here on no other thread can make a socket. Those that came after the first look are closed, too.
            super().term(timeout=0)
        except Again:
            self._close_all(linger)
            self.term()

    def _close_all(self, linger: Optional[int]) -> None:
        for socket in self._made():
            # One that is still being made counts as closed. It must stay known.
            if not socket.closed:
                socket.close(linger)

    def _made(self) -> List[Socket[Any]]:
        """The sockets that this handle has made and that still exist."""
        while True:
            try:
                return list(self.__dict__.get("_sockets", ()))
            except RuntimeError:
                # Another thread made one meanwhile, which a set does not forgive who walks through it.
                continue

    def __enter__(self: _C) -> _C:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        # The end of a `with` never blocks: what is left open lingers in the background, for a bounded time.
        for hook in _opened.closing:
            for socket in self._made():
                hook(socket)
        self._leave()

    def __del__(self) -> None:
        # A half-made object (the core refused) has no dictionary yet.
        if "_sockets" in self.__dict__ and not self.closed and not self._shadow:
            # Filters for warnings know what pyzmq's begins with.
            self._leave(f"Unclosed context {self!r}: ")

    def _leave(self, what: str = "") -> None:
        # The core knows the sockets even when a garbage cycle has taken the weak references to them.
        for line in self._abandon(LAST_WORDS):
            warnings.warn(
                f"{what}{line} was still open when its context ended: close() it, or use `with`",
                ResourceWarning,
                stacklevel=3,
            )

    # Options

    @property
    def profile(self) -> Optional[str]:
        """The name of the profile whose options are the defaults of this handle's sockets; None without one."""
        return self._profile

    def setsockopt(self, opt: int, value: Any) -> None:
        """Makes a socket option the default of sockets made from now on. A type that has no such option ignores it."""
        self.sockopts[opt] = value

    def getsockopt(self, opt: int) -> Any:
        """The default of a socket option. Raises KeyError if there is none."""
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

    if TYPE_CHECKING:
        # What the context's own options are, for editors. All are numbers, and set before the first socket, if at all.
        io_threads: int
        """How many threads do the network's work. 1 by default."""
        max_sockets: int
        """How many sockets may be open at once. 1023 by default."""
        socket_limit: int
        """Read-only. The most that MAX_SOCKETS can be."""
        max_msgsz: int
        """The largest frame that can be sent, in bytes. 2147483647 by default."""
        msg_t_size: int
        """Read-only. The size of libzmq's zmq_msg_t, in bytes."""
        thread_sched_policy: int
        """How the system schedules the I/O threads; -1 is the system's default."""
        thread_priority: int
        """Write-only. The priority of the I/O threads under that policy; -1 is the system's default."""
        thread_affinity_cpu_add: int
        """Write-only. A CPU that the I/O threads may run on."""
        thread_affinity_cpu_remove: int
        """Write-only. A CPU that the I/O threads shall not run on after all."""
        thread_name_prefix: int
        """A number that the names of the I/O threads begin with."""

    def __repr__(self) -> str:
        count = sum(not socket.closed for socket in self._made())
        profile = [f"profile={self._profile!r}"] if self._profile is not None else []
        sockets = [f"{count} socket{'s' if count != 1 else ''}"] if count else []
        closed = " closed" if self.closed else ""
        return f"<{self._called()}({', '.join(profile + sockets)}) at {hex(id(self))}{closed}>"


def _defaults_of(profile: str) -> Dict[int, int]:
    # Here and not above, as few programs need it.
    from .profiles import defaults_of

    return defaults_of(profile)


def _at_exit() -> None:
    """Lets what was sent leave, for a bounded time, so that a script's last message arrives and a restart never hangs."""
    for end in _opened.ending:
        end()
    for line in _core.flush_at_exit(LAST_WORDS):
        warnings.warn(f"may not have delivered all messages: {line}", ResourceWarning, stacklevel=1)


def _flush_child() -> None:
    """Has `_at_exit` called in a child of multiprocessing, too, which ends by its own finalizers instead of atexit's."""
    process, util = (sys.modules.get(f"multiprocessing.{name}") for name in ("process", "util"))
    if process is None or util is None or process.parent_process() is None or _flushed.get("pid") == os.getpid():
        return
    _flushed["pid"] = os.getpid()
    util.Finalize(None, _at_exit, exitpriority=0)


def _in_child() -> None:
    # Another thread may have held the parent's lock as it forked.
    Context._instance_lock = threading.RLock()


#: pyzmq's name for the type of contexts whose sockets wait, unlike asyncio's.
SyncContext = Context[SyncSocket]

_flushed: Dict[str, int] = {}
os.register_at_fork(after_in_child=_in_child)
atexit.register(_at_exit)

__all__ = ["Context", "SyncContext"]
