"""Sockets and event loops: several of either, other threads at the same time, a notebook's own loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Callable

import pytest

import brokerless as zmq
import brokerless.asyncio as zmq_asyncio
from brokerless._lane import Lane
from tests.aio.conftest import descriptors
from tests.conftest import PATIENCE


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop], ids=["asyncio"])
def test_the_loop_watches_only_while_something_waits(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main() -> None:
        loop = asyncio.get_running_loop()
        lane = pull._lane()
        assert not loop.remove_reader(lane.waiter.fileno())
        first, second = pull.recv(), pull.recv(timeout=0.05)
        await push.send(b"x")
        assert await first == b"x"
        assert loop.remove_reader(lane.waiter.fileno())
        loop.add_reader(lane.waiter.fileno(), lane._ready)
        with pytest.raises(zmq.Again):
            await second
        # It forgets the descriptor when that tells, for once, what nobody waits for.
        await push.send(b"y")
        while lane._registered:
            await asyncio.sleep(0.001)
        assert not loop.remove_reader(lane.waiter.fileno())
        assert await pull.recv() == b"y"
        third = pull.recv()
        pull.close()
        assert third.cancelled() and not lane._registered

    run(main())


def test_a_socket_forgotten_in_another_thread_leaves_nothing_in_the_loop(run: Any, in_thread: Any) -> None:
    async def main() -> None:
        before = descriptors()
        context = zmq_asyncio.Context()
        sockets = [context.socket(zmq.PAIR)]
        with pytest.raises(zmq.Again):
            await sockets[0].recv(timeout=0.001)
        lane = sockets[0]._lane()
        assert lane._registered
        in_thread(sockets.clear).result()
        while lane._registered:
            await asyncio.sleep(0.001)
        context.term()
        assert descriptors() <= before

    with pytest.warns(ResourceWarning, match="Unclosed socket"):
        run(main())


def test_a_call_that_cannot_go_on_does_not_spin(run: Any, make_socket: Any, endpoint: Any, monkeypatch: Any) -> None:
    looks = 0
    look = Lane._ready

    def counted(lane: Lane) -> None:
        nonlocal looks
        looks += 1
        look(lane)

    monkeypatch.setattr(Lane, "_ready", counted)

    async def main() -> None:
        # A ROUTER is always ready to send, though not to this peer.
        router = make_socket(zmq.ROUTER, bind=endpoint("inproc"), sndhwm=1, router_mandatory=1)
        peer = make_socket(zmq.DEALER, routing_id=b"p", rcvhwm=1)
        peer.connect(router.last_endpoint.decode())
        await peer.send(b"")
        await router.recv_multipart()
        sent = [router.send_multipart([b"p", b"%d" % number]) for number in range(10)]
        assert not sent[-1].done()
        await asyncio.sleep(0.1)
        assert looks < 10
        assert [await peer.recv() for _ in range(10)] == [b"%d" % number for number in range(10)]
        await asyncio.gather(*sent)

    run(main())


def test_threads_may_use_the_socket_meanwhile(run: Any, push_pull: Any, in_thread: Any) -> None:
    """They take messages, and use up the edges of the descriptor; every message arrives once, and every await ends."""
    push, pull = push_pull
    over = threading.Event()
    count = 20_000
    taken: list[bytes] = []

    def produce() -> None:
        for number in range(count):
            zmq._core.Socket.send(push, b"%d" % number)

    def consume() -> None:
        while not over.is_set():
            try:
                taken.append(zmq._core.Socket.recv(pull, timeout=0.01))
            except zmq.Again:
                continue

    def disturb() -> None:
        while not over.is_set():
            zmq._core.Socket.get(pull, zmq.EVENTS)

    async def consume_too() -> list[bytes]:
        mine = []
        while True:
            message = await pull.recv()
            if message == b"end":
                return mine
            mine.append(message)

    async def main() -> None:
        threads = [in_thread(target) for target in (produce, consume, consume, disturb)]
        tasks = [asyncio.ensure_future(consume_too()) for _ in range(3)]
        await asyncio.get_running_loop().run_in_executor(None, threads[0].result)
        while pull.stats.messages_received < count:
            await asyncio.sleep(0.005)
        over.set()
        for thread in threads:
            await asyncio.get_running_loop().run_in_executor(None, thread.result)
        for _ in tasks:
            await push.send(b"end")
        mine = await asyncio.gather(*tasks)
        assert sorted(int(message) for part in (*mine, taken) for message in part) == list(range(count))

    try:
        run(main())
    finally:
        over.set()


def test_an_edge_that_another_thread_uses_up_does_not_hang_an_await(run: Any, pair: Any, in_thread: Any) -> None:
    a, b = pair(zmq.PAIR, zmq.PAIR)
    over = threading.Event()

    def disturb() -> None:
        while not over.is_set():
            zmq._core.Socket.get(a, zmq.EVENTS)
            zmq._core.Socket.get(b, zmq.EVENTS)

    async def main() -> None:
        in_thread(disturb)
        for number in range(1000):
            received = b.recv()
            await a.send(b"%d" % number)
            assert await received == b"%d" % number
            answer = a.recv()
            await b.send(b"")
            await answer

    try:
        run(main())
    finally:
        over.set()


def test_two_loops_may_share_a_socket(new_loop: Any, push_pull: Any, in_thread: Any) -> None:
    push, pull = push_pull

    async def consume() -> list[int]:
        mine = []
        while True:
            number = await asyncio.wait_for(pull.recv_json(), PATIENCE)
            if number < 0:
                return mine
            mine.append(number)

    async def produce() -> None:
        for number in range(2000):
            await push.send_json(number)
        for _ in range(2):
            await push.send_json(-1)

    def in_loop(main: Callable[[], Any]) -> Any:
        loop = new_loop()
        try:
            return loop.run_until_complete(main())
        finally:
            loop.close()

    consumers = [in_thread(in_loop, consume) for _ in range(2)]
    in_loop(produce)
    assert sorted(consumers[0].result() + consumers[1].result()) == list(range(2000))


def test_a_socket_serves_one_loop_after_another(run: Any, push_pull: Any) -> None:
    push, pull = push_pull

    async def main(left_waiting: bool) -> Any:
        await push.send(b"x")
        assert await pull.recv() == b"x"
        return pull.recv() if left_waiting else None

    before = descriptors()
    for _ in range(5):
        run(main(False))
        left = run(main(True))
        assert not left.done()
    pull.close()
    assert descriptors() <= before


def test_a_temporary_socket_lives_while_it_is_awaited(run: Any) -> None:
    async def main() -> None:
        context = zmq_asyncio.Context()

        def ask() -> Any:
            sock = context.socket(zmq.PAIR)
            sock.bind("inproc://temporary")
            return sock.recv()

        waiting = ask()
        peer = context.socket(zmq.PAIR)
        peer.connect("inproc://temporary")
        await peer.send(b"x")
        assert await waiting == b"x"
        peer.close()
        context.destroy(linger=0)

    with pytest.warns(ResourceWarning, match="Unclosed socket"):
        run(main())


def test_outside_of_a_loop_a_future_is_made_for_the_current_one(push_pull: Any) -> None:
    push, pull = push_pull
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(push.send(b"x"))
        assert loop.run_until_complete(pull.recv()) == b"x"
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_top_level_await_in_a_notebook(run_python: Any) -> None:
    run_python("""
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.history_manager.enabled = False
for cell in (
    "import brokerless as zmq, brokerless.asyncio",
    "context = brokerless.asyncio.Context()",
    "a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)",
    "a.bind('inproc://a'); b.connect('inproc://a')",
    "await a.send(b'hello')",
    "got = await b.recv()",
    "import asyncio",
    "waiting = asyncio.ensure_future(b.recv_json()); await asyncio.sleep(0)",
    "await a.send_json([1]); got_json = await waiting",
    "a.close(); b.close(); context.term()",
):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shell.run_cell(cell, store_history=False).raise_error()
assert shell.user_ns["got"] == b"hello"
assert shell.user_ns["got_json"] == [1]
""")
