"""What pyzmq needs on Windows to let Ctrl-C end a wait. Every wait of brokerless can be interrupted; this does nothing."""

from __future__ import annotations

from typing import Any, Callable, Optional


class allow_interrupt:
    """A `with` that does nothing, for programs that also run with pyzmq on Windows.

    There, `action` would be called upon Ctrl-C, to end a wait of libzmq's. Elsewhere, in pyzmq as here, it is never called.
    """

    def __init__(self, action: Optional[Callable[[], Any]] = None) -> None:
        """`action` is a function without arguments; see above."""

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, *args: Any) -> None:
        """Nothing."""


__all__ = ["allow_interrupt"]
