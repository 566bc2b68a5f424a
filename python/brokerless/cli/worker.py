"""`brokerless worker`: a worker of a reliable pipeline, with a function of a module, until the work is done."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any, Callable, List

from ..error import Again, ZMQError
from ..pipeline import RoleError, Worker
from ..security import Keys
from ._options import Options, parser, seconds
from ._shell import Failure
from ._sockets import not_a_place

__all__ = ["main"]

_DESCRIPTION = "Do the jobs of a pipeline with a function, until its producer says that all are done."
_EPILOG = """\
The function takes a job and returns its result. MODULE is looked for in the current folder first.

examples:
  brokerless worker filters:blur tcp://192.168.1.20:5557 tcp://192.168.1.20:5558 --codec numpy
  brokerless worker package.module:Class.method tcp://10.0.0.1:5557 tcp://10.0.0.2:5558

Ctrl-C (or SIGTERM) ends it after the job in hand; what it has besides is done by others. Any number may run at once."""


def _options(argv: List[str]) -> Options:
    options = parser("worker", _DESCRIPTION, _EPILOG)
    options.add_argument("function", metavar="MODULE:FUNCTION", help="what to call with each job")
    options.add_argument("jobs", metavar="JOBS", help="the producer's endpoint, or a Pipeline's `jobs`")
    options.add_argument("results", metavar="RESULTS", help="the collector's endpoint, or a Pipeline's `results`")
    options.add_argument(
        "--codec", metavar="NAME[,NAME]", default="json", help="of jobs, and of results if they differ"
    )
    options.add_argument("--name", help="what this worker is called (default: made of host and process)")
    options.add_argument(
        "--timeout", metavar="SECONDS", type=seconds(zero=False), help="give up when no job comes for so long"
    )
    options.add_argument(
        "--server-key", metavar="KEY", help="the public key of a pipeline that has keys, to which it talks then"
    )
    options.add_argument(
        "--keys", metavar="NAME", help="this worker's own keys, as zmq.Keys.load(NAME) has them (default: yours)"
    )
    chosen = options.parse_args(argv)
    if chosen.keys is not None and chosen.server_key is None:
        options.error("--keys are for a pipeline with keys: say --server-key, too")
    return chosen


def _function(text: str) -> Callable[[Any], Any]:
    name, colon, path = text.partition(":")
    if not colon or not name or not path:
        raise Failure(f"{text!r} is no MODULE:FUNCTION", code=2)
    sys.path.insert(0, os.getcwd())
    try:
        found: Any = import_module(name)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise Failure(f"{text} cannot be imported: {error}") from error
    if not callable(found):
        raise Failure(f"{text} cannot be called: it is {type(found).__name__}")
    function: Callable[[Any], Any] = found
    return function


def main(argv: List[str]) -> int:
    """Work as the arguments say until there is nothing to do any more; returns the exit code."""
    options = _options(argv)
    function = _function(options.function)
    codec = tuple(options.codec.split(",", 1)) if "," in options.codec else options.codec
    try:
        keys = None if options.keys is None else Keys.load(options.keys)
        secrets = {"keys": keys, "server_key": options.server_key}
        worker = Worker(options.jobs, options.results, reliable=True, codec=codec, name=options.name, **secrets)
    except (ValueError, ImportError) as error:
        raise Failure(str(error), code=2) from error
    except ZMQError as error:
        raise not_a_place(error) from None
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        print(f"Worker {worker.id}: jobs from {options.jobs}, results to {options.results}; Ctrl-C ends it")
        worker.run(function, timeout=options.timeout)
    except KeyboardInterrupt:
        pass
    except (RoleError, Again) as error:
        raise Failure(str(error)) from error
    finally:
        signal.signal(signal.SIGTERM, before)
        worker.stop()
        done = worker.stats
        print(f"Ended: {done.received:,} jobs, {done.sent:,} results, {done.failed:,} failed")
    return 0
