"""What goes over UDP has limits that libzmq does not keep itself: beyond them it writes over its own memory, or aborts."""

from __future__ import annotations

import pytest

import brokerless as zmq

ROOM = 8192


def test_a_frame_that_no_datagram_holds_is_refused(make_socket, free_port):
    radio = make_socket(zmq.RADIO, connect=f"udp://127.0.0.1:{free_port}")
    dgram = make_socket(zmq.DGRAM, bind="udp://*:*")
    # A datagram to a group has the name's length and the name in it.
    radio.send(bytes(ROOM - 5), group="four", timeout=5)
    dgram.send_multipart([b"127.0.0.1:9", bytes(ROOM)], timeout=5)
    too_much = [
        lambda: radio.send(bytes(ROOM - 4), group="four"),
        lambda: radio.send(bytes(ROOM)),
        lambda: radio.send(zmq.Frame(bytes(10 * ROOM), copy=False), group="four"),
        lambda: radio.send_multipart([bytes(ROOM)]),
        lambda: dgram.send_multipart([b"127.0.0.1:9", zmq.Frame(bytes(ROOM + 1))]),
    ]
    for send in too_much:
        with pytest.raises(zmq.ZMQError, match="8192") as caught:
            send()
        assert caught.value.errno == zmq.EMSGSIZE


def test_over_other_transports_a_radio_sends_any_size(pair):
    radio, dish = pair(zmq.RADIO, zmq.DISH, "inproc")
    dish.join("g")
    assert radio.poll(5000, zmq.POLLOUT)
    radio.send(bytes(10 * ROOM), group="g")
    assert dish.recv(timeout=10) == bytes(10 * ROOM)


@pytest.mark.parametrize("transport", ["tcp", "inproc"])
def test_the_longest_group_reaches_all_who_joined_it(make_socket, endpoint, transport):
    radio = make_socket(zmq.RADIO, bind=endpoint(transport))
    group = "g" * 14
    dishes = [make_socket(zmq.DISH) for _ in range(4)]
    for dish in dishes:
        dish.join(group)
        dish.connect(radio.last_endpoint.decode())
    for dish in dishes:
        while not dish.poll(10):
            radio.send(b"who is there?", group=group)
    radio.send(b"last", group=group)
    for dish in dishes:
        while True:
            frame = dish.recv(copy=False, timeout=10)
            assert frame.group == group
            if frame.bytes == b"last":
                break


def test_a_longer_group_is_refused_by_who_would_send_or_join_it(make_socket):
    frame = zmq.Frame(b"x")
    frame.group = "g" * 14
    too_long = [
        lambda: make_socket(zmq.DISH).join("g" * 15),
        lambda: make_socket(zmq.RADIO).send(b"x", group="g" * 15),
        lambda: setattr(frame, "group", "g" * 15),
        lambda: frame.set("group", b"g" * 255),
    ]
    for use in too_long:
        with pytest.raises(zmq.ZMQError, match="14 bytes") as caught:
            use()
        assert caught.value.errno == zmq.EINVAL
    assert frame.group == "g" * 14
    frame.group = "short"
    assert frame.group == "short"


def test_no_datagram_of_a_stranger_ends_the_process(run_python):
    done = run_python(
        """
import socket
import brokerless as zmq

with zmq.Context() as ctx, ctx.socket(zmq.DISH) as dish, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        where = probe.getsockname()
    dish.bind(f"udp://127.0.0.1:{where[1]}")
    dish.join("group")
    # The first byte is the length of the name, which 128 and more once made negative.
    for length in range(256):
        for datagram in (b"", bytes([length]), bytes([length]) + b"group", bytes([length]) * 500):
            stranger.sendto(datagram, where)
        if length % 8 == 7:
            # A datagram that has arrived means that those before it have been read.
            while not dish.poll(20):
                stranger.sendto(b"\\5groupnow", where)
            while dish.poll(0):
                dish.recv()
print("alive")
"""
    )
    assert done.stdout == "alive\n"
