"""A real ssh server for the tests, made of paramiko: it runs commands in a shell and forwards ports, as sshd does."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from contextlib import suppress
from typing import Any, List

import paramiko

HOST_KEY = paramiko.ECDSAKey.generate()


class _Policy(paramiko.ServerInterface):
    """Lets in whoever has the password, or the key."""

    def __init__(self, server: SshServer, transport: Any) -> None:
        self._server, self._transport = server, transport

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey" if self._server.password else "publickey"

    def check_auth_password(self, username: str, password: str) -> int:
        self._server.passwords.append(password)
        right = self._server.password is not None and password == self._server.password
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: Any) -> int:
        return paramiko.AUTH_SUCCESSFUL if key == self._server.client_key else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_direct_tcpip_request(self, chanid: int, origin: Any, destination: Any) -> int:
        try:
            target = socket.create_connection(destination)
        except OSError:
            return paramiko.OPEN_FAILED_CONNECT_FAILED
        self._server.forwards[chanid] = target
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
        self._server.commands.append(command.decode())
        threading.Thread(target=_execute, args=(channel, command), daemon=True).start()
        return True


def _execute(channel: Any, command: bytes) -> None:
    shell = subprocess.Popen(["sh", "-c", command.decode()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def feed() -> None:
        for data in iter(lambda: channel.recv(4096), b""):
            shell.stdin.write(data)
        shell.stdin.close()

    threading.Thread(target=feed, daemon=True).start()
    for data in iter(lambda: os.read(shell.stdout.fileno(), 4096), b""):
        channel.sendall(data)
    channel.send_exit_status(shell.wait())
    shell.stdout.close()
    channel.close()


def _copy(source: Any, target: Any) -> None:
    try:
        for data in iter(lambda: source.recv(65536), b""):
            target.sendall(data)
    except OSError:
        pass  # a test has ended
    finally:
        for end in (target, source):
            # paramiko's raises EOFError when its connection has ended before.
            with suppress(OSError, EOFError):
                end.close()


class SshServer:
    """Listens on a port of its own. `password` and `client_key` open it; what was tried and asked for is in the lists."""

    def __init__(self, password: str | None = None, client_key: Any = None) -> None:
        self.password, self.client_key = password, client_key
        self.passwords: List[str] = []
        self.commands: List[str] = []
        self.forwards: dict[int, Any] = {}
        self._transports: List[Any] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: Any) -> None:
        transport = paramiko.Transport(client)
        self._transports.append(transport)
        transport.add_server_key(HOST_KEY)
        try:
            transport.start_server(server=_Policy(self, transport))
        except (paramiko.SSHException, EOFError, ConnectionResetError):
            return
        while transport.is_active():
            channel = transport.accept(0.1)
            target = None if channel is None else self.forwards.pop(channel.get_id(), None)
            if target is not None:
                for ends in ((channel, target), (target, channel)):
                    threading.Thread(target=_copy, args=ends, daemon=True).start()

    @property
    def clients(self) -> int:
        """How many are logged in."""
        return sum(transport.is_active() and transport.is_authenticated() for transport in self._transports)

    def close(self) -> None:
        """End every connection."""
        # Wakes the thread that waits there; closing alone would not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for transport in self._transports:
            transport.close()
