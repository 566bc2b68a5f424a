"""Options as attributes: `socket.linger = 0`, `context.io_threads`, in pyzmq's way and with its errors."""

from __future__ import annotations

import errno
from typing import Any, Mapping

from . import constants
from .error import ZMQError


class OptionSetter:
    """Turns what is assigned to attributes that a class does not declare into options, by their names in any case."""

    def __setattr__(self, key: str, value: Any) -> None:
        # In this order, as asking for the dictionary makes Python keep one.
        if _declared(type(self), key) or key in self.__dict__:
            object.__setattr__(self, key, value)
            return
        self._set_option(key.upper(), self._option(key), value)

    def _option(self, key: str) -> int:
        number = getattr(constants, key.upper(), None) if not key.startswith("_") else None
        if not isinstance(number, int):
            name = type(self).__name__
            raise AttributeError(f"{name} has no such option: {key.upper()}")
        return number

    def _read_option(self, key: str, number: int) -> Any:
        try:
            return self._get_option(key.upper(), number)
        except ZMQError as error:
            # libzmq's answer for what can only be written.
            if error.errno in (errno.EINVAL, errno.EFAULT):
                raise AttributeError(f"{key} attribute is write-only") from None
            raise

    def _set_option(self, name: str, number: int, value: Any) -> None:
        raise NotImplementedError

    def _get_option(self, name: str, number: int) -> Any:
        raise NotImplementedError


class OptionAttributes(OptionSetter):
    """Turns attributes that a class does not declare into options, read and written, by their names in any case."""

    def __getattr__(self, key: str) -> Any:
        if _declared(type(self), key):
            # A property that raised AttributeError: with its own words.
            return object.__getattribute__(self, key)
        return self._read_option(key, self._option(key))


class Option(property):
    """An option as an attribute.

    A class with a `__getattr__` could do without. But for such a one Python looks up each method anew at each call, which
    takes longer than a send.
    """

    def __init__(self, key: str, number: int) -> None:
        def read(owner: OptionSetter) -> Any:
            return owner._read_option(key, number)

        def write(owner: OptionSetter, value: Any) -> None:
            owner._set_option(key.upper(), number, value)

        super().__init__(read, write, doc=f"The option {key.upper()}: see SocketOption.")


def declare_options(cls: type, options: Mapping[str, int], but: str) -> None:
    """Gives a class its options as attributes, in upper and lower case, but one name and what it declares otherwise."""
    for name, number in options.items():
        for key in (name, name.lower()):
            if key != but and not hasattr(cls, key):
                setattr(cls, key, Option(key, number))


def _declared(cls: type, key: str) -> bool:
    for base in cls.__mro__:
        if key in base.__dict__:
            return not isinstance(base.__dict__[key], Option)
        if key in _annotations(base):
            return True
    return False


def _annotations(cls: type) -> Any:
    try:
        return getattr(cls, "__annotations__", {})
    except NameError:
        # From Python 3.14 on they are evaluated now, and may name what only type checkers import.
        return {}
