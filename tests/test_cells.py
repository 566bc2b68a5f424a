"""Cells of a notebook may be run again: neither IPython's `Out` nor a kept traceback pins a socket or its port."""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path

import pytest
from conftest import wait_until

import brokerless as zmq

ROOT = Path(__file__).parent.parent

SHELL = """
import os, sys, warnings
warnings.simplefilter("ignore")
os.environ["IPYTHONDIR"] = os.path.join(os.getcwd(), "ipython")
sys.path[:0] = [{root!r}]
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
shell.showtraceback = lambda *args, **kwargs: None
from tools.interrupting import NotInterrupted, interrupt

def cell(code):
    result = shell.run_cell(code, store_history=True)
    result.raise_error()
    return result.result

def interrupted_cell(code):
    # The shell takes the KeyboardInterrupt, and keeps its traceback; raise_error() hands it on.
    interrupt(lambda: cell(code))

def port_is_free():
    import socket
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", {port}))
        except OSError:
            return False
        return True

cell("import brokerless as zmq")
"""


@pytest.fixture
def run_shell(run_python, free_port):
    """Runs cells in an IPython shell of its own, as a kernel would: the name PORT is in the code."""
    pytest.importorskip("IPython")

    def run(code):
        program = SHELL.format(root=str(ROOT), port=free_port) + code.replace("PORT", str(free_port))
        return run_python(program, timeout=50)

    return run


def test_bind_as_the_last_line_of_a_cell_does_not_pin_the_socket(run_shell):
    done = run_shell(
        """
cell("ctx = zmq.Context(); s = ctx.socket(zmq.REP)")
print(cell("s.bind('tcp://127.0.0.1:PORT')"))
assert not port_is_free()
cell("del s")
print("free" if port_is_free() else "taken")
"""
    )
    assert "SocketContext(bind='tcp://127.0.0.1:" in done.stdout
    assert done.stdout.endswith("free\n")


def test_a_cell_that_binds_may_be_run_again(run_shell):
    done = run_shell(
        """
for _ in range(5):
    cell("ctx = zmq.Context()\\ns = ctx.socket(zmq.REP)\\ns.bind('tcp://127.0.0.1:PORT')")
print("bound again")
"""
    )
    assert done.stdout.endswith("bound again\n")


INTERRUPTED = {
    "a function": """
        def serve():
            ctx = zmq.Context()
            s = ctx.socket(zmq.REP)
            s.bind("tcp://127.0.0.1:PORT")
            s.recv()
        """,
    "a function that makes no context": """
        def serve():
            s = zmq.Context.instance().socket(zmq.REP)
            s.bind("tcp://127.0.0.1:PORT")
            while True:
                s.recv()
        """,
    "an object": """
        class Server:
            def __init__(self):
                self.ctx = zmq.Context()
                self.sockets = {"front": self.ctx.socket(zmq.ROUTER)}
                self.sockets["front"].bind("tcp://127.0.0.1:PORT")
                self.me = self
            def run(self):
                poller = zmq.Poller()
                poller.register(self.sockets["front"], zmq.POLLIN)
                return poller.poll()

        def serve():
            Server().run()
        """,
    "a closure": """
        def serve():
            s = zmq.Context().socket(zmq.PULL)
            s.bind("tcp://127.0.0.1:PORT")
            def work():
                return s.recv_multipart()
            work()
        """,
    "iteration": """
        def serve():
            s = zmq.Context().socket(zmq.PULL)
            s.bind("tcp://127.0.0.1:PORT")
            for message in s:
                pass
        """,
    "an instance that is made and run again": """
        class Server:
            def __init__(self):
                self.s = zmq.Context().socket(zmq.REP)
                self.s.bind("tcp://127.0.0.1:PORT")
                self.s.recv()
        serve = Server
        """,
}


@pytest.mark.parametrize("what", INTERRUPTED)
def test_the_traceback_of_an_interrupted_cell_does_not_keep_a_port(run_shell, what):
    done = run_shell(
        f"""
cell({textwrap.dedent(INTERRUPTED[what])!r})
for _ in range(4):
    interrupted_cell("serve()")
print("bound again")
"""
    )
    assert done.stdout.endswith("bound again\n")


def test_a_kept_exception_does_not_keep_a_port(free_port):
    def serve():
        sock = zmq.Context().socket(zmq.REP)
        sock.bind(f"tcp://127.0.0.1:{free_port}")
        raise LookupError("what the shell shows")

    kept = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            try:
                serve()
            except LookupError as error:
                kept.append(error)
    said = [str(warning.message) for warning in caught]
    assert len([text for text in said if "left behind by code that is no longer running" in text]) == 2
    del caught
    kept[-1].__traceback__.tb_next.tb_frame.f_locals["sock"].close()


