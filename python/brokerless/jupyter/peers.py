"""The notebook's peers: cells that run beside the others, each in a process of its own or in a thread of the kernel.

`%%peer NAME` starts one, `%peers` lists them, `%stop` ends them. A cell owns its peer as it does its sockets: run again, it ends
the one of its last run. A peer ends with the kernel at the latest.
"""

from __future__ import annotations

import atexit
import os
import time
import warnings
from typing import Any, Dict, List, Sequence

from . import cells, owned, peer_base, peer_table, peer_thread
from .peer_base import Peer
from .peer_process import ProcessPeer

__all__ = ["load", "unload", "find", "running", "surveys", "table", "stop"]

_peers: Dict[str, Peer] = {}
_owner = os.getpid()


def add(peer: Peer) -> None:
    """Takes a peer in, in the place of an earlier one of its name."""
    _peers.pop(peer.name, None)
    _peers[peer.name] = peer


def find() -> List[Peer]:
    """All peers of this kernel, also those that have ended, in the order in which they were started."""
    # A process that the kernel forks has none: they are not its children.
    return list(_peers.values()) if os.getpid() == _owner else []


def running() -> List[str]:
    """The names of the peers that have not ended."""
    return [peer.name for peer in find() if peer.is_alive]


def surveys(timeout: float = 0.5) -> List[Dict[str, Any]]:
    """What the peers' processes have, each as brokerless._survey.survey() tells it there.

    One that does not answer within `timeout` seconds (because it was stopped by a signal, say, or has just begun) has no
    sockets, devices and roles in the list, and an "error" that says why. Threads of the kernel are in its own survey.
    """
    processes = [peer for peer in find() if isinstance(peer, ProcessPeer) and peer.is_alive]
    give_up = time.monotonic() + timeout
    for peer in processes:
        peer.ask()
    told = [(peer, peer.survey(timeout, give_up)) for peer in processes]
    # Who has ended meanwhile has nothing any more.
    return [survey for peer, survey in told if peer.is_alive or "error" not in survey]


def table(timeout: float = 0.5) -> peer_table.PeerTable:
    """What `%peers` shows. A peer that does not tell within `timeout` seconds is listed without its sockets."""
    give_up = time.monotonic() + timeout
    for peer in find():
        if isinstance(peer, ProcessPeer):
            peer.ask()
    return peer_table.PeerTable([peer_table.row(peer, max(0.0, give_up - time.monotonic())) for peer in find()])


def stop(peers: Sequence[Peer], reason: str = "stopped") -> List[Peer]:
    """Ends peers, all at the same time; returns those that cannot be ended, which are threads."""
    return peer_base.end(peers, reason)


def load(shell: Any) -> None:
    """Gives the shell the magics."""
    from . import peer_magics

    peer_thread.watch()
    # Before the sockets of the cell's last run are closed: a peer is to know that it is stopped before it finds one closed.
    cells.began.insert(0, _began)
    atexit.register(_end_all)
    peer_magics.register(shell)


def unload(shell: Any) -> None:
    """Ends all peers, and takes the magics away."""
    from . import peer_magics

    peer_magics.unregister(shell)
    if _began in cells.began:
        cells.began.remove(_began)
    _end_all()
    atexit.unregister(_end_all)
    peer_thread.unwatch()
    _peers.clear()


def why_not(peer: Peer) -> str:
    """Says of a peer that could not be ended what it is, and where."""
    if isinstance(peer, peer_thread.ThreadPeer):
        where = peer.where()
        return f"the thread of the peer {peer.name} does not end{f' (in {where})' if where else ''}"
    return f"the process {peer.pid} of the peer {peer.name} does not end"


def _began(cell: cells.Cell) -> None:
    # `%%peer` itself ends the one that it replaces, or refuses to.
    if not owned.is_on() or cell.source.lstrip().startswith("%%peer"):
        return
    mine = [peer for peer in find() if peer.is_alive and peer.kill_on_rerun and peer.is_left_by(cell)]
    for peer in stop(mine):
        warnings.warn(why_not(peer), RuntimeWarning, stacklevel=2)


def _end_all() -> None:
    # The kernel's client waits for its end, and not for long.
    peer_base.end(find(), haste=0.5)
