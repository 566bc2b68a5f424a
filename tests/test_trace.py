"""zmq.trace: what it records of real sockets, once and whole, and what it does not."""

from __future__ import annotations

import copy
import gc
import threading
import time
import weakref

import pytest

import brokerless as zmq
from tests.conftest import PATIENCE, wait_until


def seen(trace):
    """(socket, direction, frames) of each record."""
    return [(record.socket, record.direction, list(record.frames)) for record in trace]


def messages(trace, direction):
    return [list(record.frames) for record in trace if record.direction == direction]


def test_a_pair_over_every_transport(pair, transport):
    a, b = pair(zmq.PAIR, zmq.PAIR, transport)
    before = time.time()
    with zmq.trace(a, b) as t:
        a.send(b"there")
        assert b.recv(timeout=PATIENCE) == b"there"
        b.send_multipart([b"and", b"", b"back"])
        a.recv_multipart(timeout=PATIENCE)
    there, arrived, back, returned = t.records
    assert seen(t) == [
        ("PAIR 1", "sent", [b"there"]),
        ("PAIR 2", "received", [b"there"]),
        ("PAIR 2", "sent", [b"and", b"", b"back"]),
        ("PAIR 1", "received", [b"and", b"", b"back"]),
    ]
    assert 0 <= there.elapsed <= arrived.elapsed <= back.elapsed <= returned.elapsed
    assert before - 1 <= there.time <= time.time() + 1
    assert (back.parts, back.size, back.sizes, back.text) == (3, 7, (3, 0, 4), "and | (empty) | back")
    assert len(t) == 4 and t.dropped == 0 and list(t) == t.records


def test_req_and_rep(pair):
    rep, req = pair(zmq.REP, zmq.REQ)
    with zmq.trace(req, rep) as t:
        req.send_json({"n": 1})
        assert rep.recv_json(timeout=PATIENCE) == {"n": 1}
        rep.send(b"ok")
        req.recv(timeout=PATIENCE)
    assert [record.text for record in t] == ['{"n":1}', '{"n":1}', "ok", "ok"]
    assert [record.socket for record in t] == ["REQ", "REP", "REP", "REQ"]


def test_pub_and_sub_and_subscriptions_at_an_xpub(make_socket, endpoint):
    xpub = make_socket(zmq.XPUB, bind=endpoint("inproc"))
    sub = make_socket(zmq.SUB, connect=xpub.last_endpoint.decode())
    with zmq.trace(xpub, sub) as t:
        sub.subscribe("a")
        assert xpub.recv(timeout=PATIENCE) == b"\x01a"
        xpub.send(b"abc")
        xpub.send(b"nobody wants it")
        sub.recv(timeout=PATIENCE)
    assert seen(t) == [
        ("XPUB", "received", [b"\x01a"]),
        ("XPUB", "sent", [b"abc"]),
        ("XPUB", "sent", [b"nobody wants it"]),
        ("SUB", "received", [b"abc"]),
    ]
    # Of a PUB they are no messages.
    pub = make_socket(zmq.PUB, bind=endpoint("inproc"))
    with zmq.trace(pub) as t:
        sub.connect(pub.last_endpoint.decode())
        pub.wait_for_subscribers(1, timeout=PATIENCE)
        pub.send(b"a")
    assert seen(t) == [("PUB", "sent", [b"a"])]


def test_router_and_dealer_show_the_routing_id(pair):
    router, dealer = pair(zmq.ROUTER, zmq.DEALER)
    with zmq.trace(router) as t:
        dealer.send_multipart([b"", b"hi"])
        identity, _, body = router.recv_multipart(timeout=PATIENCE)
        router.send_multipart([identity, b"", body.upper()])
    assert seen(t) == [("ROUTER", "received", [identity, b"", b"hi"]), ("ROUTER", "sent", [identity, b"", b"HI"])]


