"""The program that a peer's process runs, started by its path: `python -u peer_child.py NAME CONTROL RECORDS PARENT`.

CONTROL and RECORDS are the file descriptors of two pipes, PARENT the kernel's process id. Before brokerless can be imported,
the kernel has to say where it is; so this file needs nothing but Python, and what it starts is in peer_run.
"""

import json
import os
import signal
import sys


def die_with(parent):  # type: (int) -> None
    """Has the system end this process when the kernel ends, however it ends."""
    if sys.platform.startswith("linux"):
        import ctypes

        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # It has ended already.
        os._exit(1)


def main():  # type: () -> None
    """Reads from the kernel what to do, and does it."""
    name, control, records, parent = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    die_with(parent)
    # What this process starts is not to hold these.
    os.set_inheritable(control, False)
    os.set_inheritable(records, False)
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
