"""brokerless send: everything that it sends arrives, and it says when it does not."""

from __future__ import annotations

import subprocess

import pytest

import brokerless as zmq

BOTH = pytest.mark.parametrize("transport", ["tcp", "ipc"])


def bound(sock):
    return sock.last_endpoint.decode()


@BOTH
def test_messages_are_arguments(command, make_socket, endpoint, transport):
    pull = make_socket(zmq.PULL, bind=endpoint(transport))
    done = command("send", "push", bound(pull), "one", "zwölf", "")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert pull.recv_many(3, min=3, timeout=20) == [b"one", "zwölf".encode(), b""]


def test_messages_are_lines(command, make_socket):
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    done = command("send", "PUSH", bound(pull), input=b"one\n\n\xfftwo\r\nlast")
    assert (done.returncode, done.stderr) == (0, b"")
    assert pull.recv_many(4, min=4, timeout=20) == [b"one", b"", b"\xfftwo\r", b"last"]


def test_a_line_goes_as_soon_as_it_is_there(start, make_socket):
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    running = start("send", "PUSH", bound(pull), stdin=subprocess.PIPE)
    for line in (b"one", b"two"):
        running.process.stdin.write(line + b"\n")
        assert pull.recv(timeout=20) == line
    running.process.stdin.close()
    assert running.process.wait(20) == 0


def test_arguments_may_be_frames_or_hexadecimal(command, make_socket):
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    assert command("send", "PUSH", bound(pull), "--frames", "one", "", "two").returncode == 0
    assert pull.recv_multipart(timeout=20) == [b"one", b"", b"two"]
    # Options and messages in any order.
    assert (
        command("send", "PUSH", "--wait", "20", bound(pull), "--hex", "0x00ff", "--repeat", "2", "41 42").returncode
        == 0
    )
    assert pull.recv_many(4, min=4, timeout=20) == [b"\0\xff", b"AB"] * 2


def test_they_can_be_paced(command, make_socket):
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    assert command("send", "PUSH", bound(pull), "tick", "--repeat", "3", "--every", "0.01").returncode == 0
    assert pull.recv_many(3, min=3, timeout=20) == [b"tick"] * 3


@BOTH
def test_it_binds_and_waits_for_who_connects(start, make_socket, endpoint, transport):
    where = endpoint(transport)
    for arguments in (["PUSH", f"@{where}"], ["PUSH", where, "--bind"]):
        running = start("send", *arguments, "Hello", "--wait", "20")
        pull = make_socket(zmq.PULL, connect=running.endpoint())
        assert pull.recv(timeout=20) == b"Hello"
        assert running.ends() == (0, "", "")


def test_a_publisher_waits_for_its_subscriber(start, make_socket):
    running = start("send", "PUB", "@tcp://127.0.0.1:*", "10001 72", "10002 73", "--wait", "20")
    # A peer that has subscribed to nothing is nobody to send to.
    other = make_socket(zmq.SUB, connect=running.endpoint())
    other.wait_for_peers(1, timeout=20)
    assert running.process.poll() is None
    other.subscribe("1000")
    assert other.recv_many(2, min=2, timeout=20) == [b"10001 72", b"10002 73"]
    assert running.ends() == (0, "", "")


def test_what_goes_to_nobody_is_told(start, command, make_socket):
    sub = make_socket(zmq.SUB, bind="tcp://127.0.0.1:*", subscribe=b"10001")
    running = start("send", "PUB", bound(sub), "10001 72", "10002 73", "--wait", "20")
    # A bound SUB tells what it wants when it looks for messages.
    assert sub.recv(timeout=20) == b"10001 72"
    nobody = "messages went to nobody: no subscription matches them\n"
    assert running.ends() == (0, "", f"brokerless send: 1 of 2 {nobody}")
    done = command("send", "PUB", bound(sub), "10002 73", "--wait", "0")
    assert (done.returncode, done.stderr) == (1, f"brokerless send: 1 of 1 {nobody}")


def test_a_reply_is_printed(command, make_socket, in_thread):
    rep = make_socket(zmq.REP, bind="tcp://127.0.0.1:*")

    def serve():
        for answer in ([b"World", b"\x00"], [b"Welt"]):
            assert rep.recv(timeout=20)
            rep.send_multipart(answer)

    served = in_thread(serve)
    done = command("send", "REQ", bound(rep), "Hello", "Hallo")
    assert (done.returncode, done.stdout, done.stderr) == (0, "World | 0x00\nWelt\n", "")
    served.result()


