"""Tunnels by the system's ssh: a process each, which ends when its parent does, however that ends.

The parent holds one end of a pipe (or of a terminal, where a password had to be typed). The command that ssh runs on the
server waits for the end of it; then it is over, and so is ssh, as soon as nobody is connected through the tunnel any more
and everything that was sent has left.
"""

from __future__ import annotations

import atexit
import os
import re
import selectors
import shlex
import subprocess
import tempfile
import time
from getpass import getpass
from typing import IO, Any, Dict, List, Optional

from ._errors import LoginRefused, MaxRetryExceeded, SSHException, optional_module
from ._places import Server, local_forward, parse_server

#: Seconds that a server has for letting us in.
PATIENCE = 60.0

_READY = b"brokerless-tunnel-open"
# Ends after these seconds, or when its input does. (What a shell runs in the background has its input under this number
# only.) There is no ' in it, so that any login shell hands it on to sh as it is.
_HOLD = (
    "exec 3<&0; sleep {seconds} & pause=$!; (read line <&3; kill $pause) >/dev/null 2>&1 & "
    "echo {ready}; exec 2>/dev/null; wait $pause; kill $!"
)
# With a terminal or without: one session that is nobody else's, and no tunnel if its port is taken.
_OPTIONS = ("-T", "-S", "none", "-o", "ExitOnForwardFailure=yes", "-o", "RemoteCommand=none")

_PASSWORD = re.compile(rb"pass(?:word|phrase)[^\r\n]*:[ \t]*$", re.IGNORECASE)
_NEW_KEY = re.compile(rb"continue connecting", re.IGNORECASE)
_UNKNOWN_KEY = re.compile(r"host key verification failed|authenticity of host", re.IGNORECASE)
_REFUSED = re.compile(r"permission denied \(", re.IGNORECASE)

#: The tunnels of this process, by the numbers of theirs.
_running: Dict[int, Any] = {}


def passwordless(server: str, keyfile: Optional[str]) -> bool:
    """Whether the server lets us in without a password."""
    place = parse_server(server)
    try:
        _run([*_login(place, keyfile), "-T", "-o", "BatchMode=yes", "--", place.destination, "exit"], server, PATIENCE)
    except LoginRefused:
        return False
    return True


def open_tunnel(
    lport: int, host: str, rport: int, server: str, keyfile: Optional[str], password: Optional[str], seconds: int
) -> int:
    """Open a tunnel, and return the number of the process that serves it."""
    _forget_the_ended()
    place = parse_server(server)
    login = _login(place, keyfile)
    forward = local_forward(lport, host, rport)
    master = _by_master(login, forward, place.destination, server)
    if master is not None:
        return master
    hold = _HOLD.format(seconds=seconds, ready=_READY.decode())
    arguments = [*login, *_OPTIONS, "-L", forward]
    command = ["--", place.destination, f"exec sh -c {shlex.quote(hold)}"]
    if not password:
        try:
            return _without_password([*arguments, "-o", "BatchMode=yes", *command], server)
        except LoginRefused:
            # Said again, if it stays so, by the one that asks for a password.
            pass
    return _with_password(arguments, command, server, password or None)


def _login(place: Server, keyfile: Optional[str]) -> List[str]:
    return [
        "ssh",
        *(() if keyfile is None else ("-i", keyfile)),
        *(() if place.port is None else ("-p", str(place.port))),
    ]


def _environment() -> Dict[str, str]:
    """Ours, without what would open a window to ask for a password."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SSH_ASKPASS")}


def _run(command: List[str], server: str, timeout: float) -> str:
    """Run an ssh that is to end soon; what it says."""
    # A file and no pipe: a connection that ssh leaves open for others keeps it, too.
    with tempfile.TemporaryFile() as words:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, env=_environment(), timeout=timeout
            )
        except subprocess.TimeoutExpired:
            raise MaxRetryExceeded(f"{server} did not answer ssh within {timeout:.0f} s") from None
        said = _said(words)
    if done.returncode != 0:
        raise _failure(server, said)
    return said


def _said(words: IO[bytes]) -> str:
    words.seek(0)
    return words.read().decode("utf8", "replace").strip()


def _failure(server: str, said: str) -> Exception:
    """The error for an ssh that has ended with these words."""
    if _UNKNOWN_KEY.search(said):
        unknown: Exception = SSHException(f"{_unknown(server)}. ssh says: {said}")
        return unknown
    if _REFUSED.search(said):
        return LoginRefused(f"{server} refuses the login. ssh says: {said}")
    return RuntimeError(f"ssh cannot open a tunnel by {server}. It says: {said or 'nothing'}")


def _unknown(server: str) -> str:
    return f"the key of {server} is not known: connect once by hand, and look at it"


def _by_master(login: List[str], forward: str, destination: str, server: str) -> Optional[int]:
    """Use a connection that the user's ssh shares already (ControlMaster); the number of its process, or None."""
    try:
        number = re.search(r"pid=(\d+)", _run([*login, "-O", "check", "--", destination], server, PATIENCE))
        if number is None:
            return None
        _run([*login, "-O", "forward", "-L", forward, "--", destination], server, PATIENCE)
    except (RuntimeError, MaxRetryExceeded, SSHException):
        # There is none, or it may not forward: a connection of our own will do, or will say what is wrong.
        return None
    atexit.register(_cancel, os.getpid(), [*login, "-O", "cancel", "-L", forward, "--", destination])
    return int(number.group(1))


