"""What can be wrong in a pipeline that is not ZeroMQ's business. (`zmq.Again` is raised when a time is over.)"""

from __future__ import annotations

import json
import traceback
from concurrent.futures import CancelledError
from typing import Any, Dict, List, Optional

__all__ = ["EndOfStream", "Incomplete", "JobError", "MessageError", "RoleError", "TallyError"]


class EndOfStream(EOFError):
    """There will be no more results: everybody who sent some has gone, and none is left."""


class Incomplete(RuntimeError):
    """The producer of a reliable pipeline was closed before its work was done; what there was of its results has been taken."""


class RoleError(ValueError):
    """What is at an endpoint does not go with this role: it is another role, has another codec, or speaks another version."""


class JobError(RuntimeError):
    """A job has failed: its function raised, or whoever took it died.

    It takes the place of the job's result, once; what comes after it can be taken as before.
    """

    #: The job's number, counted from 0 by its producer.
    number: int
    #: The job itself; None if it is larger than 64 KiB, or could not be read.
    job: Any
    #: The name of the worker that had it last.
    worker: str
    #: How often it was given to a worker.
    attempts: int
    #: The class of what was raised: "ValueError". "WorkerLost" for a job that is given up because its workers died.
    type: str
    #: Where it was raised, as Python writes it; "" where nothing was raised.
    traceback: str

    def __init__(
        self,
        text: str,
        *,
        number: int = -1,
        job: Any = None,
        worker: str = "",
        attempts: int = 0,
        type: str = "",
        traceback: str = "",
    ) -> None:
        super().__init__(text)
        self.number, self.job, self.worker = number, job, worker
        self.attempts, self.type, self.traceback = attempts, type, traceback


class MessageError(ValueError):
    """A message came that is not one frame of JSON. It was taken out of the queue; the next one can be received."""

    #: Which message it was, counted from 1 by the role that received it.
    number: Optional[int] = None
    #: The message: its frames, as they came.
    frames: List[bytes]

    def __init__(self, text: str, number: Optional[int] = None, frames: Optional[List[bytes]] = None) -> None:
        super().__init__(text)
        self.number = number
        self.frames = [] if frames is None else frames


class TallyError(MessageError):
    """A result came that cannot be counted: not an object, without the key, or with a list or an object at the key."""

    #: What was counted before.
    counts: Dict[Any, int]

    def __init__(self, text: str, number: Optional[int] = None, frames: Optional[List[bytes]] = None) -> None:
        super().__init__(text, number, frames)
        self.counts = {}


# What the core calls


def describe(error: BaseException) -> bytes:
    """What goes on the wire of an exception: JSON with its type, its text, and its traceback from the function on."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    try:
        text = str(error)
    except Exception as trouble:
        text = f"<a text that raised {type(trouble).__name__}>"
    told = {"type": type(error).__name__, "text": text, "traceback": "".join(lines)}
    return json.dumps(told).encode("ascii")


def failed(number: int, attempts: int, worker: str, told: Optional[bytes], job: Any) -> JobError:
    """The exception for a job that has failed, from what its worker, or its producer, has told."""
    try:
        read = json.loads(told or b"{}")
        what = {name: str(read.get(name, "")) for name in ("type", "text", "traceback", "worker")}
    except (ValueError, AttributeError):
        what = {"type": "", "text": repr(told)[:200], "traceback": "", "worker": ""}
    times = "" if attempts == 1 else f" for the {attempts}. time" if attempts else ""
    if what["type"] == "WorkerLost":
        # Whoever passed it on had nothing to do with it.
        worker, text = what["worker"], what["text"]
    else:
        text = f"job {number} failed{times} at {worker}: {what['type']}: {what['text']}"
    if what["traceback"]:
        text = f"{text}\n\n{what['traceback'].rstrip()}"
    return JobError(
        text,
        number=number,
        job=job,
        worker=worker,
        attempts=attempts,
        type=what["type"],
        traceback=what["traceback"],
    )


def cancelled(number: int) -> CancelledError:
    """The exception for a job that was cancelled."""
    return CancelledError(f"job {number} was cancelled before it began")


def incomplete() -> Incomplete:
    """The exception for a run whose producer has stopped."""
    return Incomplete("the producer was closed before all of its jobs were done; there will be no more results of it")
