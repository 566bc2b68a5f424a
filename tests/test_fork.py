"""A forked child cannot use its parent's sockets, is told so, and does them no harm; it makes a Context of its own.

Each program here forks in a process of its own: pytest's has threads that a fork would lose.
"""

from __future__ import annotations

import pytest

START = """
import gc, os, signal, sys, threading, warnings
# Python warns of a fork in a process with threads: that is just what is tested.
warnings.simplefilter("ignore", DeprecationWarning)
import brokerless as zmq

def child_of(work):
    "Runs `work` in a forked child, which ends as a program does; returns its exit code."
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        # One that hangs is killed.
        signal.alarm(15)
        try:
            code = work() or 0
        except SystemExit:
            # Of a child's child.
            raise
        except BaseException:
            import traceback
            traceback.print_exc()
            code = 99
        sys.exit(code)
    _, status = os.waitpid(pid, 0)
    return -(status & 127) or status >> 8

ctx = zmq.Context()
one = ctx.socket(zmq.PAIR)
one.bind("{endpoint}")
other = ctx.socket(zmq.PAIR)
other.connect(one.last_endpoint.decode())

def talk():
    one.send(b"there")
    assert other.recv(timeout=10) == b"there"
    other.send_multipart([b"and", b"back"])
    assert one.recv_multipart(timeout=10) == [b"and", b"back"]

talk()
"""

END = """
talk()
one.close()
other.close()
ctx.term()
print("the parent goes on")
"""


@pytest.fixture
def run_forking(run_python, endpoint, transport):
    """Runs a program that has two connected sockets `one` and `other`, in `ctx`; at its end they must still work."""

    def run(code):
        where = endpoint(transport)
        done = run_python(START.replace("{endpoint}", where) + code + END, timeout=50)
        assert done.stdout.endswith("the parent goes on\n")
        assert done.stderr == ""
        return done.stdout

    return run


def test_every_use_in_the_child_raises(run_forking):
    run_forking(
        """
pub = ctx.socket(zmq.PUB)
req = ctx.socket(zmq.REQ)
where = one.endpoints[0]
poller = zmq.Poller()
poller.register(one)
uses = {
    "send": lambda: one.send(b""),
    "send, large": lambda: one.send(bytes(10**6)),
    "send_string": lambda: one.send_string(""),
    "send_json": lambda: one.send_json(1),
    "send_multipart": lambda: one.send_multipart([b"", b""]),
    "recv": one.recv,
    "recv without waiting": lambda: one.recv(zmq.NOBLOCK),
    "recv_json": one.recv_json,
    "recv_multipart": one.recv_multipart,
    "iteration": lambda: list(one),
    "poll": one.poll,
    "Poller.poll": poller.poll,
    "select": lambda: zmq.select([one], [], []),
    "bind": lambda: one.bind("tcp://127.0.0.1:*"),
    "connect": lambda: one.connect("inproc://nobody"),
    "unbind": lambda: one.unbind(where),
    "disconnect": lambda: other.disconnect(where),
    "an option": lambda: one.linger,
    "setting an option": lambda: setattr(one, "linger", 1),
    "fileno": one.fileno,
    "peers": lambda: one.peers,
    "wait_for_peers": one.wait_for_peers,
    "wait_for_subscribers": pub.wait_for_subscribers,
    "subscriptions": lambda: pub.subscriptions,
    "request": lambda: req.request(b""),
    "a socket of the parent's context": lambda: ctx.socket(zmq.PAIR),
    "an option of the context": lambda: ctx.get(zmq.IO_THREADS),
    "shutdown": ctx.shutdown,
    "term": ctx.term,
}

def work():
    wrong = []
    for name, use in uses.items():
        try:
            use()
        except zmq.error.ForkedProcessError as error:
            assert error.errno == zmq.ENOTSUP
            assert "fork" in str(error) and "make a new Context" in str(error)
        else:
            wrong.append(name)
    print(wrong, one.closed, "closed" in repr(one), flush=True)

print(child_of(work))
pub.close()
req.close()
"""
    ).startswith("[] True True\n0\n")


