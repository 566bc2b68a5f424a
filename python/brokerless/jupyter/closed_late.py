"""What a socket was when an interrupt ended its wait, though the end of a `with` or a `finally` has closed it since.

The line of an interrupted cell is written last. A closed socket knows no addresses any more, so one that is closed while an
interrupt is on its way is described before.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import Any
from weakref import WeakKeyDictionary

from .. import _opened
from ..socket import Socket

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

_were: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def load() -> None:
    """From now on sockets that are closed by an interrupt are described."""
    if _note not in _opened.closing:
        _opened.closing.append(_note)


def unload() -> None:
    """Ends that."""
    if _note in _opened.closing:
        _opened.closing.remove(_note)


def name(thing: Any) -> str:
    """What to call a socket, poller, device...: its repr() without where it is in memory, from before its end."""
    return (_were.get(thing) if isinstance(thing, Socket) else None) or _plain(thing)


def _note(socket: Any) -> None:
    if isinstance(sys.exc_info()[1], (KeyboardInterrupt, asyncio.CancelledError)) and not socket.closed:
        _were[socket] = _plain(socket)


def _plain(thing: Any) -> str:
    return _ADDRESS.sub("", repr(thing))
