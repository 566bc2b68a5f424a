"""Keys for CURVE: the functions that make them, and the program."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import brokerless as zmq
from brokerless import curve_keygen
from brokerless.utils import z85


def test_a_pair():
    public, secret = zmq.curve_keypair()
    assert type(public) is type(secret) is bytes
    assert len(z85.decode(public)) == len(z85.decode(secret)) == 32
    assert zmq.curve_public(secret) == public
    assert zmq.curve_keypair() != (public, secret)


def test_a_secret_key_in_any_form(pyzmq):
    public, secret = pyzmq.curve_keypair()
    for form in (secret, secret.decode(), bytearray(secret), memoryview(secret)):
        assert zmq.curve_public(form) == public


@pytest.mark.parametrize("size", [0, 1, 39, 41, 80])
@pytest.mark.parametrize("kind", [bytes, str])
def test_a_key_of_another_length(pyzmq, size, kind):
    key = b"0" * size if kind is bytes else "0" * size
    for library in (pyzmq, zmq):
        with pytest.raises(ValueError, match="40"):
            library.curve_public(key)


@pytest.mark.parametrize("key", [b"\xff" * 40, b" " * 40, b"\0" * 40, "\xe9" * 20, b"#" * 40])
def test_what_is_no_key(key):
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.curve_public(key)
    assert caught.value.errno == zmq.EINVAL


@pytest.mark.parametrize("key", [None, 40, 1.5, [b"0"] * 40, object()])
def test_what_is_no_text(key):
    with pytest.raises(TypeError):
        zmq.curve_public(key)


def test_an_error_does_not_show_the_secret():
    for key in ("hunter2", "hunter2 " * 5):
        with pytest.raises((ValueError, zmq.ZMQError)) as caught:
            zmq.curve_public(key)
        assert "hunter" not in str(caught.value)


def run(*arguments):
    program = [sys.executable, "-W", "error", "-m", "brokerless.curve_keygen", *arguments]
    return subprocess.run(program, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


def test_the_program_prints_a_pair():
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    title, public, empty, second, secret = done.stdout.splitlines()
    assert (title, empty, second) == ("== CURVE PUBLIC KEY ==", "", "== CURVE SECRET KEY ==")
    assert zmq.curve_public(secret) == public.encode()


def test_the_programs_help():
    done = run("--help")
    assert done.returncode == 0
    assert "python3 -m brokerless.curve_keygen" in done.stdout and "--json" in done.stdout


def test_json(capsys):
    curve_keygen.main(["--json"])
    pair = json.loads(capsys.readouterr().out)
    assert set(pair) == {"public", "secret"}
    assert zmq.curve_public(pair["secret"]) == pair["public"].encode()


def test_the_public_key_of_a_secret_one(capsys):
    public, secret = (key.decode() for key in zmq.curve_keypair())
    curve_keygen.main(["--secret", secret, "--json"])
    assert json.loads(capsys.readouterr().out) == {"public": public, "secret": secret}


@pytest.mark.parametrize("secret", ["", "short", " " * 40])
def test_a_secret_key_that_is_none(capsys, secret):
    with pytest.raises(SystemExit) as caught:
        curve_keygen.main(["--secret", secret])
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and "argument --secret" in err
