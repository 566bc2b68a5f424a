"""A network of one's own: two network namespaces with a cable between them, which end with their processes.

Nothing of the machine's network is touched. It takes root, and the command `ip`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess

from benches.battery.fault import NotHere

_CLONE_NEWNET = 0x40000000


def leave_network() -> None:
    """The caller's thread, and all that it starts from now on, have a network with nothing in it. Raises NotHere if it may not."""
    if shutil.which("ip") is None:
        raise NotHere("no command ip (Debian's iproute2)")
    if os.geteuid() != 0:
        raise NotHere("only root may make network namespaces")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise NotHere(f"no network namespaces: {os.strerror(ctypes.get_errno())}")
    ip("link set lo up")


def ip(words: str) -> None:
    """Runs the command ip, in the caller's network."""
    subprocess.run(["ip", *words.split()], check=True, stdin=subprocess.DEVNULL)
