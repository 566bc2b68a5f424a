"""pyzmq's name for options as attributes."""

from .._options import OptionSetter as AttributeSetter

__all__ = ["AttributeSetter"]
