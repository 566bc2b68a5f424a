"""Decorators that open contexts and sockets for one call: what the function gets, from where, and that it is closed."""

from __future__ import annotations

import asyncio
import inspect

import pytest

import brokerless as zmq
import brokerless.asyncio as zmq_asyncio
from brokerless.decorators import context, socket


@pytest.fixture(autouse=True)
def own_instance(monkeypatch):
    """A shared context of the test's own, which is ended after it."""
    monkeypatch.setattr(zmq.Context, "_instance", None)
    yield
    zmq.Context.instance().destroy(linger=0)


def assert_ended(ctx):
    with pytest.raises(zmq.ZMQError, match="terminated"):
        ctx.socket(zmq.PUSH)


def test_pyzmq_has_the_same_names_and_signatures(pyzmq):
    import zmq.decorators as theirs

    from brokerless import decorators as ours

    assert ours.__all__ == theirs.__all__
    for name in ours.__all__:
        kinds = [
            [(p.name, p.kind, p.default) for p in inspect.signature(getattr(module, name)).parameters.values()]
            for module in (ours, theirs)
        ]
        assert kinds[0] == kinds[1]


def test_a_context_comes_after_the_arguments_of_the_call():
    @context()
    def work(first, second, ctx, *, third=None):
        assert isinstance(ctx, zmq.Context)
        assert not ctx.closed
        return first, second, third, ctx

    *arguments, ctx = work(1, 2, third=3)
    assert arguments == [1, 2, 3]
    assert_ended(ctx)


@pytest.mark.parametrize(
    "decorator",
    [context("mine", 3), context("mine", io_threads=3), context(name="mine", io_threads=3), context(3, name="mine")],
)
def test_a_context_has_a_name_and_its_arguments(decorator):
    @decorator
    def work(before, mine=None):
        return before, mine.io_threads

    assert work("x") == ("x", 3)
    assert work(before="x") == ("x", 3)


def test_a_socket_takes_the_context_that_a_decorator_above_has_opened():
    @context()
    @socket(zmq.PUSH)
    @socket(zmq.SUB)
    def work(ctx, push, sub):
        assert (push.type, sub.type) == (zmq.PUSH, zmq.SUB)
        assert push.context is sub.context is ctx
        return push, sub

    assert all(made.closed for made in work())


def test_a_socket_takes_the_context_among_the_positional_arguments(ctx):
    @socket(zmq.PUSH)
    def work(name, given, push):
        return push.context

    assert work("x", ctx) is ctx
    assert not ctx.closed


def test_a_socket_takes_the_context_of_the_keyword(ctx):
    @socket(zmq.PUSH)
    def plain(other, push=None, context=None):
        return push.context

    @socket("push", zmq.PUSH, context_name="mine")
    def named(other=None, push=None, mine=None):
        return push.context

    other = zmq.Context()
    # By keyword comes before by position.
    with pytest.raises(TypeError, match="push"):
        plain(other, push=1, context=ctx)
    assert named(other, mine=ctx) is ctx
    # What is no context there does not count.
    assert named(other, mine="no context") is other
    other.term()


def test_a_socket_is_of_the_shared_context_otherwise():
    @socket(zmq.PUSH)
    def work(push):
        return push.context

    assert work() is zmq.Context.instance()
    assert not zmq.Context.instance().closed


@pytest.mark.parametrize(
    "decorator", [socket("mine", zmq.PUB), socket(zmq.PUB, name="mine"), socket(name="mine", socket_type=zmq.PUB)]
)
def test_a_socket_has_a_name(decorator):
    @decorator
    def work(mine):
        return mine.type

    assert work() == zmq.PUB


def test_each_call_opens_its_own(in_thread):
    @context("one")
    @socket("two", zmq.PULL, context_name="one")
    def work(one, two):
        return one, two

    pairs = [call.result() for call in [in_thread(work) for _ in range(8)]]
    assert len({id(made) for pair in pairs for made in pair}) == 16


def test_methods():
    class Worker:
        @context()
        @socket(zmq.PUB)
        def run(self, ctx, pub, mood="good"):
            """Runs."""
            return self, pub.context is ctx, mood

    worker = Worker()
    assert worker.run() == (worker, True, "good")
    assert worker.run(mood="bad") == (worker, True, "bad")
    assert (Worker.run.__name__, Worker.run.__doc__) == ("run", "Runs.")


def test_what_the_function_raises_passes_and_all_is_closed():
    seen = []

    @context()
    @socket(zmq.PUSH)
    def work(ctx, push):
        seen.extend([ctx, push])
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        work()
    ctx, push = seen
    assert push.closed
    assert_ended(ctx)


def test_a_name_that_the_call_uses_itself_is_refused():
    @context("ctx")
    def work(ctx):
        pytest.fail("it ran")

    with pytest.raises(TypeError, match=r"work\(\) got two values for 'ctx'"):
        work(ctx=1)
    with pytest.raises(TypeError, match="multiple values"):
        work(1)


def test_a_name_that_the_function_does_not_have_is_refused():
    @context("ctx")
    def work(other):
        pytest.fail("it ran")

    with pytest.raises(TypeError):
        work()


def test_a_socket_without_a_type_is_refused():
    @socket("push")
    def work(push):
        pytest.fail("it ran")

    with pytest.raises(TypeError):
        work()


@pytest.mark.parametrize("decorator", [context, socket])
def test_forgotten_parentheses_are_told(decorator):
    with pytest.raises(TypeError, match="is called before it decorates"):

        @decorator
        def work(made):
            pass


def test_a_coroutine_keeps_its_socket_until_it_has_ended():
    @socket(zmq.PULL)
    async def work(ctx, pull):
        pull.bind("tcp://127.0.0.1:*")
        with ctx.socket(zmq.PUSH) as push:
            push.connect(pull.last_endpoint.decode())
            await push.send(b"x")
            assert await pull.recv() == b"x"
        return pull

    async def main():
        with zmq_asyncio.Context() as ctx:
            return await work(ctx)

    assert inspect.iscoroutinefunction(work)
    assert asyncio.run(main()).closed
