"""Tunnels by ssh: what ssh is asked for, what its answers become, and when it ends.

A small program stands in for ssh (ssh_stand_in.py); test_ssh_real.py does it with ssh itself, where a server can be had.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import socket
import sys
from pathlib import Path

import pytest
from conftest import wait_until
from ssh_tunnels import end_tunnels

from brokerless.ssh import _openssh, tunnel

# pexpect and multiprocessing fork; from Python 3.12 on, a program with threads is told.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

STAND_IN = Path(__file__).with_name("ssh_stand_in.py")


class Ssh:
    """The program that stands in for ssh: what it shall do, and what it was asked."""

    def __init__(self, folder, monkeypatch):
        program = folder / "ssh"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {STAND_IN} "$@"\n')
        program.chmod(0o755)
        self._log = folder / "log"
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("STAND_IN_LOG", str(self._log))
        self.behaves("open")

    def behaves(self, mode):
        self._monkeypatch.setenv("STAND_IN", mode)

    @property
    def asked(self):
        return [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """The program that stands in for ssh. The tunnels that it has opened are ended after the test."""
    yield Ssh(tmp_path, monkeypatch)
    end_tunnels()


@pytest.fixture
def echo(in_thread):
    """The port of a server that sends back the first thing it gets on each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.sendall(client.recv(1000))

        in_thread(serve)
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def says(port, text=b"hello"):
    """What an echo says behind this port."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(text)
        return client.recv(1000)


def alive(number):
    """Whether a process runs that nobody of this process has to wait for."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


# pyzmq


@pytest.mark.parametrize("module", ["tunnel", "forward"])
def test_the_same_names_and_signatures_as_pyzmq(module, pyzmq):
    theirs, ours = (importlib.import_module(f"{package}.ssh.{module}") for package in ("zmq", "brokerless"))
    public = {*theirs.__all__, *(("open_tunnel", "select_random_ports") if module == "tunnel" else ())}
    assert public <= set(ours.__all__)
    for name in public:
        shapes = [
            [(p.name, p.kind, p.default) for p in inspect.signature(getattr(package, name)).parameters.values()]
            for package in (ours, theirs)
        ]
        assert shapes[0] == shapes[1], name
    assert {"MaxRetryExceeded", "SSHException"} <= set(tunnel.__all__)
    assert tunnel.ssh_tunnel is tunnel.openssh_tunnel


def test_the_package_has_the_names_too(pyzmq):
    import zmq.ssh as theirs

    import brokerless.ssh as ours

    for name in tunnel.__all__:
        assert hasattr(ours, name) >= hasattr(theirs, name)


def test_random_ports_are_free_and_different():
    ports = tunnel.select_random_ports(50)
    assert len(set(ports)) == 50
    with socket.create_server(("127.0.0.1", ports[0])):
        pass
    assert tunnel.select_random_ports(0) == []


# A tunnel by ssh


def test_a_tunnel_leads_there(ssh, echo, free_port):
    number = tunnel.openssh_tunnel(free_port, echo, "me@gateway:2222", keyfile="/a key")
    assert says(free_port) == b"hello"
    assert alive(number)
    check, opened = ssh.asked
    assert check == ["-i", "/a key", "-p", "2222", "-O", "check", "--", "me@gateway"]
    assert opened[:4] == ["-i", "/a key", "-p", "2222"]
    assert opened[opened.index("-L") + 1] == f"127.0.0.1:{free_port}:127.0.0.1:{echo}"
    assert {"BatchMode=yes", "ExitOnForwardFailure=yes"} <= set(opened)
    assert opened[-3:-1] == ["--", "me@gateway"]
    assert "sleep 60 &" in opened[-1]


def test_a_socket_is_connected_through_a_tunnel(ssh, make_socket):
    import brokerless as zmq

    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    push = make_socket(zmq.PUSH)
    number = tunnel.tunnel_connection(push, pull.last_endpoint.decode(), "gateway", timeout=5)
    push.send(b"through")
    assert pull.recv(timeout=10) == b"through"
    assert alive(number)
    assert "sleep 5 &" in ssh.asked[-1][-1]
    assert push.endpoints[0] != pull.last_endpoint.decode()


