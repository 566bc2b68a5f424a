"""What a peer's process has started ends with it: when it is stopped or replaced, when it ends, and when the kernel does."""

from __future__ import annotations

import os
import signal
from typing import Iterator, List

import pytest

pytest.importorskip("ipykernel")

from conftest import wait_until
from live_kernel import LiveKernel, Ran
from peer_notebook import end, ends, is_running, notebook

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="only Linux tells whose a process is")

#: Starts programs that wait, one of them in a group of its own, and a fork; tells all pids.
STARTS = """
import os, subprocess, sys, time
wait = [sys.executable, "-c", "import time; time.sleep(77)"]
quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
started = [subprocess.Popen(wait, **quiet), subprocess.Popen(wait, **quiet, preexec_fn=os.setpgrp)]
forked = os.fork()
if forked == 0:
    time.sleep(77)
    os._exit(0)
print(os.getpid(), forked, *(process.pid for process in started), ".", flush=True)
"""
WAITS = STARTS + "time.sleep(50)"


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveKernel]:
    with notebook() as kernel:
        yield kernel


def pids(ran: Ran) -> List[int]:
    """The peer's process, its fork, and what it has started, the last one in a group of its own."""
    return [int(word) for word in ran.until(lambda: "." in ran.text).text.split()[:4]]


@pytest.fixture
def started(shared: LiveKernel) -> Iterator[List[int]]:
    """A peer that has started others."""
    found = pids(shared.run(f"%%peer parent\n{WAITS}", cell="p"))
    assert all(is_running(pid) for pid in found)
    yield found
    shared.run("%stop --all")
    for pid in found:
        end(pid)


def test_stop_ends_them(shared: LiveKernel, started: List[int]) -> None:
    shared.run("%stop parent")
    assert not any(is_running(pid) for pid in started)


def test_who_takes_its_place_ends_them(shared: LiveKernel, started: List[int]) -> None:
    shared.run("%%peer parent\n1", cell="p")
    assert not any(is_running(pid) for pid in started)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_they_end_with_it_whatever_has_ended_it(shared: LiveKernel, started: List[int], number: int) -> None:
    os.kill(started[0], number)
    assert all(ends(pid) for pid in started)


def test_they_end_with_one_that_ends_by_itself(shared: LiveKernel) -> None:
    ran = shared.run(f"%%peer parent --wait\n{STARTS}")
    assert not any(is_running(pid) for pid in pids(ran))


def test_they_may_clean_up(shared: LiveKernel) -> None:
    tidy = "import signal, sys, time\\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(print('tidied up')))\\nprint('on', flush=True)\\ntime.sleep(77)"
    ran = shared.run(
        f"%%peer parent\nimport subprocess, sys\nsubprocess.Popen([sys.executable, '-c', '''{tidy}''']).wait()"
    )
    ran.until(lambda: "on" in ran.text)
    shared.run("%stop parent")
    ran.until(lambda: "on\ntidied up\n" in ran.text)


def test_one_that_ignores_sigterm_is_killed(shared: LiveKernel) -> None:
    deaf = "import os, signal, time\\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\\nprint(os.getpid(), flush=True)\\ntime.sleep(77)"
    ran = shared.run(
        f"%%peer parent\nimport subprocess, sys\nsubprocess.Popen([sys.executable, '-c', '''{deaf}''']).wait()"
    )
    pid = int(ran.until(lambda: "\n" in ran.text).text.split()[0])
    try:
        shared.run("%stop parent")
        assert not is_running(pid)
    finally:
        end(pid)


def test_who_asks_for_a_session_of_its_own_goes_on(shared: LiveKernel) -> None:
    code = (
        "import subprocess, sys\n"
        "quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "own = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(77)'], start_new_session=True, **quiet)\n"
        "print(own.pid, '.')"
    )
    pid = int(shared.run(f"%%peer parent --wait\n{code}").text.split()[0])
    try:
        assert is_running(pid)
    finally:
        end(pid)


def test_they_end_with_the_kernel() -> None:
    with notebook() as kernel:
        found = pids(kernel.run(f"%%peer parent\n{WAITS}"))
        try:
            kernel.manager.shutdown_kernel()
            assert wait_until(lambda: not any(is_running(pid) for pid in found))
        finally:
            for pid in found:
                end(pid)


def test_they_end_with_a_kernel_that_is_killed() -> None:
    with notebook() as kernel:
        # The system kills the peer's group, and knows of no other.
        *found, other = pids(kernel.run(f"%%peer parent\n{WAITS}"))
        # A fork of the kernel's has all that the kernel has, and lives longer.
        fork = "child = os.fork()\nif child == 0:\n    time.sleep(50)\n    os._exit(0)\nprint(child, '.')"
        forked = int(kernel.run(fork).text.split()[0])
        try:
            os.kill(kernel.pid, signal.SIGKILL)
            assert wait_until(lambda: not any(is_running(pid) for pid in found))
            assert is_running(forked)
        finally:
            for pid in [*found, other, forked]:
                end(pid)
