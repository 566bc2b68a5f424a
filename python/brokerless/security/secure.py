"""secure(): makes a socket a server that knows its clients, or a client that knows its server."""

from __future__ import annotations

import itertools
import weakref
from typing import Any, Mapping, Optional, overload

from ..constants import Errno, SecurityMechanism
from ..error import ZMQError
from ..socket import Socket
from ..utils import z85
from . import _files
from .clients import Clients, Key, check_name
from .gate import Gate, guard_of, read_passwords
from .keys import Keys, raw_key

_numbers = itertools.count(1)


@overload
def secure(
    socket: Socket[Any],
    keys: Optional[Keys] = None,
    *,
    server_key: Key,
    clients: None = None,
    passwords: None = None,
    user: None = None,
    password: None = None,
) -> None: ...


@overload
def secure(
    socket: Socket[Any],
    keys: Keys,
    *,
    clients: Optional[Clients] = None,
    server_key: None = None,
    passwords: None = None,
    user: None = None,
    password: None = None,
) -> Gate: ...


@overload
def secure(
    socket: Socket[Any], keys: None = None, *, passwords: Mapping[str, str], allow_plain_text: bool = False
) -> Gate: ...


@overload
def secure(
    socket: Socket[Any], keys: None = None, *, user: str, password: str, allow_plain_text: bool = False
) -> None: ...


def secure(
    socket: Socket[Any],
    keys: Optional[Keys] = None,
    *,
    clients: Optional[Clients] = None,
    server_key: Optional[Key] = None,
    passwords: Optional[Mapping[str, str]] = None,
    user: Optional[str] = None,
    password: Optional[str] = None,
    allow_plain_text: bool = False,
) -> Optional[Gate]:
    """Let a socket talk only to whom it knows, encrypted. Call it before bind() and connect().

    With `server_key` the socket is a client of the server that has this public key, and of no other. Without, it is a server,
    to which only `clients` may come. Which side binds does not matter. The messages' User-Id, `frame.get("User-Id")`,
    is the client's name.

    Parameters
    ----------
    socket : Socket
        Of any type; an asyncio one, too. It is neither bound nor connected yet.
    keys : Keys
        The socket's own. A client's default is Keys.load(): you.
    clients : dict, folder, Keys, list of Keys, or zmq.ANYONE
        Who may come: public keys by name; a folder, of whose NAME.key files each is a client; Keys, by their names. ANYONE is
        whoever knows the server's public key. Without it, your own keys may: those in the folder that `keys` came from. It
        is read now, and again by Gate.reload().
    server_key : str, bytes or Keys
        The server's public key.
    passwords : dict
        Instead of keys: passwords by user name. PLAIN (RFC 24) encrypts nothing, the password neither.
    user, password : str
        The client's, for such a server.
    allow_plain_text : bool
        Without it, a socket with passwords binds and connects to this machine alone (loopback, ipc, inproc), and raises
        ZMQError(EACCES) otherwise.

    Returns
    -------
    Gate or None
        A server's gate: who may come, who was refused, and reload(). None for a client.

    Raises
    ------
    ZMQError
        EFSM if the socket is bound, connected, or has security already; EADDRINUSE if an authenticator (`zmq.auth`) runs in
        its context, as libzmq asks one only, or another server has its ZAP_DOMAIN; ENOTSOCK when it is closed.
    TypeError
        For arguments that do not go together.
    ValueError, OSError
        For what is no key, and for folders and files as Keys.load() has it. Nothing has changed then.
    """
    if not isinstance(socket, Socket):
        raise TypeError(f"secure() takes a socket of brokerless, not {socket!r}")
    _check_together(keys, clients, server_key, passwords, user, password, allow_plain_text)
    _check_fresh(socket)
    if server_key is not None:
        _curve_client(socket, keys, server_key)
    elif passwords is not None:
        return _plain_server(socket, passwords, allow_plain_text)
    elif user is not None and password is not None:
        _plain_client(socket, user, password, allow_plain_text)
    elif keys is not None:
        return _curve_server(socket, keys, clients)
    return None


