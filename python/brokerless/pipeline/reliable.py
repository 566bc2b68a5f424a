"""The roles of a reliable pipeline: what `Producer(..., reliable=True)` and its like make.

The bookkeeping is in the core, on a native thread for each role: who has which job, who is alive, what is acknowledged. It
goes on whatever the program does, and needs the GIL for nothing. docs/pipeline-protocol.md has what goes over the wire.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, List, Optional, Sequence, Union
from weakref import ref

from .. import _core, _opened
from ..constants import SocketType
from ..error import Again, ZMQError
from ._goodbye import forgotten
from ._roles import count, open_socket, secure_end
from .codecs import CodecLike, codecs_of
from .collector import Collector
from .errors import EndOfStream, RoleError
from .producer import Producer, _progress
from .reliable_stats import ReliableCollectorStats, ReliableProducerStats, WorkerTally
from .worker import Worker, WorkerStats, name_of_worker

if TYPE_CHECKING:
    from ..security.clients import Clients, Key
    from ..security.keys import Keys

__all__ = [
    "ReliableCollector",
    "ReliableProducer",
    "ReliableWorker",
]

#: Jobs from the oldest that is not done to the newest, unless the program says otherwise.
WINDOW = 4096
#: Bytes of jobs that are not done.
WINDOW_BYTES = 256 << 20
#: Results that may wait for the program before workers wait for it.
RESULTS = 4096

#: How long the end of a role may take, in seconds: it has to say goodbye, and to hear that it was heard.
_GOODBYE = 3.0
#: How long what was said last may take to leave, in milliseconds: whoever does not hear it notices the silence.
_LINGER = 1000


class ReliableProducer(Producer):
    """Hands out jobs, and sees to it that each is done: `Producer(endpoint, reliable=True, ...)` makes one.

    A job is done when its result is with the collector. Until then it is kept, and given to another worker if its own dies,
    leaves, is silent for `heartbeat_timeout` seconds, or is at one job for longer than `job_timeout` seconds (None: however
    long). A job that fails is tried again up to `retries` times. One that `max_deliveries` workers have died of is given up, which
    is an error in the place of its result.

    Workers ask for as many jobs as they do in a moment. `window` is how many jobs there may be from the oldest that is not done
    to the newest, `window_bytes` how large they may be together; send() and send_all() wait when there are more. `codec` is
    what jobs are written in: see `pipeline.codecs_of()`. `heartbeat` is the time in seconds after which who has nothing to
    say gives a sign of life. `keys` and `clients` are those of zmq.secure(); its Gate is the attribute `gate`.

    Guarantees: each job is done at least once, or reported as an error; its result comes to the collector's program exactly
    once, as long as producer and collector live. Any thread may call any method. Each wait can be interrupted.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        context: Optional[Any] = None,
        reliable: bool = True,
        codec: CodecLike = "json",
        retries: int = 0,
        max_deliveries: int = 3,
        window: int = WINDOW,
        window_bytes: int = WINDOW_BYTES,
        heartbeat: float = 1.0,
        heartbeat_timeout: float = 5.0,
        job_timeout: Optional[float] = None,
        keys: Optional[Keys] = None,
        clients: Optional[Clients] = None,
    ) -> None:
        if not reliable:
            raise ValueError("a ReliableProducer is reliable; Producer(endpoint) is the plain one")
        codecs = codecs_of(codec)
        _check_times(heartbeat, heartbeat_timeout, job_timeout)
        for name, value, least, most in (
            ("retries", retries, 0, 65535),
            ("max_deliveries", max_deliveries, 1, 65535),
            ("window", window, 1, 1 << 20),
            ("window_bytes", window_bytes, 1, 1 << 62),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} is a number from {least} to {most}, not {value}")
        self.socket = open_socket(context, SocketType.ROUTER, LINGER=_LINGER)
        try:
            self.gate = secure_end(self.socket, keys, binds=True, connects=False, clients=clients)
            _core.Dispatcher.prepare(self.socket)
            self.socket.watch()
            self.socket.bind(endpoint)
            self.endpoint = self.socket.endpoints[-1]
            self._dispatcher = _core.Dispatcher(
                self.socket,
                os.urandom(16),
                (codecs.jobs_name, codecs.jobs),
                window=window,
                window_bytes=window_bytes,
                retries=retries,
                max_deliveries=max_deliveries,
                heartbeat=heartbeat,
                limit=heartbeat_timeout,
                job_timeout=job_timeout,
            )
        except BaseException:
            self.socket.close(0)
            raise
        _opened.role_opened(self)

    def wait_for_workers(self, n: int = 1, timeout: Optional[float] = None) -> int:
        """Waits until `n` workers are there and have their collector, and returns how many are.

        Raises zmq.Again if that takes more than `timeout` seconds (None: waits for ever).
        """
        here = self._dispatcher.wait_for_workers(n, timeout)
        if here < n:
            raise self._again(f"{count(here, 'worker')} of {n} came within {timeout} s")
        return here

    def send(self, job: Any, timeout: Optional[float] = None) -> None:
        """Takes one job, and returns; it is done in the background.

        Waits while the window is full. Raises zmq.Again if that takes more than `timeout` seconds (None: waits for ever) and
        then the job was not taken; TypeError or ValueError for what the codec has no words for.
        """
        self._dispatcher.send(job, timeout)

    def send_all(
        self, jobs: Iterable[Any], *, workers: int = 1, timeout: Optional[float] = None, progress: bool = False
    ) -> int:
        """Waits for `workers` workers, has every job of an iterable done, ends the stream, and returns how many there were.

        A generator will do, also one without an end: it is asked for the next job when there is room. When this returns, all
        results are with the collector, which knows that there are no more; workers end, and the producer is closed.
        `progress=True` shows a bar, which takes the package tqdm.

        `timeout` is the longest wait at any one point, in seconds: for the workers, for room for a job, for the next of the
        last jobs to be done. None waits for ever.

        Raises zmq.Again when such a wait is over; whatever the iterable raises; TypeError or ValueError for a job that the
        codec has no words for. All these have an attribute `sent`: how many jobs were taken. The producer is still open, and
        goes on with what it has: wait(), or close().
        """
        before: int = self.stats.sent
        try:
            bar = _progress(jobs) if progress else jobs
            self._dispatcher.gate(workers)
            self.wait_for_workers(workers, timeout)
            self._dispatcher.send_all(bar, timeout)
            self.wait(timeout)
        except BaseException as error:
            error.sent = self.stats.sent - before  # type: ignore[attr-defined]
            raise
        sent: int = self.stats.sent - before
        return sent

    def wait(self, timeout: Optional[float] = None) -> None:
        """Ends the stream: waits until every job is done and the collector knows that there are no more, and closes.

        Raises zmq.Again if for `timeout` seconds no job becomes done (None: waits for ever).
        """
        self._dispatcher.finish()
        done = -1
        while not self._dispatcher.wait_over(timeout):
            stats = self.stats
            if stats.done == done:
                raise self._again(
                    f"{stats.sent - done} of {stats.sent} jobs are not done, and none was for {timeout} s"
                )
            done = stats.done
        self.close()

    __del__ = forgotten

    def close(self) -> None:
        """Stops, also before all is done: then workers end, and a collector raises Incomplete behind the last result."""
        self._dispatcher.stop()
        self._dispatcher.join(_GOODBYE)
        self.socket.close()

    @property
    def stats(self) -> Any:
        """What was done so far: a ReliableProducerStats."""
        counts = self._dispatcher.counts
        return ReliableProducerStats(
            sent=counts["jobs"],
            bytes=counts["bytes"],
            workers=0 if self.closed else counts["workers"],
            done=counts["done"],
            in_flight=counts["in_flight"],
            waiting=counts["waiting"],
            redelivered=counts["redelivered"],
            retried=counts["retried"],
            given_up=counts["given_up"],
            lost=counts["lost"],
            refused=counts["refused"],
        )

    @property
    def workers(self) -> List[WorkerTally]:
        """What each worker has done, in the order in which they came; those that are gone, too."""
        return [WorkerTally(*row) for row in self._dispatcher.workers]

    def __repr__(self) -> str:
        stats = self.stats
        return f"<Producer at {self.endpoint}: {stats.done} of {count(stats.sent, 'job')} done, {self._state()}>"

    def _workers(self) -> int:
        workers: int = self.stats.workers
        return workers

    def _again(self, text: str) -> Again:
        error = Again()
        here = self._workers()
        error.detail = f"{text}; {count(here, 'worker')} there now" + (
            "" if here else ": do they run, and connect to it?"
        )
        return error


