"""What everything has that a notebook shows as a table."""

from __future__ import annotations

__all__ = ["Shown"]


class Shown:
    """Shows itself in a notebook."""

    __slots__ = ()

    @classmethod
    def _called(cls) -> str:
        """What repr() calls it: by its public name, or a subclass of somebody else's by its own."""
        public: str = cls.__dict__.get("_repr_cls") or f"{cls.__module__}.{cls.__qualname__}"
        return public

    def _repr_html_(self) -> str:
        from ._repr_html import html_of

        return html_of(self)
