"""How authenticators start, end, and are left behind."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import queue
import threading
import warnings
import weakref

import pytest

import brokerless as zmq
from brokerless.auth import Authenticator
from brokerless.auth.asyncio import AsyncioAuthenticator
from brokerless.auth.thread import AuthenticationThread, ThreadAuthenticator
from tests.conftest import PATIENCE, native_threads, wait_until


def test_it_runs_from_start_to_stop(make_auth):
    auth = make_auth(start=False)
    assert not auth.is_alive() and auth.thread is None and auth.zap_socket is None
    auth.start()
    assert auth.is_alive() and isinstance(auth.thread, AuthenticationThread) and auth.thread.daemon
    assert auth.thread.authenticator is auth and auth.thread.loop.is_running()
    assert auth.zap_socket.last_endpoint == b"inproc://zeromq.zap.01"
    thread = auth.thread
    auth.stop()
    assert not auth.is_alive() and auth.thread is None and auth.zap_socket is None
    assert not thread.is_alive() and thread.loop.is_closed()
    auth.stop()


def test_it_can_be_started_again(auth, make_server, let_in):
    server = make_server(zap_domain=b"global")
    for _ in range(3):
        auth.deny("127.0.0.1")
        assert let_in(server) is None
        auth.stop()
        auth.start()


def test_it_runs_in_a_with(ctx):
    with ThreadAuthenticator(ctx) as auth:
        assert auth.is_alive()
    assert not auth.is_alive()
    # Started before: the `with` does not start it twice.
    auth.start()
    with auth as same:
        assert same is auth and auth.is_alive()
    assert not auth.is_alive()


def test_starting_twice_is_refused_and_does_it_no_harm(auth, make_server, let_in):
    with pytest.raises(zmq.ZMQError, match="started already") as caught:
        auth.start()
    assert caught.value.errno == zmq.EADDRINUSE
    assert let_in(make_server(zap_domain=b"global")) == "anonymous"


def test_a_context_has_one(auth, ctx, make_server, let_in):
    before = native_threads()
    for kind in (ThreadAuthenticator, Authenticator):
        second = kind(ctx)
        with pytest.raises(zmq.ZMQError) as caught:
            second.start()
        assert caught.value.errno == zmq.EADDRINUSE
        assert second.zap_socket is None
        second.stop()
    assert native_threads() == before
    assert let_in(make_server(zap_domain=b"global")) == "anonymous"
    auth.stop()
    with ThreadAuthenticator(ctx):
        pass


def test_contexts_have_one_each(make_auth, make_socket, ctx, log):
    with zmq.Context() as other:
        make_auth(ThreadAuthenticator).deny("127.0.0.1")
        auth = make_auth(ThreadAuthenticator, context=other)
        endpoints = {}
        for context in (ctx, other):
            server = make_socket(zmq.PULL, context=context, zap_domain=b"global", bind="tcp://127.0.0.1:*")
            client = make_socket(zmq.PUSH, context=context, connect=server.last_endpoint.decode())
            client.send(b"hello")
            endpoints[context] = server
            log.wait_for("DENIED" if context is ctx else "ALLOWED")
        assert endpoints[other].recv(timeout=10) == b"hello"
        assert not endpoints[ctx].poll(0)
        for sock in list(other._sockets):
            sock.close(0)
        auth.stop()


def test_its_context_ends_under_it(make_auth, log):
    context = zmq.Context()
    auth = make_auth(ThreadAuthenticator, context=context)
    context.term(timeout=PATIENCE)
    assert wait_until(lambda: not auth.is_alive())
    auth.stop()
    with pytest.raises(zmq.ZMQError) as caught:
        auth.start()
    assert caught.value.errno == zmq.ENOTSUP


def test_its_context_ends_under_a_loop(loop, make_auth):
    context = zmq.Context()
    auth = make_auth(AsyncioAuthenticator, context=context)
    context.destroy()
    assert context.closed
    auth.stop()


def test_it_is_stopped_while_clients_come(auth, make_server, knock):
    server = make_server(zap_domain=b"global")
    over = threading.Event()
    clients = []

    def come():
        while not over.is_set():
            clients.append(knock(server))
            if len(clients) >= 200:
                return

    thread = threading.Thread(target=come)
    thread.start()
    for _ in range(20):
        auth.stop()
        auth.start()
    over.set()
    thread.join(PATIENCE)
    # One who comes now is decided on.
    for client in clients:
        client.close(0)
    while server.poll(0):
        server.recv()
    knock(server)
    assert server.recv(timeout=10) == b"hello"


def test_a_callback_that_waits_does_not_hold_the_stop_up(auth, curve_server, curve, client_keys, knock):
    begun, cancelled = threading.Event(), threading.Event()

    class Provider:
        async def callback(self, domain, key):
            begun.set()
            try:
                await asyncio.sleep(3600)
            finally:
                cancelled.set()

    auth.configure_curve_callback(credentials_provider=Provider())
    knock(curve_server, **curve(client_keys))
    assert begun.wait(PATIENCE)
    auth.stop()
    assert cancelled.wait(PATIENCE)
    assert not curve_server.poll(0)


def test_a_late_decision_is_nobody_elses(make_auth, loop, curve_server, curve, make_client_keys, knock, log):
    """A callback that will not be cancelled lets its client in when the authenticator was stopped and started again."""
    alice, eve = make_client_keys("alice"), make_client_keys("eve")
    asked: queue.Queue[bytes] = queue.Queue()

    class Provider:
        async def callback(self, domain, key):
            answer = answers[key] = asyncio.get_running_loop().create_future()
            asked.put(key)
            while not answer.done():
                try:
                    await asyncio.shield(answer)
                except asyncio.CancelledError:
                    continue
            return answer.result()

    answers = {}
    auth = make_auth(AsyncioAuthenticator)
    auth.configure_curve_callback(credentials_provider=Provider())
    client = knock(curve_server, **curve(alice))
    assert asked.get(timeout=PATIENCE) == alice.public
    auth.stop()
    client.close(0)
    auth.start()
    knock(curve_server, **curve(eve))
    assert asked.get(timeout=PATIENCE) == eve.public
    loop.call_soon_threadsafe(answers[alice.public].set_result, True)
    log.wait_for("stopped before it could reply")
    loop.call_soon_threadsafe(answers[eve.public].set_result, False)
    log.wait_for("DENIED")
    assert not curve_server.poll(0)


def test_a_callback_may_stop_it(make_auth, curve_server, curve, client_keys, knock):
    auth = make_auth(ThreadAuthenticator)
    thread, stopped = auth.thread, threading.Event()

    class Provider:
        def callback(self, domain, key):
            auth.stop()
            stopped.set()
            return True

    auth.configure_curve_callback(credentials_provider=Provider())
    knock(curve_server, **curve(client_keys))
    assert stopped.wait(PATIENCE)
    thread.join(PATIENCE)
    assert not thread.is_alive() and not auth.is_alive()


def test_one_that_is_forgotten_goes_on(ctx, make_server, knock, log):
    """Otherwise everybody would be let in, without a word, from the next collection on."""
    auth = ThreadAuthenticator(ctx, log=log)
    auth.start()
    auth.deny("127.0.0.1")
    thread, forgotten = auth.thread, weakref.ref(auth)
    del auth
    gc.collect()
    knock(make_server(zap_domain=b"global"))
    log.wait_for("DENIED")
    # Until the context ends.
    ctx.destroy(linger=0)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    del thread
    gc.collect()
    assert forgotten() is None


def test_one_that_never_ran_is_collected(ctx):
    before = native_threads()
    forgotten = weakref.ref(ThreadAuthenticator(ctx))
    gc.collect()
    assert forgotten() is None and native_threads() == before


def test_the_loop_of_an_asyncio_one_is_gone(loose_ctx):
    before = native_threads()

    async def main():
        auth = AsyncioAuthenticator(loose_ctx)
        auth.start()
        return auth

    auth = asyncio.run(main())
    auth.stop()
    assert auth.zap_socket is None
    assert wait_until(lambda: native_threads() <= before + 2)


def test_without_a_loop_nothing_is_left_open(ctx, monkeypatch):
    def none():
        raise RuntimeError("no current event loop")

    monkeypatch.setattr("brokerless.auth.asyncio.current_loop", none)
    auth = AsyncioAuthenticator(ctx)
    with pytest.raises(RuntimeError):
        auth.start()
    assert auth.zap_socket is None
    auth.stop()


def test_no_thread_to_be_had(ctx, monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    auth = ThreadAuthenticator(ctx)
    with pytest.raises(RuntimeError, match="can't start"):
        auth.start()
    assert auth.zap_socket is None and not auth.is_alive()
    monkeypatch.undo()
    with auth:
        assert auth.is_alive()


def test_what_is_deprecated_says_so(ctx, loop):
    with pytest.warns(DeprecationWarning, match="loop=") as caught:
        AsyncioAuthenticator(ctx, loop)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from brokerless.auth.ioloop import IOLoopAuthenticator
    assert issubclass(IOLoopAuthenticator, AsyncioAuthenticator)
    assert IOLoopAuthenticator(ctx).context is ctx
    with pytest.warns(DeprecationWarning, match="io_loop="):
        IOLoopAuthenticator(io_loop=object())


def test_its_tables_can_be_copied(ctx):
    auth = Authenticator(ctx)
    auth.passwords["*"] = {"bob": "b"}
    for again in (copy.copy, copy.deepcopy, lambda table: pickle.loads(pickle.dumps(table))):
        assert again(auth.passwords) == {"*": {"bob": "b"}} and type(again(auth.passwords)) is dict


PROGRAM = """
import os, signal, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import brokerless as zmq
from brokerless.auth.thread import ThreadAuthenticator

