"""brokerless recv: what comes is printed, in the form that was asked for, and nothing is waited for longer than allowed."""

from __future__ import annotations

import json
import os
import re

import pytest

import brokerless as zmq

BOTH = pytest.mark.parametrize("transport", ["tcp", "ipc"])


def bound(sock):
    return sock.last_endpoint.decode()


@BOTH
def test_as_many_as_asked_for(command, make_socket, endpoint, in_thread, transport):
    push = make_socket(zmq.PUSH, bind=endpoint(transport))
    sent = in_thread(push.send_many, [b"one", b"two", b"three"], timeout=20)
    done = command("recv", "pull", bound(push), "-n", "3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\ntwo\nthree\n", "")
    assert sent.result() == 3


@BOTH
def test_each_line_comes_at_once(start, make_socket, endpoint, transport):
    running = start("recv", "PULL", f"@{endpoint(transport)}", "--count", "2")
    push = make_socket(zmq.PUSH, connect=running.endpoint())
    for word in ("one", "two"):
        push.send_string(word)
        assert running.line() == word
    assert running.ends() == (0, "", "")


MESSAGES = [[b"10001 72"], [b"a", b"", "ü\t|".encode()], [b"\x1b[31m", b"\xff\0"], [b""]]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (None, "10001 72\na |  | ü\t|\n0x1b5b33316d | 0xff00\n\n"),
        ("--hex", "0x3130303031203732\n0x61 | 0x | 0xc3bc097c\n0x1b5b33316d | 0xff00\n0x\n"),
        ("--raw", None),
        ("--json", None),
    ],
)
def test_the_forms(start, make_socket, form, expected):
    running = start("recv", "PULL", "@tcp://127.0.0.1:*", "-n", str(len(MESSAGES)), *([form] if form else []))
    make_socket(zmq.PUSH, connect=running.endpoint()).send_many(MESSAGES, timeout=20)
    out, _ = running.process.communicate(timeout=20)
    assert running.process.returncode == 0
    if form == "--raw":
        assert out == b"".join(b"".join(message) for message in MESSAGES)
    elif form == "--json":
        lines = [json.loads(line) for line in out.decode("ascii").splitlines()]
        assert [line["size"] for line in lines] == [8, 5, 7, 0]
        assert [line["frames"] for line in lines] == [
            ["10001 72"],
            ["a", "", "ü\t|"],
            ["\x1b[31m", {"hex": "ff00"}],
            [""],
        ]
    else:
        assert out.decode() == expected