def test_a_tunnel_leads_to_a_machine_behind_the_server(ssh):
    url, _ = tunnel.open_tunnel("tcp://10.0.0.5:5555", "gateway")
    lport = url.rpartition(":")[2]
    assert url == f"tcp://127.0.0.1:{lport}"
    assert f"127.0.0.1:{lport}:10.0.0.5:5555" in ssh.asked[-1]


def test_an_ipv6_address_has_brackets_where_ssh_wants_them():
    from brokerless.ssh._places import local_forward, parse_endpoint, parse_server

    assert parse_endpoint("tcp://[fe80::1]:5555") == ("fe80::1", 5555)
    assert local_forward(1, "fe80::1", 2) == "127.0.0.1:1:[fe80::1]:2"
    assert parse_server("me@[::1]:22") == ("me", "::1", 22)
    assert parse_server("me@home@gateway").destination == "me@home@gateway"


def test_what_a_login_prints_is_passed_over(ssh, echo, free_port):
    ssh.behaves("chatty")
    tunnel.openssh_tunnel(free_port, echo, "gateway")
    assert says(free_port) == b"hello"


def test_a_port_in_use_is_told(ssh, echo):
    with pytest.raises(RuntimeError, match=f"{echo}: Address already in use"):
        tunnel.openssh_tunnel(echo, echo, "gateway")
    assert not _openssh._running


@pytest.mark.parametrize(
    ("mode", "kind", "text"),
    [
        ("unreachable", RuntimeError, "No route to host"),
        ("unknown", tunnel.SSHException, "the key of me@gateway is not known"),
    ],
)
@pytest.mark.parametrize("password", [None, "secret"])
def test_what_ssh_says_is_told(ssh, mode, kind, text, password, free_port):
    if password:
        pytest.importorskip("pexpect")
    ssh.behaves(mode)
    with pytest.raises(kind, match=text):
        tunnel.openssh_tunnel(free_port, 5555, "me@gateway", password=password)
    assert not _openssh._running
    with pytest.raises(kind, match=text):
        tunnel.try_passwordless_ssh("me@gateway", None)


@pytest.mark.parametrize("password", [None, "secret"])
def test_a_server_that_does_not_answer(ssh, password, free_port, monkeypatch):
    if password:
        pytest.importorskip("pexpect")
    ssh.behaves("silent")
    monkeypatch.setattr(_openssh, "PATIENCE", 0.5)
    with pytest.raises(tunnel.MaxRetryExceeded, match=r"within"):
        tunnel.openssh_tunnel(free_port, 5555, "gateway", password=password)
    with pytest.raises(tunnel.MaxRetryExceeded, match=r"did not answer ssh within"):
        tunnel.try_passwordless_ssh("gateway", None)


def test_an_interrupt_ends_the_wait_and_ssh(ssh, free_port, run_python):
    ssh.behaves("silent")
    done = run_python(
        f"""
import os, signal, threading
from brokerless.ssh import _openssh, tunnel

def interrupt():
    while "-L" not in open(os.environ["STAND_IN_LOG"]).read():
        threading.Event().wait(0.01)
    os.kill(os.getpid(), signal.SIGINT)

open(os.environ["STAND_IN_LOG"], "w").close()
threading.Thread(target=interrupt).start()
try:
    tunnel.openssh_tunnel({free_port}, 5555, "gateway")
except KeyboardInterrupt:
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        print("nothing left")
"""
    )
    assert done.stdout == "nothing left\n"


def test_without_ssh_it_says_so(monkeypatch, tmp_path, free_port):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="ssh"):
        tunnel.openssh_tunnel(free_port, 5555, "gateway")


@pytest.mark.parametrize(
    "server",
    [
        "",
        "-oProxyCommand=touch x",
        "me@-oProxyCommand=x",
        "a b",
        "a;b",
        "$(b)",
        "`b`",
        "me|b@host",
        "a\nb",
        "host:99999",
        "host:",
        "::1",
    ],
)
def test_no_server_can_be_a_command(ssh, server, free_port):
    for paramiko in (False, True):
        with pytest.raises(ValueError, match=r"server|host|user|port"):
            tunnel.open_tunnel("tcp://127.0.0.1:5555", server, paramiko=paramiko)
    with pytest.raises(ValueError, match=r"server|host|user|port"):
        tunnel.try_passwordless_ssh(server, None)
    assert ssh.asked == []


