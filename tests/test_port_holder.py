"""A port that is taken: bind() says by whom."""

from __future__ import annotations

import os
import re
import socket as system_socket
import subprocess
import sys
import time

import pytest

import brokerless as zmq
from brokerless import _port_holder, _survey

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/net/tcp"), reason="only Linux tells who has a port")

#: Listens where its second argument says, prints the port, and waits for the end of its input.
HOLDER = """
import socket, sys
kind, where = sys.argv[1:3]
if kind == "tcp":
    listening = socket.socket()
    listening.bind((where, 0))
    print(listening.getsockname()[1], flush=True)
else:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("\\0" + where)
    print(where, flush=True)
listening.listen()
sys.stdin.read()
"""

#: Has a child of its own run HOLDER, prints its number and port, and waits for its end.
BETWEEN = """
import subprocess, sys
command = [sys.executable, "-c", sys.argv[1], "tcp", "127.0.0.1", *sys.argv[2:]]
child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
print(child.pid, child.stdout.readline(), flush=True)
sys.exit(child.wait())
"""
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}


@pytest.fixture
def holder():
    """Another process that has a port: holder("tcp", "127.0.0.1") returns it, and the port."""
    started = []

    def start(*args):
        process = subprocess.Popen([sys.executable, "-c", HOLDER, *args], **PIPES)
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.communicate(timeout=10)


@pytest.fixture
def refusal(make_socket):
    """What bind() says of an endpoint that is taken."""

    def bind(where):
        with pytest.raises(zmq.ZMQError) as caught:
            make_socket(zmq.REP).bind(where)
        assert caught.value.errno == zmq.EADDRINUSE
        # Where programs look for the endpoint.
        assert caught.value.strerror == str(caught.value)
        return str(caught.value)

    return bind


@pytest.fixture
def taken():
    """A port that this process has, but not by brokerless."""
    with system_socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_socket_of_this_process(make_socket, refusal):
    where = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*").last_endpoint.decode()
    said = refusal(where)
    assert said.endswith(f"{where} is taken by this PULL socket of this process: close() it, or bind to another port")
    make_socket(zmq.PAIR, bind="inproc://taken")
    assert "inproc://taken is taken by this PAIR socket of this process: close() it" in refusal("inproc://taken")


def test_the_cell_that_opened_it(make_socket, refusal, monkeypatch):
    mine = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    monkeypatch.setattr(_survey, "cell_number", lambda thing: 3 if thing is mine else None)
    assert "this PULL socket of this process, opened in cell [3]: close() it" in refusal(mine.last_endpoint.decode())


def test_a_device_of_this_process(make_device, refusal):
    device = make_device(zmq.Queue)
    for where in (device.frontend_endpoint, device.backend_endpoint):
        assert f"{where} is taken by a Queue of this process: stop() it, or bind" in refusal(where)


def test_other_code_of_this_process(refusal, taken):
    for host in ("127.0.0.1", "*", "0.0.0.0"):
        said = refusal(f"tcp://{host}:{taken}")
        assert f"tcp://{host}:{taken} is taken by other code of this process than brokerless: bind to another" in said


def test_an_endpoint_of_bytes(refusal, taken):
    assert f"tcp://127.0.0.1:{taken} is taken by other code" in refusal(f"tcp://127.0.0.1:{taken}".encode())


def test_another_process(holder, refusal):
    process, port = holder("tcp", "127.0.0.1")
    before = time.strftime("%H:%M")
    said = refusal(f"tcp://127.0.0.1:{port}")
    found = re.search(r"is taken by pid (\d+) \((.*)\), a child of this process, running since (\S+): stop it", said)
    assert found, said
    assert int(found[1]) == process.pid
    assert found[2].startswith(f"{os.path.basename(sys.executable)} -c ")
    # The kernel counts in ticks from a second that it has rounded.
    hour, minute = map(int, found[3].split(":"))
    now = time.localtime()
    assert (now.tm_hour * 60 + now.tm_min - hour * 60 - minute) % 1440 <= 1, (before, found[3])


def test_another_process_that_is_no_child(refusal):
    with subprocess.Popen([sys.executable, "-c", BETWEEN, HOLDER], **PIPES) as between:
        pid, port = between.stdout.readline().split()
        said = refusal(f"tcp://127.0.0.1:{port}")
        between.communicate(timeout=10)
    assert f"is taken by pid {pid} (" in said
    assert "child" not in said


