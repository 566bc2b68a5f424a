"""What the tests of cells that own what they open share: a kernel with that part loaded, and cells of their own in it."""

from __future__ import annotations

import itertools
import textwrap

import pytest
from live_kernel import live_kernel

LOAD = """
import asyncio, contextvars, gc, sys, threading, time
import brokerless as zmq
import brokerless.asyncio
from brokerless import devices, pipeline
from brokerless.jupyter import cells, owned
hook = threading.excepthook
cells.load(get_ipython())
owned.load(get_ipython())
"""

_names = (f"cell {number}" for number in itertools.count())


@pytest.fixture(scope="module")
def kernel():
    with live_kernel() as started:
        started.run(LOAD, "loader")
        started.run("ctx = zmq.Context()", "context")
        yield started


@pytest.fixture
def cell(kernel, free_port):
    """Runs a cell, of this id if it has one; PORT in its code is a free port. What it prints is returned."""

    def run(code, name="", **options):
        run.ran.append(kernel.run(textwrap.dedent(code).replace("PORT", str(free_port)), name, **options))
        return run.ran[-1].text

    run.ran = []
    return run


@pytest.fixture
def name():
    """The id of a cell that no other test has."""
    return next(_names)


def fails(kernel, code, name=""):
    """Runs a cell that fails, and returns the text of its error."""
    ran = kernel.start(code, name).done()
    assert ran.errors, ran.text
    return ran.errors[0]["evalue"]
