"""ThreadAuthenticator: decides in the background, whatever Python is doing."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Optional

from .. import _core
from ..context import Context
from ..socket import Socket
from ._desk import Desk
from .base import Authenticator


class AuthenticationThread(threading.Thread):
    """Where a ThreadAuthenticator calls back: providers, `curve_user_id`, the log. It has an event loop of its own.

    It sleeps for as long as the native thread, which does the rest, needs nothing of Python.

    Attributes
    ----------
    authenticator : ThreadAuthenticator
        Whose thread it is. A running authenticator that the program forgets goes on: otherwise everybody would be let in.
    loop : asyncio.AbstractEventLoop
        The loop that awaits what callbacks return; set once it runs.
    started : threading.Event
        Set once the loop runs.
    pipe : None
        pyzmq's thread takes its commands by a socket; this one needs none.
    """

    authenticator: Authenticator
    loop: asyncio.AbstractEventLoop
    pipe: Optional[Socket]

    def __init__(self, authenticator: Authenticator, pipe: Optional[Socket] = None) -> None:
        """A thread that does not run yet; `pipe` is kept as an attribute and not used."""
        super().__init__(name="zmq.auth", daemon=True)
        self.authenticator = authenticator
        self.log = authenticator.log
        self.pipe = pipe
        self.started = threading.Event()
        self._handler = _core.ZapHandler(authenticator.zap_socket, authenticator._policy)

    def run(self) -> None:
        """Serve the native thread until it ends."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        desk = Desk(self.authenticator, self._handler, self.loop)
        self.started.set()
        await desk.closed

    def end(self) -> None:
        """End the native thread, and then this one, unless it is the one that asks."""
        self._handler.stop()
        if self is not threading.current_thread() and self.is_alive():
            self.join()

    @property
    def ended(self) -> bool:
        """Whether nothing is decided any more: it was stopped, or its context has ended."""
        return self._handler.ended


class ThreadAuthenticator(Authenticator):
    """An Authenticator that runs by itself: a native thread decides, without the GIL, while Python does what it likes.

    Python is asked only where it has a say: credentials providers, a `curve_user_id` of your own, passwords in a dict that
    the program still holds, a log that wants every decision. That happens in `thread`, where an event loop awaits what
    callbacks return.

    Use it in a `with`, or start() and stop() it. It ends with its context.

    Attributes
    ----------
    thread : AuthenticationThread
        Where callbacks are called; None while it does not run.
    pipe : None
        pyzmq's command socket, which this one does not need; `pipe_endpoint` is its address there.
    """

    pipe: Optional[Socket]
    pipe_endpoint: str = ""
    thread: Optional[AuthenticationThread]

    def __init__(
        self, context: Optional[Context[Any]] = None, encoding: str = "utf-8", log: Optional[Any] = None
    ) -> None:
        """Start nothing yet; see Authenticator."""
        super().__init__(context=context, encoding=encoding, log=log)
        self.pipe = None
        self.thread = None

    def start(self) -> None:
        """Start to decide; returns when it does.

        Raises
        ------
        ZMQError
            EADDRINUSE if it runs already, or another authenticator runs in this context; ENOTSUP if the context has ended.
        """
        super().start()
        try:
            thread = AuthenticationThread(self)
            thread.start()
            self.thread = thread
            if not thread.started.wait(timeout=10):
                raise RuntimeError("the authenticator's thread did not start within 10 seconds")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop to decide, and return when the thread has ended. Callbacks that wait for something are cancelled.

        From now on nobody decides, and libzmq lets every client in (but at servers with `zap_enforce_domain`): close your
        servers first.
        """
        thread, self.thread = self.thread, None
        if thread is not None:
            thread.end()
        super().stop()

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.thread is not None and self.thread.is_alive() and not self.thread.ended


__all__ = ["ThreadAuthenticator"]
