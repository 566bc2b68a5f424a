"""What `import brokerless` imports, and that what it leaves for later is there when somebody asks for it."""

from __future__ import annotations

import pickle
from typing import Any, Callable

import pytest

import brokerless
from brokerless import _messages

#: What most programs do without, and what takes the longest.
LATER = [
    "asyncio",
    "importlib.abc",
    "inspect",
    "json",
    "logging",
    "multiprocessing",
    "numpy",
    "pickle",
    "random",
    "selectors",
    "subprocess",
    "tempfile",
]


def test_the_import_imports_little(run_python: Callable[..., Any]) -> None:
    code = f"""
import sys
before = set(sys.modules)
import brokerless
print(*set({LATER!r}) & set(sys.modules) - before)
"""
    assert run_python(code).stdout.split() == []


def test_the_import_starts_no_thread(run_python: Callable[..., Any]) -> None:
    """Neither Python's nor a native one: a board with four cores has a kernel for each student."""
    code = """
import os, threading
before = len(os.listdir("/proc/self/task"))
import brokerless, brokerless.asyncio, brokerless.pipeline, brokerless.auth
print(len(os.listdir("/proc/self/task")) - before, threading.active_count() - 1)
"""
    assert run_python(code).stdout.split() == ["0", "0"]


@pytest.mark.parametrize(
    "name", ["Stopwatch", "backend", "devices", "install_as_zmq", "sugar", "utils.jsonapi.jsonmod"]
)
def test_what_comes_later_is_there_at_once(name: str, run_python: Callable[..., Any]) -> None:
    run_python(f"""
import brokerless as zmq
first = "{name}".partition(".")[0]
assert first in dir(zmq)
assert zmq.{name} is zmq.{name}
assert first in vars(zmq)
""")


def test_everything_public_comes_with_a_star(run_python: Callable[..., Any]) -> None:
    run_python(
        "from brokerless import *\nimport brokerless\nassert install_as_zmq is brokerless.install_as_zmq\nStopwatch"
    )


def test_modules_that_pyzmq_does_not_import_stay_unknown(run_python: Callable[..., Any]) -> None:
    run_python("""
import brokerless as zmq
assert not any(hasattr(zmq, name) for name in ("asyncio", "auth", "ssh", "pipeline"))
import brokerless.asyncio
assert zmq.asyncio
""")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'brokerless' has no attribute 'nothing'"):
        getattr(brokerless, "nothing")  # noqa: B009
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        getattr(brokerless.utils.jsonapi, "nothing")  # type: ignore[attr-defined]  # noqa: B009


def test_the_default_protocol_is_pickles_own() -> None:
    assert _messages._PICKLE_PROTOCOL == pickle.DEFAULT_PROTOCOL
