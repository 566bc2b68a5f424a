"""What packages that are written for pyzmq rely on beyond its documented names, each found by their own tests."""

from __future__ import annotations

import gc
import importlib
import time

import pytest

import brokerless as zmq

NOBODY = "tcp://127.0.0.1:1"


# What they filter warnings by: "Unclosed socket <zmq", "Unclosed context <zmq".


@pytest.mark.parametrize("module", ["brokerless", "brokerless.asyncio", "brokerless.eventloop.future"])
def test_the_warning_of_a_forgotten_socket_begins_as_pyzmqs_does(loose_ctx, module):
    if "eventloop" in module:
        pytest.importorskip("tornado")
    context = importlib.import_module(module).Context(loose_ctx)
    assert repr(context).startswith("<zmq.")
    with pytest.warns(ResourceWarning, match=r"^Unclosed socket <zmq\."):
        context.socket(zmq.PUSH)


def test_a_forgotten_context_is_named_before_its_sockets():
    def forget():
        # A cycle, so that the context is collected with its socket open, and first of the two.
        held = [zmq.Context()]
        held += [held, held[0].socket(zmq.PUSH)]
        del held
        gc.collect()

    with pytest.warns(ResourceWarning, match=r"^Unclosed context <zmq\.Context.* PUSH socket was still open"):
        forget()


# term() while Jupyter's sockets linger for their second.


@pytest.mark.filterwarnings("error")
def test_term_says_nothing_of_a_socket_that_lingers_for_a_second(loose_ctx):
    sock = loose_ctx.socket(zmq.DEALER)
    sock.linger = 1000
    sock.connect(NOBODY)
    sock.send(b"never delivered")
    sock.close()
    start = time.monotonic()
    loose_ctx.term()
    assert 0.9 < time.monotonic() - start < 5
