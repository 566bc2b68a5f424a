"""The processes that multiprocessing starts for a program which takes brokerless for pyzmq: they must do so too.

A forked process does by itself. One that is spawned, or that the fork server forks, begins anew: it imports the main
module, and thereby zmq, before any code of ours could run there. But first it reads what its parent tells it for a
start (multiprocessing.spawn.get_preparation_data), as a pickle; so the parent puts in something whose reading installs.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import spawn
from typing import Any, Callable, Dict, Tuple

from ._alias import install_as_zmq

_installed = False


def install_in_children() -> None:
    """Make multiprocessing's children, and their children, call install_as_zmq() before anything else."""
    global _installed
    if _installed:
        return
    _installed = True
    prepare: Callable[[str], Dict[str, Any]] = spawn.get_preparation_data

    def get_preparation_data(name: str) -> Dict[str, Any]:
        return {**prepare(name), "brokerless": _Installation()}

    # Not an attribute that type checkers know, but one of multiprocessing.spawn's public names.
    setattr(spawn, "get_preparation_data", get_preparation_data)  # noqa: B010
    # The fork server, which gets no such message, imports the main module in newer versions of Python, unless it is told
    # to import nothing; its children, which do get one, then import it themselves.
    multiprocessing.set_forkserver_preload([])


class _Installation:
    """Installs where it is unpickled; nobody looks at what it is then."""

    def __reduce__(self) -> Tuple[Callable[[], None], Tuple[()]]:
        return _install, ()


def _install() -> None:
    install_as_zmq()
    install_in_children()
