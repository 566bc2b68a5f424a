"""A call may be met by itself: a signal handler or a finalizer of its own thread, or another thread, in the middle of it."""

from __future__ import annotations

import errno
import signal
import sys
import threading
import time

import pytest

import brokerless as zmq


def test_a_context_asked_for_its_instance_while_it_is_made():
    """As by a signal handler: the lock that is held is held by this very thread."""
    inner = []

    class Asking(zmq.Context):
        _instance = None
        _instance_pid = None

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            if not inner:
                inner.append(None)
                inner[0] = type(self).instance()

    one = Asking.instance()
    assert one is inner[0] is Asking.instance() and not one.closed
    one.term()


def test_a_monitor_asked_for_while_it_is_opened():
    inner = []

    class Asking(zmq.Context):
        def socket(self, kind, *args, **kwargs):
            made = super().socket(kind, *args, **kwargs)
            if kind == zmq.PAIR and not inner:
                inner.append(None)
                inner[0] = sock.get_monitor_socket()
            return made

    with Asking() as context, context.socket(zmq.PULL) as sock:
        monitor = sock.get_monitor_socket()
        assert monitor is inner[0] is sock.get_monitor_socket()
        sock.bind("tcp://127.0.0.1:*")
        # The one that is left is the one that is connected.
        assert monitor.recv_multipart(timeout=10)
        monitor.close()


def test_a_monitor_whose_reader_cannot_be_connected_leaves_nothing_open(ctx):
    class Failing(zmq.Socket):
        def connect(self, addr):
            raise RuntimeError("not today")

    sock = ctx.socket(zmq.PULL)
    ctx._socket_class, usual = Failing, ctx._socket_class
    with pytest.raises(RuntimeError, match="not today"):
        sock.get_monitor_socket()
    assert ctx._made() and [one for one in ctx._made() if not one.closed] == [sock]
    ctx._socket_class = usual
    sock.get_monitor_socket().close()


def test_signals_end_no_call_that_does_not_wait(pair):
    """libzmq gives up where a signal comes in the middle; programs know nothing of that."""
    a, b = pair(zmq.DEALER, zmq.DEALER)
    came = []
    former = signal.signal(signal.SIGALRM, lambda *_: came.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
    try:
        end = time.monotonic() + 20
        count = 0
        while count < 200 or len(came) < 2000:
            assert time.monotonic() < end, (count, len(came))
            count += 1
            a.send(b"%d" % count)
            assert b.recv(timeout=10) == b"%d" % count
            assert b.poll(0) == 0
            for _ in range(20):
                with pytest.raises(zmq.Again):
                    b.recv(zmq.DONTWAIT)
                assert b.get(zmq.EVENTS) == zmq.POLLOUT
            if count % 10 == 0:
                a.bind(f"inproc://between-{count}")
                a.unbind(f"inproc://between-{count}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def test_destroy_closes_what_other_threads_open_meanwhile(in_thread):
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(30):
            context = zmq.Context()
            start = threading.Barrier(4)
            kept = []

            def make(context=context, start=start, kept=kept):
                start.wait()
                while True:
                    try:
                        kept.append(context.socket(zmq.PUSH))
                    except zmq.ZMQError as error:
                        # Terminated, by libzmq's number and by pyzmq's; else too many, or closed as soon as it was open.
                        if error.errno in (zmq.ETERM, zmq.ENOTSUP):
                            return
                        if error.errno not in (errno.EMFILE, zmq.ENOTSOCK):
                            raise

            makers = [in_thread(make) for _ in range(3)]
            start.wait()
            repr(context)
            in_thread(context.destroy, 0).result()
            for maker in makers:
                maker.result()
            assert context.closed and all(sock.closed for sock in kept)
    finally:
        sys.setswitchinterval(interval)
