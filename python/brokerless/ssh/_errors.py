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


_paramiko = optional_module("paramiko")

if _paramiko is not None:
    # So that one `except` is enough, whichever way a tunnel is opened.
    SSHException: Any = _paramiko.SSHException
else:

    class SSHException(Exception):  # type: ignore[no-redef]
        """The server's key is not known, or not the one that is known."""


class LoginRefused(RuntimeError):
    """The server wants something else, such as a password."""