def test_a_terminal_that_lacks_a_letter(start, make_socket):
    running = start("recv", "PULL", "@tcp://127.0.0.1:*", "-n", "1", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    make_socket(zmq.PUSH, connect=running.endpoint()).send("zwölf".encode())
    assert running.ends() == (0, "zw\\xf6lf\n", "")


def test_topics(start, make_socket):
    pub = make_socket(zmq.PUB, bind="tcp://127.0.0.1:*")
    running = start("recv", "SUB", bound(pub), "--subscribe", "10001", "--subscribe", "2", "-n", "2")
    for topic in ("10001", "2"):
        pub.wait_for_subscribers(1, topic, timeout=20)
    pub.send_many([b"10001 72", b"10002 73", b"2 74"])
    assert running.ends() == (0, "10001 72\n2 74\n", "")


def test_without_a_topic_it_is_everything(start, make_socket):
    pub = make_socket(zmq.PUB, bind="tcp://127.0.0.1:*")
    running = start("recv", "SUB", bound(pub), "-n", "1")
    assert pub.wait_for_subscribers(1, "anything", timeout=20) == 1
    pub.send(b"anything")
    assert running.ends() == (0, "anything\n", "")


def test_a_publisher_that_leaves_keeps_nobody(start, make_socket):
    pub = make_socket(zmq.PUB, bind="tcp://127.0.0.1:*")
    running = start("recv", "SUB", bound(pub), "-n", "2")
    assert pub.wait_for_subscribers(1, "last words", timeout=20) == 1
    pub.send_many([b"last", b"words"])
    pub.close()
    assert running.ends() == (0, "last\nwords\n", "")


@pytest.mark.parametrize(("options", "reply"), [([], [b"Hello", b"\xff"]), (["--reply", "Wörld"], ["Wörld".encode()])])
def test_requests_are_answered(start, make_socket, options, reply):
    running = start("recv", "REP", "@tcp://127.0.0.1:*", "-n", "2", *options)
    req = make_socket(zmq.REQ, connect=running.endpoint())
    for _ in range(2):
        req.send_multipart([b"Hello", b"\xff"])
        assert req.recv_multipart(timeout=20) == reply
    assert running.ends() == (0, "Hello | 0xff\n" * 2, "")


def test_send_and_recv_meet(start, command):
    running = start("recv", "REP", "@tcp://127.0.0.1:*", "-n", "1", "--reply", "World")
    done = command("send", "REQ", running.endpoint(), "Hello")
    assert (done.returncode, done.stdout, done.stderr) == (0, "World\n", "")
    assert running.ends() == (0, "Hello\n", "")


def test_pyzmq_may_send(start, pyzmq, pyzmq_ctx):
    running = start("recv", "PULL", "@tcp://127.0.0.1:*", "-n", "1")
    push = pyzmq_ctx.socket(pyzmq.PUSH)
    push.connect(running.endpoint())
    push.send_multipart([b"a", b"b"])
    assert running.ends() == (0, "a | b\n", "")


def test_nothing_came(command, free_port):
    done = command("recv", "PULL", f"tcp://127.0.0.1:{free_port}", "--timeout", "0.1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("brokerless recv: ")
    assert re.search(r"nothing arrived within \d+ ms", done.stderr)
    assert done.stderr.count("\n") == 1


def test_too_little_came(start, make_socket):
    running = start("recv", "PULL", "@tcp://127.0.0.1:*", "-n", "3", "--timeout", "2")
    make_socket(zmq.PUSH, connect=running.endpoint()).send_many([b"one", b"two"], timeout=20)
    status, out, err = running.ends()
    assert (status, out) == (1, "one\ntwo\n")
    assert err.startswith("brokerless recv: 2 of 3 messages came: ")


def test_silence_is_an_end_when_no_count_was_asked_for(start, make_socket):
    running = start("recv", "PULL", "@tcp://127.0.0.1:*", "--timeout", "2")
    make_socket(zmq.PUSH, connect=running.endpoint()).send(b"one")
    assert running.ends() == (0, "one\n", "")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["PUSH", "tcp://127.0.0.1:5555"], "argument TYPE: a PUSH only sends: a PULL receives from it"),
        (["PUB", "tcp://127.0.0.1:5555"], "a PUB only sends"),
        (["req", "tcp://127.0.0.1:5555"], "see brokerless send REQ"),
        (["XSUB", "tcp://127.0.0.1:5555"], "XSUB sockets need a program"),
        (["FOO", "tcp://127.0.0.1:5555"], "there is no socket type FOO"),
        (["PULL", "tcp://127.0.0.1"], "the port is missing"),
        (["PULL", "ipc:///tmp/\udcff"], r"'ipc:///tmp/\udcff' is not UTF-8"),
        (["PULL", "tcp://127.0.0.1:5555", "--subscribe", "x"], "--subscribe is for SUB sockets, not for PULL"),
        (["PULL", "tcp://127.0.0.1:5555", "--reply", ""], "--reply is for REP sockets, not for PULL"),
        (["PULL", "tcp://127.0.0.1:5555", "--raw", "--json"], "not allowed with argument"),
        (["PULL", "tcp://127.0.0.1:5555", "-n", "many"], "'many' is no number of 1 or more"),
        (["PULL", "tcp://127.0.0.1:5555", "--timeout", "inf"], "'inf' is no number of seconds"),
    ],
)
def test_what_is_mistyped_is_one_line(command, arguments, problem):
    done = command("recv", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
