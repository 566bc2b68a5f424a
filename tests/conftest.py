"""What the tests share; above all, whatever opens a socket, so that no test can leave one behind.

Nothing here sleeps: what has to be waited for has something to wait on, and a limit.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

import tools  # noqa: F401  sets what Jupyter reads when it is imported, for every test and subprocess
from tools.interrupting import wait_until_asleep

# Long enough for a loaded board, shorter than a test's own limit, so that the message says what was waited for.
PATIENCE = 20.0

TRANSPORTS = ("tcp", "ipc", "inproc")

# A test run started in the background has SIGINT ignored, and so would every interpreter that it starts; the tests of
# what an interrupt does must not depend on how they were started.
signal.signal(signal.SIGINT, signal.default_int_handler)

try:
    from hypothesis import settings
except ImportError:  # only the property tests need it
    pass
else:
    # A time limit for each example fails on a busy board for no fault of ours; each test has its own limit.
    settings.register_profile("brokerless", deadline=None)
    settings.load_profile("brokerless")
    # `make fuzz` runs the state machines in this one.
    settings.register_profile("long", deadline=None, stateful_step_count=100)


def native_threads() -> int:
    """How many threads the system counts in this process, libzmq's and ours included."""
    return len(os.listdir("/proc/self/task"))


def wait_until(reached: Callable[[], bool], timeout: float = PATIENCE) -> bool:
    """Look again and again until `reached()`, for what can only be looked at, such as the end of a native thread."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not reached():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.005)
    return True


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a Python thread running."""
    before = set(threading.enumerate())
    yield
    # Jupyter's client keeps daemon threads of its own; ours are joined, whatever kind they are.
    left = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    for thread in left:
        thread.join(1.0)
    left = [thread.name for thread in left if thread.is_alive()]
    if left:
        pytest.fail(f"the test left threads running: {', '.join(left)}")


def owning(base: Any) -> Any:
    """A context of the class `base` that holds on to its sockets, so that they are closed and not collected."""
    sockets = []

    class OwningContext(base):
        def socket(self, *args: Any, **kwargs: Any) -> Any:
            sock = super().socket(*args, **kwargs)
            sockets.append(sock)
            return sock

    return OwningContext()


@pytest.fixture
def ctx() -> Iterator[Any]:
    """A context of the test's own. Afterwards its sockets are closed, it is terminated, and its threads must be gone."""
    import brokerless as zmq

    before = native_threads()
    context = owning(zmq.Context)
    yield context
    context.destroy(linger=0)
    if not context.closed:
        pytest.fail("the context is not closed after destroy()")
    if not wait_until(lambda: native_threads() <= before, timeout=5.0):
        pytest.fail(f"{native_threads() - before} native threads outlive the test's context")


@pytest.fixture
def make_socket(ctx: Any) -> Iterator[Callable[..., Any]]:
    """Open sockets: make_socket(zmq.SUB, bind=..., connect=..., subscribe=b"", rcvhwm=1); closed after the test.

    Options are set before the socket binds or connects, under their pyzmq names in lower case.
    """
    opened = []

    def make(
        kind: int, *, bind: str | None = None, connect: str | None = None, context: Any = None, **options: Any
    ) -> Any:
        sock = (ctx if context is None else context).socket(kind)
        opened.append(sock)
        sock.linger = 0
        for name, value in options.items():
            setattr(sock, name, value)
        if bind is not None:
            sock.bind(bind)
        if connect is not None:
            sock.connect(connect)
        return sock

    yield make
    for sock in opened:
        sock.close(linger=0)


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Runs the test once for each transport."""
    return str(request.param)


@pytest.fixture
def ipc_dir() -> Iterator[Path]:
    """A folder with a short path: an ipc address has about 100 characters, and pytest's own folders need most of them."""
    folder = tempfile.mkdtemp(prefix="zmq-")
    yield Path(folder)
    shutil.rmtree(folder)


@pytest.fixture
def endpoint(ipc_dir: Path) -> Callable[[str], str]:
    """An address to bind that no other test uses: endpoint("tcp"), endpoint("ipc"), endpoint("inproc")."""
    numbers = itertools.count()

    def make(transport: str = "tcp") -> str:
        if transport == "tcp":
            return "tcp://127.0.0.1:*"
        if transport == "ipc":
            return f"ipc://{ipc_dir}/{next(numbers)}"
        if transport == "inproc":
            return f"inproc://test-{next(numbers)}"
        raise ValueError(f"no such transport: {transport}")

    return make


