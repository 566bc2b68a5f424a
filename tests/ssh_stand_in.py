"""Stands in for ssh where no server is: notes its arguments, forwards the port, and runs the command in a shell here.

The environment says how it behaves: STAND_IN_LOG is the file for the arguments, a JSON list a line; STAND_IN is "open", or
"unknown" (the server's key), "refused", "unreachable", "silent", "chatty", "master" (a connection that is shared), or the
password that it wants.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import threading
from typing import Any


def fail(text: str) -> None:
    where = option("-E")
    if where is None:
        sys.stderr.write(text + "\n")
    else:
        with open(where, "a") as log:
            log.write(text + "\n")
    # As ssh does; threads must not keep it.
    sys.stderr.flush()
    os._exit(255)


def option(name: str) -> Any:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


def type_in(question: str) -> str:
    """Ask at the terminal, whatever stdin and stdout are, and do not show the answer."""
    import getpass

    return getpass.getpass(question)


def log_in(mode: str) -> None:
    batch = "BatchMode=yes" in sys.argv
    if mode == "unknown" and not batch:
        with open("/dev/tty", "w") as terminal:
            terminal.write(
                "The authenticity of host 'x' can't be established.\nAre you sure you want to continue connecting (yes/no)? "
            )
            terminal.flush()
            threading.Event().wait()
    if mode == "unknown":
        fail("Host key verification failed.")
    if mode == "refused":
        fail("me@gateway: Permission denied (publickey).")
    if mode == "unreachable":
        fail("ssh: connect to host gateway port 22: No route to host")
    if mode == "silent":
        threading.Event().wait()
    if mode == "chatty":
        sys.stdout.write("welcome to the password: jungle\n" * 5000)
        sys.stdout.flush()
    if mode in ("open", "chatty", "master"):
        return
    if batch:
        fail("me@gateway: Permission denied (publickey,password).")
    for _ in range(3):
        if type_in("me@gateway's password: ") == mode:
            return
    fail("me@gateway: Permission denied (publickey,password).")


class Forward:
    """The port, and who is connected to it."""

    def __init__(self, where: str) -> None:
        _, lport, host, rport = where.split(":")
        try:
            self.listener = socket.create_server(("127.0.0.1", int(lport)))
        except OSError as error:
            fail(f"bind [127.0.0.1]:{lport}: {error.strerror}\nCould not request local forwarding.")
        self.target = (host, int(rport))
        self.connected: list[threading.Thread] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            client, _ = self.listener.accept()
            thread = threading.Thread(target=self.connect, args=(client,), daemon=True)
            self.connected.append(thread)
            thread.start()

    def connect(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.target) as target, selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, target)
            selector.register(target, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    key.data.sendall(data)


def main() -> None:
    mode = os.environ["STAND_IN"]
    with open(os.environ["STAND_IN_LOG"], "a") as log:
        log.write(json.dumps(sys.argv[1:]) + "\n")
    if option("-O") is not None:
        if mode != "master":
            fail('No ControlPath specified for "-O" command')
        if option("-O") == "check":
            sys.stderr.write("Master running (pid=4242)\n")
        return
    log_in(mode)
    forward = None if option("-L") is None else Forward(option("-L"))
    place = sys.argv.index("--")
    code = subprocess.call(["sh", "-c", " ".join(sys.argv[place + 2 :])])
    if forward is not None:
        for thread in forward.connected:
            thread.join()
    sys.exit(code)


main()
