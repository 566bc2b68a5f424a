"""Options as attributes: `socket.linger = 0`, `context.io_threads`, in pyzmq's way and with its errors."""

from __future__ import annotations

import errno
from typing import Any

from . import constants
from .error import ZMQError


class OptionAttributes:
    """Turns attributes that a class does not declare into options, by their names in any case."""

    def __setattr__(self, key: str, value: Any) -> None:
        # In this order, as asking for the dictionary makes Python keep one.
        if _declared(type(self), key) or key in self.__dict__:
            object.__setattr__(self, key, value)
            return
        self._set_option(key.upper(), self._option(key), value)

    def __getattr__(self, key: str) -> Any:
        if _declared(type(self), key):
            # A property that raised AttributeError: with its own words.
            return object.__getattribute__(self, key)
        number = self._option(key)
        try:
            return self._get_option(key.upper(), number)
        except ZMQError as error:
            # libzmq's answer for what can only be written.
            if error.errno in (errno.EINVAL, errno.EFAULT):
                raise AttributeError(f"{key} attribute is write-only") from None
            raise

    def _option(self, key: str) -> int:
        number = getattr(constants, key.upper(), None) if not key.startswith("_") else None
        if not isinstance(number, int):
            name = type(self).__name__
            raise AttributeError(f"{name} has no such option: {key.upper()}")
        return number

    def _set_option(self, name: str, number: int, value: Any) -> None:
        raise NotImplementedError

    def _get_option(self, name: str, number: int) -> Any:
        raise NotImplementedError


def _declared(cls: type, key: str) -> bool:
    return any(key in base.__dict__ or key in _annotations(base) for base in cls.__mro__)


def _annotations(cls: type) -> Any:
    try:
        return getattr(cls, "__annotations__", {})
    except NameError:
        # From Python 3.14 on they are evaluated now, and may name what only type checkers import.
        return {}
