"""AsyncioAuthenticator: decides in the background, and calls back in your event loop."""

from __future__ import annotations

import warnings
from typing import Any, Optional

from .. import _core
from .._lane import current_loop
from ..context import Context
from ._desk import Desk
from .base import Authenticator


class AsyncioAuthenticator(Authenticator):
    """An Authenticator for programs with an event loop: what Python has a say in happens there.

    A native thread decides, however busy the loop is; credentials providers, a `curve_user_id` of your own and the log are
    called in the loop, and what callbacks return may be awaitable. They get their turn only while the loop runs.
    """

    def __init__(
        self,
        context: Optional[Context[Any]] = None,
        loop: Any = None,
        encoding: str = "utf-8",
        log: Optional[Any] = None,
    ) -> None:
        """Start nothing yet; see Authenticator. `loop` is deprecated: the loop is the one in which start() is called."""
        super().__init__(context=context, encoding=encoding, log=log)
        if loop is not None:
            warnings.warn(
                f"{type(self).__name__}(loop=...) is deprecated and not used: call start() in the loop",
                DeprecationWarning,
                stacklevel=2,
            )
        self._handler: Optional[_core.ZapHandler] = None
        self._desk: Optional[Desk] = None

    def start(self) -> None:
        """Start to decide, and to call back in the current event loop.

        Raises
        ------
        ZMQError
            EADDRINUSE if it runs already, or another authenticator runs in this context; ENOTSUP if the context has ended.
        RuntimeError
            Without an event loop.
        """
        loop = current_loop()
        super().start()
        try:
            self._handler = _core.ZapHandler(self.zap_socket, self._policy)
            self._desk = Desk(self, self._handler, loop)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop to decide. Callbacks that wait for something are cancelled.

        From now on nobody decides, and libzmq lets every client in (but at servers with `zap_enforce_domain`): close your
        servers first.
        """
        desk, self._desk = self._desk, None
        handler, self._handler = self._handler, None
        if desk is not None:
            desk.close()
        if handler is not None:
            handler.stop()
        super().stop()


__all__ = ["AsyncioAuthenticator"]
