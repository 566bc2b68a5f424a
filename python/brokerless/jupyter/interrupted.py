"""A KeyboardInterrupt that tells in one line what became of what it ended."""

from __future__ import annotations

from typing import Any

__all__ = ["interrupted"]


def interrupted(text: str) -> KeyboardInterrupt:
    """The exception to be raised. It is of no class of its own, as front ends know an interrupt by the name."""
    error: Any = KeyboardInterrupt(text)
    # What IPython shows instead of a traceback.
    error._render_traceback_ = lambda: [f"KeyboardInterrupt: {text}"]
    told: KeyboardInterrupt = error
    return told