class ReliableCollector(Collector):
    """Takes each result exactly once: `Collector(endpoint, reliable=True, ...)` makes one.

    `ordered=True` hands results over in the order of their jobs, otherwise as they come. A job that has failed raises its
    JobError in its place; call again to go on behind it. A result that is None is nothing to pass on, and is left out.

    The stream is over when each producer whose results have come has ended, and all its results are here: nobody guesses. A
    producer that was closed before raises Incomplete in their place. `window` is how many results may wait for the program
    before workers, and then producers, wait for it. `codec`, `heartbeat`, `heartbeat_timeout`, `keys` and `clients` are as for
    ReliableProducer.

    Guarantees: any thread may call any method, and each result goes to one caller. Each wait can be interrupted, and ends
    when its time is over; no result is lost by that.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        context: Optional[Any] = None,
        reliable: bool = True,
        ordered: bool = False,
        codec: CodecLike = "json",
        window: int = RESULTS,
        heartbeat: float = 1.0,
        heartbeat_timeout: float = 5.0,
        keys: Optional[Keys] = None,
        clients: Optional[Clients] = None,
    ) -> None:
        if not reliable:
            raise ValueError("a ReliableCollector is reliable; Collector(endpoint) is the plain one")
        codecs = codecs_of(codec)
        _check_times(heartbeat, heartbeat_timeout, None)
        if window < 1:
            raise ValueError(f"window is a number of results, 1 or more, not {window}")
        self.socket = open_socket(context, SocketType.ROUTER, LINGER=_LINGER)
        try:
            self.gate = secure_end(self.socket, keys, binds=True, connects=False, clients=clients)
            _core.Gatherer.prepare(self.socket)
            self.socket.watch()
            self.socket.bind(endpoint)
            self.endpoint = self.socket.endpoints[-1]
            self._stream: Any = _core.Gatherer(
                self.socket,
                os.urandom(16),
                (codecs.results_name, codecs.results, codecs.jobs),
                ordered=ordered,
                window=window,
                heartbeat=heartbeat,
                limit=heartbeat_timeout,
            )
        except BaseException:
            self.socket.close(0)
            raise
        _opened.role_opened(self)

    def __iter__(self) -> Iterator[Any]:
        """Iterates over the results up to the end of the stream: `for result in collector`.

        Raises JobError for a job that has failed, Incomplete for a producer that was closed; iterate again to go on.
        """
        while True:
            kind, value = self._stream.next(False, None)
            if kind == "end":
                return
            if kind == "failed":
                raise value
            yield value

    def recv(self, timeout: Optional[float] = None) -> Any:
        """The next result.

        Raises zmq.Again if none comes within `timeout` seconds (None: waits for ever), EndOfStream (an EOFError) at the
        end of the stream, JobError for a job that has failed, Incomplete for a producer that was closed before its work was
        done.
        """
        kind, value = self._stream.next(False, timeout)
        if kind == "value":
            return value
        if kind == "failed":
            raise value
        if kind == "end":
            raise EndOfStream(f"all jobs are done, and no result is left ({self.stats.received} were received)")
        raise self._again("no result", timeout)

    __del__ = forgotten

    def close(self) -> None:
        """Stops: workers are told, and keep what was not acknowledged for another collector.

        Waits until they leave, where everything is complete, or have heard of it, so that none is left with results that are here:
        two seconds at most.
        """
        self._stream.stop()
        self._stream.join(_GOODBYE)
        self.socket.close()

    @property
    def stats(self) -> Any:
        """What was done so far: a ReliableCollectorStats."""
        counts = self._stream.counts
        return ReliableCollectorStats(
            received=counts["results"],
            bytes=counts["bytes"],
            workers=0 if self.closed else counts["workers"],
            duplicates=counts["duplicates"],
            failed=counts["failed"],
            waiting=counts["waiting"],
            lost=counts["lost"],
            refused=counts["refused"],
        )

    @property
    def workers(self) -> List[WorkerTally]:
        """What came from each worker, in the order in which they came; those that are gone, too."""
        return [WorkerTally(*row) for row in self._stream.workers]

    def _workers(self) -> int:
        workers: int = self.stats.workers
        return workers


class ReliableWorker(Worker):
    """Calls a function for each job of a reliable producer: `Worker(source, sink, reliable=True, ...)` makes one.

    `source` is the endpoint of the producer, `sink` that of the collector; `codec` must be theirs. `name` tells it from all
    other workers, and is made up if not given. `keys`, `server_key` and `sink_key` are as for the plain Worker.

    It asks for as many jobs as it does in a moment, keeps each result until the collector has acknowledged it, and comes back by
    itself when a link breaks. It works until the producer says that all is done, or until it is stopped; then it gives back
    what it has not begun.

    What the function raises (an Exception) is the job's error, not the worker's: it goes on with the next job.
    """

    def __init__(
        self,
        source: Union[str, Sequence[str]],
        sink: Optional[str] = None,
        *,
        context: Optional[Any] = None,
        reliable: bool = True,
        codec: CodecLike = "json",
        name: Optional[str] = None,
        keys: Optional[Keys] = None,
        server_key: Optional[Key] = None,
        sink_key: Optional[Key] = None,
    ) -> None:
        if not reliable:
            raise ValueError("a ReliableWorker is reliable; Worker(source, sink) is the plain one")
        if not isinstance(source, str):
            raise ValueError("a reliable worker has one producer: its endpoint, a string")
        if sink is None:
            raise ValueError("a reliable worker needs the endpoint of a collector, which acknowledges its results")
        codecs = codecs_of(codec)
        self._begin_life(name or name_of_worker(), [source], sink)
        self._service: Optional[_core.Service] = None
        self._codecs = (codecs.jobs_name, codecs.jobs, codecs.results_name, codecs.results)
        self._halted = False
        self.source = open_socket(context, SocketType.DEALER, LINGER=_LINGER)
        try:
            self.sink = open_socket(context, SocketType.DEALER, LINGER=_LINGER)
            of_sink = sink_key if sink_key is not None else server_key
            for socket, endpoint, key in ((self.source, source, server_key), (self.sink, sink, of_sink)):
                secure_end(socket, keys, binds=False, connects=True, server_key=key)
                _core.Service.prepare(socket)
                socket.watch()
                socket.connect(endpoint)
        except BaseException:
            self._close()
            raise
        self._loop = _Asking(self)
        _opened.role_opened(self)

    def run(self, fn: Callable[[Any], Any], *, timeout: Optional[float] = None) -> WorkerStats:
        """Works here, until all jobs are done or another thread calls stop(); returns the `stats`.

        `fn(job)` returns the result; None is nothing to pass on. What it raises is reported to the collector, or the job is tried
        again, and the worker goes on. `timeout` is the longest wait for the next job, in seconds.

        Raises zmq.Again when such a wait is over, RoleError if what is at an endpoint does not go with this worker. After
        zmq.Again, and after an interrupt, which gives back the job in hand, run() may be called again.
        """
        return super().run(fn, timeout=timeout)

    @property
    def stats(self) -> WorkerStats:
        """How many jobs were received, how many results are with the collector, how many jobs failed, and whether it works now."""
        received, sent, failed, _ = (0, 0, 0, 0) if self._service is None else self._service.counts
        return WorkerStats(received, sent, failed, self._busy)

    def stop(self, timeout: Optional[float] = None) -> None:
        """Ends the worker after the job in hand, and gives back what it has besides. May be called again.

        Raises zmq.Again if that takes more than `timeout` seconds (None: waits for ever); it ends all the same.
        """
        self._ask_to_stop()
        service = self._service
        if service is not None and self._thread is None and not self._busy:
            self._finish(service)
        if self._thread is not None:
            if self._thread is not threading.current_thread():
                self._wait(timeout)
            return
        with self._lock:
            busy = self._busy
        if not busy:
            self._close()

    def _ask_to_stop(self) -> None:
        self._halted = True
        if self._service is not None:
            self._service.stop()

    def _call(self, fn: Callable[[Any], Any], timeout: Optional[float]) -> None:
        if self._service is None:
            service = self._service = _core.Service(self.source, self.sink, self.id, self._codecs)
            if self._halted:
                service.stop()
        outcome, why = self._service.run(fn, timeout)
        if outcome == "time":
            error = Again()
            error.detail = f"no job came within {timeout} s: {self._missing()}"
            raise error
        self._finish(self._service)
        if outcome == "wrong":
            raise RoleError(f"{why} ({' and '.join(self._sources)} -> {self._sink_endpoint})")

    def _missing(self) -> str:
        service = self._service
        jobs, results = (False, False) if service is None else service.here
        if not results:
            return f"no collector answers at {self._sink_endpoint}"
        return "the producer has none" if jobs else f"no producer answers at {' and '.join(self._sources)}"

    def _finish(self, service: _core.Service) -> None:
        service.join(_GOODBYE)

    def _close(self) -> None:
        if getattr(self, "_service", None) is not None:
            service = self._service
            assert service is not None
            service.stop(True)
            try:
                service.join(_GOODBYE)
            except ZMQError:
                # In a forked child there is no thread.
                return
        super()._close()


class _Asking:
    """Has a worker end, and does not wait."""

    def __init__(self, worker: ReliableWorker) -> None:
        self._worker = ref(worker)

    def stop(self) -> None:
        worker = self._worker()
        if worker is not None:
            worker._ask_to_stop()


def _check_times(heartbeat: float, heartbeat_timeout: float, job_timeout: Optional[float]) -> None:
    if not 0.001 <= heartbeat <= 3600:
        raise ValueError(f"heartbeat is in seconds, from 0.001 to 3600, not {heartbeat}")
    if not heartbeat < heartbeat_timeout <= 86400:
        raise ValueError(f"heartbeat_timeout is in seconds, more than heartbeat ({heartbeat}), not {heartbeat_timeout}")
    if job_timeout is not None and not 0.001 <= job_timeout <= 4e6:
        raise ValueError(f"job_timeout is in seconds, 0.001 or more, or None, not {job_timeout}")
