"""Nothing blocks where a socket or context ends: garbage, `with`, a name bound anew, a traceback, the interpreter's exit.

And nothing is lost there that could still be delivered, and no port, descriptor or thread stays behind.
"""

from __future__ import annotations

import gc
import os
import socket as system_socket
import subprocess
import sys
import textwrap
import time
import warnings
import weakref
from pathlib import Path

import pytest
from conftest import native_threads, wait_until

import brokerless as zmq

# Where nobody listens: what is sent there stays undelivered.
NOBODY = "tcp://127.0.0.1:1"
ROOT = Path(__file__).parent.parent


@pytest.fixture
def loose_ctx():
    """A plain context, which does not hold on to its sockets: here they are to be dropped."""
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


def is_free(port):
    """Whether the system gives the port to somebody who knows nothing of ZeroMQ."""
    with system_socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


# Garbage


CYCLES = """
import gc, sys, warnings
import brokerless as zmq
warnings.simplefilter("ignore", ResourceWarning)

class Cell:
    pass

gc.disable()
for round in range(20):
    cell = Cell()
    cell.itself = cell
    cell.ctx = zmq.Context()
    cell.server = cell.ctx.socket(zmq.REP)
    cell.server.bind("tcp://127.0.0.1:{port}")
    cell.sock = cell.ctx.socket(zmq.PUSH)
    cell.sock.connect("{nobody}")
    cell.sock.send(b"never delivered")
    del cell
    {collect}
print("done")
"""


@pytest.mark.timeout(30)
@pytest.mark.parametrize("collect", ["gc.collect()", "gc.collect(0)"])
def test_a_context_and_a_socket_in_a_garbage_cycle_never_hang(run_python, free_port, collect):
    done = run_python(CYCLES.format(port=free_port, nobody=NOBODY, collect=collect), timeout=20)
    assert done.stdout == "done\n"


@pytest.mark.timeout(30)
def test_a_port_held_only_by_garbage_is_free_for_the_next_bind(run_python, free_port):
    # Nothing collects here until bind() finds the port taken.
    done = run_python(CYCLES.format(port=free_port, nobody=NOBODY, collect="pass"), timeout=20)
    assert done.stdout == "done\n"


def test_names_bound_anew(free_port):
    """What running a cell again does: each name is bound anew while the old object still has its port."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for _ in range(10):
            ctx = zmq.Context()
            server = ctx.socket(zmq.REP)
            server.bind(f"tcp://127.0.0.1:{free_port}")
            client = ctx.socket(zmq.REQ)
            client.connect(f"tcp://127.0.0.1:{free_port}")
            client.send(b"ping")
            assert server.recv(timeout=10) == b"ping"
        server.close()
        client.close()
        ctx.term()


def test_a_dropped_socket_warns_and_frees_its_port_at_once(loose_ctx, free_port):
    sock = loose_ctx.socket(zmq.PULL)
    sock.bind(f"tcp://127.0.0.1:{free_port}")
    assert not is_free(free_port)
    with pytest.warns(ResourceWarning, match=rf"Unclosed socket .*zmq\.PULL.*{free_port}"):
        del sock
    assert is_free(free_port)


def test_a_warning_that_is_an_error_does_not_keep_the_port(run_python, free_port):
    done = run_python(
        f"""
import socket, sys
import brokerless as zmq

def bind():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", {free_port}))

sys.unraisablehook = lambda what: print("in __del__:", type(what.exc_value).__name__)
ctx = zmq.Context()
sock = ctx.socket(zmq.PULL)
sock.bind("tcp://127.0.0.1:{free_port}")
del sock
bind()
try:
    with zmq.Context() as other:
        sock = other.socket(zmq.PULL)
        sock.bind("tcp://127.0.0.1:{free_port}")
except ResourceWarning:
    print("closed:", sock.closed)
