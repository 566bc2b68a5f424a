"""Certificates: files with the keys of one CURVE peer, as czmq and pyzmq write and read them.

NAME.key has the public key, and may be given to others. NAME.key_secret has both, and is nobody else's.
"""

from __future__ import annotations

import datetime
import os
from typing import Dict, Iterable, Optional, Tuple, Union

from .._core import curve_keypair
from ..utils import z85

_Path = Union[str, "os.PathLike[str]"]

_PUBLIC = """\
# The public key of a CURVE peer, made on {now}.
# Give it to those who shall know this peer, in a way that nobody can tamper with.
"""
_SECRET = """\
# The SECRET key of a CURVE peer, made on {now}.
# Whoever can read this file can pretend to be this peer: do not give it away, and leave its permissions as they are.
"""


def create_certificates(key_dir: _Path, name: str, metadata: Optional[Dict[str, str]] = None) -> Tuple[str, str]:
    """Make a key pair, and write its two files; files of these names are replaced.

    Parameters
    ----------
    key_dir : str or path
        A directory, which exists.
    name : str
        The files are NAME.key and NAME.key_secret. Only their owner can read the second (mode 0600).
    metadata : dict, optional
        More to be written into the secret file, such as an e-mail address. Nobody reads it but people.

    Returns
    -------
    tuple of str
        The paths of the public and of the secret file.

    Raises
    ------
    OSError
        If a file cannot be written.
    ValueError
        If the metadata would not stay on its line.
    """
    public_text, secret_text = certificate_texts(*curve_keypair(), metadata)
    base = os.path.join(key_dir, name)
    return _write(f"{base}.key", 0o666, public_text), _write(f"{base}.key_secret", 0o600, secret_text)


def certificate_texts(public: bytes, secret: bytes, metadata: Optional[Dict[str, str]] = None) -> Tuple[str, str]:
    """What stands in the public and in the secret file of a pair (Z85). Raises as create_certificates()."""
    now = datetime.datetime.now().isoformat(sep=" ", timespec="seconds")
    keys = ["curve", f'    public-key = "{public.decode("ascii")}"']
    described = ["metadata", *(_entry(key, value) for key, value in (metadata or {}).items())]
    both = [*described, *keys, f'    secret-key = "{secret.decode("ascii")}"']
    texts = [_PUBLIC.format(now=now), "metadata", *keys], [_SECRET.format(now=now), *both]
    public_text, secret_text = ("\n".join(lines) + "\n" for lines in texts)
    return public_text, secret_text


def _entry(key: Union[str, bytes], value: Union[str, bytes]) -> str:
    key, value = (text.decode("utf-8") if isinstance(text, bytes) else str(text) for text in (key, value))
    if len(f"{key} = {value}".splitlines()) > 1:
        raise ValueError(f"metadata has a line each, unlike {key!r}: {value!r}")
    return f"    {key} = {value}"


def _write(path: str, mode: int, text: str) -> str:
    # The mode is that of a new file; one that was there before keeps its own, and must not be read before it has ours.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        if mode == 0o600:
            os.fchmod(descriptor, mode)
        file.write(text)
    return path


def load_certificate(filename: _Path) -> Tuple[bytes, Optional[bytes]]:
    """The keys in a certificate, as Z85.

    Returns
    -------
    tuple
        The public key, and the secret one; None for that in a public certificate.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it has no public key, or what it has is no key.
    """
    with open(filename, "rb") as file:
        return read_certificate(file, str(os.fspath(filename)))


def read_certificate(lines: Iterable[bytes], where: str) -> Tuple[bytes, Optional[bytes]]:
    """As load_certificate(), from the lines of a file that is called `where` in errors."""
    found: Dict[bytes, bytes] = {}
    section = b""
    for number, line in enumerate(lines, 1):
        name, equals, value = (part.strip() for part in line.partition(b"="))
        if not name or name.startswith(b"#"):
            continue
        if not equals and name not in _KEYS:
            section = name
        elif name in _KEYS and section != b"metadata" and name not in found:
            found[name] = _key(value.strip(b" \t'\""), name, f"{where}, line {number}")
    if b"public-key" not in found:
        raise ValueError(f"No public key found in {where}")
    return found[b"public-key"], found.get(b"secret-key")


_KEYS = (b"public-key", b"secret-key")


def _key(value: bytes, name: bytes, where: str) -> bytes:
    # The error does not show the key: it may be a secret one.
    try:
        size = len(z85.decode(value))
    except ValueError:
        size = 0
    if size != 32:
        raise ValueError(f"{where}: the {name.decode()} is not 40 characters of Z85")
    return value


def load_certificates(directory: _Path = ".") -> Dict[bytes, bool]:
    """The public keys of all certificates (*.key) in a directory, as Z85; each is True in the dict that is returned.

    Raises
    ------
    OSError
        If there is no such directory, or something in it cannot be read.
    ValueError
        If a file in it is no certificate.
    """
    names = sorted(name for name in os.listdir(directory) if name.endswith(".key") and not name.startswith("."))
    return {load_certificate(os.path.join(directory, name))[0]: True for name in names}


__all__ = ["create_certificates", "load_certificate", "load_certificates"]
