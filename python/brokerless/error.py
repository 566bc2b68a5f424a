"""The errors that brokerless raises: pyzmq's classes, with a text that says what happened here and what to do.

`errno` and `strerror` are what libzmq says, as in pyzmq, and programs may go by them. `detail` is for people: the
core fills it in with the state, the endpoint, how long it took and a cure, and `str()` shows it after `strerror`.
"""

from __future__ import annotations

import errno as _system

from ._core import strerror, zmq_errno, zmq_version_info
from .constants import Errno

__all__ = [
    "Again",
    "ContextTerminated",
    "DraftFDWarning",
    "ForkedProcessError",
    "InterruptedSystemCall",
    "NotDone",
    "SocketClosed",
    "UnknownAttribute",
    "ZMQBaseError",
    "ZMQBindError",
    "ZMQError",
    "ZMQVersionError",
]


class ZMQBaseError(Exception):
    """The base of all errors of ZeroMQ."""


class ZMQError(ZMQBaseError):
    """A call that libzmq has refused.

    Without `errno` it is about libzmq's last error in this thread. `msg` takes the place of libzmq's own text. The
    subclasses that stand for one errno keep it whatever `errno` they are given.
    """

    # None as in pyzmq: an error that was made from a text alone has no number.
    errno: int | None = None
    strerror: str
    #: What brokerless adds to libzmq's text, if anything.
    detail: str | None = None

    # The one errno of a class that stands for one.
    _ERRNO: int | None = None

    def __init__(self, errno: int | str | None = None, msg: str | None = None) -> None:
        if self._ERRNO is not None:
            errno = self._ERRNO
        elif errno is None:
            errno = zmq_errno()
        if isinstance(errno, int):
            self.errno = errno
        if msg is not None:
            self.strerror = msg
        elif isinstance(errno, int):
            self.strerror = strerror(errno)
        else:
            self.strerror = str(errno)

    def __str__(self) -> str:
        if self.detail is None:
            return self.strerror
        return f"{self.strerror}: {self.detail}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class Again(ZMQError):
    """It cannot be done now (EAGAIN): nothing to receive, no room to send, or the time is over."""

    _ERRNO = Errno.EAGAIN


class ContextTerminated(ZMQError):
    """The socket's context has been terminated (ETERM)."""

    _ERRNO = Errno.ETERM


class InterruptedSystemCall(ZMQError, InterruptedError):
    """A signal broke in on a call (EINTR).

    brokerless goes on by itself after it has run the signal's handler, so that this is not seen in practice.
    """

    # Both bases have one; ours is always a text.
    strerror: str
    _ERRNO = _system.EINTR


class SocketClosed(ZMQError):
    """The socket is closed (ENOTSOCK): before this call, or by another thread while this call waited."""

    _ERRNO = Errno.ENOTSOCK
    detail = "the socket is closed"


class ForkedProcessError(ZMQError):
    """A socket or context of the parent was used in a forked child (ENOTSUP); the parent may go on with it."""

    _ERRNO = Errno.ENOTSUP
    detail = "the socket or context belongs to the parent of this forked process; make a new Context here"


class UnknownAttribute(ZMQError, AttributeError):
    """An attribute that this socket cannot tell: `subscriptions` where there are none, `peers` that nobody watched.

    It is an AttributeError too, so that hasattr() says no.
    """

    # Both bases may have them; ours are these.
    errno: int | None


class ZMQBindError(ZMQBaseError):
    """`Socket.bind_to_random_port` found no free port."""


class NotDone(ZMQBaseError):
    """libzmq still holds a message when the time of `MessageTracker.wait` is over."""


class ZMQVersionError(NotImplementedError):
    """libzmq is too old for what was asked of it."""

    msg: str
    min_version: str
    version: str

    def __init__(self, min_version: str, msg: str = "Feature") -> None:
        super().__init__(min_version, msg)
        self.msg = msg
        self.min_version = min_version
        self.version = ".".join(map(str, zmq_version_info()))

    def __str__(self) -> str:
        return f"{self.msg} requires libzmq >= {self.min_version}, have {self.version}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class DraftFDWarning(RuntimeWarning):
    """`Socket.FD` of a thread-safe draft socket (CLIENT, RADIO, ...), which libzmq itself does not have."""

    def __init__(self, msg: str = "") -> None:
        super().__init__(
            msg
            or "libzmq has no FD for thread-safe sockets; this one comes from a draft poller and may go away. "
            "warnings.simplefilter('ignore', zmq.error.DraftFDWarning) silences this."
        )


_BY_ERRNO: dict[int, type[ZMQError]] = {
    int(Errno.EAGAIN): Again,
    int(Errno.ETERM): ContextTerminated,
    _system.EINTR: InterruptedSystemCall,
}
# What the core knows better than an errno can tell.
_BY_KIND: dict[str, type[ZMQError]] = {
    "closed": SocketClosed,
    "forked": ForkedProcessError,
    "attribute": UnknownAttribute,
}


def _make(errno: int, text: str | None, kind: str = "zmq") -> ZMQError:
    """The error for a call that failed in the core: `text` is its explanation, shown after libzmq's words."""
    error = (_BY_KIND.get(kind) or _BY_ERRNO.get(errno, ZMQError))(errno)
    if text:
        error.detail = text
    return error


def _check_rc(rc: int, errno: int | None = None, error_without_errno: bool = True) -> None:
    """pyzmq's check of what a C function of libzmq has returned: -1 raises, by `errno` or libzmq's last error."""
    if rc != -1:
        return
    number = zmq_errno() if errno is None else errno
    if number or error_without_errno:
        raise _make(number, None)


def _check_version(min_version_info: tuple[int, ...], msg: str = "Feature") -> None:
    """Raise ZMQVersionError, with `msg` as what was asked for, if libzmq is older than this."""
    if zmq_version_info() < min_version_info:
        raise ZMQVersionError(".".join(map(str, min_version_info)), msg)
