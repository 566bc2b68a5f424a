"""How Queue, Forwarder and Streamer begin and end: by hand, by an error, with their context, forgotten, or forked."""

from __future__ import annotations

import gc
import warnings

import pytest
from conftest import wait_until

import brokerless as zmq
from tools.interrupting import interrupt

DEVICES = [zmq.Queue, zmq.Forwarder, zmq.Streamer]


def test_the_ports_are_free_after_a_stop(ctx, make_device, at):
    first = make_device(zmq.Queue)
    ends = first.frontend_endpoint, first.backend_endpoint
    first.stop()
    first.stop()
    for _ in range(10):
        with zmq.Queue(*ends, context=ctx) as device:
            assert device.running
            client, server = at(zmq.REQ, ends[0]), at(zmq.REP, ends[1])
            client.send(b"?")
            server.recv(timeout=10)
            server.send(b"!")
            assert client.recv(timeout=10) == b"!"
            client.close()
            server.close()
        assert not device.running
        assert device.stats.frontend_messages == 1
        assert device.frontend_endpoint == ends[0]


def test_a_started_device_starts_no_second_time(make_device):
    device = make_device(zmq.Queue)
    assert "running" in repr(device) and device.frontend_endpoint in repr(device)
    with pytest.raises(RuntimeError, match="was started before"):
        device.start()
    with device:
        assert device.running
    assert not device.running and "ended" in repr(device)
    assert device.join(timeout=0) is True
    device.pause()
    device.resume()
    with pytest.raises(RuntimeError, match="was started before"):
        device.start()


def test_a_device_that_was_not_started(make_device, free_port, ctx):
    device = make_device(zmq.Queue, start=False)
    assert not device.running and not device.paused and "not started" in repr(device)
    assert device.stats == zmq.DeviceStats()
    for method in (device.join, device.pause, device.resume):
        with pytest.raises(RuntimeError, match="was not started"):
            method()
    device.stop()
    assert device.frontend.closed and device.backend.closed
    with pytest.raises(zmq.ZMQError):
        device.start()


def test_join_waits_as_long_as_it_is_told(make_device, in_thread):
    device = make_device(zmq.Streamer)
    assert device.join(timeout=0) is False
    assert device.join(timeout=0.01) is False
    joining = in_thread(device.join)
    device.stop()
    assert joining.result() is True


@pytest.mark.parametrize(
    ("front", "back", "error"),
    [
        ("tcp://127.0.0.1:*", "nonsense", zmq.ZMQError),
        ("tcp://127.0.0.1:*", ">tcp://", zmq.ZMQError),
        ("tcp://127.0.0.1:*", "tcp://127.0.0.1:x", zmq.ZMQError),
        ("tcp://127.0.0.1:*", "", zmq.ZMQError),
        ("tcp://127.0.0.1:*", [], ValueError),
        ("tcp://127.0.0.1:*", ["tcp://127.0.0.1:*", 5], TypeError),
        ("tcp://127.0.0.1:*", b"tcp://127.0.0.1:*", TypeError),
        (None, "tcp://127.0.0.1:*", TypeError),
        (5559, 5560, TypeError),
        ("tcp://127.0.0.1:*", "inproc://a\0b", (zmq.ZMQError, ValueError)),
    ],
)
@pytest.mark.parametrize("kind", DEVICES)
def test_a_bad_endpoint_leaves_nothing_open(ctx, kind, front, back, error):
    with pytest.raises(error):
        kind(front, back, context=ctx)
    assert all(sock.closed for sock in ctx._sockets)


def test_an_address_in_use(make_device, ctx):
    device = make_device(zmq.Queue)
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.Streamer("tcp://127.0.0.1:*", device.frontend_endpoint, context=ctx)
    assert caught.value.errno == zmq.EADDRINUSE
    assert [sock.closed for sock in ctx._sockets].count(False) == 2


def test_a_closed_socket_is_noticed_by_start(make_device):
    device = make_device(zmq.Queue, start=False)
    device.backend.close()
    with pytest.raises(zmq.ZMQError) as caught:
        device.start()
    assert caught.value.errno == zmq.ENOTSOCK
    assert not device.running


def test_a_socket_that_is_closed_ends_its_device(make_device):
    device = make_device(zmq.Queue)
    device.backend.close()
    assert device.join(timeout=10)
    assert device.frontend.closed


def test_a_dropped_device_stops(endpoint):
    ctx = zmq.Context()
    device = zmq.Queue(endpoint("tcp"), endpoint("tcp"), context=ctx).start()
    where = device.frontend_endpoint
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        del device
        gc.collect()
    assert [str(warning.message).split(" tcp")[0] for warning in warned] == ["Unclosed device <zmq.Queue"]
    with ctx.socket(zmq.ROUTER) as sock:

        def is_free():
            try:
                sock.bind(where)
            except zmq.ZMQError:
                return False
            return True

        assert wait_until(is_free)
    ctx.term()


@pytest.mark.parametrize("paused", [False, True])
def test_a_context_that_ends_ends_its_devices(endpoint, paused):
    ctx = zmq.Context()
    devices = [kind(endpoint("tcp"), endpoint("tcp"), context=ctx).start() for kind in DEVICES]
    for device in devices:
        if paused:
            device.pause()
    ctx.term()
    for device in devices:
        assert device.join(timeout=10) is True
        assert not device.running
        device.stop()


def test_without_a_context_it_uses_the_shared_one(endpoint):
    with zmq.Queue(endpoint("inproc"), endpoint("inproc")) as device:
        assert device.frontend.context is zmq.Context.instance()


def test_an_interrupt_ends_the_wait_for_an_end(make_device, at):
    device = make_device(zmq.Queue)
    client, server = at(zmq.REQ, device.frontend_endpoint), at(zmq.REP, device.backend_endpoint)
    client.send(b"question")
    server.recv(timeout=10)
    assert interrupt(device.join) < 1.0
    assert device.running
    # It waits for the reply that is due, and goes on doing so.
    for _ in range(2):
        assert interrupt(lambda: device.stop(timeout=30)) < 1.0
        assert wait_until(lambda: "stopping" in repr(device)) and device.running
    server.send(b"answer")
    assert client.recv(timeout=10) == b"answer"
    device.stop()
    assert not device.running


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_bad_timeout_stops_nothing(make_device, timeout):
    device = make_device(zmq.Streamer)
    for method in (device.stop, device.join):
        with pytest.raises(ValueError, match="timeout is in seconds"):
            method(timeout=timeout)
    with pytest.raises(TypeError):
        device.stop(timeout="1")
    assert device.running


def test_a_forked_child_leaves_its_parents_device_alone(run_python):
    done = run_python("""
import os, sys, warnings
import brokerless as zmq

warnings.simplefilter("ignore", DeprecationWarning)
here = "tcp://127.0.0.1:*"
with zmq.Streamer(here, here) as device, zmq.Context() as ctx:
    pid = os.fork()
    if not pid:
        assert not device.running and not device.paused
        for method in (device.pause, device.resume, device.join):
            try:
                method()
            except zmq.ForkedProcessError:
                pass
        device.stop()
        with zmq.Streamer(here, here) as own:
            assert own.running
        # Leaves the parent's `with`, too.
        sys.exit(7)
    assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 7
    assert device.running
    with ctx.socket(zmq.PUSH) as push, ctx.socket(zmq.PULL) as pull:
        push.connect(device.frontend_endpoint)
        pull.connect(device.backend_endpoint)
        push.send(b"job")
        print(pull.recv(timeout=10))
""")
    assert (done.stdout, done.stderr) == ("b'job'\n", "")