@pytest.mark.parametrize(
    "work",
    [
        "None",
        "one.close() or other.close()",
        "globals().pop('one') and None or globals().pop('other') and None or gc.collect() and None",
        "ctx.__exit__()",
        "[globals().pop(name) for name in ('one', 'other', 'ctx')] and gc.collect() and None",
        "os._exit(0)",
        "os.execv(sys.executable, [sys.executable, '-c', ''])",
    ],
)
def test_the_child_may_end_in_any_way(run_forking, work):
    run_forking(
        f"\nwarnings.simplefilter('ignore', ResourceWarning)\nfor _ in range(3):\n    assert child_of(lambda: {work}) == 0\n    talk()\n"
    )


def test_the_child_makes_a_context_of_its_own(run_forking):
    run_forking(
        """
rep = ctx.socket(zmq.REP)
port = rep.bind_to_random_port("tcp://127.0.0.1")
served = threading.Thread(target=lambda: [rep.send(rep.recv(timeout=10).upper()) for _ in range(3)])
served.start()

def work():
    assert zmq.Context.instance() is not instance
    with zmq.Context() as own, own.socket(zmq.REQ) as req:
        req.connect(f"tcp://127.0.0.1:{port}")
        assert req.request(b"from the child", timeout=10) == b"FROM THE CHILD"
        # The names of its parent's context are not taken there.
        a, b = own.socket(zmq.PAIR), own.socket(zmq.PAIR)
        with a.bind("inproc://both"), b.connect("inproc://both"):
            a.send(b"inside")
            assert b.recv(timeout=10) == b"inside"
        a.close(), b.close()

instance = zmq.Context.instance()
for _ in range(3):
    assert child_of(work) == 0
served.join()
rep.close()
instance.term()
"""
    )


def test_a_grandchild(run_forking):
    run_forking(
        """
def use(sock):
    try:
        sock.send(b"x")
    except zmq.error.ForkedProcessError:
        return 0
    return 1

def work():
    own = zmq.Context()
    sock = own.socket(zmq.PUSH)
    sock.bind("inproc://own")
    code = child_of(lambda: use(one) + use(sock))
    with own.socket(zmq.PULL) as pull:
        pull.connect("inproc://own")
        sock.send(b"still mine")
        assert pull.recv(timeout=10) == b"still mine"
    sock.close()
    own.term()
    return code

assert child_of(work) == 0
"""
    )


def test_a_fork_while_other_threads_are_inside_a_socket(run_forking):
    """They hold its lock, and in the child nobody will ever give it back."""
    run_forking(
        """
warnings.simplefilter("ignore", ResourceWarning)
over = threading.Event()
push, pull = ctx.socket(zmq.PUSH), ctx.socket(zmq.PULL)
push.bind("inproc://large")
pull.connect("inproc://large")

def hammer():
    large = bytes(3_000_000)
    while not over.is_set():
        # Copied under the lock, without the GIL.
        push.send(large)
        pull.recv(copy=False)

def look():
    while not over.is_set():
        push.poll(0, zmq.POLLOUT), pull.poll(0), push.stats, len(push.peers)

# Daemons: should an assertion fail here, they must not keep the program.
threads = [threading.Thread(target=hammer, daemon=True), threading.Thread(target=look, daemon=True)]
for thread in threads:
    thread.start()

def work():
    for sock in (push, pull, one, other):
        assert sock.closed
        repr(sock), sock.stats, sock.endpoints, repr(ctx), ctx.closed, zmq.Context().closed
        try:
            sock.send(b"x")
            return 1
        except zmq.error.ForkedProcessError:
            pass
        sock.close()
    for name in ("push", "pull", "one", "other", "ctx"):
        del globals()[name]
    del sock
    gc.collect()

for _ in range(60):
    code = child_of(work)
    assert code == 0, code
over.set()
for thread in threads:
    thread.join()
push.close()
pull.close()
"""
    )