def _cancel(owner: int, command: List[str]) -> None:
    # A forked child has not asked for the tunnel, and ends earlier.
    if os.getpid() == owner:
        nothing = subprocess.DEVNULL
        subprocess.call(command, stdin=nothing, stdout=nothing, stderr=nothing, timeout=5)


class _Ssh(subprocess.Popen):  # type: ignore[type-arg]
    """A tunnel's process, which this module keeps until it has ended. The end of its input is the end of it."""

    @property
    def output(self) -> IO[bytes]:
        """What it writes, which is always read."""
        assert self.stdout is not None
        return self.stdout

    def has_ended(self) -> bool:
        """Whether it has ended; if so, nothing of it is left."""
        if self.poll() is None:
            return False
        assert self.stdin is not None
        self.stdin.close()
        return True

    def __del__(self) -> None:
        # At the end of the interpreter: ssh sends what it has got, and ends. To have left it running is no mistake.
        held = getattr(self, "stdin", None)
        if held is not None:
            held.close()


def _without_password(command: List[str], server: str) -> int:
    with tempfile.TemporaryFile() as words:
        # A session of its own: Ctrl-C in the terminal is meant for us.
        process = _Ssh(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            env=_environment(),
            start_new_session=True,
        )
        try:
            if not _wait_until_ready(process, server):
                process.wait()
                raise _failure(server, _said(words))
        except BaseException:
            process.kill()
            process.communicate()
            raise
    process.output.close()
    _running[process.pid] = process
    return process.pid


def _wait_until_ready(process: _Ssh, server: str) -> bool:
    """Wait for the word that the tunnel is open; False if ssh ends before. Whatever a login prints is passed over."""
    heard = b""
    deadline = time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as selector:
        selector.register(process.output, selectors.EVENT_READ)
        while _READY not in heard:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise MaxRetryExceeded(f"{server} did not answer ssh within {PATIENCE:.0f} s")
            more = os.read(process.output.fileno(), 65536)
            if not more:
                return False
            heard = heard[-len(_READY) :] + more
    return True


def _with_password(arguments: List[str], command: List[str], server: str, password: Optional[str]) -> int:
    """Open a tunnel at a terminal, where ssh asks for the password. It is in no argument, variable, or text of an error."""
    pexpect = optional_module("pexpect")
    if pexpect is None:
        raise ImportError(
            f"{server} wants a password, and pexpect, which would type it in, is not installed: "
            "install pexpect, or log in by a key"
        )
    with tempfile.NamedTemporaryFile() as words:
        arguments = [*arguments[1:], "-E", words.name, *command]
        terminal = pexpect.spawn("ssh", arguments, env=_environment(), timeout=PATIENCE, ignore_sighup=True)
        try:
            _type_password(pexpect, terminal, server, password, words)
        except BaseException:
            terminal.close(force=True)
            raise
    _running[terminal.pid] = _AtTerminal(terminal)
    return int(terminal.pid)


class _AtTerminal:
    """The same for a tunnel whose password was typed in. The end of its terminal is the end of its input."""

    def __init__(self, terminal: Any) -> None:
        self._number = terminal.pid
        self._terminal = os.dup(terminal.child_fd)
        # pexpect would kill ssh when it forgets the terminal, with all that is still on its way.
        terminal.ptyproc.fileobj.close()
        terminal.closed = terminal.ptyproc.closed = True

    def has_ended(self) -> bool:
        """Whether it has ended; if so, nothing of it is left."""
        if self._number and os.waitpid(self._number, os.WNOHANG)[0]:
            self._number = 0
            os.close(self._terminal)
        return not self._number


def _type_password(pexpect: Any, terminal: Any, server: str, password: Optional[str], words: IO[bytes]) -> None:
    asked = 0
    while True:
        found = terminal.expect([_READY, _PASSWORD, _NEW_KEY, pexpect.EOF, pexpect.TIMEOUT])
        if found == 0:
            return
        if found == 2:
            raise SSHException(_unknown(server))
        if found == 3:
            raise _failure(server, _said(words) or terminal.before.decode("utf8", "replace").strip())
        if found == 4:
            raise MaxRetryExceeded(f"{server} did not let us in within {PATIENCE:.0f} s")
        if asked:
            print("That password is not right.")
        if asked or password is None:
            password = getpass(f"{server}'s password: ")
        asked += 1
        terminal.sendline(password)


def _forget_the_ended() -> None:
    """Let go of the processes that have ended, which would stay about as zombies."""
    for number, process in list(_running.items()):
        if process.has_ended():
            del _running[number]
