"""Where an event loop does what the native handler leaves to Python: callbacks, and the log."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TYPE_CHECKING, Any, List, Set

from .. import _core
from ..error import ZMQError

if TYPE_CHECKING:
    from .base import Authenticator


class Desk:
    """The tasks of one authenticator in one loop. Everything in here happens in the thread of that loop."""

    def __init__(
        self, authenticator: Authenticator, handler: _core.ZapHandler, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._authenticator = authenticator
        self._handler = handler
        self._loop = loop
        self._tasks: Set[asyncio.Task[None]] = set()
        #: Done when there is nothing more to do.
        self.closed: asyncio.Future[None] = loop.create_future()
        self._listen_to_log()
        loop.add_reader(handler.fileno(), self._look)

    def close(self) -> None:
        """Cancel what was begun, and look no more."""
        if self.closed.done():
            return
        if self._loop.is_closed():
            return
        self._loop.remove_reader(self._handler.fileno())
        for task in self._tasks:
            task.cancel()
        self.closed.set_result(None)

    def _look(self) -> None:
        asked, lines, ended = self._handler.take()
        # First what somebody waits for: a log may raise.
        for msg in asked:
            task = self._loop.create_task(self._answer(msg))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if ended:
            self.close()
        self._listen_to_log()
        for level, text in lines:
            log = self._authenticator.log
            (log.error if level >= logging.ERROR else log.debug)("%s", text)

    def _listen_to_log(self) -> None:
        # A log of the program's own may have no levels: it wants to know everything.
        wants: Any = getattr(self._authenticator.log, "isEnabledFor", None)
        self._handler.set_verbose(wants is None or bool(wants(logging.DEBUG)))

    async def _answer(self, msg: List[bytes]) -> None:
        authenticator = self._authenticator
        socket = authenticator._open_socket()
        if socket is None:
            return
        # Nobody else sends before this has been replied to; then, the native thread may.
        sent = socket.stats.messages_sent
        try:
            authenticator._refresh()
            await authenticator.handle_zap_message(msg)
        except Exception:
            text = traceback.format_exc()
            try:
                if socket.stats.messages_sent == sent:
                    authenticator._fail(socket, msg[1] if len(msg) > 1 else b"")
            except ZMQError:
                # Stopped meanwhile: there is nobody to reply to.
                pass
            authenticator.log.error("Cannot decide on a client, which is sent away: %s", text)
