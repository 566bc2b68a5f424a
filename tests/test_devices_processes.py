"""brokerless.devices in processes, forked and spawned, and what becomes of devices when their program ends."""

from __future__ import annotations

import multiprocessing
import sys
import warnings

import pytest

import brokerless as zmq
from brokerless import devices

LOCAL = "tcp://127.0.0.1"


@pytest.fixture(params=["fork", "spawn"])
def started(request):
    """started(device): runs it in a process that is forked or spawned; ended after the test."""
    running = []

    def start(device):
        device._launch_class = multiprocessing.get_context(request.param).Process
        running.append(device)
        device.start()
        return device

    with warnings.catch_warnings():
        # Of a fork in a process with threads, as libzmq's are: that is just what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        yield start
    for device in running:
        device.launcher.terminate()
        device.join(20)
        assert not device.launcher.is_alive()


@pytest.fixture
def peers(make_socket):
    """peers(device, zmq.REQ, zmq.REP): sockets that are connected to both sides of a device."""

    def make(device, front, back, **options):
        ports = device.bind_in_to_random_port(LOCAL), device.bind_out_to_random_port(LOCAL)
        return [make_socket(kind, connect=f"{LOCAL}:{port}", **options) for kind, port in zip((front, back), ports)]

    return make


def exchange(client, server):
    client.send_multipart([b"question", b"", b"whole"])
    assert server.recv_multipart(timeout=20) == [b"question", b"", b"whole"]
    server.send(b"answer")
    assert client.recv(timeout=20) == b"answer"


def test_a_queue(started, peers):
    device = devices.ProcessDevice(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    device.setsockopt_out(zmq.IDENTITY, b"device")
    client, server = peers(device, zmq.REQ, zmq.ROUTER)
    started(device)
    client.send(b"question")
    name, *question = server.recv_multipart(timeout=20)
    assert (name, question[1:]) == (b"device", [b"", b"question"])
    server.send_multipart([name, *question])
    assert client.recv(timeout=20) == b"question"
    device.join(timeout=0.01)
    assert device.launcher.is_alive() and not device.done


def test_a_proxy(started, peers, make_socket):
    device = devices.ProcessProxy(zmq.ROUTER, zmq.DEALER, zmq.PUSH)
    monitor = make_socket(zmq.PULL, connect=f"{LOCAL}:{device.bind_mon_to_random_port(LOCAL)}")
    client, server = peers(device, zmq.REQ, zmq.REP)
    started(device)
    exchange(client, server)
    assert monitor.recv_multipart(timeout=20)[1:] == [b"", b"question", b"", b"whole"]
    assert monitor.recv_multipart(timeout=20)[1:] == [b"", b"answer"]


def test_a_monitored_queue(started, peers, make_socket):
    device = devices.ProcessMonitoredQueue(zmq.ROUTER, zmq.DEALER, zmq.PUB, b"asked", b"told")
    # The monitor connects; a SUB that is bound tells who connects what it wants once it looks.
    monitor = make_socket(zmq.SUB, bind=f"{LOCAL}:*", subscribe=b"told")
    device.connect_mon(monitor.last_endpoint.decode())
    device.setsockopt_mon(zmq.SNDHWM, 100)
    client, server = peers(device, zmq.REQ, zmq.REP)
    started(device)
    exchange(client, server)
    while not monitor.poll(20):
        exchange(client, server)
    copy = monitor.recv_multipart()
    assert (copy[0], copy[2:]) == (b"told", [b"", b"answer"])


def test_a_steerable_proxy_delivers_what_it_moved_before_it_ends(started, peers, make_socket):
    device = devices.ProcessProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUB, zmq.REP)
    control = make_socket(zmq.REQ, connect=f"{LOCAL}:{device.bind_ctrl_to_random_port(LOCAL)}")
    producer, worker = peers(device, zmq.PUSH, zmq.PULL, rcvhwm=0)
    started(device)
    for number in range(2000):
        producer.send(b"%d" % number, timeout=20)
    assert worker.recv(timeout=20) == b"0"

    def tell(command):
        control.send(command)
        return control.recv_multipart(timeout=20)

    assert tell(b"PAUSE") == [b""]
    moved = int.from_bytes(tell(b"STATISTICS")[0], sys.byteorder)
    assert 0 < moved <= 2000
    assert tell(b"TERMINATE") == [b""]
    device.join(20)
    assert device.launcher.exitcode == 0
    assert [worker.recv(timeout=20) for _ in range(1, moved)] == [b"%d" % number for number in range(1, moved)]
    assert worker.poll(0) == 0


def test_what_goes_wrong_in_a_process_is_told_there(started, capfd):
    device = devices.ProcessDevice(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    device.bind_in("nonsense")
    started(device)
    device.join(20)
    assert device.launcher.exitcode == 1
    assert "an endpoint is transport://address" in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["ThreadDevice", "ProcessDevice"])
def test_a_program_may_end_while_its_device_runs(run_python, kind):
    program = f"""
import warnings
import brokerless as zmq
from brokerless import devices

warnings.simplefilter("ignore", DeprecationWarning)
if __name__ == "__main__":
    device = devices.{kind}(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    front = device.bind_in_to_random_port("{LOCAL}")
    device.start()
    with zmq.Context() as ctx, ctx.socket(zmq.DEALER) as sock:
        sock.connect(f"{LOCAL}:{{front}}")
        sock.wait_for_peers(1, timeout=20)
    print("it ran")
"""
    done = run_python(program)
    assert (done.stdout, done.stderr) == ("it ran\n", "")


def test_a_thread_that_is_no_daemon_keeps_its_program_until_its_context_ends(run_python):
    done = run_python("""
import threading
import brokerless as zmq
from brokerless import devices

device = devices.ThreadDevice(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
device.daemon = False
context = zmq.Context.instance()
device.start()
device.join(timeout=0.01)
assert not device.done and not device.launcher.daemon

def end():
    threading.main_thread().join()
    context.term()
    device.join()
    print("ended", device.done)

threading.Thread(target=end).start()
""")
    assert (done.stdout, done.stderr) == ("ended True\n", "")
