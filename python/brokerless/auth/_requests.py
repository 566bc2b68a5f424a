"""What an authenticator does with one request, and how much of it the native handler may do in its place."""

from __future__ import annotations

import inspect
from typing import Any, Dict, List, Optional, Set, Tuple, Union

from .. import _core
from ..constants import Errno
from ..error import ZMQError
from ..socket import Socket
from ..utils import z85
from ._tables import Table, adopt

#: What a subclass may replace; the native handler then leaves every request to it.
_HOOKS = (
    "handle_zap_message",
    "_authenticate_plain",
    "_authenticate_curve",
    "_authenticate_gssapi",
    "_send_zap_reply",
)
#: The attributes that decide.
_DECIDING = frozenset(
    ("passwords", "certs", "credentials_providers", "allow_any", "encoding", "curve_user_id", *_HOOKS)
)

#: Whether a client may come, and the status text of the reply.
_Decision = Tuple[bool, bytes]


class Requests:
    """The half of Authenticator that decides."""

    encoding: str
    allow_any: bool
    credentials_providers: Dict[str, Any]
    zap_socket: Socket
    passwords: Dict[str, Dict[str, str]]
    certs: Dict[str, Dict[bytes, Any]]
    log: Any
    _policy: _core.ZapPolicy

    async def handle_zap_message(self, msg: List[bytes]) -> None:
        """Decide on a request (what `zap_socket.recv_multipart()` returns), and reply.

        What is no proper request is refused with status 400. Raises what a callback raises; the client has been sent away
        then, with status 500.
        """
        socket = self._open_socket()
        self._refresh()
        request = self._policy.read(msg)
        refusal = request.refusal
        try:
            allowed, reason, user = (False, refusal, "") if refusal is not None else await self._decide(request)
            text = request.describe(allowed, reason, self._name(user))
        except Exception:
            self._fail(socket, request.id)
            raise
        if socket is None or self._open_socket() is not socket:
            # Not by another socket: there, this reply would be another client's.
            raise ZMQError(Errno.ENOTSOCK, "this authenticator was stopped before it could reply")
        self._send_zap_reply(request.id, b"200" if allowed else b"400", reason, user)
        (self.log.error if request.malformed else self.log.debug)("%s", text)

    async def _decide(self, request: _core.ZapRequest) -> Tuple[bool, bytes, str]:
        """Whether, why, and under which name."""
        mechanism, credentials = request.mechanism, request.credentials
        domain = request.domain.decode(self.encoding, "replace")
        if mechanism == b"NULL":
            return True, b"OK", "anonymous"
        if mechanism == b"PLAIN":
            try:
                username, password = (text.decode(self.encoding) for text in credentials)
            except UnicodeDecodeError:
                return False, b"Invalid credentials", ""
            return (*self._authenticate_plain(domain, username, password), username)
        if mechanism == b"CURVE":
            allowed, reason = await self._authenticate_curve(domain, credentials[0])
            return allowed, reason, self.curve_user_id(credentials[0]) if allowed else ""
        if mechanism == b"GSSAPI":
            return (*self._authenticate_gssapi(domain, credentials[0]), credentials[0].decode("utf-8"))
        return False, b"NO ACCESS", ""

    def curve_user_id(self, client_public_key: bytes) -> str:
        """The User-Id of a client that may come: its public key, as Z85. Override it, or set it, to give other names.

        `client_public_key` has 32 bytes.
        """
        return z85.encode(client_public_key).decode("ascii")

    def _authenticate_plain(self, domain: str, username: str, password: str) -> _Decision:
        wire = [self._wire(text) for text in (domain, username, password)]
        if None in wire:
            return False, b"Invalid domain"
        known = self._policy.plain(*wire)  # type: ignore[arg-type]
        if known is not None:
            return known
        # The table is the program's own: perhaps no dict, and it may have changed since the last request.
        table = self.passwords[domain or "*"]
        return _core.zap_password(self._wire(table[username]) if username in table else None, wire[2] or b"")

    async def _authenticate_curve(self, domain: str, client_key: bytes) -> _Decision:
        known = self._policy.curve(self._wire(domain) or b"", client_key)
        if known is not None:
            return known
        domain, key = domain or "*", z85.encode(client_key)
        if self.credentials_providers:
            answer = self.credentials_providers[domain].callback(domain, key)
            if inspect.isawaitable(answer):
                answer = await answer
        else:
            answer = self.certs[domain].get(key)
        return (True, b"OK") if answer else (False, b"Unknown key")

    def _authenticate_gssapi(self, domain: str, principal: bytes) -> _Decision:
        return True, b"OK"

    def _send_zap_reply(
        self, request_id: bytes, status_code: bytes, status_text: bytes, user_id: Union[str, bytes] = "anonymous"
    ) -> None:
        user = self._name(user_id) if status_code == b"200" else b""
        self.zap_socket.send_multipart(_core.zap_reply(request_id, status_code, status_text, user))

    def _fail(self, socket: Optional[Socket], request_id: bytes) -> None:
        """Reply that nobody could decide, if nobody has stopped this meanwhile."""
        if socket is not None and not socket.closed:
            socket.send_multipart(_core.zap_reply(request_id, b"500", b"Internal error", b""))

    def _open_socket(self) -> Optional[Socket]:
        """`zap_socket`, which is None before start() and after stop(); pyzmq's type does not say so."""
        return self.zap_socket

    # Texts

    def _name(self, user_id: Union[str, bytes]) -> bytes:
        return user_id if isinstance(user_id, bytes) else user_id.encode(self.encoding, "replace")

    def _wire(self, text: object) -> Optional[bytes]:
        """A text as a client would send it; None for what no client can send."""
        try:
            return text.encode(self.encoding) if isinstance(text, str) else None
        except UnicodeEncodeError:
            return None

    # The native handler's copy

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        self._attribute_changed(name)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._attribute_changed(name)

    def _attribute_changed(self, name: str) -> None:
        # A subclass may set attributes of its own before it calls our constructor.
        if name in _DECIDING and "_policy" in self.__dict__:
            self._policy.change()

    def _refresh(self) -> None:
        """Bring the copy up to date."""
        adopted = sum(adopt(table) for table in (self.passwords, self.certs) if isinstance(table, Table))
        if adopted or self._policy.stale:
            self._mirror()

    def _mirror(self) -> None:
        """Copy all that decides, with a gap wherever only the program can look."""
        changes = self._policy.changes
        tables: List[Any] = [self.passwords, self.certs, self.credentials_providers]
        passwords, certs, providers = (dict(table) for table in tables)
        self._policy.load(
            changes,
            passwords={wire: self._passwords_of(passwords[name]) for name, wire in self._domains(passwords)},
            allow_any=bool(self.allow_any),
            asked={wire for _, wire in self._domains(providers)},
            keys={wire: _keys_of(certs[name]) for name, wire in self._domains(certs)},
            by_hand=any(self._replaced(name) for name in _HOOKS),
            names=self._replaced("curve_user_id"),
        )
        if not all(isinstance(table, Table) for table in tables):
            # A dict that the program put in the place of ours does not tell when it changes.
            self._policy.change()

    def _domains(self, tables: Dict[Any, Any]) -> List[Tuple[str, bytes]]:
        wires = [(name, self._wire(name)) for name in tables]
        return [(name, wire) for name, wire in wires if wire is not None]

    def _passwords_of(self, table: Any) -> Optional[Dict[bytes, Optional[bytes]]]:
        if not isinstance(table, Table):
            return None
        known = {self._wire(username): self._wire(password) for username, password in list(table.items())}
        return {username: password for username, password in known.items() if username is not None}

    def _replaced(self, name: str) -> bool:
        """Whether a method is not ours: a subclass has its own, or somebody has set another."""
        return getattr(getattr(self, name), "__func__", None) is not getattr(Requests, name)


def _keys_of(table: Any) -> Optional[Set[bytes]]:
    if not isinstance(table, Table):
        return None
    return {key for key, allowed in list(table.items()) if allowed and isinstance(key, bytes)}


__all__ = ["Requests"]