def test_frames_one_by_one_are_one_message(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    with zmq.trace(push, pull) as t:
        push.send(b"1", zmq.SNDMORE)
        push.send(b"2", zmq.SNDMORE)
        assert len(t) == 0
        push.send(b"3")
        assert len(t) == 1
        assert [pull.recv(timeout=PATIENCE), pull.recv(), pull.recv()] == [b"1", b"2", b"3"]
    assert messages(t, "sent") == messages(t, "received") == [[b"1", b"2", b"3"]]


def test_frames_that_are_lent_and_given_on_are_recorded(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    large = b"x" * 200_000
    with zmq.trace(push, pull, bytes=4) as t:
        push.send(large, copy=False)
        push.send(zmq.Frame(b"frame"), copy=False)
        got = [pull.recv(copy=False, timeout=PATIENCE) for _ in range(2)]
        into = bytearray(3)
        push.send(b"into")
        assert pull.recv_into(into, timeout=PATIENCE) == 4
    assert [len(frame) for frame in got] == [200_000, 5]
    assert messages(t, "sent") == messages(t, "received") == [[b"xxxx"], [b"fram"], [b"into"]]
    assert [(record.size, record.sizes) for record in t][:1] == [(200_000, (200_000,))]


def test_batches(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    batch = [b"%d" % number for number in range(500)]
    with zmq.trace(push, pull, keep=2000) as t:
        push.send_many(batch)
        push.send_json_many([{"n": 1}, [2]])
        got = pull.recv_many(502, min=502, timeout=PATIENCE)
    assert len(got) == 502
    expected = [*([message] for message in batch), [b'{"n": 1}'], [b"[2]"]]
    assert messages(t, "sent") == messages(t, "received") == expected


def test_a_batch_that_is_given_back_was_not_received(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    with zmq.trace(pull) as t:
        push.send_many([b"[1]", b"no json", b"[2]"])
        assert pull.recv_json_many(3, min=3, timeout=PATIENCE) == [[1]]
        assert messages(t, "received") == [[b"[1]"]]
        assert pull.recv_many(2, min=2, timeout=PATIENCE) == [b"no json", b"[2]"]
    assert messages(t, "received") == [[b"[1]"], [b"no json"], [b"[2]"]]


def test_what_could_not_be_sent_or_received_is_none(make_socket):
    dealer = make_socket(zmq.DEALER)
    with zmq.trace(dealer) as t:
        for call in (lambda: dealer.send(b"x", zmq.DONTWAIT), lambda: dealer.recv(zmq.DONTWAIT)):
            with pytest.raises(zmq.Again):
                call()
        with pytest.raises(zmq.Again):
            dealer.send_multipart([b"x", b"y"], timeout=0.01)
    assert t.records == []


def test_who_waits_already_is_traced_too(pair, waiting):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    receiving = waiting(pull.recv)
    with zmq.trace(pull) as t:
        push.send(b"x")
        assert receiving.result() == b"x"
    assert messages(t, "received") == [[b"x"]]


def test_threads(pair, in_thread):
    router, dealer = pair(zmq.ROUTER, zmq.DEALER)
    count = 200

    def send(name):
        for number in range(count):
            dealer.send_multipart([name, b"%d" % number])

    with zmq.trace(router, dealer, keep=10 * count) as t:
        sending = [in_thread(send, name) for name in (b"a", b"b")]
        for _ in range(2 * count):
            router.recv_multipart(timeout=PATIENCE)
            t.records  # noqa: B018  while it is written
        [each.result() for each in sending]
    expected = [b"%d" % number for number in range(count)]
    for name in (b"a", b"b"):
        assert [frames[1] for frames in messages(t, "sent") if frames[0] == name] == expected
        assert [frames[2] for frames in messages(t, "received") if frames[1] == name] == expected
    times = [record.elapsed for record in t]
    assert times == sorted(times)


@pytest.mark.parametrize("kind", [zmq.Queue, zmq.Streamer], ids=["queue", "streamer"])
def test_devices(make_device, at, kind):
    device = make_device(kind)
    front, back = (zmq.REQ, zmq.REP) if kind is zmq.Queue else (zmq.PUSH, zmq.PULL)
    client, server = at(front, device.frontend_endpoint), at(back, device.backend_endpoint)
    name = kind.__name__
    with zmq.trace(device) as t:
        client.send(b"job")
        assert server.recv(timeout=PATIENCE) == b"job"
        if kind is zmq.Queue:
            server.send(b"done")
            client.recv(timeout=PATIENCE)
        # The device writes down that it has sent just after the message has gone.
        expected = 4 if kind is zmq.Queue else 2
        assert wait_until(lambda: len(t) == expected)
    ways = [(record.socket, record.direction, record.frames[-1]) for record in t]
    forth = [(f"{name} frontend", "received", b"job"), (f"{name} backend", "sent", b"job")]
    back_ = [(f"{name} backend", "received", b"done"), (f"{name} frontend", "sent", b"done")]
    assert ways == (forth + back_ if kind is zmq.Queue else forth)


def test_a_device_that_gives_messages_back_did_not_receive_them(make_socket, endpoint):
    front = make_socket(zmq.PULL, bind=endpoint("inproc"))
    back = make_socket(zmq.PUSH, bind=endpoint("inproc"), sndhwm=2)
    push = make_socket(zmq.PUSH, connect=front.last_endpoint.decode())
    pull = make_socket(zmq.PULL, connect=back.last_endpoint.decode(), rcvhwm=2)
    expected = [b"%d" % number for number in range(300)]
    push.send_many(expected)
    with zmq.trace(front, back) as t:
        device = zmq._core.Device(front, back)
        # As many as there is room for; the rest of what it took is the frontend's again.
        assert wait_until(lambda: seen(t)[-1:] == [("PUSH", "sent", [b"3"])] and len(t) == 8)
        assert [pull.recv(timeout=PATIENCE) for _ in expected] == expected
        assert wait_until(lambda: len(t) == 600)
        device.ask_stop(0)
        device.join()
    assert messages(t, "sent") == messages(t, "received") == [[message] for message in expected]


def test_a_capture_socket_is_traced_with_its_device(make_device, endpoint, at):
    device = make_device(zmq.Streamer, capture=endpoint("inproc"))
    t = zmq.trace(device)
    assert repr(t).startswith("<zmq.Trace of Streamer frontend, Streamer backend, Streamer capture:")


def test_the_oldest_are_dropped_and_counted(pair):
    push, _pull = pair(zmq.PUSH, zmq.PULL)
    with zmq.trace(push, keep=3) as t:
        push.send_many([b"%d" % number for number in range(10)])
    assert messages(t, "sent") == [[b"7"], [b"8"], [b"9"]]
    assert (len(t), t.dropped) == (3, 7)
    assert "3 messages, 7 dropped (stopped)" in repr(t)


def test_only_first_bytes_of_first_frames_are_kept(pair):
    push, _pull = pair(zmq.PUSH, zmq.PULL)
    with zmq.trace(push, bytes=0) as nothing, zmq.trace(push, bytes=2) as two:
        push.send_multipart([b"frame"] * 20)
    [record] = two.records
    assert (record.frames, record.sizes, record.parts, record.size) == ((b"fr",) * 8, (5,) * 8, 20, 100)
    assert record.text.endswith("fr… | … 12 more")
    assert nothing.records[0].frames == (b"",) * 8


def test_it_stops_at_the_end_and_goes_on_when_it_is_started_again(pair):
    push, _pull = pair(zmq.PUSH, zmq.PULL)
    t = zmq.trace(push)
    push.send(b"before")
    assert not t.running and len(t) == 0
    assert t.start() is t and t.start().running
    push.send(b"1")
    t.stop()
    t.stop()
    push.send(b"between")
    with t:
        push.send(b"2")
    assert messages(t, "sent") == [[b"1"], [b"2"]]
    assert not t.running and "(stopped)" in repr(t)


def test_an_exception_ends_it_and_is_not_swallowed(pair):
    push, _pull = pair(zmq.PUSH, zmq.PULL)
    t = zmq.trace(push)

    def failing():
        with t:
            push.send(b"1")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        failing()
    assert not t.running and len(t) == 1


def test_two_traces_of_one_socket_both_record(pair):
    push, _pull = pair(zmq.PUSH, zmq.PULL)
    with zmq.trace(push) as outer:
        push.send(b"1")
        with zmq.trace(push, bytes=1) as inner:
            push.send(b"22")
        push.send(b"3")
    assert messages(outer, "sent") == [[b"1"], [b"22"], [b"3"]]
    assert messages(inner, "sent") == [[b"2"]]


def test_another_handle_is_the_same_socket(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    other = copy.copy(push)
    with zmq.trace(push, other, pull) as t:
        other.send(b"x")
        pull.recv(timeout=PATIENCE)
    assert [record.socket for record in t] == ["PUSH", "PULL"]


def test_a_closed_socket_keeps_its_part(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    with zmq.trace(push, pull) as t:
        push.send(b"x")
        pull.recv(timeout=PATIENCE)
        push.close()
        assert len(t) == 2
    pull.close()
    assert [record.socket for record in t] == ["PUSH", "PULL"]
    with t:
        assert t.running
    assert len(t) == 2
    with pytest.raises(zmq.SocketClosed):
        zmq.trace(push)


def test_it_keeps_no_socket_alive_and_no_socket_keeps_it(loose_ctx):
    sock = loose_ctx.socket(zmq.PAIR)
    forgotten = weakref.ref(sock)
    with zmq.trace(sock) as t:
        # Without a reference left it is collected at once.
        with pytest.warns(ResourceWarning):
            del sock
        assert forgotten() is None
    assert t.records == []
    with loose_ctx.socket(zmq.PAIR) as sock:
        t = zmq.trace(sock).start()
        ended = weakref.finalize(t, lambda: None)
        del t
        gc.collect()
        assert not ended.alive
        sock.bind("inproc://on")
        other = loose_ctx.socket(zmq.PAIR)
        other.connect("inproc://on")
        sock.send(b"x")
        assert other.recv(timeout=PATIENCE) == b"x"
        other.close()


def test_what_cannot_be_traced(make_socket, ctx):
    sock = make_socket(zmq.PAIR)
    for wrong in ((), (None,), (sock, "tcp://*:1"), (ctx,), ([sock],)):
        with pytest.raises(TypeError, match="sockets and devices"):
            zmq.trace(*wrong)
    for numbers in ({"keep": 1.0}, {"bytes": None}, {"keep": True}, {"bytes": "64"}):
        with pytest.raises(TypeError, match="is an int"):
            zmq.trace(sock, **numbers)
    for numbers in ({"keep": 0}, {"keep": -1}, {"bytes": -1}):
        with pytest.raises(ValueError, match="at least"):
            zmq.trace(sock, **numbers)


FORKS = """
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import brokerless as zmq

with zmq.Context() as ctx, ctx.socket(zmq.PAIR) as sock, zmq.trace(sock) as t:
    child = os.fork()
    if child == 0:
        told = 0
        for call in (t.start, t.stop, lambda: t.records, lambda: len(t), lambda: t.running):
            try:
                call()
            except zmq.ForkedProcessError:
                told += 1
        del t
        os._exit(told)
    assert os.waitpid(child, 0)[1] >> 8 == 5
    assert t.records == []
"""


def test_a_forked_child_has_none_of_it(run_python):
    run_python(FORKS)


def test_starting_and_stopping_beside_traffic_loses_nothing(pair, in_thread):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    count, done = 20_000, threading.Event()

    def send():
        for number in range(count):
            push.send(b"%d" % number)
        done.set()

    sending = in_thread(send)
    receiving = in_thread(lambda: [pull.recv(timeout=PATIENCE) for _ in range(count)])
    t = zmq.trace(push, pull, keep=10)
    while not done.is_set():
        with t:
            t.records  # noqa: B018
    sending.result()
    assert receiving.result() == [b"%d" % number for number in range(count)]