def test_multiprocessing(run_forking):
    run_forking(
        """
import multiprocessing
fork = multiprocessing.get_context("fork")
pull = ctx.socket(zmq.PULL)
port = pull.bind_to_random_port("tcp://127.0.0.1")

def work(number):
    with zmq.Context() as own, own.socket(zmq.PUSH) as push:
        push.connect(f"tcp://127.0.0.1:{port}")
        push.send(b"%d" % number)

children = [fork.Process(target=work, args=(number,)) for number in range(4)]
for child in children:
    child.start()
assert sorted(pull.recv(timeout=10) for _ in children) == [b"0", b"1", b"2", b"3"]
for child in children:
    child.join(10)
    assert child.exitcode == 0
pull.close()
"""
    )


def test_a_program_started_meanwhile_inherits_no_descriptor(run_python, free_port):
    """Else it would keep the port after its parent has given it up."""
    done = run_python(
        f"""
import os, subprocess, sys
import brokerless as zmq
ctx = zmq.Context()
before = set(os.listdir("/proc/self/fd"))
socks = [ctx.socket(kind) for kind in (zmq.REP, zmq.PUB, zmq.PULL)]
socks[0].bind("tcp://127.0.0.1:{free_port}")
socks[1].bind("ipc://inherited")
socks[2].connect("tcp://127.0.0.1:{free_port}")
socks[0].poll(1)
socks[0].peers
# close_fds=False: only what is marked to be closed by exec is.
list_them = "import os; print(' '.join(os.listdir('/proc/self/fd')))"
done = subprocess.run([sys.executable, "-c", list_them], close_fds=False, stdout=subprocess.PIPE, check=True)
ours = set(os.listdir("/proc/self/fd")) - before
inherited = set(done.stdout.decode().split())
bare = subprocess.run([sys.executable, "-c", list_them], close_fds=True, stdout=subprocess.PIPE, check=True)
print(len(ours) > 5, sorted(inherited - set(bare.stdout.decode().split())))
ctx.destroy(linger=0)
"""
    )
    assert done.stdout == "True []\n"


def test_memory_that_was_lent_before_the_fork(run_forking):
    run_forking(
        """
large = 200_000
lent = bytearray(large)
frame = zmq.Frame(lent, copy=False, track=True)

def work():
    global frame
    tracker = frame.tracker
    del frame
    tracker.wait(10)
    lent.append(1)
    with zmq.Context() as own, own.socket(zmq.PAIR) as a, own.socket(zmq.PAIR) as b:
        a.bind("inproc://own")
        b.connect("inproc://own")
        tracker = a.send(bytes(large), copy=False, track=True)
        assert len(b.recv(timeout=10)) == large
        tracker.wait(10)

assert child_of(work) == 0
assert not frame.tracker.done
tracker = one.send(frame, copy=False)
assert len(other.recv(timeout=10)) == large
del frame
tracker.wait(10)
"""
    )


def test_what_waited_in_a_socket_can_go_in_the_child_though_other_threads_had_its_lock(run_forking):
    run_forking(
        """
from brokerless import _core

stop = False

def use(call):
    while not stop:
        try:
            call()
        except zmq.Again:
            pass

calls = [lambda: other.recv(timeout=0.01)] * 3 + [lambda: one.send(b"x", timeout=0.01)] * 2
threads = [threading.Thread(target=use, args=(call,)) for call in calls]
for thread in threads:
    thread.start()
try:
    for _ in range(40):
        waiters = [_core.Waiter(one), _core.Waiter(other)]
        for waiter in waiters:
            waiter.listen(zmq.POLLIN)

        def leave():
            waiters.pop().close()
            waiters.clear()

        assert child_of(leave) == 0
finally:
    stop = True
    for thread in threads:
        thread.join()
# As many as there is room for may wait to be received.
while not one.poll(0, zmq.POLLOUT):
    other.recv(timeout=10)
one.send(b"the last")
while other.recv(timeout=10) != b"the last":
    pass
"""
    )
