"""The program that a peer's process runs, started by its path: `python -u peer_child.py NAME CONTROL RECORDS LIFE PARENT`.

CONTROL, RECORDS and LIFE are the file descriptors of three pipes, PARENT the kernel's process id. Before brokerless can be imported,
the kernel has to say where it is; so this file needs nothing but Python, and what it starts is in peer_run.
"""

import json
import os
import signal
import sys
from typing import Optional  # noqa: F401  # for comments


def die_with(parent, life=None):  # type: (int, Optional[int]) -> None
    """Has the system end this process when its parent ends, however that ends; with a pipe `life`, all of its group, too.

    The parent has the other end of that pipe, nobody else has it, and nothing is written to it.
    """
    if sys.platform.startswith("linux") and not (life is not None and _group_ends_with(life)):
        import ctypes

        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # It has ended already.
        os._exit(1)


def _group_ends_with(life):  # type: (int) -> bool
    """Has SIGKILL sent to this process's group when the other end of a pipe is closed; whether this system can."""
    import fcntl

    try:
        fcntl.fcntl(life, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    except OSError:
        # What only looks like Linux may not know that.
        return False
    return True


def main():  # type: () -> None
    """Reads from the kernel what to do, and does it."""
    name = sys.argv[1]
    control, records, life, parent = (int(word) for word in sys.argv[2:])
    die_with(parent, life)
    # What this process starts is not to hold these.
    for pipe in (control, records, life):
        os.set_inheritable(pipe, False)
    # An interpreter started by one that ignores interrupts ignores them as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    size = int(_read(control, 16))
    begin = json.loads(_read(control, size).decode("ascii"))
    if begin["path"] is not None:
        sys.path[:] = begin["path"]
    try:
        from brokerless.jupyter.peer_run import run
    except ImportError as error:
        text = f"it cannot import brokerless ({type(error).__name__}: {error})".encode("utf-8", "replace")
        os.write(records, b"X" + len(text).to_bytes(4, "big") + text)
        os._exit(1)
    run(name, control, records, begin)


def _read(source, size):  # type: (int, int) -> bytes
    data = b""
    while len(data) < size:
        piece = os.read(source, size - len(data))
        if not piece:
            # The kernel has ended.
            os._exit(1)
        data += piece
    return data


def _script():  # type: () -> None
    # The folder of this file is not where modules are to be looked for: it has names that others have, too.
    if sys.path and os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
        sys.path[0] = ""
    main()


if __name__ == "__main__":
    _script()
