"""What reliable roles count."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ReliableCollectorStats", "ReliableProducerStats", "WorkerTally"]


class ReliableProducerStats(NamedTuple):
    """What a reliable producer has done so far."""

    #: Jobs taken from the program.
    sent: int
    #: Their bytes.
    bytes: int
    #: Workers that are there now.
    workers: int
    #: Jobs whose results the collector has.
    done: int
    #: Jobs that a worker has now.
    in_flight: int
    #: Jobs that wait for a worker.
    waiting: int
    #: How often a job was given to another worker, because the one before was lost or left.
    redelivered: int
    #: How often a job was tried again, because it failed.
    retried: int
    #: Jobs that were given up, because each worker that took them died.
    given_up: int
    #: Workers that were lost: dead, silent, or out of reach.
    lost: int
    #: Messages of strangers.
    refused: int


class ReliableCollectorStats(NamedTuple):
    """What a reliable collector has done so far."""

    #: Results, each counted once.
    received: int
    #: Their bytes.
    bytes: int
    #: Workers that are there now.
    workers: int
    #: Results that came again, and were dropped.
    duplicates: int
    #: Results that are errors.
    failed: int
    #: Results that wait for the program, or for those before them.
    waiting: int
    #: Workers that were lost.
    lost: int
    #: Messages of strangers.
    refused: int


class WorkerTally(NamedTuple):
    """What one worker has done for this role."""

    #: Its name.
    name: str
    #: Whether it is there now.
    here: bool
    #: Jobs that it has now.
    in_flight: int
    #: Jobs that it has done.
    done: int
    #: Jobs that failed there.
    failed: int
    #: How often it was lost.
    lost: int
