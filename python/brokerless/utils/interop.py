"""Addresses as other libraries hand them out."""

from __future__ import annotations

import sys
from typing import Any


def cast_int_addr(n: Any) -> int:
    """An address as a number, from a number or from a pointer of cffi. Raises ValueError for anything else."""
    if isinstance(n, int):
        return n
    # Where nobody has imported cffi's extension, nobody has a pointer of its.
    backend = sys.modules.get("_cffi_backend")
    if backend is not None:
        ffi = backend.FFI()
        if isinstance(n, ffi.CData):
            return int(ffi.cast("uintptr_t", n))
    raise ValueError(f"neither a number nor a pointer of cffi: {n!r}")


__all__ = ["cast_int_addr"]
