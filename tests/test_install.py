"""brokerless under pyzmq's name, after install_as_zmq(): the same modules, and no way to pyzmq.

pyzmq is installed beside, so that each of these tests would find it if brokerless let it.
"""

from __future__ import annotations

from typing import Any, Callable

import pytest

import brokerless

INSTALLED = "import brokerless\nbrokerless.install_as_zmq()\n"


@pytest.fixture
def run_installed(run_python: Callable[..., Any]) -> Callable[..., str]:
    """Run code after install_as_zmq(), and return what it prints."""
    return lambda code: str(run_python(INSTALLED + code).stdout)


def test_modules_are_the_very_same(run_installed: Callable[..., str]) -> None:
    run_installed("""
import importlib, pkgutil, sys
import zmq
assert zmq is brokerless and sys.modules["zmq"] is brokerless
import zmq.asyncio
assert zmq.asyncio is brokerless.asyncio is sys.modules["zmq.asyncio"] is sys.modules["brokerless.asyncio"]
from zmq.sugar import socket
assert socket is sys.modules["brokerless.sugar.socket"]
from zmq import _version
assert _version is sys.modules["brokerless._version"]
names = ["devices.basedevice", "utils.jsonapi", "constants", "error", "_core", "_options"]
for name in names:
    ours, theirs = "brokerless." + name, "zmq." + name
    # Whichever name comes first.
    first, second = (ours, theirs) if len(name) % 2 else (theirs, ours)
    assert importlib.import_module(first) is importlib.import_module(second), name
""")


def test_modules_keep_what_they_were_made_with(run_installed: Callable[..., str]) -> None:
    run_installed("""
import zmq.asyncio, zmq.devices, sys
from zmq.devices import basedevice
for name in ("brokerless", "brokerless.asyncio", "brokerless.devices", "brokerless.devices.basedevice"):
    module = sys.modules[name]
    assert module.__name__ == module.__spec__.name == module.__loader__.name == name
    assert module.__loader__ is module.__spec__.loader
    assert module.__package__ == module.__spec__.parent
    assert not module.__spec__._initializing
""")


def test_what_is_not_there_is_a_module_not_found(run_installed: Callable[..., str]) -> None:
    run_installed("""
import importlib.util
for name in ("zmq.nothing_like_it", "zmq.utils.nothing_like_it", "zmq.error.nothing_like_it"):
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        assert error.name == name, error.name
        assert name in str(error)
    else:
        raise AssertionError(name)
assert importlib.util.find_spec("zmq.nothing_like_it") is None
""")


def test_find_spec(run_installed: Callable[..., str]) -> None:
    run_installed("""
import importlib.util, sys
ours, theirs = importlib.util.find_spec("brokerless.devices"), importlib.util.find_spec("zmq.devices")
assert "zmq.devices" not in sys.modules, "finding is not importing"
assert theirs.name == "zmq.devices" and theirs.parent == "zmq.devices"
assert theirs.origin == ours.origin
assert theirs.submodule_search_locations == ours.submodule_search_locations
assert theirs.loader.get_source("zmq.devices") == ours.loader.get_source("brokerless.devices")
assert theirs.loader.get_filename("zmq.devices") == ours.origin
assert theirs.loader.is_package("zmq.devices")
assert not importlib.util.find_spec("zmq.utils.jsonapi").loader.is_package("zmq.utils.jsonapi")
import zmq.devices
assert importlib.util.find_spec("zmq.devices") is zmq.devices.__spec__
""")


def test_reload(run_installed: Callable[..., str]) -> None:
    run_installed("""
import importlib, sys
import zmq.utils.jsonapi
before = zmq.utils.jsonapi
assert importlib.reload(before) is before is sys.modules["zmq.utils.jsonapi"] is sys.modules["brokerless.utils.jsonapi"]
assert importlib.reload(zmq) is brokerless
assert zmq.__version__ == zmq.pyzmq_version()
""")


