"""Pipeline and Executor: one call for all of it."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import threading
from typing import Any

import pytest

import brokerless as zmq
from brokerless import pipeline
from tests.conftest import PATIENCE, wait_until
from tests.pipeline.reliable import double, fail_at_three, size_of


@pytest.fixture(autouse=True)
def once(monkeypatch: Any) -> None:
    """What is started once for all is there before anybody counts threads."""
    tqdm = pytest.importorskip("tqdm")
    monkeypatch.setattr(tqdm.tqdm, "monitor_interval", 0)


@pytest.fixture
def whole(ctx: Any) -> Any:
    with pipeline.Pipeline(double, workers="threads:2", context=ctx) as made:
        yield made


def test_processes_of_this_machine(ctx: Any) -> None:
    pytest.importorskip("cloudpickle")
    factor = 3
    with pipeline.Pipeline(lambda job: (os.getpid(), job * factor), workers=2, context=ctx) as whole:
        assert whole.wait_for_workers(2, timeout=PATIENCE) == 2
        results = list(whole.map(range(200), timeout=PATIENCE))
        pids = whole.pids
        assert {pid for pid, _ in results} <= set(pids)
        assert [result for _, result in results] == [number * 3 for number in range(200)]
    assert whole.closed
    assert wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))


def test_map(whole: Any) -> None:
    assert list(whole.map([])) == []
    assert list(whole.map(range(3000))) == [2 * number for number in range(3000)]
    assert sorted(whole.map(iter(range(300)), ordered=False)) == [2 * number for number in range(300)]
    assert list(whole.map(["a"], progress=True)) == ["aa"]
    assert whole.stats.done == 3301
    assert sum(worker.done for worker in whole.workers) == 3301


def test_an_iteration_that_ends_early(whole: Any) -> None:
    asked = []

    def endless() -> Any:
        for number in range(10**9):
            asked.append(number)
            yield number

    results = whole.map(endless())
    assert [next(results) for _ in range(10)] == list(range(0, 20, 2))
    with pytest.raises(RuntimeError, match="another map"):
        whole.map([1])
    results.close()
    assert len(asked) <= 4096 + 512
    assert list(whole.map([5, 6])) == [10, 12]


def test_errors(ctx: Any) -> None:
    with pipeline.Pipeline(fail_at_three, workers="threads:1", context=ctx) as whole:
        results = whole.map(range(6))
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(pipeline.JobError, match="three is too many"):
            next(results)
        mixed = list(whole.map([2, 3, 4], errors="return"))
        assert mixed[::2] == [2, 4]
        assert mixed[1].job == 3
        with pytest.raises(ValueError, match="errors is"):
            whole.map([], errors="ignore")
        with pytest.raises(TypeError):
            list(whole.map([{1}]))
        with pytest.raises(ZeroDivisionError):
            list(whole.map(1 // number for number in (1, 0)))
        assert list(whole.map([7])) == [7]


def test_nothing_is_a_result(ctx: Any) -> None:
    with pipeline.Pipeline(lambda job: None, workers=1, threads=True, context=ctx) as whole:
        assert list(whole.map(range(3))) == [None] * 3


def test_remote_workers(ctx: Any, make: Any) -> None:
    places = {"jobs": "tcp://127.0.0.1:*", "results": "tcp://127.0.0.1:*"}
    with pipeline.Pipeline(size_of, workers=0, codec=("bytes", "json"), context=ctx, **places) as whole:
        with pytest.raises(zmq.Again, match="0 workers of 1"):
            whole.wait_for_workers(timeout=0.05)
        with pytest.raises(zmq.Again, match="no result came"):
            list(whole.map([b""], timeout=0.05))
        worker = make(pipeline.Worker, whole.jobs, whole.results, reliable=True, codec=("bytes", "json"))
        worker.start(size_of)
        assert list(whole.map([b"", b"ab"], timeout=PATIENCE)) == [0, 2]
    assert worker.join(PATIENCE).sent >= 2


def test_what_it_refuses(ctx: Any) -> None:
    for options in ({"workers": 0}, {"workers": -1}, {"workers": "four"}, {"workers": "threads:x"}, {"codec": "xml"}):
        with pytest.raises(ValueError, match=r".+"):
            pipeline.Pipeline(double, context=ctx, **options)
    with pytest.raises(zmq.ZMQError):
        pipeline.Pipeline(double, jobs="nonsense", context=ctx)


def test_workers_that_cannot_work(ctx: Any, tmp_path: Any, monkeypatch: Any, capfd: Any) -> None:
    (tmp_path / "only_here.py").write_text(
        f"import os\nif os.getpid() != {os.getpid()}:\n    raise ImportError('not here')\ndef fn(job): return job\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import only_here

    with pipeline.Pipeline(only_here.fn, workers=1, context=ctx) as whole:
        with pytest.raises(pipeline.WorkersFailed, match="exit code 1"):
            list(whole.map([1], timeout=PATIENCE))
    assert "not here" in capfd.readouterr().err


def test_an_interrupt_closes_it_and_says_what_was_done(ctx: Any) -> None:
    whole = pipeline.Pipeline(double, workers="threads:1", context=ctx)

    def play() -> None:
        with whole:
            for result in whole.map(iter(int, 1)):
                if whole.stats.done > 10:
                    os.kill(os.getpid(), signal.SIGINT)
                assert result == 0

    with pytest.raises(KeyboardInterrupt, match=r"the pipeline is closed: [\d,]+ of [\d,]+ jobs") as stopped:
        play()
    assert whole.closed
    assert stopped.value.__suppress_context__


def test_what_it_says_of_itself(whole: Any) -> None:
    whole.wait_for_workers(2, timeout=PATIENCE)
    list(whole.map(range(10)))
    assert repr(whole) == "<Pipeline: 10 of 10 jobs done, 2 workers there>"
    page = whole._repr_html_()
    assert "thread 1" in page
    assert page.count("<meter") == 2
    assert whole.stats.rate > 0
    assert "jobs done" in whole.dashboard(live=False).text()
    text = str(zmq.diagram(whole))
    assert "ROUTER (ReliableProducer)" in text
    assert "ROUTER (ReliableCollector)" in text
    whole.close()
    with pytest.raises(zmq.SocketClosed):
        whole.map([1])
    assert "closed" in repr(whole)


def test_one_that_nobody_has_any_more_ends(ctx: Any) -> None:
    whole = pipeline.Pipeline(double, workers=1, context=ctx)
    whole.wait_for_workers(1, timeout=PATIENCE)
    pids, folder = whole.pids, os.path.dirname(whole.jobs[len("ipc://") :])
    assert os.listdir(folder)
    with pytest.warns(ResourceWarning, match="was not closed"):
        del whole
    assert wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
    assert not os.path.exists(folder)


def test_the_children_end_with_their_parent(run_python: Any) -> None:
    program = """
