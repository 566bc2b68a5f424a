"""Key files: where they are, who may read them, and how they come to be without anybody seeing half of one.

They are certificates as czmq and pyzmq write them (see `brokerless.auth.certs`), so that both worlds read the same files.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
import tempfile
from pathlib import Path
from typing import Dict, Tuple

from ..auth.certs import certificate_texts, load_certificate, read_certificate

PUBLIC, SECRET = ".key", ".key_secret"
#: More than any certificate has, less than what hurts.
_MOST_BYTES = 64 * 1024


def default_folder() -> Path:
    """Where this user's keys are: the folder brokerless/keys in $XDG_DATA_HOME, or in ~/.local/share without that."""
    base = os.environ.get("XDG_DATA_HOME", "")
    # A relative one is to be ignored, says the XDG Base Directory Specification.
    root = Path(base) if os.path.isabs(base) else Path.home() / ".local" / "share"
    return root / "brokerless" / "keys"


def make_folder(folder: Path) -> None:
    """Make a folder that its owner alone can enter, unless there is one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        check_folder(folder)


def check_folder(folder: Path) -> None:
    """Raise PermissionError if others than its owner can put files there, OSError if it is no folder."""
    found = folder.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "keys are kept in a folder, which this is not", str(folder))
    if found.st_mode & 0o022:
        why = "group or others can put keys of theirs into this folder; run: chmod go-w"
        raise PermissionError(errno.EACCES, f"{why} {shlex.quote(str(folder))}")


def read_secret(path: Path) -> Tuple[bytes, bytes]:
    """The public and the secret key of a secret file, as Z85.

    Raises PermissionError if group or others can read it, ValueError for what is no such file, OSError if it cannot be read.
    """
    # Not to wait for a writer, should it be a pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        # The file that is read and no other: the name may mean another one by now.
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
            raise ValueError(f"{path} is no file with keys")
        if found.st_mode & 0o077:
            why = "group or others can read this secret key; run: chmod 600"
            raise PermissionError(errno.EACCES, f"{why} {shlex.quote(str(path))}")
        public, secret = read_certificate(file, str(path))
    if secret is None:
        raise ValueError(f"{path} has no secret key: it is the public half of a pair")
    return public, secret


def write_pair(base: Path, public: bytes, secret: bytes) -> None:
    """Write the two files of a pair, unless another thread or process has just done so: then its pair stays."""
    public_text, secret_text = certificate_texts(public, secret)
    # The secret one decides. Should the program end in between, the public one is written at the next load.
    if _write_new(base.with_name(base.name + SECRET), secret_text, 0o600):
        _write_new(base.with_name(base.name + PUBLIC), public_text, 0o644)


def ensure_public(base: Path, public: bytes, secret: bytes) -> None:
    """Write the public file of a pair if there is none. Raises ValueError if there is another key's."""
    path = base.with_name(base.name + PUBLIC)
    _write_new(path, certificate_texts(public, secret)[0], 0o644)
    if load_certificate(path)[0] != public:
        raise ValueError(f"{path} is not the public key of {base.name + SECRET}: delete it, and it is written again")


def _write_new(path: Path, text: str, mode: int) -> bool:
    """Write a file whole or not at all; whether there was none before."""
    if path.exists():
        return False
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        # A link, unlike a rename, replaces nothing.
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    return True


def public_keys(folder: Path, own: bool = False) -> Dict[str, bytes]:
    """The public keys of a folder by the names of their files (*.key); of `own` ones, the secret file is there as well.

    Raises OSError if it cannot be read, PermissionError if group or others can change it, ValueError for a malformed file.
    """
    check_folder(folder)
    files = sorted(path for path in folder.glob(f"*{PUBLIC}") if not path.name.startswith("."))
    found = {}
    for path in files:
        if own and not path.with_suffix(SECRET).exists():
            continue
        if path.stat().st_mode & 0o022:
            why = "group or others can change this key; run: chmod go-w"
            raise PermissionError(errno.EACCES, f"{why} {shlex.quote(str(path))}")
        found[path.name[: -len(PUBLIC)]] = load_certificate(path)[0]
    return found