@pytest.mark.parametrize(
    "addr",
    ["ipc:///tmp/x", "tcp://host", "tcp://*:0", "tcp://host:5555;x", "host:5555", "tcp://a b:5555", "tcp://-x:1"],
)
def test_no_endpoint_can_be_a_command(ssh, addr):
    with pytest.raises(ValueError, match=r"tcp|host|port"):
        tunnel.open_tunnel(addr, "gateway")
    assert ssh.asked == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"lport": 0},
        {"rport": 70000},
        {"lport": "1; x"},
        {"remoteip": "a:$(x)"},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"password": "a\nb"},
    ],
)
def test_nothing_else_can_be_a_command(ssh, wrong):
    for opener in (tunnel.openssh_tunnel, tunnel.paramiko_tunnel):
        with pytest.raises(ValueError, match=r"port|invalid literal|host|time|line"):
            opener(**{"lport": 5555, "rport": 5555, "server": "gateway", **wrong})
    assert ssh.asked == []


# A connection that is there already


def test_a_shared_connection_is_used(ssh, free_port, monkeypatch):
    ssh.behaves("master")
    ends = []
    monkeypatch.setattr(_openssh.atexit, "register", lambda *args: ends.append(args))
    assert tunnel.openssh_tunnel(free_port, 5555, "gateway") == 4242
    where = f"127.0.0.1:{free_port}:127.0.0.1:5555"
    assert ssh.asked == [["-O", "check", "--", "gateway"], ["-O", "forward", "-L", where, "--", "gateway"]]
    ((end, owner, *arguments),) = ends
    # Not in a child, who did not ask for it.
    end(owner + 1, *arguments)
    assert len(ssh.asked) == 2
    end(owner, *arguments)
    assert ssh.asked[2] == ["-O", "cancel", "-L", where, "--", "gateway"]


# Passwords


def test_whether_a_password_is_needed(ssh):
    assert tunnel.try_passwordless_ssh("me@gateway:22", "/key") is True
    assert ssh.asked == [["-i", "/key", "-p", "22", "-T", "-o", "BatchMode=yes", "--", "me@gateway", "exit"]]
    for mode in ("secret", "refused"):
        ssh.behaves(mode)
        assert tunnel.try_passwordless_ssh("me@gateway", None, paramiko=False) is False


class Somebody:
    """Who is asked for passwords at the keyboard."""

    def __init__(self):
        self.answers, self.asked = [], []

    def __call__(self, question):
        self.asked.append(question)
        return self.answers.pop(0)


@pytest.fixture
def somebody(monkeypatch):
    """Answers by `answers`, and notes in `asked` what the questions were."""
    monkeypatch.setattr(_openssh, "getpass", Somebody())
    return _openssh.getpass


def test_a_password_is_typed_in_and_shown_nowhere(ssh, echo, free_port, somebody, capfd):
    pytest.importorskip("pexpect")
    ssh.behaves("s3cret")
    number = tunnel.openssh_tunnel(free_port, echo, "gateway", password="s3cret")
    assert says(free_port) == b"hello"
    assert "BatchMode=yes" not in ssh.asked[-1]
    assert "s3cret" not in str(ssh.asked)
    assert "s3cret" not in Path(f"/proc/{number}/cmdline").read_text()
    assert "s3cret" not in "".join(capfd.readouterr())
    assert somebody.asked == []


def test_a_password_is_asked_for(ssh, echo, free_port, somebody, capfd):
    pytest.importorskip("pexpect")
    ssh.behaves("s3cret")
    somebody.answers.extend(["wrong", "s3cret"])
    # False is what Jupyter passes when it has found that none is needed.
    tunnel.openssh_tunnel(free_port, echo, "gateway", password=False)
    assert says(free_port) == b"hello"
    assert somebody.asked == ["gateway's password: "] * 2
    assert capfd.readouterr().out == "That password is not right.\n"


def test_a_password_that_is_never_right(ssh, free_port, somebody):
    pytest.importorskip("pexpect")
    ssh.behaves("s3cret")
    somebody.answers.extend(["wr0ng", "wr0ng"])
    with pytest.raises(RuntimeError, match="refuses the login") as told:
        tunnel.openssh_tunnel(free_port, 5555, "gateway", password="wr0ng")
    assert "wr0ng" not in str(told.value)
    assert not _openssh._running


