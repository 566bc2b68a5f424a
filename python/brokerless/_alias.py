"""pyzmq's name for brokerless: programs that say `import zmq` get the very modules that `import brokerless` gives.

One object has two names in `sys.modules`. It keeps the name, spec and loader that it was made with, so pickles, reloads
and tracebacks say `brokerless`; only who looks it up may say `zmq`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, Optional, Sequence, Union

from . import _version

if TYPE_CHECKING:
    from importlib.abc import ExecutionLoader, MetaPathFinder
else:
    # These say what methods there are, and nothing needs them to: importing them takes longer than the whole package.
    ExecutionLoader = MetaPathFinder = object

__all__ = ["install_as_zmq"]

_OURS = __name__.partition(".")[0]
_THEIRS = "zmq"


def _our_name(name: str) -> Optional[str]:
    """The module of ours that a module of pyzmq's name stands for, or None if it is not pyzmq's name."""
    package, dot, rest = name.partition(".")
    return _OURS + dot + rest if package == _THEIRS else None


class _Loader(ExecutionLoader):
    """Gives the module that is there under our name, and leaves it as it is."""

    def __init__(self, found: ModuleSpec) -> None:
        self._found = found

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._found.name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The module has run under our name. Of its attributes, the import system sets this one though it was set.
        module.__spec__ = self._spec

    # The rest serves `python -m`, which takes a module's code without importing it.

    def is_package(self, fullname: str) -> bool:
        return self._found.submodule_search_locations is not None

    def get_code(self, fullname: str) -> Optional[CodeType]:
        code: Optional[CodeType] = self._real().get_code(self._found.name)
        return code

    def get_source(self, fullname: str) -> Optional[str]:
        source: Optional[str] = self._real().get_source(self._found.name)
        return source

    def get_filename(self, fullname: str) -> str:
        path: str = self._real().get_filename(self._found.name)
        return path

    def _real(self) -> Any:
        return self._found.loader


class _Finder(MetaPathFinder):
    """Finds `zmq` and `zmq.x` where `brokerless` and `brokerless.x` are."""

    def find_spec(
        self, fullname: str, path: Optional[Sequence[Union[bytes, str]]], target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        name = _our_name(fullname)
        found = None if name is None else importlib.util.find_spec(name)
        if found is None:
            # Nobody else finds what we lack: `path`, where the other finders look for a submodule, is our folder.
            return None
        spec = ModuleSpec(
            fullname, _Loader(found), origin=found.origin, is_package=found.submodule_search_locations is not None
        )
        spec.submodule_search_locations = found.submodule_search_locations
        return spec


def install_as_zmq() -> None:
    """Make `import zmq` give brokerless, for this process and for programs written for pyzmq.

    Call it before anything imports zmq. From then on `zmq` and `zmq.asyncio`, say, are the same modules as `brokerless` and
    `brokerless.asyncio`, whether pyzmq is installed or not; what brokerless lacks is a ModuleNotFoundError. Programs
    compare `zmq.__version__`, so `brokerless.__version__` becomes pyzmq's version, that of `pyzmq_version()`; brokerless's
    own stays in `importlib.metadata.version("brokerless")`. A second call does nothing. `python -m brokerless.run` runs a
    whole program so.

    Raises RuntimeError if pyzmq has been imported already.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    taken = [name for name, module in list(sys.modules.items()) if not _may_stay(name, module)]
    if taken:
        _refuse(min(taken))
    # First, so that an installed pyzmq is not found before us.
    sys.meta_path.insert(0, _Finder())
    # Both, so that a reload of the package keeps it.
    _version.__version__ = sys.modules[_OURS].__version__ = _version.pyzmq_version()  # type: ignore[attr-defined]


def _may_stay(name: str, module: ModuleType) -> bool:
    """Whether a module is of no concern here, or ours under pyzmq's name."""
    ours = _our_name(name)
    # The default is nobody's module: None in sys.modules, which blocks an import, must not pass for ours.
    return ours is None or sys.modules.get(ours, _version) is module


def _refuse(name: str) -> NoReturn:
    where = getattr(sys.modules[name], "__file__", None)
    raise RuntimeError(
        f"brokerless cannot become zmq: this process has imported {name} already"
        f"{'' if where is None else f' ({where})'}, and what holds it would not change. Call brokerless.install_as_zmq() "
        "before anything imports zmq, or start the program with `python -m brokerless.run`. In a Jupyter kernel, which "
        "itself imports pyzmq, write `import brokerless as zmq`."
    )
