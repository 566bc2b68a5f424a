"""The core's sampler: what it reads, how long it goes on, and that it gets in nobody's way."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, List

import pytest
from conftest import native_threads, wait_until

import brokerless as zmq
from brokerless import _core
from tools.interrupting import interrupt

#: The name of its thread, as long as the system keeps it.
THREAD = "brokerless-sample"[:15]


def column(sampler: Any, name: str, most: Any = None) -> List[float]:
    raw = sampler.columns(most)[name]
    return memoryview(raw).cast("d" if name in ("time", "elapsed") else "q").tolist()


def two_more(sampler: Any) -> None:
    """Until a row was begun and ended from now on."""
    assert sampler.wait(sampler.taken + 1, 20)


def sampling_threads() -> int:
    names = []
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/comm") as file:
                names.append(file.read().strip())
        except OSError:  # it has just ended
            pass
    return sum(name == THREAD for name in names)


def test_rows_say_what_went_through_a_socket_and_when(pair: Callable[..., Any], transport: str) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)
    before = time.time()
    sampler = _core.Sampler([("a_", push), ("b_", pull)], 0.05)
    assert sampler.names == [
        f"{side}_{name}"
        for side in "ab"
        for name in ("messages_sent", "messages_received", "bytes_sent", "bytes_received", "peers")
    ]
    assert sampler.interval == 0.05
    for _ in range(7):
        push.send_multipart([b"12", b"345"])
        pull.recv_multipart()
    two_more(sampler)
    last = {name: column(sampler, name)[-1] for name in sampler.names}
    assert last == {
        "a_messages_sent": 7,
        "a_messages_received": 0,
        "a_bytes_sent": 35,
        "a_bytes_received": 0,
        "a_peers": 1,
        "b_messages_sent": 0,
        "b_messages_received": 7,
        "b_bytes_sent": 0,
        "b_bytes_received": 35,
        "b_peers": 1,
    }
    when, elapsed = column(sampler, "time"), column(sampler, "elapsed")
    assert before - 0.01 <= when[0] <= when[-1] <= time.time() + 0.01
    assert elapsed == sorted(elapsed) and 0 <= elapsed[0] < 1
    assert [a - b for a, b in zip(when, elapsed)] == pytest.approx([when[0] - elapsed[0]] * len(when), abs=1e-5)
    assert {len(raw) for raw in sampler.columns().values()} == {8 * len(when)}


def test_rows_come_at_the_interval(make_socket: Callable[..., Any]) -> None:
    sampler = _core.Sampler([("", make_socket(zmq.PULL))], 0.05)
    assert sampler.wait(4, 20)
    elapsed = column(sampler, "elapsed")
    # The machine may be late, but never early, and a row that is late makes none of the others so.
    assert all(at >= 0.05 * number for number, at in enumerate(elapsed))


def test_the_last_rows_are_kept(make_socket: Callable[..., Any]) -> None:
    sampler = _core.Sampler([("", make_socket(zmq.PULL))], 0.05, keep=3)
    assert sampler.wait(5, 20)
    elapsed = column(sampler, "elapsed")
    assert len(elapsed) == 3 and elapsed[0] > 0.05
    few = column(sampler, "elapsed", 2)
    assert len(few) == 2 and few[-1] >= elapsed[-1]


def test_it_is_known_when_anything_changed(pair: Callable[..., Any]) -> None:
    push, _ = pair(zmq.PUSH, zmq.PULL)
    push.wait_for_peers(1, timeout=20)
    sampler = _core.Sampler([("", push)], 0.05)
    two_more(sampler)
    changed = sampler.changed
    two_more(sampler)
    assert sampler.changed == changed < sampler.taken
    push.send(b"")
    two_more(sampler)
    assert sampler.changed > changed


def test_it_goes_on_while_python_is_busy(make_socket: Callable[..., Any]) -> None:
    sampler = _core.Sampler([("", make_socket(zmq.PULL))], 0.05)
    # One call of C's, which keeps the GIL; the length of a range that takes long enough is found out on the way.
    length, took = 1_000_000, 0.0
    while took < 0.3:
        begun = time.time()
        sum(range(length))
        took = time.time() - begun
        length = int(length * max(2, 0.4 / took))
    # Five, on a machine that does nothing else.
    assert sum(begun < when < begun + took for when in column(sampler, "time")) >= 2


def test_it_ends_with_what_it_samples(pair: Callable[..., Any]) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    sampler = _core.Sampler([("a_", push), ("b_", pull)], 3600)
    threads = native_threads()
    push.send(b"last")
    push.close()
    assert not sampler.ended
    pull.close()
    assert sampler.wait(2**62, 20) and sampler.ended
    # What was counted up to the end, and nobody is there any more.
    assert (column(sampler, "a_messages_sent")[-1], column(sampler, "a_peers")[-1]) == (1, 0)
    assert wait_until(lambda: native_threads() < threads)
    sampler.stop()


@pytest.mark.filterwarnings("ignore:Unclosed socket:ResourceWarning")
def test_it_keeps_no_socket_alive(loose_ctx: Any) -> None:
    socket = loose_ctx.socket(zmq.PULL)
    sampler = _core.Sampler([("", socket)], 0.05)
    del socket
    assert sampler.wait(2**62, 20) and sampler.ended


def test_it_ends_when_nobody_holds_it(make_socket: Callable[..., Any]) -> None:
    sampler = _core.Sampler([("", make_socket(zmq.PULL))], 3600)
    # It has its name a moment after it has begun.
    assert wait_until(lambda: sampling_threads() == 1)
    del sampler
    assert wait_until(lambda: sampling_threads() == 0)


def test_a_stop_takes_a_last_row(make_socket: Callable[..., Any]) -> None:
    socket = make_socket(zmq.PUB)
    sampler = _core.Sampler([("", socket)], 3600)
    socket.send(b"x")
    sampler.stop()
    assert sampler.ended
    assert column(sampler, "messages_sent") == [0, 1]
    sampler.stop()
    assert sampler.taken == 2


def test_it_ends_when_its_time_is_over(make_socket: Callable[..., Any]) -> None:
    sampler = _core.Sampler([("", make_socket(zmq.PULL))], 3600, seconds=0.05)
    assert sampler.wait(2**62, 20) and sampler.ended
    assert column(sampler, "elapsed")[-1] >= 0.05


def test_a_device_has_figures_of_its_own(make_device: Callable[..., Any], at: Callable[..., Any]) -> None:
    device = make_device(zmq.Streamer)
    push, pull = at(zmq.PUSH, device.frontend_endpoint), at(zmq.PULL, device.backend_endpoint)
    sampler = _core.Sampler([("", device._device), ("in_", device.frontend)], 0.05)
    push.send(b"123")
    pull.recv()
    two_more(sampler)
    names = ("frontend_messages", "frontend_bytes", "backend_messages", "backend_bytes", "in_peers")
    assert [column(sampler, name)[-1] for name in names] == [1, 3, 0, 0, 1]
    device.stop(timeout=0)
    assert sampler.wait(2**62, 20) and sampler.ended
    with pytest.raises(zmq.SocketClosed, match="device has ended"):
        _core.Sampler([("", device._device)])


def test_a_number_of_peers_that_is_not_known_is_told(ctx: Any) -> None:
    sockets = [ctx.socket(zmq.PULL) for _ in range(65)]
    for socket in sockets:
        socket.bind("tcp://127.0.0.1:*")
    sampler = _core.Sampler([("first_", sockets[0]), ("last_", sockets[-1])])
    assert (column(sampler, "first_peers"), column(sampler, "last_peers")) == ([0], [-1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": 0.049}, "interval"),
        ({"interval": 3601}, "interval"),
        ({"interval": float("nan")}, "interval"),
        ({"interval": -1}, "interval"),
        ({"keep": 1}, "keep"),
        ({"keep": 1_000_001}, "keep"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"sources": []}, "nothing to sample"),
        ({"sources": 2}, "twice"),
    ],
)
def test_what_makes_no_sense_is_refused(make_socket: Callable[..., Any], options: Any, message: str) -> None:
    socket = make_socket(zmq.PULL)
    threads = native_threads()
    sources = options.pop("sources", 1)
    sources = sources if isinstance(sources, list) else [("", socket)] * sources
    with pytest.raises(ValueError, match=message.replace("twice", "two columns would be called")):
        _core.Sampler(sources, **options)
    assert native_threads() <= threads


def test_only_what_counts_can_be_sampled(make_socket: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="a socket or a device"):
        _core.Sampler([("", object())])
    socket = make_socket(zmq.PULL)
    socket.close()
    with pytest.raises(zmq.SocketClosed):
        _core.Sampler([("", socket)])


def test_a_wait_has_a_limit_and_can_be_interrupted(make_socket: Callable[..., Any]) -> None:
    sampler = _core.Sampler([("", make_socket(zmq.PULL))], 3600)
    assert not sampler.wait(1, 0.01)
    assert sampler.wait(0, 0)
    interrupt(lambda: sampler.wait(1))
    assert not sampler.ended


def test_several_may_wait(make_socket: Callable[..., Any], waiting: Callable[..., Any]) -> None:
    sampler = _core.Sampler([("", make_socket(zmq.PULL))], 3600)
    futures = [waiting(lambda: sampler.wait(2**62)) for _ in range(3)]
    sampler.stop()
    assert [future.result() for future in futures] == [True] * 3


def test_a_forked_child_has_no_sampler(run_python: Callable[..., Any]) -> None:
    done = run_python(
        """
import os
import brokerless as zmq
from brokerless import _core
ctx = zmq.Context()
sock = ctx.socket(zmq.PULL)
samplers = [_core.Sampler([("", sock)], 0.05) for _ in range(20)]
if os.fork() == 0:
    for sampler in samplers:
        assert sampler.ended
        sampler.stop()
        for use in (sampler.columns, lambda: sampler.taken, lambda: _core.Sampler([("", sock)])):
            try:
                use()
            except zmq.ForkedProcessError:
                pass
            else:
                raise AssertionError(use)
        assert sampler.wait(2**62)
    os._exit(7)
assert os.wait()[1] >> 8 == 7
assert not samplers[0].ended
ctx.destroy(0)
print("done")
"""
    )
    assert done.stdout == "done\n"


def test_the_process_ends_in_the_middle_of_it(run_python: Callable[..., Any]) -> None:
    run_python(
        """
import brokerless as zmq
from brokerless import _core
sampler = _core.Sampler([("", zmq.Context.instance().socket(zmq.PULL))], 0.05)
"""
        # The context is closed with the process, which says so of no socket that has sent nothing.
        + "import warnings; warnings.simplefilter('ignore')\n"
    )
