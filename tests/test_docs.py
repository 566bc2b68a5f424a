"""Everything public says what it does, has the names that it should have, and is the same to an editor and at run time."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import warnings
from enum import Enum
from pathlib import Path
from typing import Any, Iterator

import pytest

import brokerless
from brokerless import _core, constants, error
from brokerless.constants import ContextOption, SocketOption, _OptType

PACKAGE = Path(brokerless.__file__).parent

# All flat names that are neither constants nor errors, which have tests of their own.
FLAT = [
    "ANYONE",
    "COPY_THRESHOLD",
    "Context",
    "Dashboard",
    "DeviceStats",
    "Diagram",
    "Forwarder",
    "Frame",
    "IPC_PATH_MAX_LEN",
    "Keys",
    "Message",
    "MessageTracker",
    "PYZMQ_DRAFT_API",
    "Peer",
    "Poller",
    "Queue",
    "Socket",
    "SocketStats",
    "Stopwatch",
    "Streamer",
    "SyncContext",
    "SyncSocket",
    "__version__",
    "curve_keypair",
    "curve_public",
    "device",
    "diagram",
    "doctor",
    "get_includes",
    "get_library_dirs",
    "get_spin",
    "has",
    "install_as_zmq",
    "proxy",
    "proxy_steerable",
    "pyzmq_version",
    "pyzmq_version_info",
    "secure",
    "select",
    "set_spin",
    "strerror",
    "trace",
    "zmq_errno",
    "zmq_poll",
    "zmq_version",
    "zmq_version_info",
]

# What pyzmq has in its list though it is none of its interface.
NOT_PUBLIC = {"Enum", "IntEnum", "IntFlag", "_FINISHED_TRACKER", "__revision__"}

OURS = {
    "ANYONE",
    "Dashboard",
    "DeviceStats",
    "Diagram",
    "ForkedProcessError",
    "Forwarder",
    "Keys",
    "Peer",
    "Queue",
    "SocketClosed",
    "SocketStats",
    "Streamer",
    "UnknownAttribute",
    "diagram",
    "doctor",
    "get_library_dirs",
    "get_spin",
    "install_as_zmq",
    "secure",
    "set_spin",
    "trace",
}


def test_the_flat_names_are_these() -> None:
    assert brokerless.__all__ == [*FLAT, *constants.__all__, *error.__all__]
    assert sorted(FLAT) == FLAT
    assert len(set(brokerless.__all__)) == len(brokerless.__all__)
    assert [name for name in brokerless.__all__ if not hasattr(brokerless, name)] == []


def test_pyzmqs_flat_names_are_there(pyzmq: Any) -> None:
    theirs, ours = set(pyzmq.__all__), set(brokerless.__all__)
    assert theirs - ours - NOT_PUBLIC == set()
    assert ours - theirs == OURS


def public_modules() -> Iterator[Any]:
    yield brokerless
    for found in pkgutil.walk_packages(brokerless.__path__, "brokerless."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            with warnings.catch_warnings():
                # A module that is deprecated as a whole says so when it is imported.
                warnings.simplefilter("ignore", DeprecationWarning)
                module = importlib.import_module(found.name)
            yield module
    yield _core


def public_things() -> Iterator[tuple[str, Any]]:
    """Everything of ours that people can reach without an underscore: (name, object)."""
    seen = set()
    for module in public_modules():
        yield module.__name__, module
        for name in getattr(module, "__all__", vars(module)):
            thing = getattr(module, name)
            if name.startswith("_") or id(thing) in seen or not is_ours(thing):
                continue
            seen.add(id(thing))
            yield f"{module.__name__}.{name}", thing
            if inspect.isclass(thing) and not issubclass(thing, Enum):
                yield from members(f"{module.__name__}.{name}", thing)


def is_ours(thing: Any) -> bool:
    home = getattr(thing, "__module__", None) or ""
    return (inspect.isclass(thing) or inspect.isroutine(thing)) and home.startswith("brokerless")


def members(prefix: str, cls: type) -> Iterator[tuple[str, Any]]:
    for base in cls.__mro__:
        if not base.__module__.startswith("brokerless"):
            continue
        for name, member in sorted(vars(base).items()):
            callable_or_property = inspect.isroutine(member) or isinstance(member, property)
            if not name.startswith("_") and (callable_or_property or inspect.isdatadescriptor(member)):
                yield f"{prefix}.{name}", member


THINGS = dict(public_things())


@pytest.mark.parametrize("name", THINGS)
def test_it_has_a_docstring(name: str) -> None:
    doc = inspect.getdoc(THINGS[name]) or ""
    assert doc.strip(), f"{name} has no docstring"


@pytest.mark.parametrize("name", [name for name in THINGS if not name.startswith("brokerless._core.")])
def test_a_timeout_has_its_unit(name: str) -> None:
    """pyzmq's are in milliseconds, ours in seconds: who reads about one must not have to guess."""
    thing = THINGS[name]
    if inspect.isclass(thing) or not callable(thing):
        return
    try:
        parameters = inspect.signature(thing).parameters
    except ValueError:
        return
    if "timeout" in parameters:
        assert re.search(
            r"(?i)\b(milli)?seconds\b|see `|as (in )?`?\w+(\(\)|`)|are those of", inspect.getdoc(thing) or ""
        ), name


def stub_docstrings() -> Iterator[tuple[str, str]]:
    tree = ast.parse((PACKAGE / "_core.pyi").read_text())
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.name, ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef):
            seen = set()
            for member in node.body:
                # Of overloads the first one has it.
                if isinstance(member, ast.FunctionDef) and not member.name.startswith("_") and member.name not in seen:
                    seen.add(member.name)
                    yield f"{node.name}.{member.name}", ast.get_docstring(member) or ""


STUB_DOCSTRINGS = dict(stub_docstrings())


@pytest.mark.parametrize("name", STUB_DOCSTRINGS)
def test_an_editor_shows_the_docstrings_of_the_core(name: str) -> None:
    thing: Any = _core
    for part in name.split("."):
        thing = getattr(thing, part)
    assert STUB_DOCSTRINGS[name] == inspect.getdoc(thing)


def declared_options(file: str) -> dict[str, str]:
    """The attributes that only type checkers see, with their types."""
    tree = ast.parse((PACKAGE / file).read_text())
    options: dict[str, str] = {}
    for block in ast.walk(tree):
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING":
            for line, doc in zip(block.body, block.body[1:]):
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                    assert isinstance(doc, ast.Expr), f"{line.target.id} has no docstring"
                    assert isinstance(line.annotation, ast.Name)
                    options[line.target.id] = line.annotation.id
    return options


def test_editors_know_every_socket_option() -> None:
    # Declared otherwise: a plain attribute, methods, a property, and what no socket has.
    elsewhere = {"TYPE", "SUBSCRIBE", "UNSUBSCRIBE", "HWM", "BLOCKY"}
    expected = {
        name.lower(): "bytes" if member._opt_type is _OptType.bytes else "int"
        for name, member in SocketOption.__members__.items()
        if name not in elsewhere
    }
    assert declared_options("_socket_options.py") == {**expected, "events": "PollEvent"}


def test_editors_know_every_context_option() -> None:
    assert declared_options("context.py") == {name.lower(): "int" for name in ContextOption.__members__}
