"""The modules that are here for pyzmq's programs only, `backend` and `sugar`: the same names, for the same things."""

from __future__ import annotations

import importlib

import pytest

import brokerless

SUGAR = ("attrsettr", "context", "frame", "poll", "socket", "stopwatch", "tracker", "version")


@pytest.mark.parametrize("name", ["backend", "sugar", *(f"sugar.{part}" for part in SUGAR)])
def test_the_names_are_pyzmqs(name, pyzmq):
    theirs, ours = (importlib.import_module(f"{package}.{name}") for package in ("zmq", "brokerless"))
    assert set(getattr(theirs, "__all__", ())) - set(ours.__all__) == set()
    assert [name for name in ours.__all__ if not hasattr(ours, name)] == []


def test_sugar_is_the_package_itself():
    for name in brokerless.sugar.__all__:
        if not name.startswith("__"):
            assert getattr(brokerless.sugar, name) is getattr(brokerless, name), name


@pytest.mark.parametrize("name", ["Context", "Frame", "Socket"])
def test_a_class_of_the_backend_is_the_base_of_the_one_in_use(name):
    assert issubclass(getattr(brokerless, name), getattr(brokerless.backend, name))


def test_an_attribute_is_an_option():
    assert issubclass(brokerless.Socket, brokerless.sugar.attrsettr.AttributeSetter)
    assert issubclass(brokerless.Context, brokerless.sugar.attrsettr.AttributeSetter)
