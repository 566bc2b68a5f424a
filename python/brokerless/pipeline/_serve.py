"""What a local worker's process does once it can import brokerless."""

from __future__ import annotations

import os
import pickle
import signal
from typing import Any, Dict

from .reliable import ReliableWorker

__all__ = ["name_of_process", "serve"]


def name_of_process(label: str, pid: int) -> str:
    """What a local worker is called, by its process and by the one that started it."""
    return f"{label} (process {pid})"


def serve(begin: Dict[str, Any], function: bytes) -> None:
    """Works with the function in this pickle until there is nothing to do any more."""
    # The parent is interrupted, and says what is to be done then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if begin["alias"]:
        from .._alias import install_as_zmq
        from .._children import install_in_children

        install_as_zmq()
        install_in_children()
    fn, codec = pickle.loads(function)
    name = name_of_process(begin["label"], os.getpid())
    secrets: Dict[str, Any] = {}
    if begin["keys"] is not None:
        from ..security.keys import Keys

        secrets = {"keys": Keys(*begin["keys"]), "server_key": begin["server_key"]}
    with ReliableWorker(begin["source"], begin["sink"], codec=codec, name=name, **secrets) as worker:
        worker.run(fn)
