"""A kernel that is to end does: no thread that waits in a call of ours keeps it.

Python ends when all threads have ended that are not daemons, and one that waits for a message may wait for ever; Jupyter
loses patience after seconds, and kills such a kernel. So when the main thread has ended, the notebook's sockets that
somebody waits for are closed, which ends the wait. What was sent is still delivered, as at any end of Python.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from .. import _opened
from ..error import ZMQError
from .cells import is_machinerys

#: Who has waited this long, in seconds, is not about to be done.
_PATIENCE = 0.1
_LOOK = 0.05

_wanted = False
_thread: Any = None


def load(shell: Any) -> None:
    """From now on no thread keeps this process by waiting for a message."""
    global _wanted, _thread
    _wanted = True
    if _thread is None:
        _thread = threading.Thread(target=_run, name="brokerless: end", daemon=True)
        _thread.start()


def unload(shell: Any) -> None:
    """Who waits is waited for again."""
    global _wanted
    _wanted = False


def _run() -> None:
    # The first that the end of Python does, before it waits for other threads, is to tell those that wait for this one.
    threading.main_thread().join()
    while _wanted:
        for socket in _opened.sockets():
            if not is_machinerys(socket):
                _release(socket)
        time.sleep(_LOOK)


def _release(socket: Any) -> None:
    try:
        if any(wait["since"] >= _PATIENCE for wait in socket._survey()["waits"] or ()):
            socket.close()
    except ZMQError:
        # Somebody else closes it just now.
        pass
