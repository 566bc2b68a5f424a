"""Keys: made once, kept where nobody else looks, and never shown."""

from __future__ import annotations

import copy
import errno
import html
import os
import pickle
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import brokerless as zmq
from brokerless.auth import create_certificates, load_certificate
from brokerless.utils import z85


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def secret_of(keys: zmq.Keys) -> bytes:
    assert keys.path is not None
    secret = load_certificate(keys.path)[1]
    assert secret is not None
    return secret


def test_they_are_made_at_the_first_call_and_kept(home: Path) -> None:
    old = os.umask(0)
    try:
        keys = zmq.Keys.load("anna")
    finally:
        os.umask(old)
    assert keys.path == home / "anna.key_secret"
    assert mode(home) == 0o700
    assert mode(home / "anna.key_secret") == 0o600
    assert mode(home / "anna.key") == 0o644
    assert sorted(os.listdir(home)) == ["anna.key", "anna.key_secret"], "something half-written is left"
    again = zmq.Keys.load("anna")
    assert again == keys and hash(again) == hash(keys) and again.public == keys.public and again.name == "anna"
    assert zmq.Keys.load("bob") != keys and keys != "anna"
    assert secret_of(keys) != keys.public and len(keys.public) == 40


def test_a_folder_of_ones_own(tmp_path: Path, home: Path) -> None:
    keys = zmq.Keys.load("anna", folder=tmp_path / "a" / "b")
    assert keys.path == tmp_path / "a" / "b" / "anna.key_secret" and mode(tmp_path / "a" / "b") == 0o700
    assert zmq.Keys.load("anna", folder=str(tmp_path / "a" / "b")) == keys
    assert not home.exists()


def test_without_xdg_they_are_below_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for base in (None, "", "relative/is/ignored"):
        if base is None:
            monkeypatch.delenv("XDG_DATA_HOME")
        else:
            monkeypatch.setenv("XDG_DATA_HOME", base)
        path = zmq.Keys.load().path
        assert path == tmp_path / ".local" / "share" / "brokerless" / "keys" / "default.key_secret"


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".a", "a/b", "../a", "a\0b", "a b", "ä", "-a", "a" * 65, "a\n", 7, None]
)
def test_a_name_that_cannot_be(name: Any, home: Path) -> None:
    with pytest.raises(ValueError, match="a name of keys has"):
        zmq.Keys.load(name)
    assert not home.exists()


# Who can read them


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o644, 0o660, 0o620, 0o610, 0o677])
def test_a_secret_that_others_can_read_is_refused_with_the_cure(bits: int) -> None:
    keys = zmq.Keys.load("anna")
    assert keys.path is not None
    keys.path.chmod(bits)
    with pytest.raises(PermissionError, match="group or others can read this secret key") as caught:
        zmq.Keys.load("anna")
    cure = re.search(r"run: (chmod 600 .*)$", str(caught.value))
    assert cure is not None and caught.value.errno == errno.EACCES
    subprocess.run(cure[1], shell=True, check=True)
    assert zmq.Keys.load("anna") == keys


def test_a_folder_that_others_can_write_is_refused(home: Path) -> None:
    zmq.Keys.load("anna")
    for bits in (0o720, 0o702, 0o777):
        home.chmod(bits)
        with pytest.raises(PermissionError, match="chmod go-w"):
            zmq.Keys.load("anna")
    home.chmod(0o755)
    zmq.Keys.load("anna")


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        zmq.Keys.load("anna", folder=tmp_path / "file")


# What is wrong with them


def test_what_is_malformed_is_refused_and_does_not_show(home: Path) -> None:
    keys, other = zmq.Keys.load("anna"), zmq.Keys.load("bob")
    assert keys.path is not None
    secret = secret_of(keys).decode()
    good = keys.path.read_text()
    wrong = {
        "nothing": "",
        "half": good[: good.index("secret-key") + 20],
        "no secret": good[: good.index("secret-key")],
        "cut": good.replace(secret, secret[:-1]),
        "no z85": good.replace(secret, "~" + secret[1:]),
        "another's": good.replace(keys.public.decode(), other.public.decode()),
        "bytes": "\udcff" * 1000,
        "large": good + "#" * 70_000,
    }
    for what, text in wrong.items():
        keys.path.write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(ValueError) as caught:
            zmq.Keys.load("anna")
        assert secret not in str(caught.value) and str(keys.path) in str(caught.value), what
    keys.path.write_text(good)
    assert zmq.Keys.load("anna") == keys


def test_no_file_is_waited_for(home: Path) -> None:
    zmq.Keys.load("anna")
    os.mkfifo(home / "pipe.key_secret", 0o600)
    (home / "folder.key_secret").mkdir(0o700)
    for name in ("pipe", "folder"):
        with pytest.raises((ValueError, OSError)):
            zmq.Keys.load(name)


def test_the_public_file_is_written_again_or_refused(home: Path) -> None:
    keys, other = zmq.Keys.load("anna"), zmq.Keys.load("bob")
    (home / "anna.key").unlink()
    assert zmq.Keys.load("anna") == keys and load_certificate(home / "anna.key") == (keys.public, None)
    (home / "anna.key").write_bytes((home / "bob.key").read_bytes())
    with pytest.raises(ValueError, match=r"is not the public key of anna\.key_secret"):
        zmq.Keys.load("anna")
    assert zmq.Keys.load("bob") == other