def test_a_socket_in_use_is_never_taken_for_a_lost_one(loose_ctx, free_port):
    """A dead frame had it in its hands, and running code still has."""
    where = f"tcp://127.0.0.1:{free_port}"

    def fail(sock):
        raise LookupError

    kept = []

    def in_a_local():
        sock = loose_ctx.socket(zmq.REP)
        sock.bind(where)
        try:
            fail(sock)
        except LookupError as error:
            kept.append(error)
        with pytest.raises(zmq.ZMQError) as caught:
            loose_ctx.socket(zmq.REP).bind(where)
        assert caught.value.errno == zmq.EADDRINUSE
        assert not sock.closed
        sock.close()

    def in_an_object():
        holder = {"sock": loose_ctx.socket(zmq.REP)}
        holder["sock"].bind(where)
        try:
            fail(holder)
        except LookupError as error:
            kept.append(error)
        with pytest.raises(zmq.ZMQError) as caught:
            loose_ctx.socket(zmq.REP).bind(where)
        assert caught.value.errno == zmq.EADDRINUSE
        assert not holder["sock"].closed
        holder["sock"].close()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        in_a_local()
        in_an_object()


def test_a_socket_of_another_thread_is_never_taken_for_a_lost_one(loose_ctx, free_port, in_thread):
    where = f"tcp://127.0.0.1:{free_port}"

    def serve(told):
        sock = loose_ctx.socket(zmq.REP)
        sock.bind(where)
        told.append(True)
        return sock.recv(timeout=20)

    told = []
    served = in_thread(serve, told)
    assert wait_until(lambda: bool(told))
    other = loose_ctx.socket(zmq.REP)
    with pytest.raises(zmq.ZMQError) as caught:
        other.bind(where)
    assert caught.value.errno == zmq.EADDRINUSE
    client = loose_ctx.socket(zmq.REQ)
    client.connect(where)
    client.send(b"still there")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        assert served.result() == b"still there"
    client.close(linger=0)
    other.close()


OWNED = """
# Loaded in the middle of a cell, which owns what it opens from then on.
cell('''
from brokerless.jupyter import cells, owned
cells.load(get_ipython())
owned.load(get_ipython())
ctx = zmq.Context()
print(cells.cell_of(ctx))
''')
warnings.simplefilter("error")
"""


def test_in_a_terminal_a_cell_is_known_by_its_text(run_shell):
    done = run_shell(
        OWNED
        + """
for _ in range(3):
    cell("pinned = globals().setdefault('pinned', []); s = ctx.socket(zmq.REP); pinned.append(s)\\ns.bind('tcp://*:PORT')")
print(cell("[s.closed for s in pinned]"))
print(cell("cells.cell_of(s).number, cells.current().number"))
assert not port_is_free()
try:
    cell("ctx.socket(zmq.PULL).bind('tcp://*:PORT')")
except Exception as error:
    print(error)
cell("owned.unload(get_ipython()); cells.unload(get_ipython())")
print(cell("cells.current()"))
"""
    )
    first, *rest = done.stdout.splitlines()
    assert first.startswith("<cell [2] text-")
    assert "[True, True, False]" in rest
    assert "(5, 7)" in rest
    assert any("taken by this REP socket of this process, opened in cell [5]: close() it" in line for line in rest)
    assert rest[-1] == "None"


def test_in_a_terminal_a_cell_may_await(run_shell):
    done = run_shell(
        OWNED
        + """
code = '''
import asyncio
from brokerless.asyncio import Context
async def work():
    sock = Context.instance().socket(zmq.PULL)
    sock.bind("tcp://*:PORT")
    await asyncio.sleep(0)
    return sock, cells.current()
sock, known = await asyncio.ensure_future(work())
print(known is cells.current() is cells.cell_of(sock))
'''
for _ in range(3):
    cell(code)
"""
    )
    assert done.stdout.endswith("True\nTrue\nTrue\n")


def test_with_the_extension_too_the_traceback_of_another_cell_does_not_keep_a_port(run_shell):
    done = run_shell(
        OWNED
        + f"""
warnings.simplefilter("ignore")
cell({textwrap.dedent(INTERRUPTED["a function"])!r})
for number in range(4):
    interrupted_cell(f"serve()  # {{number}}")
print("bound again")
"""
    )
    assert done.stdout.endswith("bound again\n")
