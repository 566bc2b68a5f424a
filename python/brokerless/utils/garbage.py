"""pyzmq's name for what knows which memory libzmq still uses. Here the core does that; this only shows it."""

from __future__ import annotations

from typing import Set

from .._core import loans

__all__ = ["GarbageCollector", "gc"]


class GarbageCollector:
    """Shows what was sent with copy=False and is still in libzmq's hands."""

    @property
    def refs(self) -> Set[int]:
        """A number for each piece of memory that libzmq still uses; pyzmq has a dict with these keys."""
        return set(loans())


#: The one of this process.
gc = GarbageCollector()
