"""What is large: a message without room for it is an error like others, and one that waits costs nothing."""

from __future__ import annotations

import resource

import pytest

import brokerless as zmq

SIZE = 300 << 20

TAKE = {
    "recv": "b.recv()",
    "recv_multipart": "b.recv_multipart()",
    "recv_json": "b.recv_json()",
    "iteration": "next(iter(b))",
    "Frame.bytes": "b.recv(copy=False).bytes",
    "bytes(frame)": "bytes(b.recv(copy=False))",
    "asyncio's": "_core.Waiter(b).recv(True, False)",
    "asyncio's multipart": "_core.Waiter(b).recv(True, True)",
}


@pytest.mark.parametrize("how", TAKE)
def test_no_room_for_a_message_is_a_memory_error(run_python, how):
    done = run_python(
        f"""
import resource
import brokerless as zmq
from brokerless import _core

with zmq.Context() as ctx, ctx.socket(zmq.PAIR) as a, ctx.socket(zmq.PAIR) as b:
    a.bind("inproc://x")
    b.connect("inproc://x")
    data = bytearray({SIZE})
    a.send(data, copy=False)
    assert b.poll(5000)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    most = used + {SIZE // 2}
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        {TAKE[how]}
    except MemoryError:
        print("no room")
    a.send(b"next")
    assert b.recv(timeout=5) == b"next"
"""
    )
    assert done.stdout == "no room\n"


@pytest.mark.parametrize("flags", [0, zmq.SNDMORE])
def test_a_large_message_that_waits_is_copied_once(make_socket, flags):
    push = make_socket(zmq.PUSH)
    data = bytearray(64 << 20)

    def pages(timeout):
        """The new pages of memory that a send needs which never finds room."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        with pytest.raises(zmq.Again):
            push.send(data, flags, timeout=timeout)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    pages(0)
    once = pages(0)
    # Each look for room was a copy once: on the main thread, 40 a second.
    assert pages(0.5) < 2 * once