def _check_together(
    keys: Any, clients: Any, server_key: Any, passwords: Any, user: Any, password: Any, allow_plain_text: bool
) -> None:
    if keys is not None and not isinstance(keys, Keys):
        raise TypeError(f"keys are a zmq.Keys, such as zmq.Keys.load('name'), not {type(keys).__name__}")
    plain = passwords is not None or user is not None or password is not None
    if plain and (keys is not None or clients is not None or server_key is not None):
        raise TypeError("a connection has one mechanism: keys (CURVE) or passwords (PLAIN), not both")
    if (user is None) != (password is None) or (passwords is not None and user is not None):
        raise TypeError("passwords= are a server's; user= and password=, both, are a client's")
    if allow_plain_text and not plain:
        raise TypeError("allow_plain_text= is for passwords: with keys, all is encrypted")
    if clients is not None and server_key is not None:
        raise TypeError("clients= makes a server, server_key= a client: a socket is one of them")
    if not plain and keys is None and server_key is None:
        raise TypeError(
            "a server has keys: secure(socket, zmq.Keys.load('name'), clients=...); a client has server_key="
        )


def _check_fresh(socket: Any) -> None:
    # Raises if it is closed.
    mechanism = SecurityMechanism(socket.mechanism)
    if mechanism != SecurityMechanism.NULL:
        raise ZMQError(Errno.EFSM, f"this socket has security already ({mechanism.name}): make a new one")
    if socket.endpoints:
        where = ", ".join(socket.endpoints)
        raise ZMQError(Errno.EFSM, f"secure() comes before bind() and connect(), and this socket is at {where}")


def _curve_client(socket: Any, keys: Optional[Keys], server_key: Key) -> None:
    server = raw_key(server_key, "server_key")
    (keys if keys is not None else Keys.load())._apply(socket)
    socket.curve_serverkey = z85.encode(server)


def _curve_server(socket: Any, keys: Keys, clients: Optional[Clients]) -> Gate:
    gate = _gate(socket, keys.name or "server", own_keys(keys) if clients is None else clients)
    keys._apply(socket)
    socket.curve_server = 1
    return gate


def own_keys(keys: Keys) -> Any:
    """Who may come to a server that names no clients: reads the keys that are in the folder of its own."""
    path = keys.path
    if path is None:
        raise TypeError("say who may come: clients={name: public key}, or clients=zmq.ANYONE")
    folder = path.parent
    if folder == _files.default_folder():
        # Who this user is as a client that names no keys.
        Keys.load()
    return lambda: _files.public_keys(folder, own=True)


def _plain_server(socket: Any, passwords: Mapping[str, str], allow_plain_text: bool) -> Gate:
    read_passwords(passwords)
    gate = _gate(socket, "server", passwords, passwords=True)
    if not allow_plain_text:
        socket._stay_local()
    socket.plain_server = 1
    return gate


def _plain_client(socket: Any, user: str, password: str, allow_plain_text: bool) -> None:
    read_passwords({user: password})
    if not allow_plain_text:
        socket._stay_local()
    socket.plain_username = check_name(user).encode()
    socket.plain_password = password.encode()


def _gate(socket: Any, name: str, clients: Any, *, passwords: bool = False) -> Gate:
    guard = guard_of(socket.context)
    own: bytes = socket.zap_domain
    domain = own.decode("utf-8", "replace") or f"{name}-{next(_numbers)}"
    if guard.has(domain.encode()):
        raise ZMQError(
            Errno.EADDRINUSE, f"another server of this context has the ZAP_DOMAIN {domain!r}, and its own clients"
        )
    gate = Gate(guard, domain, clients, passwords=passwords)
    socket.zap_domain = domain.encode()
    # Should the handler be gone one day, libzmq lets nobody in, instead of everybody.
    socket.zap_enforce_domain = 1
    guard.watch(socket, domain.encode())
    weakref.finalize(socket, guard.forget, domain.encode()).atexit = False
    return gate


__all__ = ["secure"]
