"""Gate: who may come to a server, who was sent away, and how to change that while it runs."""

from __future__ import annotations

import logging
import threading
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Union

from .._core import Guard
from ..utils import z85
from .clients import ANYONE, _Anyone, check_name, read_clients

#: Where refusals are logged, as warnings; every decision, as debug.
log = logging.getLogger("brokerless.security")


class Refused(NamedTuple):
    """Somebody who was sent away, once or several times for the same reason."""

    #: The IP address; may be empty (ipc).
    address: str
    #: "CURVE" or "PLAIN"; empty for who did not come so far as to say who they are.
    mechanism: str
    #: The public key (Z85), or the user name; empty if none was shown.
    who: str
    #: Why, in words.
    why: str
    #: How often.
    times: int
    #: The first time, as time.time() counts.
    first: float
    #: The last time.
    last: float


class Gate:
    """Who may come to a server that secure() has made one.

    A native thread decides, for all servers of a context, whatever Python is doing: who is on no list is refused. It starts
    with the first of them, and ends with the context. Should it ever not answer, nobody is let in (ZAP_ENFORCE_DOMAIN).

    Refusals are logged by the logger `brokerless.security`, as warnings: the first one of a kind, the tenth, the hundredth...

    Any thread may call any method.
    """

    def __init__(self, guard: Guard, domain: str, clients: Any, *, passwords: bool = False) -> None:
        """For secure() to call. Reads the list, and lets it count."""
        self._guard = guard
        self._domain = domain
        self._passwords = passwords
        self._source = clients
        self._names: Optional[List[str]] = None
        self._keys: Dict[str, bytes] = {}
        self.reload()

    @property
    def domain(self) -> str:
        """The server's ZAP_DOMAIN, by which it is called in the log."""
        return self._domain

    @property
    def clients(self) -> Union[List[str], _Anyone]:
        """The names of who may come, sorted; or zmq.ANYONE."""
        return ANYONE if self._names is None else list(self._names)

    @property
    def keys(self) -> Dict[str, bytes]:
        """Public keys (Z85) by name, of who may come; empty with passwords, or zmq.ANYONE."""
        return dict(self._keys)

    @property
    def refused(self) -> List[Refused]:
        """Who was sent away, the latest last. A context remembers 256 different ones, of all its servers."""
        return [Refused(*one) for one in self._guard.refusals(self._domain.encode())]

    def reload(self, clients: Any = None) -> None:
        """Read the list again, where it was read from before: the folder, or your dict. Or replace it by another.

        From now on it counts for whoever connects. Who is connected stays so: to put somebody out, close the server, and bind
        it again. If the list cannot be read, the one before stays, and this raises as secure() does.
        """
        source = self._source if clients is None else clients
        if isinstance(source, Iterator):
            # Read once, it would be empty the next time, and nobody let in.
            source = list(source)
        domain = self._domain.encode()
        if self._passwords:
            passwords = read_passwords(source)
            self._guard.admit(domain, passwords=passwords)
            self._names = sorted(passwords)
        else:
            known = read_clients(source() if callable(source) else source)
            if known is None:
                self._guard.admit(domain)
            else:
                self._guard.admit(domain, keys={z85.decode(key): name for name, key in known.items()})
            self._names, self._keys = None if known is None else sorted(known), known or {}
        self._source = source

    def __repr__(self) -> str:
        """The server, and how many are let in and were not."""
        who = "anyone" if self._names is None else f"{len(self._names)} client{'s' if len(self._names) != 1 else ''}"
        return f"<zmq.Gate {self._domain!r}: {who} may come, {len(self.refused)} refused>"


def read_passwords(passwords: Any) -> Dict[str, str]:
    """A copy of passwords by user name. Raises TypeError, ValueError; the errors show no password."""
    if not isinstance(passwords, Mapping):
        raise TypeError(f"passwords are a dict of passwords by user name, not {type(passwords).__name__}")
    for name, password in passwords.items():
        check_name(name)
        if not isinstance(password, str) or not 0 < len(password.encode("utf-8", "replace")) < 256:
            raise ValueError(f"the password of {name!r} is no str of 1 to 255 bytes")
    return dict(passwords)


def guard_of(context: Any) -> Guard:
    """The native handler of a context, with somebody who writes its log."""
    guard = Guard(context)
    if guard.begin_log():
        threading.Thread(target=_write_log, args=(guard,), name="brokerless.security", daemon=True).start()
    return guard


def _write_log(guard: Guard) -> None:
    while True:
        guard.set_verbose(log.isEnabledFor(logging.DEBUG))
        lines = guard.lines()
        if lines is None:
            return
        for level, text in lines:
            log.log(level, "%s", text)


__all__ = ["Gate", "Refused"]
