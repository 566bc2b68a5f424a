"""The end of the interpreter waits for nobody for long, says what may be lost, and delivers what can be delivered."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import brokerless as zmq

# Where nobody listens: what is sent there stays undelivered.
NOBODY = "tcp://127.0.0.1:1"
ROOT = Path(__file__).parent.parent


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


def test_a_handler_at_exit_may_wait_for_a_daemon_thread(run_python):
    """Its socket is closed by then; the thread hears of that, and ends."""
    done = run_python(
        """
import atexit, threading

stop = threading.Event()

def join():
    stop.set()
    thread.join(15)
    print("ended", not thread.is_alive())

# Before the import, and so after what the import has called at exit.
atexit.register(join)
import brokerless as zmq

def work():
    while not stop.is_set():
        try:
            sock.recv(timeout=0.1)
        except zmq.Again:
            pass
        except zmq.ZMQError as error:
            print(type(error).__name__)
            return

sock = zmq.Context().socket(zmq.PULL)
sock.bind("tcp://127.0.0.1:*")
thread = threading.Thread(target=work, daemon=True)
thread.start()
"""
    )
    assert done.stdout.splitlines()[-1] == "ended True"


@pytest.mark.parametrize("call", ["sock.recv(zmq.DONTWAIT)", "other.send_multipart(b'x' for _ in range(50))"])
def test_daemon_threads_that_are_busy_do_not_abort_the_process(run_python, call):
    """Python ends them wherever they run its code: not while Rust has called that."""
    for _ in range(4):
        done = run_python(
            f"""
import sys, threading
import brokerless as zmq

sys.setswitchinterval(1e-6)
context = zmq.Context()
sock, other = context.socket(zmq.PULL), context.socket(zmq.PUB)

def work():
    while True:
        try:
            {call}
        except zmq.ZMQError:
            pass

for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
threading.Event().wait(0.05)
context.destroy(0)
"""
        )
        assert "FATAL" not in done.stderr


ENDLESS = """
import threading
import brokerless as zmq

class Endless:
    reached = threading.Barrier(5)

    def run(self, *ignored):
        self.reached.wait()
        while True:
            pass

class Iterable(Endless):
    __iter__ = Endless.run

class Shown(Endless):
    __repr__ = Endless.run

class Exporter(Endless):
    __buffer__ = Endless.run

sock = zmq.Context().socket(zmq.PUB)
for _ in range(4):
    threading.Thread(target=sock.send_multipart, args=(PARTS,), daemon=True).start()
Endless.reached.wait()
"""


@pytest.mark.parametrize(
    "parts",
    [
        "Iterable()",
        "[b'first', Shown()]",
        pytest.param(
            "[b'first', Exporter()]",
            marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="no buffers in Python code before 3.12"),
        ),
    ],
)
def test_daemon_threads_inside_code_that_we_call_do_not_abort_the_process(run_python, parts):
    assert run_python(ENDLESS.replace("PARTS", parts)).stderr == ""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="no buffers in Python code before 3.12")
def test_an_exporter_that_takes_its_time_at_exit_does_not_abort_the_process(run_python):
    run_python(
        """
import time
import brokerless as zmq

class Slow:
    def __init__(self):
        self.data = bytearray(100_000)

    def __buffer__(self, flags):
        return memoryview(self.data)

    def __release_buffer__(self, view):
        end = time.monotonic() + 3
        while time.monotonic() < end:
            pass
        view.release()

with zmq.Context() as ctx, ctx.socket(zmq.PAIR) as a, ctx.socket(zmq.PAIR) as b:
    a.bind("inproc://x")
    b.connect("inproc://x")
    zmq.Frame(Slow(), copy=False)
"""
    )