import os, signal, subprocess, sys
from brokerless import pipeline
whole = pipeline.Pipeline(abs, workers=2)
whole.wait_for_workers(2, timeout=20)
print(*whole.pids, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = run_python(program, check=False)
    pids = done.stdout.split()
    assert len(pids) == 2
    assert wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))


# The executor


@pytest.fixture(params=[True, False], ids=["threads", "processes"])
def executor(ctx: Any, request: Any) -> Any:
    with pipeline.Executor(2, threads=request.param, context=ctx) as made:
        yield made


def test_submit(executor: Any) -> None:
    assert executor.submit(pow, 2, 10).result(PATIENCE) == 1024
    assert executor.submit(int, "ff", base=16).result(PATIENCE) == 255
    assert list(executor.map(divmod, range(5), [2] * 5, timeout=PATIENCE)) == [divmod(n, 2) for n in range(5)]
    futures = [executor.submit(double, number) for number in range(50)]
    done = {future.result() for future in concurrent.futures.as_completed(futures, PATIENCE)}
    assert done == {2 * number for number in range(50)}
    assert concurrent.futures.wait(futures, PATIENCE).not_done == set()
    assert "Executor on <Pipeline" in repr(executor)
    assert executor.stats.done >= 57


def test_what_a_call_raises_is_raised(executor: Any) -> None:
    future = executor.submit(fail_at_three, 3)
    with pytest.raises(ValueError, match="three is too many") as failed:
        future.result(PATIENCE)
    assert "in fail_at_three" in failed.value.__cause__.traceback
    with pytest.raises(ZeroDivisionError):
        list(executor.map(divmod, [1], [0], timeout=PATIENCE))


def test_what_was_not_begun_can_be_cancelled(ctx: Any) -> None:
    gate = threading.Event()
    with pipeline.Executor(1, threads=True, context=ctx) as executor:
        first = executor.submit(gate.wait, PATIENCE)
        rest = [executor.submit(double, number) for number in range(20)]
        assert wait_until(first.running)
        assert not first.cancel()
        assert rest[-1].cancel()
        assert rest[-1].cancelled()
        assert rest[-1].cancel()
        gate.set()
        assert [future.result(PATIENCE) for future in rest[:-1]] == [2 * number for number in range(19)]
        with pytest.raises(concurrent.futures.CancelledError):
            rest[-1].result()
        assert not rest[0].cancel()


def test_shutdown(ctx: Any) -> None:
    gate = threading.Event()
    executor = pipeline.Executor(1, threads=True, context=ctx)
    first = executor.submit(gate.wait, PATIENCE)
    rest = [executor.submit(double, number) for number in range(20)]
    assert wait_until(first.running)
    executor.shutdown(wait=False, cancel_futures=True)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(double, 1)
    gate.set()
    assert first.result(PATIENCE)
    assert rest[-1].cancelled()
    executor.shutdown()
    assert executor.pipeline.closed
    with pytest.raises(ValueError, match="max_workers"):
        pipeline.Executor(0)


def test_a_call_that_kills_its_process(ctx: Any) -> None:
    with pipeline.Executor(1, max_deliveries=2, context=ctx) as executor:
        future = executor.submit(os._exit, 1)
        with pytest.raises(pipeline.JobError, match="was given to 2 workers"):
            future.result(PATIENCE)
        assert executor.submit(double, 4).result(PATIENCE) == 8


def test_what_cannot_be_pickled(ctx: Any) -> None:
    with pipeline.Executor(1, context=ctx) as executor:
        with pytest.raises(TypeError):
            executor.submit(double, threading.Lock())
        with pytest.raises(RuntimeError, match="its result cannot be pickled"):
            executor.submit(threading.Lock).result(PATIENCE)