def test_keys_that_one_has() -> None:
    public, secret = zmq.curve_keypair()
    keys = zmq.Keys(public, secret, name="me")
    assert keys.public == public and keys.name == "me" and keys.path is None
    assert zmq.Keys(z85.decode(public), z85.decode(secret)) == zmq.Keys(public.decode(), secret.decode()) == keys
    for wrong in ((secret, public), (public, public), (public[:-1], secret), (b"", secret), ("ä" * 40, secret)):
        with pytest.raises(ValueError) as caught:
            zmq.Keys(*wrong)
        assert secret.decode() not in str(caught.value)
    with pytest.raises(TypeError):
        zmq.Keys(public, 7)  # type: ignore[arg-type]


# What shows of them


def test_the_secret_shows_nowhere() -> None:
    keys = zmq.Keys.load("anna")
    secret = secret_of(keys)
    shown = [repr(keys), str(keys), f"{keys}", repr([keys]), repr(keys.__dir__()), str(getattr(keys, "__dict__", ""))]
    shown += [str(getattr(keys, "_repr_html_", str)()), str(getattr(keys, "_repr_mimebundle_", str)())]
    for text in shown:
        for form in (secret.decode(), str(z85.decode(secret)), z85.decode(secret).hex()):
            assert form not in text
    assert "anna" in repr(keys) and keys.public.decode() in repr(keys)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(keys, protocol)
    assert copy.copy(keys) is keys and copy.deepcopy([keys])[0] is keys
    with pytest.raises(AttributeError):
        keys.public = b""  # type: ignore[misc]


def test_it_shows_in_no_picture_of_a_socket(make_socket: Callable[..., Any]) -> None:
    keys = zmq.Keys.load("anna")
    server, client = make_socket(zmq.REP), make_socket(zmq.REQ)
    gate = zmq.secure(server, keys)
    server.bind("tcp://127.0.0.1:*")
    zmq.secure(client, keys, server_key=keys)
    client.connect(server.last_endpoint.decode())
    shown = [repr(gate), repr(server.context), server.context._repr_html_(), str(zmq.doctor()), str(zmq.diagram())]
    shown += [text for sock in (server, client) for text in (repr(sock), sock._repr_html_())]
    assert secret_of(keys) == client.curve_secretkey, "only who asks for it gets it, as in pyzmq"
    for text in shown:
        assert secret_of(keys).decode() not in html.unescape(text)


# Several at once


def test_threads_that_make_the_same_pair_get_the_same(home: Path) -> None:
    start, made = threading.Barrier(8), []

    def make() -> None:
        start.wait()
        made.append(zmq.Keys.load("anna").public)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8 and len(set(made)) == 1
    assert sorted(os.listdir(home)) == ["anna.key", "anna.key_secret"]


@pytest.mark.timeout(60)
def test_processes_that_make_the_same_pair_get_the_same(home: Path) -> None:
    program = "import sys, brokerless as zmq; sys.stdin.read(1); print(zmq.Keys.load('anna').public.decode())"
    children = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("x")
        child.stdin.flush()
    assert len({child.communicate()[0] for child in children}) == 1
    assert [child.returncode for child in children] == [0] * 4


# The files


@given(
    secret=st.binary(min_size=32, max_size=32), name=st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
)
def test_what_is_written_is_read(tmp_path_factory: Any, secret: bytes, name: str) -> None:
    from brokerless.security import _files

    folder = tmp_path_factory.mktemp("keys")
    folder.chmod(0o700)
    public, text = zmq.curve_public(z85.encode(secret)), z85.encode(secret)
    _files.write_pair(folder / name, public, text)
    keys = zmq.Keys.load(name, folder=folder)
    assert (keys.public, secret_of(keys)) == (public, text) == _files.read_secret(folder / f"{name}.key_secret")
    assert _files.public_keys(folder) == {name: public} == _files.public_keys(folder, own=True)


def test_pyzmq_and_we_read_the_same_files(pyzmq: Any, tmp_path: Path) -> None:
    import zmq.auth as theirs

    keys = zmq.Keys.load("anna")
    assert keys.path is not None
    assert theirs.load_certificate(keys.path) == (keys.public, secret_of(keys))
    assert theirs.load_certificates(keys.path.parent) == {keys.public: True}
    for make, name in ((theirs.create_certificates, "bob"), (create_certificates, "eve")):
        _, path = make(str(tmp_path), name)
        Path(path).chmod(0o600)
        tmp_path.chmod(0o700)
        found = zmq.Keys.load(name, folder=tmp_path)
        assert (found.public, secret_of(found)) == theirs.load_certificate(path)


def test_a_pyzmq_file_is_readable_and_so_refused(pyzmq: Any, tmp_path: Path) -> None:
    import zmq.auth as theirs

    _, path = theirs.create_certificates(str(tmp_path), "bob")
    Path(path).chmod(0o644)
    with pytest.raises(PermissionError, match=f"chmod 600 {path}"):
        zmq.Keys.load("bob", folder=tmp_path)


@given(junk=st.binary(max_size=400), place=st.integers(0, 400))
def test_whatever_is_in_a_file(tmp_path_factory: Any, junk: bytes, place: int) -> None:
    """It is the same pair, or a ValueError."""
    folder = tmp_path_factory.getbasetemp() / "junk"
    folder.mkdir(mode=0o700, exist_ok=True)
    keys = zmq.Keys.load("anna", folder=folder)
    assert keys.path is not None
    good = keys.path.read_bytes()
    keys.path.write_bytes(good[:place] + junk + good[place + len(junk) :])
    try:
        assert zmq.Keys.load("anna", folder=folder) == keys
    except ValueError:
        pass
    finally:
        keys.path.write_bytes(good)
