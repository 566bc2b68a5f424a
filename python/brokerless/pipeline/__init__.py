"""A push/pull pipeline whose roles know when they are done.

A `Producer` hands out jobs, any number of `Worker`s call a function for each, a `Collector` takes their results:

    with pipeline.Collector("tcp://*:5558") as collector:                                 # on one board
        print(collector.tally("even"))

    pipeline.Worker("tcp://10.0.0.1:5557", "tcp://10.0.0.2:5558").run(function)           # on many

    pipeline.Producer("tcp://*:5557").send_all(jobs, workers=2)                           # on another

On the wire there are PUSH and PULL sockets and JSON in one frame, nothing else, so that any role may be played by a plain
socket, by pyzmq, or in another language. No message says that the work is over; a stream ends when

- everybody who sent into it has been there and has gone (a worker needs this of each producer it connects to),
- has been gone for the `grace` period: a peer whose connection broke, and who is back by then, goes on where it was,
- and nothing is left in the queue.

So a producer ends its stream by closing, which `send_all` does once everything has left; the workers pass on their last
results and close; and then the collector's stream is over too.

Such a plain pipeline loses the jobs that are in the queue of a worker that dies or is stopped: PUSH has handed them over and
forgets them. It does not lose any as long as all roles run to their end.

With `reliable=True` the same three roles lose nothing: each job is acknowledged when its result is with the collector, and
given to another worker until it is; each result comes once, and everybody is told of the end. See ReliableProducer,
ReliableWorker and ReliableCollector, and docs/pipeline-protocol.md for what they say to each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, List

from .codecs import CODECS, codecs_of
from .collector import Collector, CollectorStats
from .errors import EndOfStream, Incomplete, JobError, MessageError, RoleError, TallyError
from .producer import Producer, ProducerStats
from .reliable import ReliableCollector, ReliableProducer, ReliableWorker
from .reliable_stats import ReliableCollectorStats, ReliableProducerStats, WorkerTally
from .worker import Worker, WorkerStats

if TYPE_CHECKING:
    from .executor import Executor
    from .whole import Pipeline, PipelineStats, WorkersFailed

# What needs more of Python's library, when somebody asks for it.
_LATER = {"Executor": ".executor", "Pipeline": ".whole", "PipelineStats": ".whole", "WorkersFailed": ".whole"}

__all__ = [
    "CODECS",
    "Collector",
    "CollectorStats",
    "EndOfStream",
    "Executor",
    "Incomplete",
    "JobError",
    "MessageError",
    "Pipeline",
    "PipelineStats",
    "Producer",
    "ProducerStats",
    "ReliableCollector",
    "ReliableCollectorStats",
    "ReliableProducer",
    "ReliableProducerStats",
    "ReliableWorker",
    "RoleError",
    "TallyError",
    "Worker",
    "WorkerStats",
    "WorkerTally",
    "WorkersFailed",
    "codecs_of",
]


def __getattr__(name: str) -> object:
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(module, __name__), name)
    globals()[name] = found
    return found


def __dir__() -> List[str]:
    return sorted({*globals(), *_LATER})