def test_a_router_names_its_peer(command, make_socket):
    dealer = make_socket(zmq.DEALER, routing_id=b"you", bind="tcp://127.0.0.1:*")
    assert command("send", "ROUTER", bound(dealer), "--frames", "you", "Hello").returncode == 0
    assert dealer.recv(timeout=20) == b"Hello"
    done = command("send", "ROUTER", bound(dealer), "--frames", "nobody", "Hello")
    assert done.returncode == 1
    assert done.stderr.startswith("brokerless send: Host unreachable")


def test_pyzmq_may_listen(command, pyzmq, pyzmq_ctx):
    pull = pyzmq_ctx.socket(pyzmq.PULL)
    pull.rcvtimeo = 20_000
    port = pull.bind_to_random_port("tcp://127.0.0.1")
    assert command("send", "PUSH", f"tcp://127.0.0.1:{port}", "Hello").returncode == 0
    assert pull.recv() == b"Hello"


@pytest.mark.parametrize("kind", ["PUSH", "PUB", "REQ"])
def test_nobody_came(command, free_port, kind):
    done = command("send", kind, f"tcp://127.0.0.1:{free_port}", "Hello", "--wait", "0.2")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("brokerless send: ")
    assert "0 of 1" in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_reply_came(command, make_socket):
    rep = make_socket(zmq.REP, bind="tcp://127.0.0.1:*")
    done = command("send", "REQ", bound(rep), "Hello", "--timeout", "0.2")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing arrived within" in done.stderr
    assert done.stderr.count("\n") == 1
    assert rep.recv(timeout=20) == b"Hello"


def test_without_a_wait_what_cannot_leave_is_dropped(command, free_port):
    done = command("send", "PUSH", f"tcp://127.0.0.1:{free_port}", "Hello", "--wait", "0")
    assert done.returncode == 1
    assert done.stderr == "brokerless send: not everything could be delivered within 1 s; the rest is dropped\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["PULL", "tcp://127.0.0.1:5555", "x"], "argument TYPE: a PULL only receives: a PUSH sends to it"),
        (["sub", "tcp://127.0.0.1:5555", "x"], "a SUB only receives"),
        (["REP", "tcp://127.0.0.1:5555", "x"], "see brokerless recv REP"),
        (["STREAM", "tcp://127.0.0.1:5555", "x"], "STREAM sockets need a program; here are PAIR, PUB,"),
        (["FOO", "tcp://127.0.0.1:5555", "x"], "there is no socket type FOO; here are PAIR, PUB,"),
        (["PUSH", "localhost:5555", "x"], "an endpoint is transport://address"),
        (["PUSH", "tcp://localhost:99999", "x"], "port 99999 is out of range"),
        (["PUSH", "tcp://localhost:0", "x"], "nobody listens on port 0"),
        (["PUSH", "tcp://*:5555", "x"], "connect to one address"),
        (["PUSH", "inproc://here", "x"], "inproc is within one process"),
        (["PUSH", "nonsense://here", "x"], 'there is no transport "nonsense"'),
        (["PUSH", ">tcp://localhost:5555", "--bind", "x"], "which of them?"),
        (["PUSH", "tcp://localhost:5555", "--hex", "abc"], "'abc' is not hexadecimal"),
        (["PUSH", "tcp://localhost:5555", "--wait", "soon", "x"], "'soon' is no number of seconds"),
        (["PUSH", "tcp://localhost:5555", "--wait", "nan", "x"], "'nan' is no number of seconds"),
        (["PUSH", "tcp://localhost:5555", "--every", "-1", "x"], "--every"),
        (["PUSH", "tcp://localhost:5555", "--repeat", "0", "x"], "'0' is no number of 1 or more"),
        (["PUSH", "tcp://localhost:5555", "--repeat", "2"], "--repeat is for MESSAGEs"),
        (["PUSH", "tcp://localhost:5555", "--frames"], "--frames is for MESSAGEs"),
    ],
)
def test_what_is_mistyped_is_one_line(command, arguments, problem):
    done = command("send", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken(command, make_socket):
    taken = bound(make_socket(zmq.PULL, bind="tcp://127.0.0.1:*"))
    done = command("send", "PUSH", f"@{taken}", "x")
    assert done.returncode == 1
    assert done.stderr.startswith("brokerless send: Address already in use")
    assert done.stderr.count("\n") == 1
