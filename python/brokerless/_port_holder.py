"""Who has a port that cannot be bound: a socket of this process, with its cell, or another process, with its command.

Linux tells all of it in /proc: the table of the listening sockets, and which process has each of them open. Without /proc,
and of what belongs to other users, less is known, and less is said.
"""

from __future__ import annotations

import ipaddress
import os
import sys
import time
from typing import Any, Callable, Iterator, List, NamedTuple, Optional

from . import _opened, _survey

_LISTENING = "0A"
#: Of a unix socket: it accepts connections.
_ACCEPTS = 0x10000
_EVERYWHERE = ("0.0.0.0", "::")
#: Characters of a command line that are shown.
_SHOWN = 100

#: What people here know of a process, such as "the peer server holds it: ...": the notebook's extension sets it.
peer_name: Callable[[int], Optional[str]] = lambda _pid: None  # noqa: E731


class _Listener(NamedTuple):
    """A listening socket of the system."""

    inode: str
    #: Whose it is; None where the system does not tell.
    uid: Optional[int]


def explain(endpoint: str, known: Optional[str]) -> Optional[str]:
    """Who has an endpoint, and the cure; `known` is what the core says of it, and the answer where no more is known."""
    here = _holder_here(endpoint)
    if here is not None:
        return f"{endpoint} is taken by {here}, or bind to another port"
    if known is None or "another program" not in known:
        return known
    try:
        there = _holder_there(endpoint)
    except OSError:
        # No /proc, or none that we may read.
        return known
    if there is None:
        return known
    other = "" if endpoint.startswith("ipc:") else " (tcp://host:* takes any free one)"
    return f"{endpoint} is taken{'' if there.startswith(':') else ' by '}{there} bind to another port{other}"


def left(endpoint: str, patience: float = 0.5) -> bool:
    """Waits, `patience` seconds at most, for a port that no open socket here has, but this process: whether it is free then.

    A socket that was collected a moment ago is closed by libzmq in the background.
    """
    give_up = time.monotonic() + patience
    while _holder_here(endpoint) is None:
        try:
            listeners = _listeners(endpoint)
            if not any(_process_with(listener.inode) == os.getpid() for listener in listeners):
                return not listeners and endpoint.startswith(("tcp:", "ipc:"))
        except OSError:
            return False
        if time.monotonic() > give_up:
            break
        time.sleep(0.001)
    return False


# In this process


def holder_here(endpoint: str) -> Optional[str]:
    """Which socket or device of this process has an endpoint."""
    here = _holder_here(endpoint)
    return None if here is None else here.rpartition(": ")[0]


def _holder_here(endpoint: str) -> Optional[str]:
    """The same, and the cure."""
    wanted = _place(endpoint)
    for socket in _opened.sockets():
        if any(bound and _place(at) == wanted for at, bound in socket._endpoints):
            cell = _survey.cell_number(socket)
            opened = "" if cell is None else f", opened in cell [{cell}]"
            device = next((d for d in _opened.devices() if any(own is socket for own in d._sockets)), None)
            if device is not None:
                return f"a {type(device).__name__} of this process{opened}: stop() it"
            return f"this {socket.type.name} socket of this process{opened}: close() it"
    return None


def _place(endpoint: str) -> str:
    """What two endpoints cannot both be: the port of a network's, the name of any other."""
    transport, _, address = endpoint.partition("://")
    return f"{transport}:{address.rsplit(':', 1)[-1] if transport == 'tcp' else address}"


# In the whole system


def _holder_there(endpoint: str) -> Optional[str]:
    """In words that "bind to another port" can follow; None if nobody is found."""
    found = _listeners(endpoint)
    for listener in found:
        pid = _process_with(listener.inode)
        if pid == os.getpid():
            return "other code of this process than brokerless:"
        if pid is not None:
            known = peer_name(pid)
            return f"{_process(pid)}: stop it, or" if known is None else f": {known} ({_process(pid)}), or"
    for listener in found:
        if listener.uid is not None and listener.uid != os.geteuid():
            return f"a program of another user ({_user(listener.uid)}):"
        return "a program that this process may not look into: stop it, or"
    return None


def _listeners(endpoint: str) -> List[_Listener]:
    transport, _, address = endpoint.partition("://")
    return _tcp_listeners(address) if transport == "tcp" else _unix_listeners(address) if transport == "ipc" else []


