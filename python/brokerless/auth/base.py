"""Authenticator: who may connect, for programs that call it themselves. The ones that run by themselves are made of it."""

from __future__ import annotations

import logging
from typing import Any, Dict, Iterable, List, Mapping, Optional, Set, TypeVar

from .. import _core
from ..constants import Errno, SocketType
from ..context import Context
from ..error import ZMQError
from ..socket import Socket
from ._requests import Requests
from ._tables import Table
from .certs import _Path, load_certificates

#: As the `location` of configure_curve: any client that has a key may come.
CURVE_ALLOW_ANY = "*"

_ENDPOINT = "inproc://zeromq.zap.01"

_A = TypeVar("_A", bound="Authenticator")


class Authenticator(Requests):
    """Decides who may connect to the servers of a context: those with a mechanism (PLAIN, CURVE) or a `zap_domain`.

    This class waits for nothing. Either read its `zap_socket` yourself, with a poller or in a loop:

        auth = Authenticator()
        auth.start()
        while True:
            await auth.handle_zap_message(auth.zap_socket.recv_multipart())

    or take `ThreadAuthenticator` or `AsyncioAuthenticator`, which run by themselves. A context has one at a time.

    Until you configure something, clients that only have to say nothing (NULL) are let in, all others are sent away.

    A domain is a server's `zap_domain`. "*" stands for servers that have set none, and for no others.

    Attributes
    ----------
    context : Context
        Whose servers it decides for.
    encoding : str
        That of names, passwords and domains on the wire.
    log : logging.Logger
        Told of every decision (debug) and of what goes wrong (error); `zmq.auth` unless given. No password gets there.
    zap_socket : Socket
        The REP socket that the questions come to, between start() and stop(); None otherwise.
    passwords : dict
        By domain: a dict of passwords by user name. Change it at any time.
    certs : dict
        By domain: a dict with a True for each public key (Z85) that may come. Change it at any time.
    credentials_providers : dict
        By domain: the object whose `callback(domain, key)` decides about keys.
    allow_any : bool
        Whether every client with a key may come.
    """

    context: Context[Any]

    def __init__(
        self, context: Optional[Context[Any]] = None, encoding: str = "utf-8", log: Optional[Any] = None
    ) -> None:
        """Start nothing yet.

        Parameters
        ----------
        context : Context, optional
            Whose servers to decide for; Context.instance() otherwise.
        encoding : str
            That of names, passwords and domains on the wire.
        log : logging.Logger, optional
            In place of the logger `zmq.auth`.

        Raises
        ------
        LookupError
            For an unknown encoding.
        """
        "".encode(encoding)
        self._policy = _core.ZapPolicy()
        self.context = context if context is not None else Context.instance()
        self.encoding = encoding
        self.allow_any = False
        self.passwords = Table(self._policy.change, {})
        self.certs = Table(self._policy.change, {})
        self.credentials_providers = Table(self._policy.change, {})
        self.zap_socket = None  # type: ignore[assignment]
        self.log = log if log is not None else logging.getLogger("zmq.auth")

    # Life

    def start(self) -> None:
        """Open `zap_socket`: from now on clients wait for a decision.

        Raises
        ------
        ZMQError
            EADDRINUSE if it was started already, or another authenticator runs in this context; ENOTSUP if the context has
            ended.
        """
        running = self._open_socket()
        if running is not None and not running.closed:
            raise ZMQError(Errno.EADDRINUSE, "this authenticator was started already")
        self.log.debug("Starting")
        socket: Socket = self.context.socket(SocketType.REP, socket_class=Socket)
        try:
            socket.linger = 1
            socket.bind(_ENDPOINT)
        except BaseException:
            socket.close(0)
            raise
        self.zap_socket = socket
        self._mirror()

    def stop(self) -> None:
        """Close `zap_socket`. Stopping what does not run does nothing.

        From now on nobody decides, and libzmq lets every client in (but at servers with `zap_enforce_domain`): close your
        servers first.
        """
        running = self._open_socket()
        if running is not None:
            running.close()
        self.zap_socket = None  # type: ignore[assignment]

    def __enter__(self: _A) -> _A:
        """Start it, unless it runs already."""
        if self._open_socket() is None:
            self.start()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        """Stop it."""
        self.stop()

    # What decides

    def allow(self, *addresses: str) -> None:
        """Let clients from these IP addresses in, and no others. They still have to authenticate, where a server asks that.

        Raises
        ------
        ValueError
            After deny(): it is one or the other.
        TypeError
            For an address that is no str.
        """
        if not self._policy.allow(_texts(addresses)):
            raise ValueError("addresses were denied before: use allow() or deny(), not both")
        self.log.debug("Allowing %s", ", ".join(addresses))

    def deny(self, *addresses: str) -> None:
        """Keep clients from these IP addresses out; the others may authenticate.

        Raises
        ------
        ValueError
            After allow(): it is one or the other.
        TypeError
            For an address that is no str.
        """
        if not self._policy.deny(_texts(addresses)):
            raise ValueError("addresses were allowed before: use allow() or deny(), not both")
        self.log.debug("Denying %s", ", ".join(addresses))

    @property
    def _allowed(self) -> Set[str]:
        return self._policy.allowed

    @property
    def _denied(self) -> Set[str]:
        return self._policy.denied

    def configure_plain(self, domain: str = "*", passwords: Optional[Dict[str, str]] = None) -> None:
        """Let clients of PLAIN in by name and password.

        Parameters
        ----------
        domain : str
            Of which servers; "*": of those without a zap_domain.
        passwords : dict
            Passwords by user name. It is not copied: what you change in it counts at once. Without any, nothing changes.

        Raises
        ------
        TypeError
            For what is no mapping.
        """
        if passwords is not None and not isinstance(passwords, Mapping):
            raise TypeError(f"passwords are a dict of passwords by user name, not {type(passwords).__name__}")
        if passwords:
            self.passwords[domain] = passwords
        self.log.debug("Configure plain: %s", domain)
        self._mirror()

    def configure_curve(self, domain: str = "*", location: _Path = ".") -> None:
        """Let clients of CURVE in by their public keys.

        Parameters
        ----------
        domain : str
            Of which servers; "*": of those without a zap_domain.
        location : str or path
            A directory with the certificates of all clients (*.key). It is read now: call this again when there are others.
            CURVE_ALLOW_ANY: every client that has a key may come, whatever the domain.

        A directory that cannot be read is an error for the log only; the keys that the domain has stay.
        """
        self.log.debug("Configure curve: %s[%s]", domain, location)
        self.allow_any = location == CURVE_ALLOW_ANY
        if not self.allow_any:
            try:
                self.certs[domain] = Table(self._policy.change, load_certificates(location))
            except (OSError, ValueError) as error:
                # As in pyzmq: a server that starts before its clients' keys are there does not fail.
                self.log.error("No CURVE certificates for domain %s from %s: %s", domain, location, error)
        self._mirror()

    def configure_curve_callback(self, domain: str = "*", credentials_provider: Any = None) -> None:
        """Let an object decide about clients of CURVE; from then on no certificates count, in no domain.

        Parameters
        ----------
        domain : str
            Of which servers; "*": of those without a zap_domain.
        credentials_provider : object
            Its method `callback(domain, key)` gets the domain and the client's public key, as Z85 bytes, and returns
            whether it may come, or an awaitable of that. What it raises sends the client away. Without one, this is an
            error for the log, and nothing changes but that not any client may come.

        Raises
        ------
        TypeError
            For an object without such a method.
        """
        if credentials_provider is not None and not callable(getattr(credentials_provider, "callback", None)):
            kind = type(credentials_provider).__name__
            raise TypeError(f"a credentials_provider has a method callback(domain, key), which {kind} has not")
        self.allow_any = False
        if credentials_provider is None:
            self.log.error("No credentials_provider was given for domain %s", domain)
        else:
            self.credentials_providers[domain] = credentials_provider
        self._mirror()

    def configure_gssapi(self, domain: str = "*", location: Optional[str] = None) -> None:
        """Do nothing: clients of GSSAPI were authenticated by its own service before anybody is asked here."""


def _texts(addresses: Iterable[Any]) -> List[str]:
    for address in addresses:
        if not isinstance(address, str):
            raise TypeError(f"an address is a str such as '127.0.0.1', not {address!r}")
    return list(addresses)


__all__ = ["CURVE_ALLOW_ANY", "Authenticator"]
