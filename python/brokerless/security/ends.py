"""Security for what opens its sockets itself: devices, and the roles of a pipeline. What they take as `keys=` is done here."""

from __future__ import annotations

from typing import Any, Optional

from .clients import ANYONE, Clients, Key, read_clients
from .gate import Gate
from .keys import Keys
from .secure import own_keys, secure


def check_arguments(
    keys: Optional[Keys], clients: Optional[Clients], server_key: Optional[Key], *, binds: bool, connects: bool
) -> bool:
    """Whether there is to be security, of something with ends that bind and ends that connect.

    Raises TypeError for arguments that would not count, or are missing.
    """
    if keys is None and clients is None and server_key is None:
        return False
    if clients is not None and not binds:
        raise TypeError("clients= are those of what binds, and nothing here does: give server_key=")
    if server_key is not None and not connects:
        raise TypeError("server_key= is for what connects, and nothing here does: give keys= and clients=")
    if binds and keys is None:
        raise TypeError("what binds needs keys=, such as zmq.Keys.load('name')")
    if connects and server_key is None:
        raise TypeError("what connects needs server_key=, the public key of whom it connects to")
    return True


def secure_end(
    socket: Any,
    keys: Optional[Keys],
    *,
    binds: bool,
    connects: bool,
    clients: Optional[Clients] = None,
    server_key: Optional[Key] = None,
) -> Optional[Gate]:
    """Make a socket that is to bind a server, and one that is to connect a client; a server's gate is returned.

    Nothing is done if neither keys nor anything else is given. Raises as secure(), and ValueError for a socket that is both.
    """
    if not check_arguments(keys, clients, server_key, binds=binds, connects=connects):
        return None
    if binds and connects:
        raise ValueError(
            "with keys=, the endpoints of a socket are all bound or all connected to: it is server or client"
        )
    if server_key is not None:
        secure(socket, keys, server_key=server_key)
    elif keys is not None:
        return secure(socket, keys, clients=clients)
    return None


def clients_and(one_more: Keys, keys: Keys, clients: Optional[Clients]) -> Any:
    """What secure() takes as `clients`: those that it would let in, and one more; read anew by each Gate.reload()."""
    source: Any = own_keys(keys) if clients is None else clients

    def read() -> Any:
        known = read_clients(source() if callable(source) else source)
        return ANYONE if known is None else {**known, one_more.name: one_more.public}

    # What is wrong with them is said now.
    read()
    return read
