"""Forwarding a port through a transport of paramiko's, which a stand-in makes of plain connections."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
from concurrent import futures

import pytest

from brokerless.ssh.forward import ForwardServer, forward_tunnel


class Transport:
    """What is needed of paramiko's; a socket can be a channel."""

    active = True

    def is_active(self):
        return self.active

    def open_channel(self, kind, destination, source):
        assert kind == "direct-tcpip"
        assert source[0] == "127.0.0.1"
        return socket.create_connection(destination, timeout=10)


@pytest.fixture
def transport():
    return Transport()


@pytest.fixture
def forwarding(in_thread, free_port, transport):
    """forwarding(port): forwards to it; returns the port that does, and the future of the end."""
    servers = []

    def start(port, **options):
        server = ForwardServer(free_port, "127.0.0.1", port, transport)
        future = in_thread(server.forward, **options)
        servers.append((server, future))
        return free_port, future

    yield start
    transport.active = False
    for server, future in servers:
        future.result()
        server.server_close()


@pytest.fixture
def target():
    """Where it leads: a socket that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        yield listener


def port_of(listener):
    return listener.getsockname()[1]


def connected(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def all_of(source):
    return b"".join(iter(lambda: source.recv(65536), b""))


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_both_directions_each_with_its_own_end(forwarding, target, in_thread):
    port, _ = forwarding(port_of(target))
    question = os.urandom(3_000_000)
    with connected(port) as client:
        there, _ = target.accept()
        with there:
            there.settimeout(10)
            sent = in_thread(lambda: (client.sendall(question), client.shutdown(socket.SHUT_WR)))
            # Compared by its digest: a difference of megabytes is nothing to look at.
            assert digest(all_of(there)) == digest(question)
            sent.result()
            in_thread(lambda: (there.sendall(question), there.shutdown(socket.SHUT_WR)))
            assert digest(all_of(client)) == digest(question)


def test_several_at_once(forwarding, target):
    port, _ = forwarding(port_of(target))
    clients = [connected(port) for _ in range(5)]
    for number, client in enumerate(clients):
        client.sendall(b"%d" % number)
    seen = set()
    for _ in clients:
        there, _ = target.accept()
        with there:
            there.settimeout(10)
            seen.add(there.recv(1))
    for client in clients:
        assert client.recv(1) == b""
        client.close()
    assert seen == {b"0", b"1", b"2", b"3", b"4"}


def test_a_target_that_refuses_is_told_and_ends_the_connection(forwarding, free_port, caplog):
    nobody = socket.create_server(("127.0.0.1", 0))
    gone = port_of(nobody)
    nobody.close()
    port, _ = forwarding(gone)
    with caplog.at_level(logging.WARNING, "ssh"), connected(port) as client:
        assert client.recv(1) == b""
    assert f"127.0.0.1:{gone}" in caplog.text


def test_a_broken_connection_ends_both_sides(forwarding, target):
    port, _ = forwarding(port_of(target))
    client = connected(port)
    there, _ = target.accept()
    with there:
        there.settimeout(10)
        # Closed with a reset instead of an end.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        assert there.recv(1) == b""


def test_it_ends_with_the_transport(forwarding, target, transport):
    _, end = forwarding(port_of(target))
    transport.active = False
    end.result()


def test_it_ends_when_nobody_uses_it(forwarding, target):
    _, end = forwarding(port_of(target), seconds=0)
    end.result()


def test_it_ends_no_sooner_than_who_uses_it(forwarding, target):
    port, end = forwarding(port_of(target), seconds=1)
    with connected(port) as client:
        there, _ = target.accept()
        with there:
            there.settimeout(10)
            # concurrent.futures' own, before Python 3.11.
            with pytest.raises(futures.TimeoutError):
                end.result(1.5)
            client.sendall(b"late")
            assert there.recv(4) == b"late"
    end.result()


def test_a_port_in_use_is_refused(target, transport):
    with pytest.raises(OSError, match="in use"):
        forward_tunnel(port_of(target), "127.0.0.1", 1, transport)


def test_the_function_returns_when_the_transport_has_ended(free_port, transport):
    transport.active = False
    forward_tunnel(free_port, "127.0.0.1", 1, transport)
    # And has let go of its port.
    with socket.create_server(("127.0.0.1", free_port)):
        pass