ctx = zmq.Context()
auth = ThreadAuthenticator(ctx)
auth.start()
auth.configure_plain(passwords={"bob": "b"})

def talk(ctx):
    with ctx.socket(zmq.PULL) as server, ctx.socket(zmq.PUSH) as client:
        server.plain_server = 1
        server.bind("tcp://127.0.0.1:*")
        client.plain_username, client.plain_password = b"bob", b"b"
        client.connect(server.last_endpoint.decode())
        client.send(b"hello")
        assert server.recv(timeout=10) == b"hello"

talk(ctx)
"""


def test_a_fork(run_python):
    done = run_python(
        PROGRAM
        + """
sys.stdout.flush()
pid = os.fork()
if not pid:
    signal.alarm(15)
    assert not auth.is_alive()
    auth.stop()
    own = zmq.Context()
    with ThreadAuthenticator(own) as again:
        again.configure_plain(passwords={"bob": "b"})
        talk(own)
    own.term()
    sys.exit(7)
assert os.waitpid(pid, 0)[1] >> 8 == 7
assert auth.is_alive()
talk(ctx)
auth.stop()
ctx.term()
print("done")
"""
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


@pytest.mark.parametrize("end", ["", "auth.stop()", "ctx.term()", "del auth"])
def test_the_end_of_the_program(run_python, end):
    done = run_python(PROGRAM + end + "\nprint('done')\n")
    assert (done.stdout, done.stderr) == ("done\n", "")
