"""brokerless.devices: pyzmq's classes on our engine, told what sockets to open where they run."""

from __future__ import annotations

import inspect
import pickle
import struct

import pytest

import brokerless as zmq
from brokerless import devices

LOCAL = "tcp://127.0.0.1"


@pytest.fixture
def started(ctx):
    """started(device): lets it run in the test's context; it ends with the context, and is then joined."""
    running = []

    def start(device):
        device.context_factory = lambda: ctx
        running.append(device)
        device.start()
        return device

    yield start
    ctx.destroy(linger=0)
    for device in running:
        device.join(10)
        assert device.done


def exchange(client, server, count=3):
    for number in range(count):
        client.send_multipart([b"question", b"", b"%d" % number])
        question = server.recv_multipart(timeout=10)
        assert question == [b"question", b"", b"%d" % number]
        server.send_multipart([*question, b"answer"])
        assert client.recv_multipart(timeout=10) == [*question, b"answer"]


def test_a_thread_device_is_a_queue(started, make_socket):
    device = devices.ThreadDevice(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    front = device.bind_in_to_random_port(LOCAL)
    back = device.bind_out_to_random_port(LOCAL)
    assert not device.done
    assert started(device).launcher.daemon
    exchange(make_socket(zmq.REQ, connect=f"{LOCAL}:{front}"), make_socket(zmq.REP, connect=f"{LOCAL}:{back}"))


def test_a_thread_device_may_connect_both_sides(started, make_socket):
    push, pull = make_socket(zmq.PUSH, bind=f"{LOCAL}:*"), make_socket(zmq.PULL, bind=f"{LOCAL}:*")
    device = devices.ThreadDevice(zmq.STREAMER, zmq.PULL, zmq.PUSH)
    device.connect_in(push.last_endpoint.decode())
    device.connect_out(pull.last_endpoint.decode())
    started(device)
    for number in range(100):
        push.send_multipart([b"%d" % number, b"job"])
    assert [pull.recv_multipart(timeout=10) for _ in range(100)] == [[b"%d" % number, b"job"] for number in range(100)]


def test_a_forwarder_needs_its_subscription(started, make_socket):
    device = devices.ThreadDevice(zmq.FORWARDER, zmq.SUB, zmq.PUB)
    device.setsockopt_in(zmq.SUBSCRIBE, b"wanted")
    front, back = device.bind_in_to_random_port(LOCAL), device.bind_out_to_random_port(LOCAL)
    started(device)
    subscriber = make_socket(zmq.SUB, connect=f"{LOCAL}:{back}", subscribe=b"")
    publisher = make_socket(zmq.PUB, connect=f"{LOCAL}:{front}")
    publisher.wait_for_subscribers(1, topic=b"wanted", timeout=10)
    # The device cannot be asked whether the subscriber has subscribed behind it: until a message comes through, send.
    while not subscriber.poll(20):
        publisher.send_multipart([b"unwanted", b"1"])
        publisher.send_multipart([b"wanted", b"2"])
    assert subscriber.recv_multipart() == [b"wanted", b"2"]


def test_a_negative_type_makes_one_socket_both_sides(started, make_socket):
    device = devices.ThreadDevice(zmq.QUEUE, zmq.REP, -1)
    port = device.bind_in_to_random_port(LOCAL)
    started(device)
    req = make_socket(zmq.REQ, connect=f"{LOCAL}:{port}")
    for word in (b"echo", b"again"):
        req.send_multipart([word, b"whole"])
        assert req.recv_multipart(timeout=10) == [word, b"whole"]


def test_options_are_set_before_a_socket_connects(started, make_socket):
    router = make_socket(zmq.ROUTER, bind=f"{LOCAL}:*")
    push = make_socket(zmq.PUSH, bind=f"{LOCAL}:*")
    device = devices.ThreadDevice(zmq.STREAMER, zmq.PULL, zmq.DEALER)
    device.setsockopt_out(zmq.IDENTITY, b"device")
    device.connect_in(push.last_endpoint.decode())
    device.connect_out(router.last_endpoint.decode())
    started(device)
    push.send(b"job", timeout=10)
    assert router.recv_multipart(timeout=10) == [b"device", b"job"]


def test_a_proxy_copies_both_ways_to_its_monitor(started, make_socket):
    device = devices.ThreadProxy(zmq.ROUTER, zmq.DEALER, zmq.PUSH)
    front, back = device.bind_in_to_random_port(LOCAL), device.bind_out_to_random_port(LOCAL)
    device.setsockopt_mon(zmq.SNDHWM, 1000)
    monitor = make_socket(zmq.PULL, connect=f"{LOCAL}:{device.bind_mon_to_random_port(LOCAL)}")
    started(device)
    client = make_socket(zmq.REQ, connect=f"{LOCAL}:{front}", identity=b"me")
    exchange(client, make_socket(zmq.REP, connect=f"{LOCAL}:{back}"), count=1)
    request = [b"me", b"", b"question", b"", b"0"]
    assert monitor.recv_multipart(timeout=10) == request
    assert monitor.recv_multipart(timeout=10) == [*request, b"answer"]


def tell(control, word):
    control.send(word)
    return control.recv_multipart(timeout=10)


def test_a_steerable_proxy_obeys(started, make_socket):
    device = devices.ThreadProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUB, zmq.REP)
    front, back = device.bind_in_to_random_port(LOCAL), device.bind_out_to_random_port(LOCAL)
    device.setsockopt_ctrl(zmq.LINGER, 1000)
    control = make_socket(zmq.REQ, connect=f"{LOCAL}:{device.bind_ctrl_to_random_port(LOCAL)}")
    started(device)
    push = make_socket(zmq.PUSH, connect=f"{LOCAL}:{front}")
    pull = make_socket(zmq.PULL, connect=f"{LOCAL}:{back}")
    push.send_multipart([b"12345", b"678"])
    pull.recv_multipart(timeout=10)
    assert tell(control, b"PAUSE") == [b""]
    push.send(b"later")
    numbers = [struct.unpack("=Q", frame)[0] for frame in tell(control, b"STATISTICS")]
    assert numbers == [1, 8, 0, 0, 0, 0, 1, 8]
    assert not pull.poll(0)
    assert tell(control, b"RESUME") == [b""]
    assert pull.recv(timeout=10) == b"later"
    assert tell(control, b"TERMINATE") == [b""]
    device.join(10)
    assert device.done


