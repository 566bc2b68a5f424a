"""What goes wrong with tunnels."""

from __future__ import annotations

import importlib
from typing import Any, Optional


class MaxRetryExceeded(Exception):
    """The ssh server did not answer in time, or asks what nobody here can tell it."""


def optional_module(name: str) -> Optional[Any]:
    """A module that may not be installed; None if it is not."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


class _WrongKey(Exception):
    """The server's key is not known, or not the one that is known."""


# paramiko's own where it is there, so that one `except` is enough, whichever way a tunnel is opened.
SSHException: Any = getattr(optional_module("paramiko"), "SSHException", _WrongKey)


class LoginRefused(RuntimeError):
    """The server wants something else, such as a password."""
