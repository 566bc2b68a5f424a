"""pyzmq's name for options as attributes."""

from .._options import OptionAttributes as AttributeSetter

__all__ = ["AttributeSetter"]
