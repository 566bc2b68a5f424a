"""Signals that nobody sees at once: one that comes together with a message, and one where C calls us on and on."""

from __future__ import annotations

import collections
import ctypes
import functools
import operator
import signal
import threading

import pytest

import brokerless as zmq
from tools.interrupting import wait_until_asleep

ARRIVALS = {
    "recv": lambda sock: sock.recv(),
    "recv(copy=False)": lambda sock: sock.recv(copy=False),
    "recv(timeout=60)": lambda sock: sock.recv(timeout=60),
    "recv_string": lambda sock: sock.recv_string(),
    "recv_multipart": lambda sock: sock.recv_multipart(),
    "iteration": lambda sock: next(iter(sock)),
}


@pytest.mark.parametrize("name", ARRIVALS)
def test_a_message_that_comes_with_the_signal_is_the_next_one(make_socket, endpoint, in_thread, name):
    """Python raises when the call returns, before the program has the message."""
    pull = make_socket(zmq.PULL, bind=endpoint("inproc"))
    push = make_socket(zmq.PUSH, connect=pull.last_endpoint.decode())
    main = threading.main_thread().native_id

    def signal_and_message():
        assert wait_until_asleep(main)
        # Taken by this thread: the sleep of the main one goes on until the message is there.
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        push.send_multipart([b"hello", b"world"])

    sent = in_thread(signal_and_message)
    with pytest.raises(KeyboardInterrupt):
        ARRIVALS[name](pull)
    sent.result()
    assert pull.recv_multipart(timeout=10) == [b"hello", b"world"]
    assert pull.stats.messages_received == 1
    assert pull.poll(0) == 0


def test_a_loop_in_c_is_interrupted_before_it_waits_again(make_socket, endpoint, in_thread):
    """Python looks for signals between its own calls, and in such a loop there are none."""
    pull = make_socket(zmq.PULL, bind=endpoint("inproc"))
    push = make_socket(zmq.PUSH, connect=pull.last_endpoint.decode())
    main = threading.main_thread().native_id
    over = threading.Event()

    def message_when_it_waits():
        # With the signal there it never does, and this comes when all is over.
        wait_until_asleep(main, over)
        push.send(b"hello")

    # Unlike os.kill(), this does not look for signals before it returns.
    calls = [functools.partial(ctypes.CDLL(None)["raise"], signal.SIGINT), pull.recv]
    sent = in_thread(message_when_it_waits)
    with pytest.raises(KeyboardInterrupt):
        collections.deque(map(operator.methodcaller("__call__"), calls), maxlen=0)
    over.set()
    sent.result()
    assert pull.recv(timeout=10) == b"hello"
