"""Nothing blocks where a socket or context ends: garbage, `with`, a name bound anew, a traceback, the interpreter's exit.

And nothing is lost there that could still be delivered, and no port, descriptor or thread stays behind.
"""

from __future__ import annotations

import gc
import os
import socket as system_socket
import time
import warnings
import weakref
from pathlib import Path

import pytest
from conftest import native_threads, wait_until

import brokerless as zmq

# Where nobody listens: what is sent there stays undelivered.
NOBODY = "tcp://127.0.0.1:1"
ROOT = Path(__file__).parent.parent


def is_free(port):
    """Whether the system gives the port to somebody who knows nothing of ZeroMQ."""
    with system_socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


# Garbage


CYCLES = """
import gc, sys, warnings
import brokerless as zmq
warnings.simplefilter("ignore", ResourceWarning)

class Cell:
    pass

gc.disable()
for round in range(20):
    cell = Cell()
    cell.itself = cell
    cell.ctx = zmq.Context()
    cell.server = cell.ctx.socket(zmq.REP)
    cell.server.bind("tcp://127.0.0.1:{port}")
    cell.sock = cell.ctx.socket(zmq.PUSH)
    cell.sock.connect("{nobody}")
    cell.sock.send(b"never delivered")
    del cell
    {collect}
print("done")
"""


@pytest.mark.timeout(30)
@pytest.mark.parametrize("collect", ["gc.collect()", "gc.collect(0)"])
def test_a_context_and_a_socket_in_a_garbage_cycle_never_hang(run_python, free_port, collect):
    done = run_python(CYCLES.format(port=free_port, nobody=NOBODY, collect=collect), timeout=20)
    assert done.stdout == "done\n"


@pytest.mark.timeout(30)
def test_a_port_held_only_by_garbage_is_free_for_the_next_bind(run_python, free_port):
    # Nothing collects here until bind() finds the port taken.
    done = run_python(CYCLES.format(port=free_port, nobody=NOBODY, collect="pass"), timeout=20)
    assert done.stdout == "done\n"


def test_names_bound_anew(free_port):
    """What running a cell again does: each name is bound anew while the old object still has its port."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for _ in range(10):
            ctx = zmq.Context()
            server = ctx.socket(zmq.REP)
            server.bind(f"tcp://127.0.0.1:{free_port}")
            client = ctx.socket(zmq.REQ)
            client.connect(f"tcp://127.0.0.1:{free_port}")
            client.send(b"ping")
            assert server.recv(timeout=10) == b"ping"
        server.close()
        client.close()
        ctx.term()


def test_a_dropped_socket_warns_and_frees_its_port_at_once(loose_ctx, free_port):
    sock = loose_ctx.socket(zmq.PULL)
    sock.bind(f"tcp://127.0.0.1:{free_port}")
    assert not is_free(free_port)
    with pytest.warns(ResourceWarning, match=rf"Unclosed socket .*zmq\.PULL.*{free_port}"):
        del sock
    assert is_free(free_port)


def test_a_warning_that_is_an_error_does_not_keep_the_port(run_python, free_port):
    done = run_python(
        f"""
import socket, sys
import brokerless as zmq

def bind():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", {free_port}))

sys.unraisablehook = lambda what: print("in __del__:", type(what.exc_value).__name__)
ctx = zmq.Context()
sock = ctx.socket(zmq.PULL)
sock.bind("tcp://127.0.0.1:{free_port}")
del sock
bind()
try:
    with zmq.Context() as other:
        sock = other.socket(zmq.PULL)
        sock.bind("tcp://127.0.0.1:{free_port}")
except ResourceWarning:
    print("closed:", sock.closed)