def test_a_failing_import_leaves_nothing(run_installed: Callable[..., str]) -> None:
    """As with any module: it fails each time, and is there once its cause is gone."""
    run_installed("""
import sys
constants = sys.modules["brokerless.constants"]
sys.modules["brokerless.constants"] = None
del sys.modules["brokerless.error"]
for _ in range(2):
    try:
        import zmq.error
    except ImportError as error:
        assert "brokerless.constants" in str(error)
    else:
        raise AssertionError
    assert "zmq.error" not in sys.modules and "brokerless.error" not in sys.modules
sys.modules["brokerless.constants"] = constants
import zmq.error
assert zmq.error is sys.modules["brokerless.error"]
""")


def test_pickles(run_installed: Callable[..., str]) -> None:
    run_installed("""
import pickle
import zmq, zmq.error
assert zmq.Context.__module__.startswith("brokerless")
for thing in (zmq.Context, zmq.error.Again, zmq.SocketType.PUSH, zmq.POLLIN):
    assert pickle.loads(pickle.dumps(thing)) == thing
# What pyzmq has pickled.
assert pickle.loads(b"czmq.constants\\nSocketType\\n.") is zmq.SocketType
""")


def test_threads_that_import_at_once(run_installed: Callable[..., str]) -> None:
    run_installed("""
import importlib, threading
names = [prefix + name for name in ("devices", "utils.jsonapi", "asyncio") for prefix in ("zmq.", "brokerless.")] * 4
start = threading.Barrier(len(names))
found = {}
def look(number, name):
    start.wait()
    found[number, name.partition(".")[2]] = importlib.import_module(name)
threads = [threading.Thread(target=look, args=pair) for pair in enumerate(names)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(found) == len(names)
assert len({(name, id(module)) for (_, name), module in found.items()}) == 3
""")


def test_versions(run_installed: Callable[..., str]) -> None:
    own = brokerless._core.__version__
    assert brokerless.__version__ == own != brokerless.pyzmq_version()
    run_installed(f"""
import zmq
from zmq.sugar import version
assert zmq.__version__ == zmq.pyzmq_version() == version.__version__ == {brokerless.pyzmq_version()!r}
assert brokerless._core.__version__ == {own!r}
""")


def test_a_second_call_does_nothing(run_installed: Callable[..., str]) -> None:
    run_installed("""
import sys, zmq
before = list(sys.meta_path)
zmq.install_as_zmq()
assert sys.meta_path == before
""")


def test_it_can_also_come_late(run_installed: Callable[..., str]) -> None:
    run_installed("""
import sys
import zmq.asyncio
del sys.modules["zmq"], sys.modules["zmq.asyncio"]
import zmq.asyncio as again
assert again is sys.modules["brokerless.asyncio"]
""")


@pytest.mark.parametrize("module", ["zmq", "zmq.utils.jsonapi"])
def test_it_refuses_when_pyzmq_is_there_already(run_python: Callable[..., Any], module: str) -> None:
    done = run_python(f"""
import sys
import {module}
if {module!r} != "zmq":
    # Even a part of it holds on to the rest.
    for name in [name for name in sys.modules if name.partition(".")[0] == "zmq" and name != {module!r}]:
        del sys.modules[name]
import brokerless
before = list(sys.meta_path)
try:
    brokerless.install_as_zmq()
except RuntimeError as error:
    print(error)
assert sys.meta_path == before
assert brokerless.__version__ != brokerless.pyzmq_version()
""")
    assert f"has imported {module} already (" in done.stdout
    assert "Call brokerless.install_as_zmq() before" in done.stdout


def test_a_blocked_zmq_is_not_ours(run_python: Callable[..., Any]) -> None:
    run_python("""
import sys, brokerless
sys.modules["zmq.gone"] = None
try:
    brokerless.install_as_zmq()
except RuntimeError as error:
    assert "zmq.gone" in str(error)
else:
    raise AssertionError
""")
