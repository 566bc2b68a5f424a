"""IOLoopAuthenticator: pyzmq's old name for the AsyncioAuthenticator of programs with tornado, whose loop is asyncio's."""

from __future__ import annotations

import warnings
from typing import Any, Optional

from ..context import Context
from .asyncio import AsyncioAuthenticator

warnings.warn(
    "IOLoopAuthenticator is deprecated: tornado runs on asyncio, so use AsyncioAuthenticator of auth.asyncio",
    DeprecationWarning,
    stacklevel=2,
)


class IOLoopAuthenticator(AsyncioAuthenticator):
    """An AsyncioAuthenticator; deprecated."""

    def __init__(
        self,
        context: Optional[Context[Any]] = None,
        encoding: str = "utf-8",
        log: Optional[Any] = None,
        io_loop: Any = None,
    ) -> None:
        """Start nothing yet; see Authenticator. `io_loop` is not used: the loop is the one in which start() is called."""
        super().__init__(context=context, encoding=encoding, log=log)
        if io_loop is not None:
            warnings.warn(
                f"{type(self).__name__}(io_loop=...) is deprecated and not used: call start() in the loop",
                DeprecationWarning,
                stacklevel=2,
            )


__all__ = ["IOLoopAuthenticator"]
