"""Lists of clients: names and public keys, from a dict, from Keys, or from a folder of key files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple, Union

from ..utils import z85
from . import _files
from .keys import Keys, raw_key


class _Anyone:
    """The type of ANYONE."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "zmq.ANYONE"

    def __reduce__(self) -> str:
        # By its name, so that a copy is the same.
        return "ANYONE"


#: As `clients`: whoever knows the server's public key may come, with any key.
ANYONE = _Anyone()

#: A public key: Z85, 32 bytes, or the public one of Keys.
Key = Union[str, bytes, Keys]
#: Who may come.
Clients = Union[Mapping[str, Key], Keys, Iterable[Keys], str, "os.PathLike[str]", _Anyone]


def read_clients(clients: Any) -> Optional[Dict[str, bytes]]:
    """Names and public keys (Z85) of who may come, read now; None is ANYONE.

    Raises ValueError for what is no key, and for a name or a key that is there twice; TypeError for what is no list of
    clients; OSError for a folder that cannot be read; PermissionError for files that others can change.
    """
    if isinstance(clients, _Anyone):
        return None
    found: Dict[str, bytes] = {}
    owners: Dict[bytes, str] = {}
    for name, key in _pairs(clients):
        public = z85.encode(raw_key(key, f"the key of {name!r}"))
        if name in found:
            raise ValueError(f"two clients are called {name!r}: give each a name of its own")
        if public in owners:
            raise ValueError(f"{owners[public]!r} and {name!r} have the same key: each client has its own")
        found[check_name(name)] = public
        owners[public] = name
    return found


def _pairs(clients: Any) -> List[Tuple[str, Any]]:
    if isinstance(clients, (str, os.PathLike)):
        return list(_files.public_keys(Path(clients)).items())
    if isinstance(clients, Mapping):
        return list(clients.items())
    several = [clients] if isinstance(clients, Keys) else clients
    if isinstance(several, bytes) or not isinstance(several, Iterable):
        raise TypeError(f"clients are a dict of public keys by name, a folder, Keys or zmq.ANYONE, not {several!r}")
    pairs = []
    for keys in several:
        if not isinstance(keys, Keys):
            raise TypeError("a list of clients is one of Keys; of public keys, write a dict: {name: key}")
        pairs.append((keys.name or keys.public.decode("ascii"), keys))
    return pairs


def check_name(name: Any) -> str:
    """The name, which becomes the User-Id of a client's messages. Raises TypeError, ValueError."""
    if not isinstance(name, str):
        raise TypeError(f"a client's name is a str, not {name!r}")
    if not name.isprintable() or not 0 < len(name.encode("utf-8", "replace")) < 256:
        raise ValueError(f"a client's name has 1 to 255 bytes, all of them printable: {name!r}")
    return name


__all__ = ["ANYONE"]
