"""Many messages in one call: whole, in order, each exactly once, whatever ends the call."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brokerless as zmq
from tests.conftest import PATIENCE
from tools.interrupting import interrupt

MESSAGES = st.lists(st.one_of(st.binary(max_size=40), st.lists(st.binary(max_size=40), min_size=2, max_size=4)))


def numbers(count, start=0):
    return [b"%d" % number for number in range(start, start + count)]


def receive(sock, count):
    got = []
    while len(got) < count:
        got += sock.recv_many(timeout=PATIENCE)
    return got


@pytest.fixture
def tight(pair):
    """A push and a pull with room for a few messages only."""

    def make(transport="inproc", hwm=3, **options):
        return pair(zmq.PUSH, zmq.PULL, transport, sndhwm=hwm, rcvhwm=hwm, **options)

    return make


def test_a_list_arrives_as_it_was(pair, transport):
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)
    sent = [
        b"one",
        [b"two", b"", b"2"],
        bytearray(b"three"),
        (b"four", memoryview(b"4")),
        b"",
        zmq.Frame(b"six"),
        [b"7"],
    ]
    assert push.send_many(sent) == 7
    assert receive(pull, 7) == [b"one", [b"two", b"", b"2"], b"three", [b"four", b"4"], b"", b"six", b"7"]
    assert push.stats.messages_sent == pull.stats.messages_received == 7
    assert push.stats.bytes_sent == pull.stats.bytes_received == 21


@pytest.mark.parametrize("kind", [list, tuple, iter, deque, lambda items: (item for item in items)])
@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 2000])
def test_any_iterable_is_sent_whole_and_in_order(pair, in_thread, kind, count):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    got = in_thread(receive, pull, count)
    assert push.send_many(kind(numbers(count))) == count
    assert got.result() == numbers(count)


def test_large_messages_go_too(pair, in_thread):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    sent = [bytes([size % 251]) * size for size in (0, 10, 70_000, 5, 300_000, 1_000_000, 1)] * 3
    got = in_thread(receive, pull, len(sent))
    assert push.send_many([[data, data] for data in sent]) == len(sent)
    assert got.result() == [[data, data] for data in sent]


@settings(max_examples=60)
@given(st.data())
def test_whatever_the_sizes_the_same_comes_out(data):
    sent, hwm = data.draw(MESSAGES), data.draw(st.integers(1, 5))
    with zmq.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        push.linger = 0
        push.sndhwm = pull.rcvhwm = hwm
        push.bind("inproc://random")
        pull.connect("inproc://random")
        got, rest = [], sent if data.draw(st.booleans()) else iter(sent)
        while True:
            try:
                push.send_many(rest, zmq.DONTWAIT)
                rest = ()
            except zmq.Again as full:
                rest = itertools.chain(full.unsent, () if isinstance(rest, list) else rest)
            most = data.draw(st.integers(1, 10))
            least = data.draw(st.integers(1, most))
            try:
                got += pull.recv_many(most, min=least, timeout=0)
            except zmq.Again:
                break
    assert got == sent


def test_it_waits_at_the_high_water_mark(tight, in_thread, waiting):
    push, pull = tight()
    sending = waiting(lambda: push.send_many(numbers(5000)))
    assert receive(pull, 5000) == numbers(5000)
    assert sending.result() == 5000


def test_an_endless_generator_is_asked_for_no_more_than_goes(tight):
    push, pull = tight()
    source = itertools.count()
    with pytest.raises(zmq.Again) as full:
        push.send_many((b"%d" % number for number in source), timeout=0.05)
    sent = full.value.sent
    assert full.value.unsent == [b"%d" % sent]
    assert next(source) == sent + 1
    assert receive(pull, sent) == numbers(sent)


@pytest.mark.parametrize("options", [{"flags": zmq.DONTWAIT}, {"timeout": 0}, {"timeout": 0.02}])
@pytest.mark.parametrize("kind", [list, tuple])
def test_what_had_no_room_is_in_the_error(tight, kind, options):
    push, pull = tight()
    messages = kind([[b"a", number] for number in numbers(600)])
    with pytest.raises(zmq.Again) as full:
        push.send_many(messages, **options)
    sent = full.value.sent
    assert 3 <= sent <= 10
    assert full.value.unsent == list(messages[sent:])
    assert push.stats.messages_sent == sent
    assert receive(pull, sent) == list(messages[:sent])
    with pytest.raises(zmq.Again):
        pull.recv_many(timeout=0)


def test_the_sockets_own_limit_counts(tight):
    push, pull = tight()
    push.sndtimeo = pull.rcvtimeo = 20
    with pytest.raises(zmq.Again) as full:
        push.send_many(numbers(100))
    assert pull.recv_many(min=100, max=100) == numbers(full.value.sent)
    with pytest.raises(zmq.Again, match="nothing arrived"):
        pull.recv_many()


@pytest.mark.parametrize("wrong", ["text", 5, None, [b"a", "text"], {"a": 1}])
@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_a_bad_message_is_named_and_those_before_it_are_sent(pair, kind, wrong):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    source = kind([*numbers(300), wrong, b"after"])
    with pytest.raises(TypeError, match=r"^message 300: ") as bad:
        push.send_many(source)
    assert bad.value.sent == 300
    if kind is iter:
        assert bad.value.unsent == [wrong] and list(source) == [b"after"]
    else:
        assert bad.value.unsent == [wrong, b"after"]
    assert receive(pull, 300) == numbers(300)


def test_a_message_without_frames_is_none(pair):
    push, _ = pair(zmq.PUSH, zmq.PULL, "inproc")
    with pytest.raises(ValueError, match=r"^message 1: a message has at least one frame") as bad:
        push.send_many([b"x", []])
    assert (bad.value.sent, bad.value.unsent) == (1, [[]])


def test_what_an_iterator_raises_comes_out_when_the_rest_has_gone(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")

    def source():
        yield from numbers(7)
        raise LookupError("no more")

    with pytest.raises(LookupError) as failed:
        push.send_many(source())
    assert (failed.value.sent, failed.value.unsent) == (7, [])
    assert receive(pull, 7) == numbers(7)


@pytest.mark.parametrize("one", [b"abc", "abc", bytearray(b"abc"), memoryview(b"abc"), 5, None])
def test_one_message_is_no_iterable_of_them(pair, one):
    push, _ = pair(zmq.PUSH, zmq.PULL, "inproc")
    with pytest.raises(TypeError) as bad:
        push.send_many(one)
    assert (bad.value.sent, bad.value.unsent) == (0, [])


def test_limits_are_checked(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    push.send_many(numbers(3))
    for options in (
        {"max": 0},
        {"max": -1},
        {"min": 0},
        {"min": -5},
        {"max": 2, "min": 3},
        {"timeout": -1},
        {"flags": 2},
    ):
        with pytest.raises(ValueError):
            pull.recv_many(**options)
        with pytest.raises(ValueError):
            pull.recv_json_many(**options)
    for options in ({"timeout": -1}, {"flags": zmq.SNDMORE}, {"timeout": float("nan")}):
        with pytest.raises(ValueError) as bad:
            push.send_many([b"x"], **options)
        assert (bad.value.sent, bad.value.unsent) == (0, [b"x"])
    assert pull.recv_many(2) == numbers(2) and pull.recv_many(2) == numbers(1, 2)


def test_it_waits_for_as_many_as_are_wanted(pair, waiting):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    got = waiting(lambda: pull.recv_many(min=3, timeout=PATIENCE))
    push.send_many(numbers(2))
    assert not got.done()
    push.send_many(numbers(1, 2))
    assert got.result() == numbers(3)


def test_when_the_time_is_over_it_returns_what_is_there(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    push.send_many(numbers(2))
    assert pull.recv_many(min=5, timeout=0.02) == numbers(2)
    push.send_many(numbers(2))
    assert pull.recv_many(5, zmq.DONTWAIT, min=5) == numbers(2)
    for options in ({"timeout": 0.02}, {"timeout": 0}, {"flags": zmq.DONTWAIT}):
        with pytest.raises(zmq.Again):
            pull.recv_many(min=5, **options)


def test_what_was_taken_is_given_back_when_a_signal_comes(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    sent = [*numbers(300), [b"x", b"y"]]
    push.send_many(sent)
    interrupt(lambda: pull.recv_many(min=500))
    assert pull.stats.messages_received == 0
    push.send(b"later")
    assert pull.recv() == b"0"
    assert pull.recv_many(min=301) == [*sent[1:], b"later"]


@pytest.mark.parametrize("kind", [list, lambda items: (item for item in items)])
def test_a_signal_says_how_far_it_came(tight, kind):
    push, pull = tight("tcp")
    errors = []

    def send():
        try:
            push.send_many(kind([b"%06d" % number * 1000 for number in range(20_000)]))
        except KeyboardInterrupt as stopped:
            errors.append(stopped)
            raise

    interrupt(send)
    sent, unsent = errors[0].sent, errors[0].unsent
    assert push.stats.messages_sent == sent
    # A generator may have been interrupted itself.
    assert unsent[:1] == [b"%06d" % sent * 1000] or (kind is not list and unsent == [])
    assert [int(message[:6]) for message in receive(pull, sent)] == list(range(sent))


def test_a_closed_socket_ends_it(tight, waiting):
    push, pull = tight()
    getting = waiting(lambda: pull.recv_many(min=10, max=10))
    pull.close()
    with pytest.raises(zmq.SocketClosed):
        getting.result()
    sending = waiting(lambda: push.send_many(numbers(10)))
    push.close()
    with pytest.raises(zmq.SocketClosed) as closed:
        sending.result()
    assert closed.value.unsent == numbers(10)[closed.value.sent :]
    with pytest.raises(zmq.SocketClosed) as closed:
        push.send_many([b"x"])
    assert (closed.value.sent, closed.value.unsent) == (0, [b"x"])
    for call in (pull.recv_many, pull.recv_json_many, lambda: pull.recv_many_into(bytearray(1))):
        with pytest.raises(zmq.SocketClosed):
            call()


def test_the_end_of_the_context_ends_it(ctx, tight, waiting):
    (push, _), (_, pull) = tight(), tight()
    calls = [waiting(lambda: pull.recv_many(2000, min=2000)), waiting(lambda: push.send_many(itertools.repeat(b"x")))]
    ctx.shutdown()
    for call in calls:
        with pytest.raises(zmq.ContextTerminated):
            call.result()
    assert calls[1].exception().unsent == [b"x"]


def test_a_req_sends_one_at_a_time(pair):
    req, rep = pair(zmq.REQ, zmq.REP)
    with pytest.raises(zmq.ZMQError) as twice:
        req.send_many([b"first", b"second"])
    assert twice.value.errno == zmq.EFSM
    assert (twice.value.sent, twice.value.unsent) == (1, [b"second"])
    assert rep.recv_many(timeout=PATIENCE) == [b"first"]
    with pytest.raises(zmq.ZMQError) as twice:
        rep.recv_many()
    assert twice.value.errno == zmq.EFSM
    assert rep.send_many([b"reply"]) == 1
    assert req.recv_many(min=1, timeout=PATIENCE) == [b"reply"]


def test_a_req_that_wants_two_replies_keeps_the_first(pair):
    req, rep = pair(zmq.REQ, zmq.REP)
    req.send(b"question")
    rep.send(rep.recv(timeout=PATIENCE))
    with pytest.raises(zmq.ZMQError) as twice:
        req.recv_many(min=2, timeout=PATIENCE)
    assert twice.value.errno == zmq.EFSM
    assert req.recv(timeout=PATIENCE) == b"question"


def test_a_publisher_publishes_batches_and_knows_its_subscribers(make_socket, endpoint):
    pub = make_socket(zmq.PUB, bind=endpoint("tcp"))
    sub = make_socket(zmq.SUB, connect=pub.last_endpoint.decode(), subscribe=b"a", rcvhwm=0)
    pub.sndhwm = 0
    pub.wait_for_subscribers(1, timeout=PATIENCE)
    assert pub.send_many([b"a%d" % number for number in range(500)]) == 500
    assert pub.subscriptions == {b"a": 1}
    assert receive(sub, 500) == [b"a%d" % number for number in range(500)]
    with pytest.raises(zmq.ZMQError) as wrong:
        pub.recv_many()
    assert wrong.value.errno == zmq.Errno.ENOTSUP


def test_a_router_sends_to_many(make_socket, endpoint):
    router = make_socket(zmq.ROUTER, bind=endpoint("tcp"), router_mandatory=1)
    dealer = make_socket(zmq.DEALER, routing_id=b"me", connect=router.last_endpoint.decode())
    dealer.send_many([b"1", [b"2", b"3"]])
    assert router.recv_many(min=2, timeout=PATIENCE) == [[b"me", b"1"], [b"me", b"2", b"3"]]
    with pytest.raises(zmq.ZMQError) as nobody:
        router.send_many([[b"me", b"a"], [b"you", b"b"], [b"me", b"c"]])
    assert nobody.value.errno == zmq.EHOSTUNREACH
    assert (nobody.value.sent, nobody.value.unsent) == (1, [[b"you", b"b"], [b"me", b"c"]])
    assert dealer.recv_many(timeout=PATIENCE) == [b"a"]


def test_it_takes_the_rest_of_a_message_that_was_begun(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    push.send(b"first", zmq.SNDMORE)
    push.send_many([b"second", b"another"])
    assert pull.recv_many() == [[b"first", b"second"], b"another"]
    push.send_many([[b"a", b"b", b"c"], b"d"])
    assert pull.recv() == b"a"
    assert pull.recv_many() == [[b"b", b"c"], b"d"]


@pytest.mark.parametrize("size", [5, 40_000])
def test_threads_share_the_work(tight, in_thread, size):
    push, pull = tight(hwm=50)
    each, senders = 800, 4
    lock, got, left = threading.Lock(), [], [each * senders]

    def send(who):
        body = b"x" * size
        messages = [[b"%d.%d" % (who, number), body] for number in range(each)]
        return push.send_many(messages if who % 2 else iter(messages))

    def take():
        while True:
            with lock:
                if left[0] == 0:
                    return
            try:
                batch = pull.recv_many(50, min=5, timeout=0.05)
            except zmq.Again:
                continue
            with lock:
                got.extend(batch)
                left[0] -= len(batch)

    takers = [in_thread(take) for _ in range(3)]
    assert [sender.result() for sender in [in_thread(send, who) for who in range(senders)]] == [each] * senders
    for taker in takers:
        taker.result()
    assert all(len(frames) == 2 and len(frames[1]) == size for frames in got)
    assert Counter(frames[0] for frames in got) == Counter(
        b"%d.%d" % (who, number) for who in range(senders) for number in range(each)
    )


# JSON


def test_objects_go_as_send_json_sends_them(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    objects = [1, None, {"a": [1.5, "\u00e9"]}, 2**80, float("inf"), [], "x", {1: 2}]
    assert push.send_json_many(objects) == push.send_json_many(iter(objects)) == len(objects)
    for obj in objects:
        push.send_json(obj)
    raw = pull.recv_many()
    assert raw == raw[: len(objects)] * 3
    push.send_many(raw)
    assert pull.recv_json_many() == [*objects[:-1], {"1": 2}] * 3


def test_an_object_that_json_cannot_express_is_named(pair):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    source = iter([1, 2, {3}, 4])
    with pytest.raises(TypeError, match=r"^message 2: .*set.*JSON") as bad:
        push.send_json_many(source)
    assert (bad.value.sent, bad.value.unsent, list(source)) == (2, [{3}], [4])
    circle = []
    circle.append(circle)
    with pytest.raises(ValueError, match=r"^message 1: ") as bad:
        push.send_json_many([5, circle, 6])
    assert (bad.value.sent, bad.value.unsent) == (1, [circle, 6])
    assert pull.recv_json_many() == [1, 2, 5]


def test_objects_without_room_are_in_the_error(tight):
    push, pull = tight()
    objects = [{"n": number} for number in range(50)]
    with pytest.raises(zmq.Again) as full:
        push.send_json_many(objects, timeout=0.01)
    assert full.value.unsent == objects[full.value.sent :]
    assert pull.recv_json_many() == objects[: full.value.sent]


@pytest.mark.parametrize("bad", [b"{", b"\xff", [b"1", b"2"]])
def test_what_is_no_json_ends_the_list_and_is_raised_next(pair, bad):
    push, pull = pair(zmq.PUSH, zmq.PULL, "inproc")
    push.send_many([b"1", b"2", bad, b"3", b"4"])
    assert pull.recv_json_many() == [1, 2]
    assert pull.stats.messages_received == 2
    with pytest.raises(ValueError):
        pull.recv_json_many()
    assert pull.stats.messages_received == 3
    assert pull.recv_json_many() == [3, 4]
