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

This pipeline loses the jobs that are in the queue of a worker that dies or is stopped: PUSH has handed them over and forgets
them. It does not lose any as long as all roles run to their end.
"""

from __future__ import annotations

from .collector import Collector, CollectorStats
from .errors import EndOfStream, MessageError, TallyError
from .producer import Producer, ProducerStats
from .worker import Worker, WorkerStats

__all__ = [
    "Collector",
    "CollectorStats",
    "EndOfStream",
    "MessageError",
    "Producer",
    "ProducerStats",
    "TallyError",
    "Worker",
    "WorkerStats",
]