def test_the_parent_of_this_process(taken):
    bind = f"import brokerless as zmq\nzmq.Context().socket(zmq.REP).bind('tcp://127.0.0.1:{taken}')"
    child = subprocess.run([sys.executable, "-c", bind], capture_output=True, text=True, timeout=60)
    assert f"is taken by pid {os.getpid()} (" in child.stderr
    assert "), the parent of this process, running since" in child.stderr


@pytest.mark.parametrize("module", ["ipykernel_launcher", "brokerless.kernel"])
def test_the_kernel_of_another_notebook(refusal, module):
    variables = {**os.environ, "JPY_SESSION_NAME": "/course/03 server.ipynb"}
    with subprocess.Popen([sys.executable, "-c", BETWEEN, HOLDER, module], env=variables, **PIPES) as between:
        pid, port = between.stdout.readline().split()
        said = refusal(f"tcp://127.0.0.1:{port}")
        between.communicate(timeout=10)
    assert f"is taken by pid {pid} (" in said
    assert "...), the kernel of 03 server.ipynb, running since" in said


def test_a_peer_of_the_notebook(holder, refusal, monkeypatch):
    process, port = holder("tcp", "127.0.0.1")
    monkeypatch.setattr(_port_holder, "peer_name", {process.pid: "the peer p holds it: `%stop p` ends it"}.get)
    said = refusal(f"tcp://127.0.0.1:{port}")
    assert f"tcp://127.0.0.1:{port} is taken: the peer p holds it: `%stop p` ends it (pid {process.pid} (" in said
    assert re.search(r"\), running since \S+\), or bind to another port \(", said), said


def test_an_abstract_ipc_name(holder, refusal):
    name = f"brokerless-{os.getpid()}"
    process, _ = holder("unix", name)
    said = refusal(f"ipc://@{name}")
    assert f"ipc://@{name} is taken by pid {process.pid} (" in said
    # Ports are no cure there.
    assert "tcp://" not in said


def test_a_program_of_another_user(refusal, taken, monkeypatch):
    monkeypatch.setattr(_port_holder, "_process_with", lambda inode: None)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    name = _port_holder._user(os.getuid())
    assert f"is taken by a program of another user ({name}): bind to another port" in refusal(f"tcp://*:{taken}")


def test_a_program_that_cannot_be_looked_into(refusal, taken, monkeypatch):
    monkeypatch.setattr(_port_holder, "_process_with", lambda inode: None)
    assert "is taken by a program that this process may not look into: stop it, or bind" in refusal(f"tcp://*:{taken}")


def test_a_system_that_does_not_tell(refusal, taken, monkeypatch):
    def without(name):
        raise FileNotFoundError(f"/proc/self/net/{name}")

    monkeypatch.setattr(_port_holder, "_table", without)
    assert f"tcp://*:{taken} is taken by another program: stop it, or bind to another port" in refusal(
        f"tcp://*:{taken}"
    )


def test_who_has_gone_meanwhile_is_not_guessed_at():
    known = "tcp://127.0.0.1:1 is taken by another program: stop it"
    assert _port_holder.explain("tcp://127.0.0.1:1", known) == known
    assert _port_holder.explain("tcp://127.0.0.1:1", None) is None


@pytest.mark.parametrize(
    ("hexadecimal", "readable"),
    [
        ("0100007F", "127.0.0.1"),
        ("00000000", "0.0.0.0"),
        ("00000000000000000000000001000000", "::1"),
        ("00000000000000000000000000000000", "::"),
        ("0000000000000000FFFF00000100007F", "127.0.0.1"),
    ],
)
@pytest.mark.skipif(sys.byteorder != "little", reason="the kernel writes these words in the machine's order")
def test_addresses_are_read_as_people_write_them(hexadecimal, readable):
    assert _port_holder._readable(hexadecimal) == readable


@pytest.mark.parametrize(
    ("wanted", "taken", "meet"),
    [
        ("*", "127.0.0.1", True),
        ("127.0.0.1", "0.0.0.0", True),
        ("127.0.0.1", "::", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("[::1]", "::1", True),
        ("[::1]", "127.0.0.1", False),
        ("eth0", "10.0.0.1", True),
    ],
)
def test_only_addresses_that_meet_are_in_each_others_way(wanted, taken, meet):
    assert _port_holder._meet(wanted, taken) is meet


def test_a_command_is_shown_in_one_line():
    shown = _port_holder._shown("a\nb\x1b[31m" + "x" * 500)
    assert shown.startswith("a?b?[31mx")
    assert shown.endswith("x...")
    assert len(shown) == 100
