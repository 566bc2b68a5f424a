"""Where a socket is bound and connected: how it gets there, what it is told, how it leaves; mistakes name their cause."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket as system_socket
from pathlib import Path

import pytest
from conftest import wait_until

import brokerless as zmq


def hears(push, pull):
    """Whether a message goes from one to the other."""
    push.send(b"hello", timeout=10)
    return pull.recv(timeout=10) == b"hello"


# Bind and connect


# A build that writes addresses and numbers in another way than libzmq's own (zmq-sys/src/text.hpp) writes the same.


def test_a_websockets_address(make_socket):
    rep, req = make_socket(zmq.REP), make_socket(zmq.REQ)
    rep.bind("ws://127.0.0.1:*/path")
    found = re.fullmatch(rb"ws://127\.0\.0\.1:(\d+)/path", rep.last_endpoint)
    assert found and 1024 <= int(found.group(1)) < 65536
    req.connect(rep.last_endpoint)
    req.send(b"hello", timeout=10)
    assert rep.recv(timeout=10) == b"hello"


def test_who_speaks_over_ipc(make_socket, endpoint):
    pull = make_socket(zmq.PULL, bind=endpoint("ipc"))
    push = make_socket(zmq.PUSH, connect=pull.last_endpoint.decode())
    push.send(b"hello", timeout=10)
    frame = pull.recv(copy=False, timeout=10)
    assert frame["Peer-Address"] == f"localhost:{os.getuid()}:{os.getgid()}:{os.getpid()}"


def test_threads_named_by_a_number(ctx, make_socket):
    ctx.set(zmq.THREAD_NAME_PREFIX, 1234567)
    make_socket(zmq.PULL)

    def names():
        found = []
        for task in Path("/proc/self/task").iterdir():
            with contextlib.suppress(FileNotFoundError):  # another test's thread, on its way out
                found.append(Path(task, "comm").read_text())
        return found

    # A thread names itself, and its first step may be later than this.
    assert wait_until(lambda: any(name.startswith("1234567/") for name in names())), names()


def test_what_is_resolved(make_socket, endpoint, transport):
    pull = make_socket(zmq.PULL)
    asked = endpoint(transport)
    pull.bind(asked)
    (resolved,) = pull.endpoints
    assert isinstance(pull.last_endpoint, bytes) and pull.last_endpoint.decode() == resolved
    assert "*" not in resolved
    if transport != "tcp":
        assert resolved == asked
    push = make_socket(zmq.PUSH)
    push.connect(resolved)
    assert push.endpoints == [resolved]
    assert hears(push, pull)
    assert resolved in repr(pull) and "bound to" in repr(pull) and "connected to" in repr(push)


def test_endpoints_may_be_bytes(make_socket):
    pull = make_socket(zmq.PULL)
    pull.bind(b"inproc://bytes")
    push = make_socket(zmq.PUSH)
    push.connect(b"inproc://bytes")
    assert hears(push, pull)
    push.disconnect(b"inproc://bytes")
    pull.unbind(b"inproc://bytes")
    assert pull.endpoints == push.endpoints == []


def test_every_interface_and_one_by_name(make_socket):
    pull = make_socket(zmq.PULL)
    for where in ("tcp://*:*", "tcp://lo:*", "tcp://0.0.0.0:*", "tcp://127.0.0.1:*"):
        pull.bind(where)
    push = make_socket(zmq.PUSH)
    for bound in pull.endpoints:
        port = bound.rsplit(":", 1)[1]
        push.connect(f"tcp://127.0.0.1:{port}")
    assert push.wait_for_peers(4, timeout=10) == 4
    assert len(set(pull.endpoints)) == 4
    assert pull.endpoints[1].startswith("tcp://127.0.0.1:")


def test_ipv6(make_socket):
    pull = make_socket(zmq.PULL, ipv6=1)
    try:
        with system_socket.socket(system_socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    pull.bind("tcp://[::1]:*")
    push = make_socket(zmq.PUSH, ipv6=1, connect=pull.last_endpoint.decode())
    assert hears(push, pull)


def test_a_taken_port_says_who_has_it(make_socket, free_port):
    where = f"tcp://127.0.0.1:{free_port}"
    mine = make_socket(zmq.REP, bind=where)
    with pytest.raises(zmq.ZMQError, match=r"taken by this REP socket.*of this process") as caught:
        make_socket(zmq.PULL).bind(where)
    assert caught.value.errno == zmq.EADDRINUSE
    mine.close()
    with system_socket.socket() as foreign:
        foreign.bind(("127.0.0.1", free_port))
        foreign.listen()
        with pytest.raises(zmq.ZMQError, match="taken by other code of this process") as caught:
            make_socket(zmq.PULL).bind(where)
        assert caught.value.errno == zmq.EADDRINUSE


WRONG = {
    "nonsense": errno.EINVAL,
    "": errno.EINVAL,
    "tcp://": errno.EINVAL,
    "tcp://127.0.0.1": errno.EINVAL,
    "tcp://127.0.0.1:99999": errno.EINVAL,
    "tcp://127.0.0.1:http": errno.EINVAL,
    "tcp://127.0.0.1:\x00": errno.EINVAL,
    "http://127.0.0.1:80": zmq.EPROTONOSUPPORT,
    "tcp://no-such-interface:5555": errno.ENODEV,
    "tcp://192.0.2.1:5555": errno.EADDRNOTAVAIL,
    "ipc:///no/such/folder/x": errno.ENOENT,
    "ipc:///etc/passwd/x": errno.ENOTDIR,
    "ipc://" + "x" * 200: errno.ENAMETOOLONG,
}


@pytest.mark.parametrize("where", WRONG, ids=lambda where: where[:30].replace("\x00", "NUL") or "empty")
def test_a_bind_that_cannot_be(make_socket, where):
    sock = make_socket(zmq.PULL)
    with pytest.raises(zmq.ZMQError) as caught:
        sock.bind(where)
    assert caught.value.errno == WRONG[where], caught.value
    # It says more than libzmq's word for the errno.
    assert len(str(caught.value)) > len(zmq.strerror(WRONG[where]))
    # Where programs written for pyzmq look for the endpoint.
    assert caught.value.strerror == str(caught.value)
    assert sock.endpoints == []
    sock.bind("inproc://after-all")


@pytest.mark.parametrize(
    "where", ["nonsense", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:99999", "http://127.0.0.1:80"]
)
def test_a_connect_that_cannot_be(make_socket, where):
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.PUSH).connect(where)
    assert caught.value.errno == WRONG[where]
    assert where in str(caught.value)


@pytest.mark.parametrize("where", [5555, None, ["tcp://127.0.0.1:*"]])
def test_an_endpoint_of_the_wrong_type(make_socket, where):
    sock = make_socket(zmq.PULL)
    for call in (sock.bind, sock.connect, sock.unbind, sock.disconnect):
        with pytest.raises(TypeError):
            call(where)


def test_an_inproc_name_is_bound_once(make_socket):
    make_socket(zmq.PULL, bind="inproc://once")
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.PULL).bind("inproc://once")
    assert caught.value.errno == zmq.EADDRINUSE


# Leaving


def test_unbind_and_disconnect(make_socket, endpoint, transport):
    pull = make_socket(zmq.PULL)
    pull.bind(endpoint(transport))
    where = pull.endpoints[0]
    push = make_socket(zmq.PUSH, connect=where)
    assert hears(push, pull)
    push.disconnect(where)
    with pytest.raises(zmq.Again):
        push.send(b"to nobody", zmq.NOBLOCK)
    push.connect(where)
    assert hears(push, pull)
    pull.unbind(where)
    assert pull.endpoints == []
    # Another one may have the place.
    other = make_socket(zmq.PULL, bind=where)
    assert hears(make_socket(zmq.PUSH, connect=where), other)


def test_an_endpoint_as_it_was_written(make_socket):
    """unbind() takes what bind() took, and what last_endpoint tells."""
    pull = make_socket(zmq.PULL)
    pull.bind("tcp://127.0.0.1:*")
    pull.unbind(pull.last_endpoint)
    port = pull.bind_to_random_port("tcp://127.0.0.1")
    pull.unbind(f"tcp://127.0.0.1:{port}")
    assert pull.endpoints == []


def test_a_connection_in_this_process_may_be_given_up_after_its_other_end(make_socket):
    pull = make_socket(zmq.PULL, bind="inproc://gone")
    push = make_socket(zmq.PUSH, connect="inproc://gone")
    push.connect("inproc://gone")
    pull.close()
    # It looks, and libzmq forgets the connections.
    assert push.poll(0) == 0
    push.disconnect("inproc://gone")
    assert push.endpoints == []
    with pytest.raises(zmq.ZMQError) as caught:
        push.disconnect("inproc://gone")
    assert caught.value.errno == errno.ENOENT


@pytest.mark.parametrize("name", ["unbind", "disconnect"])
def test_leaving_where_it_is_not(make_socket, endpoint, transport, name):
    sock = make_socket(zmq.PULL, bind=endpoint(transport))
    with pytest.raises(zmq.ZMQError) as caught:
        getattr(sock, name)("tcp://127.0.0.1:1" if transport == "tcp" else f"{transport}://elsewhere")
    assert caught.value.errno == errno.ENOENT
    assert "is not an endpoint that this socket is" in str(caught.value)
    assert sock.endpoints[0] in str(caught.value)


def test_bind_in_a_with(make_socket, endpoint, transport):
    pull, push = make_socket(zmq.PULL), make_socket(zmq.PUSH)
    with pull.bind(endpoint(transport)) as bound:
        assert bound is pull
        with push.connect(pull.endpoints[0]) as connected:
            assert connected is push
            assert hears(push, pull)
        assert push.endpoints == []
    assert pull.endpoints == []


def test_a_with_around_a_closed_socket(make_socket):
    pull = make_socket(zmq.PULL)
    with pull.bind("tcp://127.0.0.1:*"):
        pull.close()


def test_what_bind_returns(make_socket):
    pull = make_socket(zmq.PULL)
    binding = pull.bind("inproc://shown")
    assert binding.socket is pull
    assert (binding.kind, binding.addr) == ("bind", "inproc://shown")
    assert "bind='inproc://shown'" in repr(binding)


# Random ports


def test_a_random_port(make_socket):
    pull = make_socket(zmq.PULL)
    port = pull.bind_to_random_port("tcp://127.0.0.1")
    assert pull.last_endpoint == b"tcp://127.0.0.1:%d" % port
    assert hears(make_socket(zmq.PUSH, connect=f"tcp://127.0.0.1:{port}"), pull)


def test_a_random_port_in_a_range(make_socket, free_port):
    pull = make_socket(zmq.PULL)
    assert pull.bind_to_random_port("tcp://127.0.0.1", free_port, free_port + 1) == free_port
    with pytest.raises(zmq.ZMQBindError):
        make_socket(zmq.PULL).bind_to_random_port("tcp://127.0.0.1", free_port, free_port + 1, max_tries=3)


def test_a_random_port_where_there_are_none(make_socket):
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.PULL).bind_to_random_port("tcp://192.0.2.1")
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_an_ipc_wildcard(make_socket):
    pull = make_socket(zmq.PULL, bind="ipc://*")
    path = pull.endpoints[0].partition("://")[2]
    assert os.path.exists(path)
    assert hears(make_socket(zmq.PUSH, connect=pull.endpoints[0]), pull)
    pull.close()
    assert not os.path.exists(path)


def test_an_abstract_ipc_name(make_socket):
    where = f"ipc://@brokerless-test-{os.getpid()}"
    pull = make_socket(zmq.PULL, bind=where)
    assert hears(make_socket(zmq.PUSH, connect=where), pull)


def test_a_path_that_a_socket_of_this_process_has_is_taken_with_a_warning(make_socket, tmp_path):
    where = f"ipc://{tmp_path / 'path'}"
    first, second, third = (make_socket(kind) for kind in (zmq.PULL, zmq.PULL, zmq.REP))
    first.bind(where)
    said = rf"{where} was bound by this PULL socket of this process, .* close\(\) it first"
    with pytest.warns(RuntimeWarning, match=said) as warned:
        second.bind(where)
    assert warned[0].filename == __file__
    push = make_socket(zmq.PUSH, connect=where)
    push.send(b"to the second")
    assert second.recv(timeout=20) == b"to the second"
    # What closed in between, and what nobody has any more, is free.
    first.close()
    second.close()
    third.bind(where.encode())
    third.unbind(where)
    third.bind(where)
