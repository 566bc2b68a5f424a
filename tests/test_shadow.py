"""Several handles to one context or socket: made from an object, from an address, by copying; closed once for all."""

from __future__ import annotations

import copy
import gc
import warnings

import pytest

import brokerless as zmq
from brokerless import asyncio as zmq_asyncio

NOWHERE = 0xDEAD


def test_a_handle_to_a_context(ctx):
    other = zmq.Context.shadow(ctx)
    assert other.underlying == ctx.underlying and other._shadow_obj is ctx
    for handle in (zmq.Context(ctx), zmq.Context(shadow=ctx), zmq.Context.shadow(ctx.underlying), copy.copy(ctx)):
        assert handle.underlying == ctx.underlying and handle._shadow
    with ctx.socket(zmq.PAIR) as one, other.socket(zmq.PAIR) as two:
        one.bind("inproc://shared")
        two.connect("inproc://shared")
        two.send(b"one context")
        assert one.recv() == b"one context"
        assert two.context is other


def test_a_handle_that_is_forgotten_ends_nothing(ctx, make_socket):
    sock = make_socket(zmq.PULL, bind="inproc://still-here")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del_me = [zmq.Context(ctx), zmq.Socket(sock), copy.copy(sock), copy.deepcopy(ctx)]
        del_me.clear()
        gc.collect()
    assert not ctx.closed and not sock.closed
    ctx.socket(zmq.PUSH).close()


def test_either_handle_ends_the_context():
    ctx = zmq.Context()
    other = zmq.Context(ctx)
    other.term()
    assert ctx.closed and other.closed
    for handle, number in ((ctx, zmq.ENOTSUP), (other, zmq.EFAULT)):
        with pytest.raises(zmq.ZMQError) as caught:
            handle.socket(zmq.PAIR)
        assert caught.value.errno == number


def test_defaults_belong_to_the_handle(ctx):
    ctx.linger = 7
    other = zmq.Context(ctx)
    assert not hasattr(other, "linger")
    with other.socket(zmq.PUSH) as sock:
        assert sock.linger == -1


def test_a_handle_to_a_socket(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    handles = [
        zmq.Socket(pull),
        zmq.Socket(shadow=pull),
        zmq.Socket.shadow(pull),
        zmq.Socket.shadow(pull.underlying),
        copy.copy(pull),
        copy.deepcopy(pull),
    ]
    for handle in handles:
        assert handle._shadow and handle.underlying == pull.underlying and handle.type == zmq.PULL
        assert handle.context.underlying == pull.context.underlying
        push.send(b"for one of them")
        assert handle.recv(timeout=10) == b"for one of them"
    assert handles[0].context is pull.context and handles[0]._shadow_obj is pull
    assert pull.stats == handles[-1].stats and pull.stats.messages_received == len(handles)
    handles[3].close()
    assert pull.closed and all(handle.closed for handle in handles)


def test_a_handle_keeps_the_socket_it_was_made_from(ctx):
    made = ctx.socket(zmq.PULL)
    handle = zmq.Socket(made)
    made.bind("inproc://kept")
    del made
    gc.collect()
    assert not handle.closed
    handle.close()


def test_between_asyncio_and_threads(pair):
    import asyncio

    push, pull = pair(zmq.PUSH, zmq.PULL)

    async def talk():
        awaited = zmq_asyncio.Socket(pull)
        push.send(b"x")
        assert await asyncio.wait_for(awaited.recv(), 10) == b"x"
        waiting = asyncio.ensure_future(awaited.recv())
        push.send(b"y")
        assert await asyncio.wait_for(waiting, 10) == b"y"
        plain = zmq.Socket(awaited)
        push.send(b"z")
        assert plain.recv(timeout=10) == b"z"
        handle = zmq_asyncio.Context.shadow(pull.context.underlying)
        with handle.socket(zmq.PAIR) as sock:
            assert isinstance(sock, zmq_asyncio.Socket) and isinstance(sock, zmq.Socket)

    asyncio.run(talk())
    assert not pull.closed


@pytest.mark.parametrize(("cls", "number"), [(zmq.Context, zmq.EFAULT), (zmq.Socket, zmq.ENOTSOCK)])
def test_an_address_of_nothing_is_refused(cls, number):
    with pytest.raises(zmq.ZMQError, match="0xdead") as caught:
        cls.shadow(NOWHERE)
    assert caught.value.errno == number


def test_an_address_of_another_library_is_refused(pyzmq):
    with pyzmq.Context() as theirs, theirs.socket(pyzmq.PULL) as sock:
        for make, address in ((zmq.Context.shadow, theirs.underlying), (zmq.Socket.shadow, sock.underlying)):
            with pytest.raises(zmq.ZMQError, match="other libraries"):
                make(address)
    with pytest.raises(zmq.ZMQError):
        zmq.Context.shadow_pyczmq(object())


@pytest.mark.parametrize("what", ["text", 1.5, object()])
def test_what_is_no_address(what):
    for cls in (zmq.Context, zmq.Socket):
        with pytest.raises((TypeError, ValueError)):
            cls.shadow(what)


def test_a_socket_is_made_from_something(ctx):
    for wrong in ((), (None, zmq.PULL), ("ctx", zmq.PULL), (zmq.PULL,)):
        with pytest.raises(TypeError, match="Context"):
            zmq.Socket(*wrong)


def test_a_closed_socket_has_no_second_handle(make_socket):
    sock = make_socket(zmq.PULL)
    address = sock.underlying
    sock.close()
    for what in (sock, address):
        with pytest.raises(zmq.ZMQError) as caught:
            zmq.Socket.shadow(what)
        assert caught.value.errno == zmq.ENOTSOCK


def test_a_subclass_has_its_own_constructor():
    class Named(zmq.Context):
        name: str

        def __init__(self, name: str = "x") -> None:
            super().__init__()
            self.name = name

    with Named("mine") as context:
        assert context.name == "mine" and repr(context).startswith("<test_shadow.")
        with context.socket(zmq.PAIR) as sock:
            assert sock.context is context


def test_a_context_that_was_never_opened():
    class Forgetful(zmq.Context):
        def __init__(self) -> None:
            pass

    context = Forgetful()
    assert context.closed
    with pytest.raises(zmq.ZMQError, match="never opened"):
        context.get(zmq.IO_THREADS)
