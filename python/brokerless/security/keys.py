"""Keys: a CURVE key pair whose secret half never shows."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, List, NoReturn, Optional, Type, TypeVar, Union

from .._core import curve_keypair, curve_public
from ..utils import z85
from . import _files

_Path = Union[str, "os.PathLike[str]"]

#: What can be a file's name everywhere, and is no path.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")

_K = TypeVar("_K", bound="Keys")


class Keys:
    """A CURVE key pair (RFC 26): `public` is given to others, the secret half stays here.

    Keys.load("name") makes a pair at the first call, and keeps it in files that you alone can read; Keys.new() makes one that
    ends with the program; Keys(public, secret) takes one that you have, as curve_keypair() makes it.

    The secret key is in no repr(), str() or table of a notebook, and keys cannot be pickled. They do not change; any thread
    may use them.
    """

    __slots__ = ("_name", "_path", "_public", "_secret")

    def __init__(self, public: Union[str, bytes], secret: Union[str, bytes], *, name: str = "") -> None:
        """A pair that you have.

        Parameters
        ----------
        public, secret : str or bytes
            40 characters of Z85, or 32 raw bytes, each.
        name : str
            What it is called, on a server's list of clients for instance.

        Raises
        ------
        ValueError
            If one is no key, or they do not belong together. The error does not show them.
        """
        self._public = z85.encode(raw_key(public, "the public key"))
        self._secret = z85.encode(raw_key(secret, "the secret key"))
        self._name = name
        self._path: Optional[Path] = None
        if curve_public(self._secret) != self._public:
            raise ValueError("the public key does not belong to this secret key")

    @classmethod
    def load(cls: Type[_K], name: str = "default", *, folder: Optional[_Path] = None) -> _K:
        """The pair of this name, which is made at the first call.

        NAME.key_secret has both keys and is readable by its owner alone (mode 0600), NAME.key has the public one, to give
        away. They are certificates as pyzmq's `zmq.auth` writes and reads them. A file is there whole or not at all; of
        several threads and processes that make the same pair at once, all get the same.

        Parameters
        ----------
        name : str
            Up to 64 letters, digits and ``._-``; the first is a letter, a digit or ``_``.
        folder : str or path, optional
            Where the files are. brokerless/keys in $XDG_DATA_HOME (~/.local/share without that) otherwise. One that is not
            there is made, with mode 0700.

        Raises
        ------
        PermissionError
            If group or others can read the secret file, or put files into the folder; it says which chmod helps.
        ValueError
            For a name that cannot be, a file that is malformed, or keys that do not belong together.
        OSError
            If a file cannot be read or written.
        """
        named: object = name
        if not isinstance(named, str) or not _NAME.fullmatch(named):
            raise ValueError(
                f"a name of keys has up to 64 letters, digits and ._- and begins with none of .-: {name!r}"
            )
        place = Path(folder) if folder is not None else _files.default_folder()
        _files.make_folder(place)
        path = place / f"{name}{_files.SECRET}"
        if not path.exists():
            _files.write_pair(place / name, *curve_keypair())
        public, secret = _files.read_secret(path)
        try:
            keys = cls(public, secret, name=name)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        _files.ensure_public(place / name, keys._public, keys._secret)
        keys._path = path
        return keys

    @classmethod
    def new(cls: Type[_K], name: str = "") -> _K:
        """A new pair that is in memory only: for a client of one day, or a test."""
        return cls(*curve_keypair(), name=name)

    @property
    def name(self) -> str:
        """What it is called; may be empty."""
        return self._name

    @property
    def public(self) -> bytes:
        """The public key, as 40 bytes of Z85: what others need of you."""
        return self._public

    @property
    def path(self) -> Optional[Path]:
        """The secret file; None for keys that are in memory only. The public one is beside it: NAME.key."""
        return self._path

    def _pair(self) -> List[str]:
        """Both keys, for a process of this program's own, by a pipe that nobody else can read."""
        return [self._public.decode("ascii"), self._secret.decode("ascii")]

    def _apply(self, socket: Any) -> None:
        """Sets both keys of a socket."""
        socket.curve_publickey = self._public
        socket.curve_secretkey = self._secret

    def __repr__(self) -> str:
        """The name and the public key."""
        name = f"{self._name!r}, " if self._name else ""
        return f"<zmq.Keys({name}public={self._public.decode()!r})>"

    def __eq__(self, other: object) -> bool:
        """Whether it is the same pair. The public key tells."""
        return self._public == other._public if isinstance(other, Keys) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._public)

    def __copy__(self: _K, memo: Any = None) -> _K:
        return self

    __deepcopy__ = __copy__

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Raises TypeError: a pickle would have the secret key in it."""
        raise TypeError("keys are not pickled, as others might read the secret one: load() them where they are needed")


def raw_key(key: Any, what: str = "a public key") -> bytes:
    """A key as 32 bytes: from Z85 (str or bytes), from 32 bytes, or the public one of Keys. Errors do not show it."""
    if isinstance(key, Keys):
        key = key.public
    if isinstance(key, bytes) and len(key) == 32:
        return key
    if isinstance(key, str):
        # What is not ASCII is no Z85, and no backslash is.
        key = key.strip().encode("ascii", "backslashreplace")
    if not isinstance(key, bytes):
        raise TypeError(f"{what} is a str, bytes or Keys, not {type(key).__name__}")
    try:
        raw = z85.decode(key)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise ValueError(f"{what} has 40 characters of Z85, or 32 raw bytes; this is none")
    return raw


__all__ = ["Keys"]
