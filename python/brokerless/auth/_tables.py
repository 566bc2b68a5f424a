"""Dicts that tell when they change, so that a copy of them is never out of date unnoticed."""

from __future__ import annotations

import sys
from typing import Any, Callable, Dict, Mapping, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


def _telling(name: str) -> Any:
    """The dict's method of this name, which tells of the change that it makes, before anybody can rely on it."""

    def method(self: Table[Any, Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(dict, name)(self, *args, **kwargs)
        finally:
            self._tell()

    method.__name__ = name
    method.__doc__ = getattr(dict, name, method).__doc__
    return method


class Table(Dict[_K, _V]):
    """A dict that calls `tell` after each change."""

    def __init__(self, tell: Callable[[], None], items: Mapping[_K, _V]) -> None:
        super().__init__(items)
        self._tell = tell

    __setitem__ = _telling("__setitem__")
    __delitem__ = _telling("__delitem__")
    clear = _telling("clear")
    pop = _telling("pop")
    popitem = _telling("popitem")
    setdefault = _telling("setdefault")
    update = _telling("update")
    if sys.version_info >= (3, 9):
        __ior__ = _telling("__ior__")

    def __reduce__(self) -> Any:
        # A copy elsewhere has nobody to tell.
        return dict, (dict(self),)


_probe: Dict[int, Any] = {0: {}}
#: What getrefcount() says about a dict that nobody but another dict has.
_ALONE = sys.getrefcount(_probe[0])


def adopt(tables: Table[str, Any]) -> bool:
    """Make tables of the dicts in a table that nobody else has; whether there were any.

    A dict that the program gave us can be changed by it at any time, without a word. But once the program has let go of it
    (it was written right into the call, most of the time), only by way of the table that it is in.
    """
    adopted = False
    for key in list(tables):
        if type(tables[key]) is dict and sys.getrefcount(tables[key]) <= _ALONE:
            dict.__setitem__(tables, key, Table(tables._tell, tables[key]))
            adopted = True
    return adopted