def test_a_steerable_proxy_without_control_is_a_proxy(started, make_socket):
    device = devices.ThreadProxySteerable(zmq.ROUTER, zmq.DEALER)
    front, back = device.bind_in_to_random_port(LOCAL), device.bind_out_to_random_port(LOCAL)
    started(device)
    exchange(make_socket(zmq.REQ, connect=f"{LOCAL}:{front}"), make_socket(zmq.REP, connect=f"{LOCAL}:{back}"))


@pytest.mark.parametrize("ours", [True, False], ids=["brokerless", "pyzmq"])
def test_a_monitored_queue_says_which_way(ours, pyzmq, pyzmq_ctx, ctx):
    """Told by the same program as pyzmq's own, so that both do the same."""
    if ours:
        module, library, context = devices, zmq, ctx
    else:
        import zmq.devices as module

        library, context = pyzmq, pyzmq_ctx
    device = module.ThreadMonitoredQueue(library.ROUTER, library.ROUTER, library.PUSH, b"to ben", b"to anna")
    device.context_factory = lambda: context
    front, back, monitored = (getattr(device, f"bind_{side}_to_random_port")(LOCAL) for side in ("in", "out", "mon"))
    device.start()

    def dealer(name, port):
        socket = context.socket(library.DEALER)
        socket.identity = name
        socket.rcvtimeo = 10_000
        socket.connect(f"{LOCAL}:{port}")
        return socket

    anna, ben = dealer(b"anna", front), dealer(b"ben", back)
    monitor = context.socket(library.PULL)
    monitor.rcvtimeo = 10_000
    monitor.connect(f"{LOCAL}:{monitored}")
    # A ROUTER drops what is for a peer that it does not know yet; each dealer's first message makes it known.
    while not ben.poll(20):
        anna.send_multipart([b"ben", b"hello"])
    assert ben.recv_multipart() == [b"anna", b"hello"]
    while not anna.poll(20):
        ben.send_multipart([b"anna", b"hello yourself"])
    assert anna.recv_multipart() == [b"ben", b"hello yourself"]
    copies = [monitor.recv_multipart()]
    while copies[-1][0] == b"to ben":
        copies.append(monitor.recv_multipart())
    assert copies[0] == [b"to ben", b"ben", b"anna", b"hello"]
    assert copies[-1] == [b"to anna", b"anna", b"ben", b"hello yourself"]
    context.destroy(linger=0)
    device.join(10)
    assert device.done


def test_a_monitored_queue_in_the_foreground_ends_with_its_context(ctx, make_socket, in_thread):
    sockets = [make_socket(kind, bind=f"{LOCAL}:*") for kind in (zmq.PULL, zmq.PUSH, zmq.PUSH)]
    push, pull, monitor = (
        make_socket(kind, connect=socket.last_endpoint.decode())
        for kind, socket in zip((zmq.PUSH, zmq.PULL, zmq.PULL), sockets)
    )
    running = in_thread(devices.monitored_queue, *sockets, in_prefix=bytearray(b"seen"))
    push.send(b"job")
    assert pull.recv(timeout=10) == b"job"
    assert monitor.recv_multipart(timeout=10) == [b"seen", b"job"]
    ctx.shutdown()
    assert isinstance(running.exception(), zmq.ContextTerminated)


