"""A whole pipeline in one object: a producer and a collector here, and workers anywhere."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
import warnings
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Tuple,
    TypeVar,
    Union,
)
from weakref import WeakMethod, finalize

from .. import _opened
from .._watched import Watched
from ..error import Again, SocketClosed
from ..jupyter.interrupted import interrupted
from ._pool import Pool, how_many
from ._roles import bar, count
from .codecs import CodecLike
from .reliable import RESULTS, WINDOW, WINDOW_BYTES, ReliableCollector, ReliableProducer
from .reliable_stats import WorkerTally

if TYPE_CHECKING:
    from ..security.clients import Clients
    from ..security.keys import Keys

__all__ = ["Pipeline", "PipelineStats", "WorkersFailed"]

_P = TypeVar("_P", bound="Pipeline")

#: The most results that are taken at once.
_BATCH = 256
#: Seconds between two looks at whether there is room for jobs, or the workers have failed.
_LOOK = 0.05


class WorkersFailed(RuntimeError):
    """The workers of a pipeline end before they work: they cannot import what they need, perhaps."""


class PipelineStats(NamedTuple):
    """What a pipeline has done so far."""

    #: Jobs taken.
    jobs: int
    #: Jobs whose results are here.
    done: int
    #: Jobs that a worker has now.
    in_flight: int
    #: Jobs that wait for a worker.
    waiting: int
    #: Results that wait for the program.
    ready: int
    #: Jobs that failed in the end.
    failed: int
    #: How often a job was given to another worker.
    redelivered: int
    #: How often a job was tried again, because it failed.
    retried: int
    #: Results that came again, and were dropped.
    duplicates: int
    #: Workers that are there now.
    workers: int
    #: Workers that were lost.
    lost: int
    #: Local processes that were started in the place of others.
    restarted: int
    #: Messages of strangers, at both ports.
    refused: int
    #: Seconds since the pipeline was made, or until it was closed.
    seconds: float

    @property
    def rate(self) -> float:
        """Jobs done in a second, on the average."""
        return self.done / self.seconds if self.seconds > 0 else 0.0


class Pipeline(Watched):
    """Calls a function for each item, by workers beside this program; nothing is lost when one of them dies.

        with pipeline.Pipeline(fn, workers=4) as p:
            for result in p.map(items, progress=True):
                ...

    `workers` are processes of this machine: a number (None: as many as it has processors), "threads:4" for threads of this
    process, or 0. The function goes to processes by cloudpickle, through a pipe of their own, so that one defined in a cell
    will do. They end with this process, and one that dies is started again.

    With `jobs` and `results`, endpoints to bind ("tcp://*:5557", "tcp://*:5558"), workers of other machines may join and leave at
    any time: `pipeline.Worker(jobs, results, reliable=True).run(fn)`, or `brokerless worker module:function JOBS RESULTS`. Without
    them only this machine's workers can, through files in a folder that only this user may enter.

    `codec`, `retries`, `max_deliveries`, `window`, `window_bytes`, `heartbeat`, `heartbeat_timeout` and `job_timeout` are as for
    ReliableProducer. A local process that is silent for too long is killed, and started again. With `keys`, what goes over `jobs` and
    `results` is encrypted, and besides this machine's workers only those of `clients` may join: see zmq.secure().

    Guarantees: each item's result comes exactly once, or its JobError does. Any thread may look; one at a time may map().
    """

    #: For those who show things, and do not import this.
    _is_pipeline = True

    def __init__(
        self,
        fn: Callable[[Any], Any],
        *,
        workers: Union[int, str, None] = None,
        threads: bool = False,
        jobs: Optional[str] = None,
        results: Optional[str] = None,
        codec: CodecLike = "json",
        retries: int = 0,
        max_deliveries: int = 3,
        window: int = WINDOW,
        window_bytes: int = WINDOW_BYTES,
        heartbeat: float = 1.0,
        heartbeat_timeout: float = 5.0,
        job_timeout: Optional[float] = None,
        context: Optional[Any] = None,
        keys: Optional[Keys] = None,
        clients: Optional[Clients] = None,
    ) -> None:
        size, as_threads = how_many(workers, threads)
        alone = jobs is None or results is None
        if size == 0 and alone:
            raise ValueError(
                "without workers here, jobs= and results= say where others connect: jobs='tcp://*:5557', ..."
            )
        if alone and (keys is not None or clients is not None):
            raise TypeError("keys= and clients= are for jobs= and results=, where others connect; nobody else can here")
        own, guarded = _secured(keys, clients)
        self._remove: Callable[[], Any] = lambda: None
        self._lock = threading.Lock()
        self._mapping = False
        self._closed = False
        self._trouble = ""
        self._told = False
        self._began, self._ended = time.monotonic(), 0.0
        self._pool: Optional[Pool] = None
        self._collector: Optional[ReliableCollector] = None
        folder = ""
        if alone:
            folder = tempfile.mkdtemp(prefix="brokerless-")
            self._remove = finalize(self, shutil.rmtree, folder, ignore_errors=True)
        beats: Any = {"heartbeat": heartbeat, "heartbeat_timeout": heartbeat_timeout}
        try:
            self._producer = ReliableProducer(
                jobs or f"ipc://{folder}/jobs",
                context=context,
                codec=codec,
                retries=retries,
                max_deliveries=max_deliveries,
                window=window,
                window_bytes=window_bytes,
                job_timeout=job_timeout,
                **beats,
                **guarded,
            )
            self._collector = ReliableCollector(
                results or f"ipc://{folder}/results", context=context, codec=codec, window=RESULTS, **beats, **guarded
            )
            # Its threads do not keep a pipeline alive that nobody else has.
            producer, failed = self._producer, WeakMethod(self._fail)
            self._pool = Pool(
                fn,
                codec,
                _to_connect(self._producer.endpoint),
                _to_connect(self._collector.endpoint),
                workers=size,
                threads=as_threads,
                context=context,
                tallies=lambda: producer.workers,
                failed=lambda why: _call(failed(), why),
                keys=own,
                server_key=None if keys is None else keys.public,
            )
        except BaseException:
            self._closed = True
            self._abandon()
            raise
        _opened.process_opened(self)

    def map(
        self,
        items: Iterable[Any],
        *,
        ordered: bool = True,
        progress: bool = False,
        timeout: Optional[float] = None,
        errors: str = "raise",
    ) -> Iterator[Any]:
        """Iterates over `fn(item)` for each item: in the order of the items, or with ordered=False as they are done.

        An iterator of items will do, also one without an end: it is asked for the next item, by this thread and between two
        results, when there is room in the window. What is not asked for when the iteration ends early is not done; what has
        begun is, and dropped. `progress=True` shows a bar with the rate, which takes the package tqdm.

        A job that has failed raises its JobError, which ends the iteration; with errors="return" the JobError comes as the
        result. `timeout` is the longest wait for the next result, in seconds (None: waits for ever).

        Raises zmq.Again when such a wait is over, WorkersFailed if the workers cannot work, RuntimeError while another map()
        goes on, TypeError or ValueError for an item that the codec has no words for. An interrupt closes the pipeline, and the
        KeyboardInterrupt says what was done.
        """
        if errors not in ("raise", "return"):
            raise ValueError(f"errors is 'raise' or 'return', not {errors!r}")
        self._check_open()
        bar = _bar(items) if progress else None
        with self._lock:
            if self._mapping:
                raise RuntimeError("this pipeline is at another map(): exhaust or close that one first")
            self._mapping = True
        return self._map(iter(items), ordered, bar, timeout, errors == "return")

    def wait_for_workers(self, n: int = 1, timeout: Optional[float] = None) -> int:
        """Waits until `n` workers are there, and returns how many are; nothing needs this, workers may come late.

        Raises zmq.Again if that takes more than `timeout` seconds (None: waits for ever), WorkersFailed if they cannot work.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            self._check_open()
            left = _LOOK if end is None else min(_LOOK, max(0.0, end - time.monotonic()))
            here: int = self._producer._dispatcher.wait_for_workers(n, left)
            if here >= n:
                return here
            if end is not None and time.monotonic() >= end:
                raise self._again(f"{count(here, 'worker')} of {n} came within {timeout} s")

    def close(self) -> None:
        """Ends the pipeline: workers are told, and killed if they do not end within a second. May be called again."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._ended = time.monotonic()
        self._abandon()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @property
    def jobs(self) -> str:
        """The endpoint where workers get jobs."""
        return self._producer.endpoint

    @property
    def results(self) -> str:
        """The endpoint where workers bring results."""
        assert self._collector is not None
        return self._collector.endpoint

    @property
    def pids(self) -> List[int]:
        """The processes of this machine that work for it."""
        return [] if self._pool is None else self._pool.pids

    @property
    def stats(self) -> PipelineStats:
        """What was done so far."""
        jobs, results = self._producer._dispatcher.counts, self._gatherer.counts
        return PipelineStats(
            jobs=jobs["jobs"],
            done=results["results"],
            in_flight=jobs["in_flight"],
            waiting=jobs["waiting"],
            ready=results["waiting"],
            failed=results["failed"],
            redelivered=jobs["redelivered"],
            retried=jobs["retried"],
            duplicates=results["duplicates"],
            workers=0 if self._closed else jobs["workers"],
            lost=jobs["lost"],
            restarted=0 if self._pool is None else self._pool.restarted,
            refused=jobs["refused"] + results["refused"],
            seconds=(self._ended or time.monotonic()) - self._began,
        )

    @property
    def workers(self) -> List[WorkerTally]:
        """What each worker has done, in the order in which they came; those that are gone, too."""
        came = {name: (done, failed) for name, _, _, done, failed, _ in self._gatherer.workers}
        # Their results are here before word of it is.
        return [
            tally._replace(
                done=came.get(tally.name, (tally.done, 0))[0], failed=came.get(tally.name, (0, tally.failed))[1]
            )
            for tally in self._producer.workers
        ]

    def __enter__(self: _P) -> _P:
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.close()
        if kind is KeyboardInterrupt and not self._told:
            self._told = True
            raise interrupted(self._said()) from None

    def __del__(self) -> None:
        if getattr(self, "_closed", True) or sys.is_finalizing():
            return
        warnings.warn(f"{self!r} was not closed", ResourceWarning, stacklevel=2)
        # Garbage collection waits for nobody: all are told, and processes killed.
        self._closed = True
        if self._pool is not None:
            self._pool.drop()
        for part in (self._producer._dispatcher, self._gatherer):
            part.stop()

    def __repr__(self) -> str:
        stats = self.stats
        return f"<Pipeline: {stats.done:,} of {count(stats.jobs, 'job')} done, {self._state()}>"

    def _state(self) -> str:
        return "closed" if self._closed else f"{count(self.stats.workers, 'worker')} there"

    @property
    def _gatherer(self) -> Any:
        assert self._collector is not None
        return self._collector._stream

    def _map(
        self, items: Iterator[Any], ordered: bool, bar: Any, timeout: Optional[float], returned: bool
    ) -> Iterator[Any]:
        dispatcher, gatherer = self._producer._dispatcher, self._gatherer
        first = dispatcher.counts["jobs"]
        gatherer.set_ordered(ordered)
        fed = taken = 0
        more = True
        last = time.monotonic()
        try:
            while more or taken < fed:
                if more:
                    came, more = dispatcher.feed(items, gatherer)
                    fed += came
                    if taken == fed:
                        continue
                self._check_open()
                look = _LOOK if timeout is None else min(_LOOK, timeout)
                if more:
                    dispatcher.wait_room(gatherer, look)
                results = gatherer.take(_BATCH, 0 if more else look)
                for number, is_value, value in results or ():
                    if number < first:
                        # Of a map() that nobody wanted to see the end of.
                        continue
                    taken += 1
                    last = time.monotonic()
                    if bar is not None:
                        bar.update()
                    if not is_value and not returned:
                        raise value
                    yield value
                if timeout is not None and not results and time.monotonic() - last > timeout:
                    raise self._again(f"no result came within {timeout} s")
        except KeyboardInterrupt:
            self.close()
            self._told = True
            raise interrupted(self._said()) from None
        except SocketClosed:
            self._check_open()
            raise
        finally:
            if bar is not None:
                bar.close()
            if not self._closed and (more or taken < fed):
                dispatcher.forget_pending()
                dispatcher.cancel_from(first)
            with self._lock:
                self._mapping = False

    def _said(self) -> str:
        stats = self.stats
        return (
            f"the pipeline is closed: {stats.done:,} of {count(stats.jobs, 'job')} that it had taken were done, "
            f"{stats.in_flight:,} had begun"
        )

    def _fail(self, why: str) -> None:
        self._trouble = why

    def _check_open(self) -> None:
        if self._trouble:
            raise WorkersFailed(self._trouble)
        if self._closed:
            raise SocketClosed("this pipeline is closed")

    def _again(self, text: str) -> Again:
        error = Again()
        stats = self.stats
        error.detail = f"{text}; {count(stats.workers, 'worker')} there, {count(stats.in_flight, 'job')} in their hands"
        return error

    def _abandon(self) -> None:
        producer, pool = getattr(self, "_producer", None), self._pool
        if pool is not None:
            pool._stopping.set()
        if producer is not None:
            producer._dispatcher.stop()
        if pool is not None:
            pool.stop()
        if producer is not None:
            producer.close()
        if self._collector is not None:
            self._collector.close()
        self._remove()


def _call(function: Optional[Callable[[str], None]], why: str) -> None:
    if function is not None:
        function(why)


def _to_connect(endpoint: str) -> str:
    """Where this machine's workers find what is bound so."""
    for anywhere in ("tcp://0.0.0.0:", "tcp://*:", "tcp://[::]:"):
        if endpoint.startswith(anywhere):
            return f"tcp://127.0.0.1:{endpoint[len(anywhere) :]}"
    return endpoint


def _bar(items: Any) -> Any:
    total = len(items) if hasattr(items, "__len__") else None
    return bar(total=total)


def _secured(keys: Optional[Keys], clients: Optional[Clients]) -> Tuple[Optional[Keys], Dict[str, Any]]:
    """With keys: those of this machine's workers, made for this pipeline, and what both roles are secured with."""
    if keys is None:
        # Without keys, clients are refused by the roles.
        return None, {"clients": clients}
    from ..security.ends import clients_and
    from ..security.keys import Keys

    own = Keys.new(f"workers of process {os.getpid()}")
    return own, {"keys": keys, "clients": clients_and(own, keys, clients)}
