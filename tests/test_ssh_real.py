"""Tunnels by ssh itself, and by paramiko, to a real server; where ssh and paramiko are installed."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
from conftest import wait_until

import brokerless as zmq
from brokerless.ssh import _openssh, _paramiko, tunnel

paramiko = pytest.importorskip("paramiko")
if shutil.which("ssh") is None:
    pytest.skip("ssh is not installed", allow_module_level=True)

import ssh_server  # noqa: E402  needs paramiko
from ssh_tunnels import end_tunnels  # noqa: E402

# pexpect and multiprocessing fork; from Python 3.12 on, a program with threads is told.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

PASSWORD = "s3cret"


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """A private key, and the file that it is in."""
    made = paramiko.RSAKey.generate(2048)
    made.file = tmp_path_factory.mktemp("key") / "id"
    made.write_private_key_file(str(made.file))
    return made


@pytest.fixture
def server(key, tmp_path, monkeypatch, ctx):
    """A server that is known to ssh and to paramiko. What is in this user's own ~/.ssh does not count.

    Tunnels end with it, and before the context, which counts the threads of this process.
    """
    running = ssh_server.SshServer(PASSWORD, key)
    known = tmp_path / "known_hosts"
    host_key = ssh_server.HOST_KEY
    known.write_text(f"[127.0.0.1]:{running.port} {host_key.get_name()} {host_key.get_base64()}\n")
    config = tmp_path / "config"
    config.write_text(
        f"UserKnownHostsFile {known}\nGlobalKnownHostsFile /dev/null\nIdentitiesOnly yes\nIdentityAgent none\n"
    )
    program = tmp_path / "ssh"
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {config} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    # Where paramiko looks for known servers and keys.
    (tmp_path / ".ssh").mkdir()
    shutil.copy(known, tmp_path / ".ssh" / "known_hosts")
    monkeypatch.setenv("HOME", str(tmp_path))
    running.known = [known, tmp_path / ".ssh" / "known_hosts"]
    running.name = f"me@127.0.0.1:{running.port}"
    yield running
    end_tunnels()
    for process in multiprocessing.active_children():
        process.terminate()
        process.join()
    running.close()


@pytest.fixture
def through(make_socket):
    """through(open): sends a message through a tunnel that open(endpoint) opens; returns the tunnel."""

    def send(opener):
        pull, push = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*"), make_socket(zmq.PUSH)
        url, made = opener(pull.last_endpoint.decode())
        assert url != pull.last_endpoint.decode()
        push.connect(url)
        push.send_multipart([b"through", b"x" * 100_000])
        assert pull.recv_multipart(timeout=10) == [b"through", b"x" * 100_000]
        push.close()
        return made

    return send


def opening(server, **options):
    return lambda addr: tunnel.open_tunnel(addr, server.name, **options)


@pytest.mark.parametrize("by", [False, True])
def test_whether_a_password_is_needed(server, key, by):
    assert tunnel.try_passwordless_ssh(server.name, str(key.file), paramiko=by) is True
    assert tunnel.try_passwordless_ssh(server.name, None, paramiko=by) is False


@pytest.mark.parametrize("how", ["key", "password"])
def test_by_ssh(server, key, through, how):
    if how == "password":
        pytest.importorskip("pexpect")
    options = {"password": PASSWORD} if how == "password" else {"keyfile": str(key.file)}
    number = through(opening(server, **options, timeout=1))
    assert PASSWORD not in Path(f"/proc/{number}/cmdline").read_text()
    # Nobody uses it any more.
    assert wait_until(_openssh._running[number].has_ended)
    assert wait_until(lambda: server.clients == 0)


@pytest.mark.parametrize("how", ["key", "password"])
def test_by_paramiko(server, key, through, how):
    options = {"password": PASSWORD} if how == "password" else {"keyfile": str(key.file)}
    process = through(opening(server, **options, paramiko=True, timeout=1))
    assert process.daemon
    process.join(20)
    assert process.exitcode == 0


@pytest.mark.parametrize(("by", "where"), [(False, _openssh), (True, _paramiko)])
def test_a_password_is_asked_for(server, through, by, where, monkeypatch):
    pytest.importorskip("pexpect")
    monkeypatch.setattr(where, "getpass", lambda question: PASSWORD)
    through(opening(server, paramiko=by, timeout=10))
    assert server.passwords == [PASSWORD]


@pytest.mark.parametrize("by", [False, True])
def test_a_server_whose_key_is_not_known_is_refused(server, key, by):
    for known in server.known:
        known.write_text("")
    with pytest.raises(tunnel.SSHException, match=r"not known|not found in known_hosts"):
        tunnel.open_tunnel("tcp://127.0.0.1:5555", server.name, keyfile=str(key.file), paramiko=by)
    with pytest.raises(tunnel.SSHException):
        tunnel.open_tunnel("tcp://127.0.0.1:5555", server.name, password=PASSWORD, paramiko=by)
    with pytest.raises(tunnel.SSHException):
        tunnel.try_passwordless_ssh(server.name, str(key.file), paramiko=by)
    assert server.passwords == []


def test_the_environment_may_say_what_to_do_about_unknown_keys(server, key, through, monkeypatch):
    for known in server.known:
        known.write_text("")
    monkeypatch.setenv(_paramiko.POLICY, "AutoAdd")
    through(opening(server, keyfile=str(key.file), paramiko=True, timeout=10))
    monkeypatch.setenv(_paramiko.POLICY, "Whatever")
    with pytest.raises(ValueError, match="Reject, Warning and AutoAdd"):
        tunnel.try_passwordless_ssh(server.name, None, paramiko=True)


@pytest.mark.parametrize("by", [False, True])
def test_a_wrong_password(server, by, monkeypatch):
    pytest.importorskip("pexpect")
    monkeypatch.setattr(_openssh, "getpass", lambda question: "wr0ng")
    with pytest.raises(RuntimeError, match=r"refuses the login|Authentication") as told:
        tunnel.open_tunnel("tcp://127.0.0.1:5555", server.name, password="wr0ng", paramiko=by)
    assert "wr0ng" not in str(told.value)


@pytest.mark.parametrize("by", [False, True])
def test_a_port_in_use_is_told(server, key, by):
    opener = tunnel.paramiko_tunnel if by else tunnel.openssh_tunnel
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=f"{port}.*Address already in use"):
            opener(port, 5555, server.name, keyfile=str(key.file))


@pytest.mark.parametrize("by", [False, True])
@pytest.mark.parametrize("end", ["pass", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_tunnel_ends_with_its_parent(server, key, by, end, run_python, free_port):
    program = f"""
import os, signal
from brokerless.ssh import tunnel

if __name__ == "__main__":
    opener = tunnel.paramiko_tunnel if {by} else tunnel.openssh_tunnel
    opener({free_port}, {server.port}, {server.name!r}, keyfile={str(key.file)!r})
    {end}
"""
    run_python(program.replace("import os", f"import sys; sys.path[:0] = {sys.path!r}; import os"), check=False)
    assert wait_until(lambda: server.clients == 0)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free_port))
