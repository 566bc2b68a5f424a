"""Runs a program written for pyzmq on brokerless, as it is:

    python -m brokerless.run SCRIPT [ARGUMENT ...]
    python -m brokerless.run -m MODULE [ARGUMENT ...]

For the program, `import zmq` gives brokerless, whether pyzmq is installed or not. All else is as `python SCRIPT` and
`python -m MODULE` have it: arguments, paths, tracebacks, Ctrl-C and exit codes. Processes that multiprocessing starts get
brokerless too, however it starts them; other Python processes that the program starts do not.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import zipfile
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader, SourcelessFileLoader
from types import CodeType, ModuleType, TracebackType
from typing import Any, List, NoReturn, Optional, Tuple, Type

from ._alias import install_as_zmq
from ._children import install_in_children

__all__ = ["main"]

_USAGE = "usage: python -m brokerless.run [-m MODULE | SCRIPT] [ARGUMENT ...]"

#: What is between us and a module that cannot be compiled.
_IMPORTERS = ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")


def main(arguments: Optional[List[str]] = None) -> None:
    """Run the program that these arguments name, by default those of the command line, as this process's own.

    It ends as the program does: by its SystemExit or exception, or by returning. What cannot be run is a SystemExit.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return
    is_module = arguments[:1] == ["-m"]
    program = arguments[1:] if is_module else arguments
    if not program:
        _fail(f"{'-m needs a module' if is_module else 'nothing to run'}\n{_USAGE}", 2)
    if not is_module and program[0].startswith("-"):
        _fail(f"unknown option {program[0]}\n{_USAGE}", 2)
    try:
        install_as_zmq()
    except RuntimeError as error:
        _fail(str(error), 1)
    install_in_children()
    sys.argv = program
    try:
        code, module = _module(program[0]) if is_module else _script(program[0])
        sys.modules["__main__"] = module
        exec(code, module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        # Raised, not shown and done with: the interpreter's end depends on what ends it, as by Ctrl-C.
        _show_only_its_own(error)
        raise


def _script(path: str) -> Tuple[CodeType, ModuleType]:
    """The code of a script, or of a folder or zip archive with a `__main__.py`."""
    if os.path.isdir(path) or zipfile.is_zipfile(path):
        _set_path(path)
        spec = PathFinder.find_spec("__main__", [path])
        if spec is None:
            _fail(f"can't find '__main__' module in {path!r}", 1)
        return _code(spec, "__main__"), _main(spec)
    _set_path(os.path.dirname(os.path.realpath(path)))
    # Since Python 3.9 an absolute path.
    path = os.path.abspath(path) if sys.version_info >= (3, 9) else path
    try:
        if path.endswith(".pyc"):
            compiled = SourcelessFileLoader("__main__", path)
            code = compiled.get_code("__main__")
            assert code is not None
            loader: Any = compiled
        else:
            loader = SourceFileLoader("__main__", path)
            # Not the loader's way, which leaves a compiled file behind.
            code = compile(loader.get_data(path), path, "exec", dont_inherit=True)
    except OSError as error:
        _fail(f"can't open file {path!r}: [Errno {error.errno}] {error.strerror}", 2)
    module = _new_main()
    module.__dict__.update(__file__=path, __loader__=loader, __cached__=None)
    return code, module


def _module(name: str) -> Tuple[CodeType, ModuleType]:
    """The code of a module, or of a package's `__main__`."""
    spec = _spec(name)
    if spec.submodule_search_locations is not None:
        name = f"{name}.__main__"
        spec = _spec(name)
    code = _code(spec, name)
    sys.argv[0] = spec.origin or name
    return code, _main(spec)


def _spec(name: str) -> ModuleSpec:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError) as error:
        _fail(f"cannot find {name!r}: {type(error).__name__}: {error}", 1)
    if spec is None:
        _fail(f"No module named {name}", 1)
    return spec


def _code(spec: ModuleSpec, name: str) -> CodeType:
    loader: Any = spec.loader
    code: Optional[CodeType] = loader.get_code(name) if hasattr(loader, "get_code") else None
    if code is None:
        _fail(f"no code object available for {name}", 1)
    return code


def _main(spec: ModuleSpec) -> ModuleType:
    """A new `__main__` with what a spec says."""
    module = _new_main()
    module.__dict__.update(
        __file__=spec.origin,
        __loader__=spec.loader,
        __package__=spec.parent,
        __spec__=spec,
        __cached__=spec.cached,
    )
    return module


def _new_main() -> ModuleType:
    module = ModuleType("__main__")
    # As it has in the interpreter's own; other modules have the module's dictionary.
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    return module


def _set_path(folder: str) -> None:
    # With -I or -P nothing was put in front of the path.
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = folder


def _show_only_its_own(error: BaseException) -> None:
    """Leave out of the traceback what is between the interpreter and the program."""
    theirs = error.__traceback__
    while theirs is not None and theirs.tb_frame.f_code.co_filename in (__file__, *_IMPORTERS):
        theirs = theirs.tb_next
    show = sys.excepthook

    def excepthook(kind: Type[BaseException], value: BaseException, traceback: Optional[TracebackType]) -> None:
        show(kind, value.with_traceback(theirs), theirs)

    sys.excepthook = excepthook


def _fail(text: str, status: int) -> NoReturn:
    print(f"brokerless.run: {text}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
