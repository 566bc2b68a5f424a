"""What the roles have in common: they close, they can be interrupted, they say what they do."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from typing import Any

import pytest

import brokerless as zmq
from brokerless import pipeline
from tests.conftest import PATIENCE
from tests.pipeline.conftest import ANYWHERE


def test_life(ctx: Any) -> None:
    for role in (pipeline.Producer, pipeline.Collector):
        with role(ANYWHERE, context=ctx) as one:
            assert one.endpoint.startswith("tcp://127.0.0.1:")
            assert one.endpoint in repr(one)
            assert "0 workers connected" in repr(one)
            place = one.endpoint
        one.close()
        assert one.closed
        assert "closed" in repr(one)
        role(place, context=ctx).close()
        with pytest.raises(zmq.ZMQError):
            role("tcp://nonsense", context=ctx)
    with pytest.raises(zmq.ZMQError):
        pipeline.Worker("tcp://127.0.0.1:9", "nonsense", context=ctx)
    with pytest.raises(ValueError, match="endpoint of a producer"):
        pipeline.Worker([], context=ctx)
    with pipeline.Worker("tcp://127.0.0.1:9", "tcp://127.0.0.1:10", context=ctx) as worker:
        assert "tcp://127.0.0.1:9 -> tcp://127.0.0.1:10: 0 jobs received" in repr(worker)
        assert "not started" in repr(worker)
    assert worker.closed


def test_the_context_has_the_first_word(ctx: Any) -> None:
    ctx.sndhwm = 7
    with pipeline.Producer(ANYWHERE, context=ctx) as one:
        assert one.socket.sndhwm == 7
    del ctx.sndhwm
    with pipeline.Producer(ANYWHERE, context=ctx) as one:
        assert one.socket.sndhwm == 100


def test_whatever_is_public_says_what_it_does() -> None:
    assert pipeline.__doc__
    for name in pipeline.__all__:
        public = getattr(pipeline, name)
        assert public.__doc__, name
        for attribute, value in getattr(public, "__dict__", {}).items():
            if not attribute.startswith("_") and (callable(value) or isinstance(value, property)):
                assert value.__doc__, f"{name}.{attribute}"


@pytest.mark.parametrize(
    "blocked",
    [
        "pipeline.Producer('tcp://127.0.0.1:*', context=ctx).wait_for_workers()",
        "pipeline.Producer('tcp://127.0.0.1:*', context=ctx).send(1)",
        "pipeline.Producer('tcp://127.0.0.1:*', context=ctx).send_all([1])",
        "pipeline.Worker('tcp://127.0.0.1:9', context=ctx).run(str)",
        "pipeline.Worker('tcp://127.0.0.1:9', 'tcp://127.0.0.1:10', context=ctx).run(str)",
        "pipeline.Worker('tcp://127.0.0.1:9', context=ctx).start(str).join()",
        "pipeline.Collector('tcp://127.0.0.1:*', context=ctx).recv()",
        "pipeline.Collector('tcp://127.0.0.1:*', context=ctx).collect()",
        "pipeline.Collector('tcp://127.0.0.1:*', context=ctx).tally('key')",
        "list(pipeline.Collector('tcp://127.0.0.1:*', context=ctx))",
    ],
)
def test_every_wait_can_be_interrupted(ctx: Any, blocked: str) -> None:
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    names = {"pipeline": pipeline, "ctx": ctx}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(KeyboardInterrupt):
            eval(blocked, names)
        ctx.destroy(linger=0)
    timer.join()


def test_a_worker_that_is_interrupted_as_it_begins_goes_on(
    producer: Any, collector: Any, make: Any, in_thread: Any
) -> None:
    worker = make(pipeline.Worker, producer.endpoint, collector.endpoint)
    lock = worker._lock

    class Interrupting:
        def __enter__(self) -> None:
            lock.acquire()

        def __exit__(self, *exc_info: Any) -> None:
            lock.release()
            raise KeyboardInterrupt

    worker._lock = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        worker.run(abs)
    worker._lock = lock
    sending = in_thread(producer.send_all, range(3))
    assert worker.run(abs) == (3, 3, 0, False)
    assert sending.result() == 3


def test_a_worker_goes_on_after_an_interrupt(producer: Any, collector: Any, make: Any, in_thread: Any) -> None:
    worker = make(pipeline.Worker, producer.endpoint, collector.endpoint)

    def interrupt_at_ten(job: Any) -> Any:
        if job == 10:
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(PATIENCE)
        return job

    sending = in_thread(producer.send_all, range(20))
    with pytest.raises(KeyboardInterrupt) as failed:
        worker.run(interrupt_at_ten)
    if sys.version_info >= (3, 11):
        assert failed.value.__notes__ == ["this was job number 11 of this worker, 10"]
    assert worker.run(interrupt_at_ten) == (20, 19, 1, False)
    assert sending.result() == 20
    assert collector.collect(timeout=PATIENCE) == [*range(10), *range(11, 20)]
