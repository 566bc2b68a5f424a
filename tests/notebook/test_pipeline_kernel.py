"""A pipeline in a notebook: functions of its cells go to processes, Stop stops it, a cell that is run again replaces it."""

from __future__ import annotations

import os
from typing import Iterator

import pytest

pytest.importorskip("ipykernel")
pytest.importorskip("cloudpickle")

from conftest import wait_until
from live_kernel import LiveKernel, live_kernel

BEGIN = """
%load_ext brokerless
import os, time
from brokerless import pipeline

factor = 3

def triple(job):
    return [os.getpid(), job * factor]
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveKernel]:
    with live_kernel() as kernel:
        kernel.run(BEGIN)
        yield kernel


def pids_of(text: str) -> list[int]:
    return [int(pid) for pid in text.split()[-1].split(",")]


def gone(pids: list[int]) -> bool:
    return wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))


def test_a_function_of_a_cell_goes_to_processes(shared: LiveKernel) -> None:
    shared.run(
        "with pipeline.Pipeline(triple, workers=2) as p:\n"
        "    results = list(p.map(range(100), timeout=20))\n"
        "assert [result for _, result in results] == [3 * number for number in range(100)]\n"
        "assert os.getpid() not in {pid for pid, _ in results}"
    )
    shown = shared.run("p").shown
    assert shown == ["<Pipeline: 100 of 100 jobs done, closed>"]


def test_what_a_worker_prints_and_raises(shared: LiveKernel) -> None:
    ran = shared.start(
        "with pipeline.Pipeline(lambda job: 1 // job, workers=1) as p:\n    list(p.map([1, 0], timeout=20))"
    )
    ran.done()
    (error,) = ran.errors
    assert error["ename"] == "JobError"
    assert "ZeroDivisionError" in error["evalue"]


def test_stop_closes_it_and_says_what_was_done(shared: LiveKernel) -> None:
    ran = shared.start(
        "p = pipeline.Pipeline(triple, workers=2)\n"
        "for number, result in enumerate(p.map(iter(int, 1))):\n"
        "    if number == 1000:\n"
        "        print('working', ','.join(map(str, p.pids)), flush=True)\n"
    )
    ran.until(lambda: "working" in ran.text)
    shared.interrupt_now(ran)
    (error,) = ran.errors
    assert error["ename"] == "KeyboardInterrupt"
    shared.run("p.close()")
    assert gone(pids_of(ran.text))


def test_a_cell_that_is_run_again_replaces_it(shared: LiveKernel) -> None:
    code = (
        "p = pipeline.Pipeline(triple, workers=1)\np.wait_for_workers(1, 20)\nprint('are', ','.join(map(str, p.pids)))"
    )
    first = shared.run(code, "one")
    second = shared.run(code, "one")
    assert gone(pids_of(first.text))
    assert not set(pids_of(first.text)) & set(pids_of(second.text))
    shared.run("p.close()")
    assert gone(pids_of(second.text))