@pytest.mark.parametrize("prefixes", [("in", b"out"), (b"in", 3), (None, b"out")])
def test_a_prefix_is_bytes(prefixes, make_socket):
    sockets = [make_socket(kind) for kind in (zmq.PULL, zmq.PUSH, zmq.PUB)]
    with pytest.raises(TypeError):
        devices.monitored_queue(*sockets, *prefixes)


def test_a_device_in_the_foreground_ends_with_its_context(ctx, make_socket, in_thread):
    device = devices.Proxy(zmq.ROUTER, zmq.DEALER)
    device.context_factory = lambda: ctx
    front, back = device.bind_in_to_random_port(LOCAL), device.bind_out_to_random_port(LOCAL)
    running = in_thread(device.start)
    exchange(make_socket(zmq.REQ, connect=f"{LOCAL}:{front}"), make_socket(zmq.REP, connect=f"{LOCAL}:{back}"))
    device.join(0.01)
    assert not device.done
    ctx.destroy(linger=0)
    assert running.result() is None
    device.join(10)
    assert device.done


def test_a_subclass_may_run_by_itself_and_say_when_it_is_done():
    class Mine(devices.ThreadDevice):
        def run(self):
            self.done = True

    device = Mine(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device.start()
    device.join(10)
    assert device.done
    device.done = False
    assert not device.done


def test_what_goes_wrong_is_raised_where_the_device_runs(ctx):
    device = devices.Device(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    device.context_factory = lambda: ctx
    device.bind_in("tcp://127.0.0.1")
    with pytest.raises(zmq.ZMQError, match="port is missing"):
        device.start()
    assert device.done
    pushes = devices.Device(zmq.QUEUE, zmq.PUSH, zmq.PUSH)
    pushes.context_factory = lambda: ctx
    with pytest.raises(zmq.ZMQError, match="no message can pass"):
        pushes.start()


@pytest.mark.parametrize("types", [{}, {"in_type": zmq.PULL}, {"out_type": zmq.PUSH}])
def test_both_types_are_needed(types):
    with pytest.raises(TypeError, match="must be specified"):
        devices.ThreadDevice(zmq.QUEUE, **types)


def test_random_ports_differ():
    device = devices.Device(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    ports = [device.bind_in_to_random_port(LOCAL) for _ in range(20)]
    assert len(set(ports)) == 20
    assert 20_000 <= device.bind_out_to_random_port(LOCAL, 20_000, 30_000) < 30_000


def test_a_device_can_be_sent_to_another_process():
    device = devices.ProcessProxySteerable(zmq.PULL, zmq.PUSH, ctrl_type=zmq.REP)
    device.bind_ctrl(f"{LOCAL}:5555")
    device.setsockopt_in(zmq.RCVHWM, 5)
    copy = pickle.loads(pickle.dumps(device))
    assert copy._ctrl.binds == [f"{LOCAL}:5555"]
    assert copy._in.options == [(zmq.RCVHWM, 5)]
    assert (copy.in_type, copy.daemon, copy.done) == (zmq.PULL, True, False)


def test_a_process_device_runs_in_a_process(make_socket):
    device = devices.ProcessDevice(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    front, back = device.bind_in_to_random_port(LOCAL), device.bind_out_to_random_port(LOCAL)
    device.start()
    try:
        exchange(make_socket(zmq.REQ, connect=f"{LOCAL}:{front}"), make_socket(zmq.REP, connect=f"{LOCAL}:{back}"))
        assert device.launcher.daemon and device.launcher.is_alive()
    finally:
        device.launcher.terminate()
        device.join(10)
    assert not device.launcher.is_alive()


def test_a_steerable_proxy_in_a_process_ends_when_told(make_socket):
    device = devices.ProcessProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUB, zmq.PAIR)
    control = make_socket(zmq.PAIR, connect=f"{LOCAL}:{device.bind_ctrl_to_random_port(LOCAL)}")
    device.start()
    assert struct.unpack("=Q", tell(control, b"STATISTICS")[0]) == (0,)
    control.send(b"TERMINATE")
    device.join(10)
    assert device.launcher.exitcode == 0


def parameters(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def test_the_names_and_signatures_are_pyzmqs(pyzmq):
    import zmq.devices as theirs

    assert sorted(devices.__all__) == sorted(theirs.__all__)
    assert devices.DeviceType is zmq.DeviceType and devices.proxy is zmq.proxy
    for name in theirs.__all__:
        their, our = getattr(theirs, name), getattr(devices, name)
        if not inspect.isclass(their):
            continue
        assert parameters(our) == parameters(their), name
        for attribute in dir(their):
            if attribute.startswith("_"):
                continue
            if inspect.isfunction(getattr(their, attribute)):
                assert parameters(getattr(our, attribute)) == parameters(getattr(their, attribute)), attribute
            else:
                assert hasattr(our, attribute), attribute