bind()
"""
    )
    assert done.stdout.splitlines() == ["in __del__: ResourceWarning", "closed: True"]


def test_weak_references():
    context = zmq.Context()
    sock = context.socket(zmq.PAIR)
    weak_context, weak_sock = weakref.ref(context), weakref.ref(sock)
    sock.close()
    assert weak_sock() is sock
    del sock
    gc.collect()
    assert weak_sock() is None, "a closed socket is still held by somebody"
    context.term()
    del context
    gc.collect()
    assert weak_context() is None


def test_a_socket_keeps_its_context():
    sock = zmq.Context().socket(zmq.PAIR)
    gc.collect()
    assert not sock.context.closed
    sock.bind("inproc://kept")
    context = sock.context
    sock.close()
    context.term()
    assert context.closed


@pytest.mark.parametrize("watched", [False, True])
def test_500_contexts_leave_nothing_behind(watched):
    def use_one():
        context = zmq.Context()
        sock = context.socket(zmq.PULL)
        if watched:
            sock.bind("tcp://127.0.0.1:*")
        sock.close()

    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    threads = native_threads()
    use_one()
    assert wait_until(lambda: native_threads() <= threads)
    before = descriptors()
    for _ in range(500):
        use_one()
    assert wait_until(lambda: native_threads() <= threads), f"{threads} threads became {native_threads()}"
    assert wait_until(lambda: descriptors() <= before), f"{before} descriptors became {descriptors()}"


# The end of a `with`


def test_with_ends_at_once_with_undelivered_messages():
    start = time.monotonic()
    with zmq.Context() as context, context.socket(zmq.PUSH) as sock:
        sock.connect(NOBODY)
        sock.send(b"never delivered")
        sock.linger = 300
    assert sock.closed
    assert time.monotonic() - start < 0.25
    # It is delivered, or given up, in the background.
    assert wait_until(lambda: context.closed)


def test_with_closes_what_was_left_open_and_says_so():
    def leave_open():
        with zmq.Context() as context:
            sock = context.socket(zmq.PUSH)
            sock.connect(NOBODY)
            sock.send(b"never delivered")
        return context, sock

    start = time.monotonic()
    with pytest.warns(ResourceWarning, match="still open when its context ended"):
        context, sock = leave_open()
    assert time.monotonic() - start < 0.5
    assert sock.closed
    # Here LINGER is for ever; an abandoned socket is given a second.
    assert wait_until(lambda: context.closed, timeout=5)


def test_with_passes_an_exception_on(loose_ctx):
    with pytest.raises(ZeroDivisionError):
        with loose_ctx.socket(zmq.PULL) as sock:
            1 / 0  # noqa: B018
    assert sock.closed


# Close, and bind again


@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_close_and_bind_100_times(loose_ctx, endpoint, free_port, transport, connected):
    where = f"tcp://127.0.0.1:{free_port}" if transport == "tcp" else endpoint("ipc")
    client = loose_ctx.socket(zmq.PUSH)
    client.linger = 0
    if connected:
        client.reconnect_ivl = 1
        client.connect(where)
    for number in range(100):
        sock = loose_ctx.socket(zmq.PULL)
        sock.bind(where)
        if connected and number % 10 == 0:
            # What is sent before the client has noticed that its old peer is gone would go there.
            assert sock.wait_for_peers(1, timeout=10) == 1
            client.send(b"%d" % number)
            assert sock.recv(timeout=10) == b"%d" % number
        sock.close()
    client.close()


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_unbind_and_bind_100_times(loose_ctx, endpoint, free_port, transport):
    where = f"tcp://127.0.0.1:{free_port}" if transport == "tcp" else endpoint("ipc")
    first, second = loose_ctx.socket(zmq.PULL), loose_ctx.socket(zmq.PULL)
    for _ in range(50):
        for sock in (first, second):
            sock.bind(where)
            sock.unbind(where)
    assert first.endpoints == second.endpoints == []
    first.close()
    second.close()


def test_close_frees_the_port_for_anybody(loose_ctx, free_port):
    for _ in range(20):
        sock = loose_ctx.socket(zmq.ROUTER)
        sock.bind(f"tcp://127.0.0.1:{free_port}")
        assert not is_free(free_port)
        sock.close()
        assert is_free(free_port)


def test_many_sockets_beyond_the_watched_ones_free_their_ports_too(loose_ctx):
    """Only the first 64 sockets of a context are watched from the start; close() must not depend on that."""
    sockets = [loose_ctx.socket(zmq.PULL) for _ in range(70)]
    ports = [sock.bind_to_random_port("tcp://127.0.0.1") for sock in sockets]
    for sock in sockets:
        sock.close()
    assert [port for port in ports if not is_free(port)] == []


# The end of the interpreter


def seconds(program, tmp_path):
    """The shortest of three runs of a program, and what it printed last."""
    path = tmp_path / "timed.py"
    path.write_text(program, encoding="utf-8")
    best = 60.0
    for _ in range(3):
        start = time.monotonic()
        done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=30, check=True)
        best = min(best, time.monotonic() - start)
    return best, done.stdout + done.stderr


OPEN = "import brokerless as zmq\nctx = zmq.Context()\nsock = ctx.socket(zmq.PUSH)\n"
EXITS = {
    "an open socket": OPEN + f"sock.connect('{NOBODY}')\nsock.send(b'x')",
    "a bound socket": OPEN + "sock.bind('tcp://127.0.0.1:*')\nsock.linger = 10**6",
    "a cycle": OPEN
    + f"sock.connect('{NOBODY}')\nsock.send(b'x')\nsock.__dict__['me'] = sock; ctx.__dict__['s'] = sock",
    "a failing program": OPEN + f"sock.connect('{NOBODY}')\nsock.send(b'x')\nimport sys\nsys.exit()",
}


@pytest.mark.parametrize("what", EXITS)
def test_exit_is_quick_with_a_message_for_nobody(tmp_path, what):
    bare, _ = seconds("import brokerless", tmp_path)
    full, said = seconds(EXITS[what], tmp_path)
    assert said == ""
    assert full - bare < 0.8, f"the exit took {full - bare:.2f} s more than that of a bare interpreter"


def test_exit_is_bounded_after_an_explicit_close(tmp_path):
    """close() keeps LINGER, for ever by default; the process ends nevertheless."""
    bare, _ = seconds("import brokerless", tmp_path)
    full, _ = seconds(EXITS["an open socket"] + "\nsock.close()", tmp_path)
    assert full - bare < 2.0


def test_exit_says_what_was_not_delivered(run_python):
    done = run_python("import warnings\nwarnings.simplefilter('always')\n" + EXITS["an open socket"])
    assert "may not have delivered all messages: this PUSH socket" in done.stderr
    assert NOBODY in done.stderr


def test_exit_is_silent_when_all_was_delivered(run_python, make_socket):
    pull = make_socket(zmq.PULL, bind="tcp://127.0.0.1:*")
    done = run_python(
        "import warnings\nwarnings.simplefilter('always')\n"
        + OPEN
        + f"sock.connect({pull.last_endpoint.decode()!r})\nsock.send(b'x')\nsock.close()\nctx.term()"
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert pull.recv(timeout=10) == b"x"


LAST_WORDS = """
import sys, warnings
warnings.simplefilter("ignore")
import brokerless as zmq
ctx = zmq.Context()
sock = ctx.socket(zmq.PUSH)
sock.sndhwm = 0
sock.connect({where!r})
for number in range(2000):
    sock.send(b"%d" % number + bytes(1000))
{end}
"""


@pytest.mark.parametrize(
    "end", ["", "sock.close()", "sock.close(); ctx.term()", "ctx.destroy()", "sys.exit(0)", "del sock"]
)
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_the_last_messages_of_a_program_arrive(run_python, make_socket, endpoint, transport, end):
    pull = make_socket(zmq.PULL, bind=endpoint(transport), rcvhwm=0)
    run_python(LAST_WORDS.format(where=pull.last_endpoint.decode(), end=end))
    numbers = [int(pull.recv(timeout=10)[:-1000]) for _ in range(2000)]
    assert numbers == list(range(2000))
    assert pull.poll(0) == 0


DAEMONS = """
import threading
import brokerless as zmq

ctx = zmq.Context()
sock = ctx.socket(zmq.PULL)
sock.bind("tcp://127.0.0.1:*")
pub = ctx.socket(zmq.PUB)
pub.bind("tcp://127.0.0.1:*")
poller = zmq.Poller()
poller.register(sock, zmq.POLLIN)

def busy():
    while True:
        try:
            sock.recv(timeout=0.0001)
        except zmq.Again:
            pass

def quietly(call):
    try:
        call()
    except zmq.ZMQError:
        pass

started = threading.Barrier(7)
for call in (sock.recv, sock.poll, poller.poll, sock.wait_for_peers, pub.wait_for_subscribers, busy):
    threading.Thread(target=lambda call=call: (started.wait(), quietly(call)), daemon=True).start()
started.wait()
"""


def test_exit_with_daemon_threads_that_wait_in_sockets(run_python):
    for _ in range(5):
        done = run_python(DAEMONS, timeout=10)
        assert (done.stdout, done.stderr) == ("", "")


# A notebook


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
