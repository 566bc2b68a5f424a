"""The role that does the work."""

from __future__ import annotations

import atexit
import itertools
import os
import sys
import threading
import time
import traceback
import warnings
from typing import TYPE_CHECKING, Any, Callable, List, NamedTuple, Optional, Sequence, TypeVar, Union
from weakref import WeakSet

from .. import _core, _opened
from .._watched import Watched
from ..constants import SocketType
from ..error import Again, ContextTerminated, SocketClosed
from ._roles import BUFFER, QUEUE, count, open_socket, queue_for, refuse_options, reliable_class, secure_end

if TYPE_CHECKING:
    from ..security.clients import Key
    from ..security.keys import Keys

__all__ = ["Worker", "WorkerStats"]

_W = TypeVar("_W", bound="Worker")

_numbers = itertools.count(1)
#: How soon a worker connects again when a connection broke, in milliseconds; the pause doubles up to the second figure.
_RECONNECT = (10, 200)


class WorkerStats(NamedTuple):
    """What a worker has done so far."""

    #: Jobs received.
    received: int
    #: Results passed on.
    sent: int
    #: Jobs at which the function failed, or that were no JSON, or whose result is none.
    failed: int
    #: Whether it works now.
    running: bool


class Worker(Watched):
    """Calls a function for each job of its producers, and passes the results on to a collector.

    With `reliable=True` it is a ReliableWorker: no job is lost when it dies; the further arguments are described there.

    `source` is the endpoint of a producer, or a list of several; `sink` that of the collector, or None if the results
    are nobody's business. Both are connected to, so that they may start before or after. The context is
    `zmq.Context.instance()` if none is given. `id` is a string that no other worker has. Where the others have keys,
    `server_key` is the public one of the producer, and of the collector unless `sink_key` is that; `keys` are the worker's
    own: see zmq.secure().

    It works until the end of the stream: each producer has been there, all have been gone for `grace` seconds, and
    nothing is left; or its only producer says so (`Producer(end_message=True)`). Then it passes its last results on, and the
    message behind them if it had one, and closes.

    To the producer it connects only when it works and its collector is there, so that a producer that counts its workers
    counts those that are ready. Few jobs wait for it: 100 (RCVHWM; over ipc any number), and 64 KiB in the system's buffer
    (RCVBUF), unless the context says otherwise. `source` and `sink` are then the PULL and the PUSH socket, for everything else.

    Guarantees: any thread may call any method. Each wait can be interrupted. A result is passed on whole or not at all.
    """

    #: The PUSH socket for results, if anybody wants them.
    sink: Any
    #: How many threads wait for its end, and whether stderr has had what ended it.
    _joining = 0
    _said = False

    def __init__(
        self,
        source: Union[str, Sequence[str]],
        sink: Optional[str] = None,
        *,
        context: Optional[Any] = None,
        grace: float = 0.1,
        reliable: bool = False,
        keys: Optional[Keys] = None,
        server_key: Optional[Key] = None,
        sink_key: Optional[Key] = None,
        **options: Any,
    ) -> None:
        refuse_options(reliable, options)
        sources = [source] if isinstance(source, str) else list(source)
        if not sources:
            raise ValueError("a worker needs the endpoint of a producer")
        self._begin_life(name_of_worker(), sources, sink)
        quick = {"RECONNECT_IVL": _RECONNECT[0], "RECONNECT_IVL_MAX": _RECONNECT[1]}
        queue = queue_for(self._sources, QUEUE)
        self.source = open_socket(context, SocketType.PULL, RCVHWM=queue, RCVBUF=BUFFER, **quick)
        try:
            secure_end(self.source, keys, binds=False, connects=True, server_key=server_key)
            if sink is not None:
                self.sink = open_socket(context, SocketType.PUSH, **quick)
                of_sink = sink_key if sink_key is not None else server_key
                secure_end(self.sink, keys, binds=False, connects=True, server_key=of_sink)
            elif sink_key is not None:
                raise TypeError("sink_key= is the collector's, and this worker has no sink")
            self._loop: Any = _core.WorkLoop(self.source, self.sink, grace)
            if self.sink is not None:
                self.sink.connect(sink)
        except BaseException:
            self._close()
            raise
        _opened.role_opened(self)

    def __new__(cls, *args: Any, **kwargs: Any) -> Worker:
        made: Worker = object.__new__(reliable_class(cls, Worker, kwargs))
        return made

    def _begin_life(self, name: str, sources: List[str], sink: Optional[str]) -> None:
        #: A string that no other worker has, on any machine: for results that say who made them.
        self.id: str = name
        self._sources = sources
        self._sink_endpoint = sink
        self._lock = threading.Lock()
        self._thread: Optional[threading.Thread] = None
        self._busy = False
        #: What the call of run() that works now, or did last, is known by.
        self._by: Optional[object] = None
        self._error: Optional[BaseException] = None
        self._told = True
        self.sink = None

    def run(self, fn: Callable[[Any], Any], *, timeout: Optional[float] = None) -> WorkerStats:
        """Works here, until the end of the stream or until another thread calls stop(); returns the `stats`.

        `fn(job)` returns the result to pass on: anything that `json.dumps` takes, or None for nothing. `timeout` is the
        longest wait at any one point, in seconds: for the collector, for the next job, for room at the collector.

        What `fn` raises ends the worker and is raised here, with the job in a note (Python 3.11). So is MessageError for
        a job that is not JSON, and TypeError or ValueError for a result that JSON has no words for. zmq.Again is raised
        when a wait is over; after it, and after an interrupt, run() may be called again and goes on.
        """
        me = object()
        try:
            # In here: an interrupt may come as soon as it has begun.
            self._begin(me)
            self._call(fn, timeout)
            self._end()
        except (Again, KeyboardInterrupt):
            if self._by is me:
                self._busy = False
            raise
        except BaseException:
            if self._by is me:
                self._end()
            raise
        return self.stats

    def start(self: _W, fn: Callable[[Any], Any], *, timeout: Optional[float] = None) -> _W:
        """Works in the background, in a thread of this process, and returns the worker itself.

        As run() does, but whatever is raised, a zmq.Again too, ends the worker and is raised by join(). Unless somebody waits
        there, a line on stderr tells of it at once: in a notebook that has the extension, in the cell that called start().
        """
        self._begin(None)
        self._told = False
        self._thread = threading.Thread(
            target=self._work, args=(fn, timeout), name=f"brokerless worker {self.id}", daemon=True
        )
        _started.add(self)
        self._thread.start()
        return self

    def join(self, timeout: Optional[float] = None) -> WorkerStats:
        """Waits until the worker that was started has ended, and returns its `stats`.

        Raises what ended it, if it was an error, each time; zmq.Again if it still works after `timeout` seconds (None:
        waits for ever).
        """
        if self._thread is None:
            raise RuntimeError("this worker was not started: start(fn) works in the background, run(fn) here")
        self._joining += 1
        try:
            self._wait(timeout)
        finally:
            self._joining -= 1
        self._told = True
        if self._error is not None:
            raise self._error
        return self.stats

    def stop(self, timeout: Optional[float] = None) -> None:
        """Ends the worker after the job in hand, waits for that, and closes. May be called again.

        Jobs that wait in its queue are lost, as they are when a worker dies; results are still delivered, in the
        background. Raises zmq.Again if the job in hand takes more than `timeout` seconds longer (None: waits for ever);
        it ends all the same.
        """
        self._loop.stop()
        if self._thread is not None:
            if self._thread is not threading.current_thread():
                self._wait(timeout)
        else:
            with self._lock:
                busy = self._busy
            if not busy:
                self._close()

    def close(self) -> None:
        """The same as stop()."""
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it works now."""
        return self._busy

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        closed: bool = self.source.closed
        return closed

    @property
    def stats(self) -> WorkerStats:
        """How many jobs were received, how many results passed on, how many jobs failed, and whether it works now."""
        received, sent, failed = self._loop.counts
        return WorkerStats(received, sent, failed, self._busy)

    def __enter__(self: _W) -> _W:
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.stop()
        # An error of the background work must not go unheard, nor hide the one that ends the `with`.
        if kind is None and self._error is not None and not self._told:
            self._told = True
            raise self._error

    def __del__(self) -> None:
        error = getattr(self, "_error", None)
        if error is not None and not self._told and not self._said:
            warnings.warn(f"{self!r} failed, and nobody called join(): {error!r}", RuntimeWarning, stacklevel=2)

    def __repr__(self) -> str:
        received, sent, failed, _ = self.stats
        way = " and ".join(self._sources) + (f" -> {self._sink_endpoint}" if self._sink_endpoint else "")
        figures = f"{count(received, 'job')} received, {count(sent, 'result')} sent, {failed} failed"
        return f"<Worker {self.id} {way}: {figures}, {self._state()}>"

    def _state(self) -> str:
        if self._error is not None:
            return f"ended by {type(self._error).__name__}"
        return "running" if self._busy else "closed" if self.closed else "not started"

    def _begin(self, by: Optional[object]) -> None:
        with self._lock:
            if self._busy:
                raise RuntimeError("this worker is at work already; for more of them, make another Worker")
            if self.closed:
                raise RuntimeError("this worker has ended; make another Worker")
            # First whose work it is: who is interrupted has to know that.
            self._by = by
            self._busy = True

    def _call(self, fn: Callable[[Any], Any], timeout: Optional[float]) -> None:
        self._loop.run(fn, self._sources, timeout)

    def _work(self, fn: Callable[[Any], Any], timeout: Optional[float]) -> None:
        try:
            self._call(fn, timeout)
        except BaseException as error:
            self._error = error
            # Somebody ended the context, or closed a socket under the worker's feet: they know.
            self._told = isinstance(error, (ContextTerminated, SocketClosed))
            if not self._told and not self._joining:
                self._said = True
                print(self._failure(error), file=sys.stderr, flush=True)
        self._end()

    def _failure(self, error: BaseException) -> str:
        last = traceback.extract_tb(error.__traceback__)[-1]
        is_ours = os.path.dirname(last.filename) == os.path.dirname(__file__)
        where = "" if is_ours else f" (line {last.lineno}, in {last.name})"
        return f"worker {self.id} failed: {type(error).__name__}: {error}{where}; join() raises it"

    def _end(self) -> None:
        with self._lock:
            self._busy = False
        self._close()

    def _wait(self, timeout: Optional[float]) -> None:
        thread = self._thread
        assert thread is not None
        thread.join(timeout)
        if thread.is_alive():
            error = Again()
            error.detail = f"the worker is still at work after {timeout} s: {self!r}"
            raise error

    def _close(self) -> None:
        self.source.close()
        if self.sink is not None:
            self.sink.close()


def name_of_worker() -> str:
    """A name that no other worker has, on any machine."""
    return f"{os.uname().nodename}-{os.getpid()}-{next(_numbers)}"


_started: WeakSet[Worker] = WeakSet()


def _stop_all(patience: float = 1.0) -> None:
    """At the end of the process: no thread may be in the middle of something when the interpreter goes."""
    workers = list(_started)
    for worker in workers:
        worker._loop.stop()
    end = time.monotonic() + patience
    for worker in workers:
        if worker._thread is not None:
            worker._thread.join(max(0.0, end - time.monotonic()))


atexit.register(_stop_all)