def _tcp_listeners(address: str) -> List[_Listener]:
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return []
    found = []
    for table in ("tcp", "tcp6"):
        for fields in _table(table):
            at, _, number = fields[1].partition(":")
            if fields[3] == _LISTENING and int(number, 16) == int(port) and _meet(host, _readable(at)):
                found.append(_Listener(fields[9], int(fields[7])))
    return found


def _unix_listeners(path: str) -> List[_Listener]:
    return [
        _Listener(fields[6], None)
        for fields in _table("unix")
        if len(fields) > 7 and fields[7] == path and int(fields[3], 16) & _ACCEPTS
    ]


def _table(name: str) -> Iterator[List[str]]:
    """The rows of one of the system's tables; of one that it does not have (IPv6 switched off, say), none."""
    path = f"/proc/self/net/{name}"
    if name == "tcp6" and not os.path.exists(path):
        return
    with open(path, encoding="ascii", errors="replace") as lines:
        next(lines, None)
        for line in lines:
            yield line.split()


def _readable(hexadecimal: str) -> str:
    """An address as people write it. The kernel has it as words in the machine's order."""
    words = [bytes.fromhex(hexadecimal[start : start + 8]) for start in range(0, len(hexadecimal), 8)]
    raw = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    address = ipaddress.ip_address(raw)
    return str(getattr(address, "ipv4_mapped", None) or address)


def _meet(wanted: str, taken: str) -> bool:
    """Whether who wants an address is kept from it by who has the other, the port being the same."""
    try:
        address = str(ipaddress.ip_address(wanted.strip("[]")))
    except ValueError:
        # "*", or the name of an interface or host.
        return True
    return address in _EVERYWHERE or taken in _EVERYWHERE or address == taken


def _process_with(inode: str) -> Optional[int]:
    """The process that has a socket open: this one, or the eldest of those that we may look at."""
    me = os.getpid()
    others = sorted(int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != me)
    return next((pid for pid in [me, *others] if _has(pid, f"socket:[{inode}]")), None)


def _has(pid: int, target: str) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        # Another user's, or it has just ended.
        return False
    return any(_link(f"{folder}/{name}") == target for name in names)


def _link(path: str) -> Optional[str]:
    try:
        return os.readlink(path)
    except OSError:
        # It was closed meanwhile.
        return None


def _process(pid: int) -> str:
    """ "pid 4711 (python3 server.py), running since 12:01"."""
    command = _command(pid)
    stat = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    text = f"pid {pid} ({_shown(command)})" if command else f"pid {pid}"
    if peer_name(pid) is not None:
        # That says more.
        name = ""
    elif len(stat) > 1 and stat[1] == str(os.getpid()):
        name = "a child of this process"
    elif ("ipykernel" in command or "brokerless.kernel" in command) and _notebook(pid):
        name = f"the kernel of {_notebook(pid)}"
    else:
        name = "the parent of this process" if pid == os.getppid() else ""
    if name:
        text += f", {name}"
    since = _since(stat)
    return f"{text}, running since {since}" if since else text


def _command(pid: int) -> str:
    words = _read(f"/proc/{pid}/cmdline").rstrip("\0").split("\0")
    words[0] = os.path.basename(words[0])
    return " ".join(words)


def _shown(text: str) -> str:
    """In one line, and with nothing that a terminal obeys."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."


def _notebook(pid: int) -> str:
    """The notebook that Jupyter has started a kernel for."""
    variables = _read(f"/proc/{pid}/environ").split("\0")
    named = (text.partition("=")[2] for text in variables if text.startswith("JPY_SESSION_NAME="))
    return _shown(os.path.basename(next(named, "")))


def _since(stat: List[str]) -> str:
    """When a process began, by the clock; from its /proc/PID/stat, without what comes before the state."""
    booted = [line.split()[1] for line in _read("/proc/stat").splitlines() if line.startswith("btime")]
    if not booted or len(stat) < 20:
        return ""
    began = time.localtime(int(booted[0]) + int(stat[19]) / os.sysconf("SC_CLK_TCK"))
    return time.strftime("%H:%M" if began[:3] == time.localtime()[:3] else "%Y-%m-%d %H:%M", began)


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        # It has ended, or is not ours to read.
        return ""


def _user(uid: int) -> Any:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return uid