@pytest.fixture
def pair(make_socket: Callable[..., Any], endpoint: Callable[[str], str]) -> Callable[..., Any]:
    """Two connected sockets: pair(zmq.PUSH, zmq.PULL, "ipc") binds the first and connects the second."""

    def make(type_a: int, type_b: int, transport: str = "tcp", **options: Any) -> Any:
        a = make_socket(type_a, bind=endpoint(transport), **options)
        b = make_socket(type_b, connect=a.last_endpoint.decode(), **options)
        return a, b

    return make


@pytest.fixture
def free_port() -> int:
    """A tcp port that nothing listens on."""
    from tools.runner import free_ports

    return free_ports(1)[0]


@pytest.fixture
def in_thread() -> Iterator[Callable[..., Future[Any]]]:
    """Run a function beside the test: in_thread(fn, *args) is a Future; what it raises is raised in the test.

    The thread is joined after the test. An exception that the test has not looked at fails it.
    """
    started: list[tuple[threading.Thread, Future[Any]]] = []

    def start(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        future = _WatchedFuture()

        def run() -> None:
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        # A daemon: a test that hangs must not keep the interpreter from ending with its report.
        thread = threading.Thread(target=run, name=f"in_thread({function.__name__})", daemon=True)
        started.append((thread, future))
        thread.start()
        return future

    yield start
    for thread, future in started:
        thread.join(PATIENCE)
        if thread.is_alive():
            pytest.fail(f"{thread.name} still runs {PATIENCE:.0f} s after the test")
        if not future.looked_at:
            future.result(0)


@pytest.fixture
def waiting(in_thread: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    """Like in_thread, but comes back when the system says that the thread sleeps in the call: waiting(sock.recv)."""

    def start(call: Callable[[], Any]) -> Future[Any]:
        number = []
        begun = threading.Event()

        def run() -> Any:
            number.append(threading.get_native_id())
            begun.set()
            return call()

        future = in_thread(run)
        assert begun.wait(PATIENCE)
        assert wait_until_asleep(number[0])
        return future

    return start


class _WatchedFuture(Future):
    """Knows whether the test asked for its outcome."""

    looked_at = False

    def result(self, timeout: float | None = PATIENCE) -> Any:
        self.looked_at = True
        return super().result(timeout)

    def exception(self, timeout: float | None = PATIENCE) -> BaseException | None:
        self.looked_at = True
        return super().exception(timeout)


@pytest.fixture
def make_device(ctx: Any, endpoint: Callable[[str], str]) -> Iterator[Callable[..., Any]]:
    """make_device(zmq.Queue, "ipc"): a started device between two endpoints of its own; stopped after the test."""
    made = []

    def make(kind: Any, transport: str = "tcp", start: bool = True, **options: Any) -> Any:
        device = kind(endpoint(transport), endpoint(transport), context=ctx, **options)
        made.append(device)
        return device.start() if start else device

    yield make
    for device in made:
        device.stop(timeout=0)


@pytest.fixture
def at(in_thread: Callable[..., Any], make_socket: Callable[..., Any]) -> Callable[..., Any]:
    """at(zmq.REQ, device.frontend_endpoint): a connected socket, which is closed before threads are waited for."""
    return lambda kind, where, **options: make_socket(kind, connect=where, **options)


@pytest.fixture
def pyzmq() -> Any:
    """The real pyzmq. It must be there: without it, compatibility is not tested but assumed."""
    import zmq

    if "brokerless" in (zmq.__file__ or ""):
        pytest.fail("brokerless stands in for pyzmq in this process, so there is nothing to compare with")
    return zmq


@pytest.fixture
def pyzmq_ctx(pyzmq: Any) -> Iterator[Any]:
    """A context of pyzmq's; its sockets are closed and it is terminated after the test."""
    context = owning(pyzmq.Context)
    # Its threads start with its first socket; started now, they are not taken for those of a `ctx` made later.
    context.socket(pyzmq.PAIR).close()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., Any]:
    """Run a program in an interpreter of its own, warnings being errors there too; its output is in the result."""

    def run(code: str, *, timeout: float = 30.0, check: bool = True) -> Any:
        program = tmp_path / "program.py"
        program.write_text(code, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "error", str(program)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=str(tmp_path),
        )
        if check and done.returncode != 0:
            pytest.fail(f"the program ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    return run


@pytest.fixture
def loose_ctx() -> Iterator[Any]:
    """A plain context, which does not hold on to its sockets: here they are to be dropped."""
    import brokerless as zmq

    context = zmq.Context()
    yield context
    context.destroy(linger=0)
