"""Z85 (RFC 32): bytes as text that is safe in source code and config files. CURVE keys are written so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Union

from .. import _core

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: The 85 characters, by their value.
Z85CHARS = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
#: The value of each of them.
Z85MAP: Dict[int, int] = {character: value for value, character in enumerate(Z85CHARS)}


def encode(rawbytes: Buffer) -> bytes:
    """Bytes as Z85: five characters for every four bytes.

    Raises ValueError if the number of bytes is not a multiple of 4.
    """
    return _core.z85_encode(rawbytes)


def decode(z85bytes: Union[str, Buffer]) -> bytes:
    """The bytes that a Z85 text (a str, or ASCII bytes) stands for.

    Raises ValueError if the length is not a multiple of 5, or if the text is not Z85.
    """
    if isinstance(z85bytes, str):
        try:
            z85bytes = z85bytes.encode("ascii")
        except UnicodeEncodeError as error:
            raise ValueError(f"Z85 is ASCII, which the character at position {error.start} is not") from None
    return _core.z85_decode(z85bytes)


__all__ = ["Z85CHARS", "Z85MAP", "decode", "encode"]