@pytest.mark.parametrize("password", [None, "s3cret"])
def test_a_password_needs_pexpect(ssh, free_port, password, monkeypatch):
    ssh.behaves("s3cret")
    monkeypatch.setitem(sys.modules, "pexpect", None)
    with pytest.raises(ImportError, match="install pexpect"):
        tunnel.openssh_tunnel(free_port, 5555, "gateway", password=password)


def test_no_window_asks_for_a_password(ssh, monkeypatch):
    monkeypatch.setenv("SSH_ASKPASS", "/x")
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    assert not [name for name in _openssh._environment() if "ASKPASS" in name]


# Its end


def test_a_tunnel_that_nobody_uses_ends(ssh, echo, free_port):
    number = tunnel.openssh_tunnel(free_port, echo, "gateway", timeout=0)
    assert wait_until(_openssh._running[number].has_ended)
    # The next one clears up after it.
    other = tunnel.openssh_tunnel(free_port, echo, "gateway")
    assert set(_openssh._running) == {other}


def test_a_tunnel_in_use_stays(ssh, echo, free_port):
    number = tunnel.openssh_tunnel(free_port, echo, "gateway", timeout=1)
    with socket.create_connection(("127.0.0.1", free_port), timeout=10) as client:
        # Its command is a child of the one that stands in for ssh.
        assert wait_until(lambda: not Path(f"/proc/{number}/task/{number}/children").read_text())
        assert alive(number)
        client.sendall(b"late")
        assert client.recv(100) == b"late"
    assert wait_until(lambda: not alive(number))


PROGRAM = """
import os, signal, sys
from brokerless.ssh import tunnel
number = tunnel.openssh_tunnel({lport}, {rport}, "gateway", password={password!r})
print(number, flush=True)
{end}
"""


@pytest.mark.parametrize("password", [None, "s3cret"])
@pytest.mark.parametrize("end", ["pass", "os._exit(0)", "raise KeyError", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_tunnel_ends_with_its_parent(ssh, echo, free_port, run_python, end, password):
    if password:
        pytest.importorskip("pexpect")
        ssh.behaves(password)
    done = run_python(PROGRAM.format(lport=free_port, rport=echo, password=password, end=end), check=False)
    assert wait_until(lambda: not alive(int(done.stdout)))
    if end == "pass":
        assert (done.returncode, done.stderr) == (0, "")


def test_a_tunnel_does_not_end_with_a_child(ssh, echo, free_port, run_python):
    end = f"""
import socket, warnings
warnings.simplefilter("ignore")
if os.fork() == 0:
    sys.exit()
os.wait()
with socket.create_connection(("127.0.0.1", {free_port}), timeout=10) as client:
    client.sendall(b"x")
    print(client.recv(1))
"""
    done = run_python(PROGRAM.format(lport=free_port, rport=echo, password=None, end=end))
    assert done.stdout.splitlines()[1] == "b'x'"


def test_the_last_messages_of_a_program_leave_through_the_tunnel(ssh, make_socket, run_python):
    import brokerless as zmq

    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    run_python(
        f"""
import brokerless as zmq
from brokerless.ssh import tunnel
push = zmq.Context.instance().socket(zmq.PUSH)
tunnel.tunnel_connection(push, {pull.last_endpoint.decode()!r}, "gateway")
push.wait_for_peers(1, timeout=20)
for number in range(1000):
    push.send(b"%d" % number)
push.close()
"""
    )
    assert [int(pull.recv(timeout=10)) for _ in range(1000)] == list(range(1000))


def test_ctrl_c_in_the_terminal_is_not_for_the_tunnel(ssh, echo, free_port):
    number = tunnel.openssh_tunnel(free_port, echo, "gateway")
    assert os.getsid(number) != os.getsid(0)


# Without paramiko


@pytest.mark.parametrize(
    "call",
    [
        lambda: tunnel.paramiko_tunnel(1, 1, "gateway"),
        lambda: tunnel.open_tunnel("tcp://host:1", "gateway", paramiko=True),
        lambda: tunnel.try_passwordless_ssh("gateway", None, paramiko=True),
    ],
)
def test_paramiko_is_optional(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(ImportError, match="paramiko is not installed"):
        call()
