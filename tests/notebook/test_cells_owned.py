"""A cell that is run again, in a real kernel: what its last run opened is closed, whatever else holds on to it."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("ipykernel")

from cell_kernel import LOAD, cell, fails, kernel, name  # noqa: F401  fixtures

RUN_AGAIN = {
    "a socket in a variable": """
        sock = ctx.socket(zmq.REP)
        sock.bind("tcp://*:PORT")
        """,
    "a socket and its context": """
        own = zmq.Context()
        sock = own.socket(zmq.REP)
        sock.bind("tcp://*:PORT")
        """,
    "the shared context": """
        sock = zmq.Context.instance().socket(zmq.REP)
        sock.bind("tcp://*:PORT")
        """,
    "in a list that grows": """
        pinned = globals().setdefault("pinned", [])
        sock = ctx.socket(zmq.REP)
        sock.bind("tcp://*:PORT")
        pinned.append(sock)
        """,
    "in a module": """
        sys.modules["colorsys"] = __import__("colorsys")
        sys.modules["colorsys"].sock = ctx.socket(zmq.REP)
        sys.modules["colorsys"].sock.bind("tcp://*:PORT")
        """,
    "a device that runs": """
        device = zmq.Queue("tcp://*:PORT", "tcp://127.0.0.1:*").start()
        """,
    "a device that waits": """
        device = zmq.Streamer("tcp://*:PORT", "tcp://127.0.0.1:*")
        """,
    "a device that is paused": """
        device = zmq.Forwarder("tcp://*:PORT", "tcp://127.0.0.1:*").start()
        device.pause()
        """,
    "a device that holds what nobody takes": """
        device = zmq.Streamer("tcp://*:PORT", "tcp://127.0.0.1:*", context=ctx).start()
        push = ctx.socket(zmq.PUSH)
        push.connect("tcp://127.0.0.1:PORT")
        push.wait_for_peers(1, timeout=10)
        push.send_many([bytes(1000)] * 1500)
        """,
    "pyzmq's device in a thread": """
        device = devices.ThreadDevice(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
        device.bind_in("tcp://*:PORT")
        device.setsockopt_out(zmq.LINGER, 0)
        device.start()
        req = ctx.socket(zmq.REQ)
        req.connect("tcp://127.0.0.1:PORT")
        req.wait_for_peers(1, timeout=10)
        """,
    "pyzmq's device in a process": """
        device = devices.ProcessDevice(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
        device.bind_in("tcp://*:PORT")
        device.start()
        req = ctx.socket(zmq.REQ)
        req.connect("tcp://127.0.0.1:PORT")
        req.wait_for_peers(1, timeout=10)
        """,
    "a pipeline": """
        producer = pipeline.Producer("tcp://*:PORT")
        collector = pipeline.Collector("tcp://127.0.0.1:*")
        worker = pipeline.Worker("tcp://127.0.0.1:PORT", collector.endpoint).start(lambda job: job)
        producer.send_all(range(100), workers=1, timeout=10)
        assert collector.collect(50, timeout=10)
        """,
    "a thread that waits": """
        sock = ctx.socket(zmq.REP)
        sock.bind("tcp://*:PORT")
        thread = threading.Thread(target=sock.recv)
        thread.start()
        """,
    "a thread that polls": """
        def serve(sock):
            poller = zmq.Poller()
            poller.register(sock, zmq.POLLIN)
            while True:
                poller.poll(1000)
                sock.recv()

        sock = ctx.socket(zmq.REP)
        sock.bind("tcp://*:PORT")
        thread = threading.Thread(target=serve, args=(sock,))
        thread.start()
        """,
    "a thread that opens it": """
        def serve():
            sock = ctx.socket(zmq.REP)
            sock.bind("tcp://*:PORT")
            bound.set()
            sock.recv()

        bound = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        assert bound.wait(10)
        """,
    "a task that waits": """
        async def serve():
            sock = zmq.asyncio.Context.instance().socket(zmq.REP)
            sock.bind("tcp://*:PORT")
            bound.set_result(None)
            while True:
                await sock.send(await sock.recv())

        bound = asyncio.get_running_loop().create_future()
        tasks = globals().setdefault("tasks", [])
        tasks.append(asyncio.ensure_future(serve()))
        await bound
        """,
    "a task that waits in many ways": """
        async def serve(sock):
            async for message in sock:
                await sock.send(message)

        sock = zmq.asyncio.Context().socket(zmq.REP)
        sock.bind("tcp://*:PORT")
        task = asyncio.ensure_future(serve(sock))
        polled = asyncio.ensure_future(sock.poll())
        await asyncio.sleep(0)
        """,
    "messages that nobody takes": """
        push = ctx.socket(zmq.PUSH)
        push.connect("tcp://127.0.0.1:PORT")
        pull = ctx.socket(zmq.PULL)
        pull.bind("tcp://127.0.0.1:PORT")
        push.send_many([bytes(1000)] * 1500)
        """,
    "a service that authenticates": """
        from brokerless.auth.thread import ThreadAuthenticator
        auth = ThreadAuthenticator(zmq.Context.instance())
        auth.start()
        sock = zmq.Context.instance().socket(zmq.REP)
        sock.plain_server = True
        sock.bind("tcp://*:PORT")
        """,
    "with a monitor": """
        sock = ctx.socket(zmq.REP)
        events = sock.get_monitor_socket()
        sock.bind("tcp://*:PORT")
        """,
}


@pytest.mark.parametrize("what", RUN_AGAIN)
def test_a_cell_may_be_run_again(cell, name, what):
    for _ in range(4):
        assert cell(RUN_AGAIN[what], name) == ""
    cell("'edited'", name)
    # Whatever is collected now was closed before; whoever had to end says nothing, here or where it was started.
    cell("thread = globals().pop('thread', None)\nassert thread is None or thread.join(10) or not thread.is_alive()")
    cell("gc.collect(); await asyncio.sleep(0)")
    assert [ran.text for ran in cell.ran if ran.text] == []
    assert cell(f"print([sock for sock in zmq._opened.sockets() if cells.cell_of(sock).id == {name!r}])") == "[]\n"


@pytest.mark.parametrize("what", ["a socket in a variable", "a device that runs", "a thread that waits"])
def test_without_ids_the_same_text_is_the_same_cell(cell, what):
    for _ in range(3):
        assert cell(RUN_AGAIN[what]) == ""
    cell("for found in [*zmq._opened.devices(), *zmq._opened.sockets()]: owned.close([found])")


def test_an_edited_cell_is_the_same_cell(cell, name):
    cell("sock = ctx.socket(zmq.REP); sock.bind('tcp://*:PORT')", name)
    cell("other = ctx.socket(zmq.PULL)\nother.bind('tcp://*:PORT')", name)
    assert cell("print(sock.closed, other.closed)") == "True False\n"
    cell("", name)
    cell("'nothing any more'", name)
    assert cell("print(other.closed)") == "True\n"


def test_a_value_that_is_shown_is_not_kept_open(cell, name):
    for _ in range(3):
        cell("sock = ctx.socket(zmq.REP)\nsock.bind('tcp://*:PORT')\nsock", name)
    assert cell("print(len([s for s in Out.values() if isinstance(s, zmq.Socket) and not s.closed]))") == "1\n"
    cell("", name)


FAILING = """
def serve():
    sock = ctx.socket(zmq.REP)
    sock.bind("tcp://*:%d")
    print("waiting")
    sock.recv() if wait else 1 / 0
serve()
"""


def test_a_cell_that_failed_or_was_interrupted_may_be_run_again(kernel, name, free_port):
    kernel.run("wait = False")
    for _ in range(3):
        assert fails(kernel, FAILING % free_port, name) == "division by zero"
    kernel.run("wait = True")
    for _ in range(3):
        ran = kernel.start(FAILING % free_port, name)
        kernel.interrupt(ran)
        assert ran.errors[0]["ename"] == "KeyboardInterrupt"
        assert ran.text == "waiting\n"
    kernel.run("'done'", name)


def test_a_waiting_thread_gets_socket_closed(cell, name):
    cell(
        """
        def serve():
            try:
                sock.recv()
            except zmq.SocketClosed as error:
                told.append(error)

        told = globals().get("told", [])
        sock = ctx.socket(zmq.PULL)
        thread = threading.Thread(target=serve)
        thread.start()
        """,
        name,
    )
    assert cell("old = thread; 'edited'", name) == ""
    assert cell("old.join(10); print(old.is_alive(), len(told))") == "False 1\n"


def test_what_a_thread_fails_by_otherwise_is_shown(kernel, cell, name):
    cell("sock = ctx.socket(zmq.PULL)", name)
    ran = kernel.start("thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()", name).ok()
    ran.until(lambda: "ZeroDivisionError" in ran.text)
    # So is a socket that is closed by the program itself.
    cell("sock = ctx.socket(zmq.PULL); thread = threading.Thread(target=sock.recv); thread.start()", name + "b")
    closes = kernel.run("sock.close(); thread.join()", "closes")
    # ipykernel 6 shows it where the thread was started, 7 where it ends.
    closes.until(lambda: any("SocketClosed" in ran.text for ran in (closes, *cell.ran)))


def test_a_socket_belongs_to_the_cell_that_opened_it(cell, name):
    cell("sock = ctx.socket(zmq.REP)", name)
    for _ in range(2):
        cell("sock.setsockopt(zmq.LINGER, 0); handle = zmq.Socket(sock); bound = sock.bind('tcp://*:*')", "uses")
    assert cell("print(sock.closed, len(sock.endpoints))") == "False 2\n"
    cell("", name)
    cell("'nothing'", name)
    assert cell("print(sock.closed, handle.closed)") == "True True\n"


def test_contexts_end_with_their_cell_unless_somebody_else_has_a_socket_in_them(cell, name):
    cell("mine = theirs = zmq.Context(); sock = mine.socket(zmq.PAIR)", name)
    cell("mine = zmq.Context(); other = theirs.socket(zmq.PAIR)", name + "b")
    cell("'edited'", name)
    assert cell("print(sock.closed, theirs.closed, other.closed)") == "True False False\n"
    cell("'edited'", name + "b")
    assert cell("print(theirs.closed, mine.closed, other.closed)") == "False True True\n"
    # Now that nobody else needs it.
    cell("'edited again'", name)
    assert cell("print(theirs.closed)") == "True\n"


def test_a_context_whose_end_was_interrupted_is_in_nobodys_way(kernel, cell, name):
    cell("mine = zmq.Context(); sock = mine.socket(zmq.PAIR)", name)
    cell("own = zmq.Context(); pair = own.socket(zmq.PAIR)", name + "b")
    stops = "threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()"
    cell(
        f"import os, signal, threading\ntry:\n    {stops}\n    mine.term()\nexcept KeyboardInterrupt:\n    print('interrupted')"
    )
    for one in (name + "b", name):
        assert cell("print(own.closed, mine.closed)", one) == ("True False\n" if one == name + "b" else "True True\n")


STOPS = """
import os, signal
class Stops(zmq.Socket):
    def close(self, linger=None):
        super().close(linger)
        os.kill(os.getpid(), signal.SIGINT)
stops, other = Stops(ctx, zmq.PAIR), ctx.socket(zmq.PAIR)
ran = False
"""


def test_an_interrupt_while_its_last_run_is_closed_ends_the_cell(kernel, cell, name):
    cell(STOPS, name)
    again = kernel.start("ran = True", name).done()
    (line,) = again.errors[0]["traceback"]
    assert line == "KeyboardInterrupt: interrupted before the cell's code began"
    assert again.reply["ename"] == "KeyboardInterrupt" and not again.text
    assert cell("print(stops.closed, other.closed, ran)") == "True True False\n"


def test_an_interrupt_of_a_cell_that_is_no_python_ends_no_other(kernel, cell, name):
    cell(STOPS, name)
    assert kernel.start("1 +", name).done().reply["ename"] == "SyntaxError"
    assert cell("print(ran)") == "False\n"


def test_the_shared_context_is_never_ended(cell, name):
    cell("zmq.Context.instance().term(); shared = zmq.Context.instance(); sock = shared.socket(zmq.PAIR)", name)
    cell("'edited'", name)
    assert cell("print(sock.closed, shared.closed, shared is zmq.Context.instance())") == "True False True\n"


def test_what_was_sent_still_arrives(cell, name):
    cell("pull = ctx.socket(zmq.PULL); pull.bind('tcp://127.0.0.1:PORT')", "receives")
    cell("push = ctx.socket(zmq.PUSH); push.connect('tcp://127.0.0.1:PORT'); push.send_many([b'x'] * 900)", name)
    cell("'edited'", name)
    assert cell("print(len(pull.recv_many(900, timeout=10)) if push.closed else 'open')") in ("900\n",)
    cell("'edited'", "receives")


def test_closing_does_not_wait(cell, name):
    cell(
        """
        device = zmq.Queue("tcp://127.0.0.1:PORT", "tcp://127.0.0.1:*").start()
        pushes = [ctx.socket(zmq.PUSH) for _ in range(20)]
        for push in pushes:
            push.connect("tcp://127.0.0.1:1")
            push.send(b"to nobody")
        worker = pipeline.Worker("tcp://127.0.0.1:1").start(print)
        """,
        name,
    )
    begun = time.monotonic()
    cell("'edited'", name)
    assert time.monotonic() - begun < 5
    assert cell("print(device.running, worker.running, {push.closed for push in pushes})") == "False False {True}\n"


def test_a_worker_in_the_middle_of_a_job_holds_nothing_up(cell, name):
    cell(
        """
        producer = pipeline.Producer("tcp://*:PORT")
        begun, go = threading.Event(), threading.Event()
        worker = pipeline.Worker("tcp://127.0.0.1:PORT").start(lambda job: (begun.set(), go.wait(30)) and None)
        producer.send(1, timeout=10)
        begun.wait(10)
        """,
        name,
    )
    assert cell("producer = pipeline.Producer('tcp://*:PORT')", name) == ""
    assert cell("go.set(); print(worker.closed, worker.join(10).running)") == "True False\n"
    cell("'edited'", name)


def test_what_goes_wrong_is_told_and_saves_nothing_else(kernel, cell, name):
    cell(
        """
        class Odd(zmq.Socket):
            def close(self, linger=None):
                raise LookupError("not today")

        odd = Odd(ctx, zmq.PAIR)
        sock = ctx.socket(zmq.PAIR)
        """,
        name,
    )
    said = cell("print('closed:', odd.closed and sock.closed)", name)
    assert "RuntimeWarning" in said
    assert "which the last run of this cell had opened, did not end well: not today" in said
    assert "closed: True\n" in said