bind()
"""
    )
    assert done.stdout.splitlines() == ["in __del__: ResourceWarning", "closed: True"]


def test_weak_references():
    context = zmq.Context()
    sock = context.socket(zmq.PAIR)
    weak_context, weak_sock = weakref.ref(context), weakref.ref(sock)
    sock.close()
    assert weak_sock() is sock
    del sock
    gc.collect()
    assert weak_sock() is None, "a closed socket is still held by somebody"
    context.term()
    del context
    gc.collect()
    assert weak_context() is None


def test_a_socket_keeps_its_context():
    sock = zmq.Context().socket(zmq.PAIR)
    gc.collect()
    assert not sock.context.closed
    sock.bind("inproc://kept")
    context = sock.context
    sock.close()
    context.term()
    assert context.closed


@pytest.mark.parametrize("watched", [False, True])
def test_500_contexts_leave_nothing_behind(watched):
    def use_one():
        context = zmq.Context()
        sock = context.socket(zmq.PULL)
        if watched:
            sock.bind("tcp://127.0.0.1:*")
        sock.close()

    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    threads = native_threads()
    use_one()
    assert wait_until(lambda: native_threads() <= threads)
    before = descriptors()
    for _ in range(500):
        use_one()
    assert wait_until(lambda: native_threads() <= threads), f"{threads} threads became {native_threads()}"
    assert wait_until(lambda: descriptors() <= before), f"{before} descriptors became {descriptors()}"


# The end of a `with`


def test_with_ends_at_once_with_undelivered_messages():
    start = time.monotonic()
    with zmq.Context() as context, context.socket(zmq.PUSH) as sock:
        sock.connect(NOBODY)
        sock.send(b"never delivered")
        sock.linger = 2000
    assert sock.closed
    assert time.monotonic() - start < 1.9
    # It is delivered, or given up, in the background.
    assert wait_until(lambda: context.closed)


def test_with_closes_what_was_left_open_and_says_so():
    def leave_open():
        with zmq.Context() as context:
            sock = context.socket(zmq.PUSH)
            sock.connect(NOBODY)
            sock.send(b"never delivered")
        return context, sock

    start = time.monotonic()
    with pytest.warns(ResourceWarning, match="still open when its context ended"):
        context, sock = leave_open()
    assert time.monotonic() - start < 0.9
    assert sock.closed
    # Here LINGER is for ever; an abandoned socket is given a second.
    assert wait_until(lambda: context.closed, timeout=5)


def test_with_passes_an_exception_on(loose_ctx):
    with pytest.raises(ZeroDivisionError):
        with loose_ctx.socket(zmq.PULL) as sock:
            1 / 0  # noqa: B018
    assert sock.closed


# Close, and bind again


@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_close_and_bind_100_times(loose_ctx, endpoint, free_port, transport, connected):
    where = f"tcp://127.0.0.1:{free_port}" if transport == "tcp" else endpoint("ipc")
    client = loose_ctx.socket(zmq.PUSH)
    client.linger = 0
    if connected:
        client.reconnect_ivl = 1
        client.connect(where)
    for number in range(100):
        sock = loose_ctx.socket(zmq.PULL)
        sock.bind(where)
        if connected and number % 10 == 0:
            # What is sent before the client has noticed that its old peer is gone would go there.
            assert sock.wait_for_peers(1, timeout=10) == 1
            client.send(b"%d" % number)
            assert sock.recv(timeout=10) == b"%d" % number
        sock.close()
    client.close()


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_unbind_and_bind_100_times(loose_ctx, endpoint, free_port, transport):
    where = f"tcp://127.0.0.1:{free_port}" if transport == "tcp" else endpoint("ipc")
    first, second = loose_ctx.socket(zmq.PULL), loose_ctx.socket(zmq.PULL)
    for _ in range(50):
        for sock in (first, second):
            sock.bind(where)
            sock.unbind(where)
    assert first.endpoints == second.endpoints == []
    first.close()
    second.close()


def test_close_frees_the_port_for_anybody(loose_ctx, free_port):
    for _ in range(20):
        sock = loose_ctx.socket(zmq.ROUTER)
        sock.bind(f"tcp://127.0.0.1:{free_port}")
        assert not is_free(free_port)
        sock.close()
        assert is_free(free_port)


def test_many_sockets_beyond_the_watched_ones_free_their_ports_too(loose_ctx):
    """Only the first 64 sockets of a context are watched from the start; close() must not depend on that."""
    sockets = [loose_ctx.socket(zmq.PULL) for _ in range(70)]
    ports = [sock.bind_to_random_port("tcp://127.0.0.1") for sock in sockets]
    for sock in sockets:
        sock.close()
    assert [port for port in ports if not is_free(port)] == []


def test_a_proxy_that_hangs_up_does_not_end_the_process(run_python):
    """libzmq took its descriptor off the poller twice, which its own assertion does not survive."""
    program = """
import socket
import brokerless as zmq

proxy = socket.create_server(("127.0.0.1", 0))
for _ in range(5):
    ctx = zmq.Context()
    sock = ctx.socket(zmq.PUSH)
    sock.socks_proxy = b"127.0.0.1:%d" % proxy.getsockname()[1]
    sock.reconnect_ivl = 100
    sock.connect("tcp://127.0.0.1:1")
    for _ in range(2):
        # The second attempt says that the first one has failed.
        proxy.accept()[0].close()
    sock.poll(20, zmq.POLLOUT)
    sock.close(0)
    ctx.term()
proxy.close()
print("still here")
"""
    assert run_python(program).stdout == "still here\n"


def test_a_close_in_the_middle_of_a_message_does_not_end_the_process(run_python):
    """Half of a multipart message was with the system when both ends closed, and libzmq asserted that it finds the other half."""
    program = """
import threading
import brokerless as zmq

with zmq.Context() as ctx:
    for _ in range(60):
        pull, push = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
        pull.rcvhwm = 1
        push.connect(f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}")
        for _ in range(20):
            push.send_multipart([bytes(10_000)] * 50)
        pull.recv_multipart()
        closing = threading.Thread(target=pull.close)
        closing.start()
        push.close(linger=0)
        closing.join()
print("still here")
"""
    assert run_python(program).stdout == "still here\n"


def test_a_water_mark_is_set_when_a_peer_has_just_gone(run_python):
    """libzmq told the peer's half of the connection, which was freed by then."""
    program = """
import brokerless as zmq

with zmq.Context() as ctx, ctx.socket(zmq.PUSH) as push, ctx.socket(zmq.PULL) as pull:
    for number in range(100):
        where = f"inproc://{number}"
        push.bind(where)
        pull.connect(where)
        push.poll(0)
        pull.disconnect(where)
        push.poll(0)  # confirms the end
        pull.poll(0)  # frees its half
        push.sndhwm = 5
        pull.poll(0)
print("alive")
"""
    assert run_python(program).stdout == "alive\n"
