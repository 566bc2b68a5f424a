"""Certificates: files with keys."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import brokerless as zmq
from brokerless.auth import create_certificates, load_certificate, load_certificates

KEY = b"009c61o!#m2NH?C3>iWS5d]J*6CRx17-skh9337x"
OTHER = b"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def write(tmp_path):
    def file(content, name="some.key"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return file


def test_two_files_are_made(tmp_path):
    public, secret = create_certificates(tmp_path, "alice")
    assert (public, secret) == (str(tmp_path / "alice.key"), str(tmp_path / "alice.key_secret"))
    key, secret_key = load_certificate(secret)
    assert load_certificate(public) == (key, None)
    assert zmq.curve_public(secret_key) == key
    assert secret_key not in Path(public).read_bytes()
    assert load_certificates(tmp_path) == {key: True}


def test_nobody_else_can_read_the_secret_one(tmp_path):
    before = os.umask(0)
    try:
        public, secret = create_certificates(str(tmp_path), "alice")
    finally:
        os.umask(before)
    assert (mode(public), mode(secret)) == (0o666, 0o600)
    # One that is replaced, too.
    os.chmod(secret, 0o644)
    old = load_certificate(secret)
    create_certificates(tmp_path, "alice")
    assert mode(secret) == 0o600 and load_certificate(secret) != old


def test_metadata_is_for_people(tmp_path):
    name = {"name": "Zo\xe9", b"e-mail": b"zoe@example.org", "public-key": OTHER.decode(), "curve": "no"}
    _, secret = create_certificates(tmp_path, "zoe", name)
    text = Path(secret).read_text(encoding="utf-8")
    assert "    name = Zo\xe9\n    e-mail = zoe@example.org\n" in text
    key, secret_key = load_certificate(secret)
    assert key == zmq.curve_public(secret_key) != OTHER
    for wrong in ({"name": "a\nb"}, {"a\r": "b"}, {"name": 'x\n    public-key = "y"'}):
        with pytest.raises(ValueError, match="a line each"):
            create_certificates(tmp_path, "eve", wrong)
    assert not (tmp_path / "eve.key").exists()


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        create_certificates(tmp_path / "nothing", "alice")
    with pytest.raises(FileNotFoundError):
        load_certificates(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        load_certificate(tmp_path / "nothing.key")
    with pytest.raises(IsADirectoryError):
        load_certificate(tmp_path)


def test_a_file_is_no_folder(write):
    with pytest.raises(NotADirectoryError):
        load_certificates(write(b""))


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
def test_a_file_that_cannot_be_read(write):
    path = write(b'public-key = "%s"' % KEY)
    path.chmod(0)
    with pytest.raises(PermissionError):
        load_certificate(path)


@pytest.mark.parametrize(
    "content",
    [
        b'curve\n    public-key = "%s"\n',
        b"public-key=%s",
        b"  curve\r\n\tpublic-key\t=\t'%s'\r\n",
        b'# public-key = "no"\n\n curve\n public-key = "%s" \n public-key = "the first one counts"',
        b'metadata\n    public-key = "no"\ncurve\n    public-key = "%s"',
        b'\xff\xfe\nmetadata\n name = \xff\ncurve\n public-key = "%s"',
    ],
)
def test_how_a_public_key_may_be_written(write, content):
    assert load_certificate(write(content % KEY)) == (KEY, None)


def test_the_order_does_not_matter(write):
    path = write(b'curve\n secret-key = "%s"\n public-key = "%s"\n' % (OTHER, KEY))
    assert load_certificate(str(path)) == (KEY, OTHER)


@pytest.mark.parametrize("content", [b"", b"curve\n", b"# public-key = 1\n", b'secret-key = "%s"' % KEY, b"\0" * 100])
def test_no_public_key(write, content):
    path = write(content)
    with pytest.raises(ValueError, match=r"No public key found in .*some\.key"):
        load_certificate(path)


@pytest.mark.parametrize(
    "value", [b"", b"=", b"= short", b'= "%s0"' % KEY, b"= " + KEY[:39], b"= " + KEY[:39] + b"\xff", b"= " + b" " * 40]
)
@pytest.mark.parametrize("name", ["public-key", "secret-key"])
def test_what_is_no_key(write, name, value):
    path = write(b"curve\n" + name.encode() + b" " + value)
    with pytest.raises(ValueError, match=rf"some\.key, line 2: the {name} is not 40 characters of Z85") as caught:
        load_certificate(path)
    assert KEY.decode()[:39] not in str(caught.value)


def test_a_folder_with_other_things_in_it(tmp_path, write):
    assert load_certificates(tmp_path) == {}
    write(b'public-key = "%s"' % KEY, "a.key")
    write(b'public-key = "%s"' % OTHER, "b.key")
    for name in ("a.key_secret", "readme.txt", ".hidden.key", "key"):
        write(b"nonsense", name)
    assert load_certificates(str(tmp_path)) == {KEY: True, OTHER: True}
    write(b"nonsense", "c.key")
    with pytest.raises(ValueError, match=r"c\.key"):
        load_certificates(tmp_path)


def test_the_current_folder_unless_another_is_given(monkeypatch, tmp_path, write):
    write(b'public-key = "%s"' % KEY)
    monkeypatch.chdir(tmp_path)
    assert load_certificates() == {KEY: True}


PIECES = [b"public-key", b"secret-key", b"curve", b"metadata", b"#", b"=", b'"', b" ", b"\n", KEY, OTHER, b"\xff"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(content=st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join))
def test_whatever_is_in_a_file(write, content):
    try:
        public, secret = load_certificate(write(content))
    except ValueError:
        return
    assert public in (KEY, OTHER) and secret in (KEY, OTHER, None)
    assert public in content and b"public-key" in content
