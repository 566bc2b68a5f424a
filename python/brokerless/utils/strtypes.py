"""Names for bytes and text from the days of Python 2. Deprecated, as they are in pyzmq: use bytes, str, encode() and decode()."""

from __future__ import annotations

import warnings
from builtins import bytes as bytes
from builtins import str as unicode
from typing import Union

basestring = (str,)


def cast_bytes(s: Union[str, bytes], encoding: str = "utf8", errors: str = "strict") -> bytes:
    """A str as bytes of this encoding; bytes stay what they are. Deprecated: use str.encode().

    `errors` is that of str.encode(). Raises TypeError for anything else.
    """
    _warn()
    if isinstance(s, str):
        return s.encode(encoding, errors)
    return _checked(s)


def cast_unicode(s: Union[str, bytes], encoding: str = "utf8", errors: str = "strict") -> str:
    """Bytes of this encoding as a str; a str stays what it is. Deprecated: use bytes.decode().

    `errors` is that of bytes.decode(). Raises TypeError for anything else.
    """
    _warn()
    if isinstance(s, str):
        return s
    return _checked(s).decode(encoding, errors)


def _checked(s: bytes) -> bytes:
    if not isinstance(s, bytes):
        raise TypeError(f"str or bytes are wanted, not {s!r}")
    return s


def _warn() -> None:
    warnings.warn(
        "zmq.utils.strtypes is deprecated: use str.encode() and bytes.decode()", DeprecationWarning, stacklevel=3
    )


asbytes = b = cast_bytes
u = cast_unicode

__all__ = ["asbytes", "bytes", "unicode", "basestring", "b", "u", "cast_bytes", "cast_unicode"]
