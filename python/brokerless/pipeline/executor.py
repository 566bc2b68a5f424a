"""A `concurrent.futures.Executor` on a reliable pipeline: code that takes an executor runs on it."""

from __future__ import annotations

import itertools
import pickle
import threading
import traceback
from concurrent.futures import CancelledError, Future
from concurrent.futures import Executor as BaseExecutor
from typing import Any, Callable, Dict, Optional, Tuple

from ..error import ContextTerminated, SocketClosed
from .errors import JobError
from .whole import Pipeline, PipelineStats

__all__ = ["Executor"]

#: As many jobs may wait as anybody has; an executor's submit() waits for nobody.
_WINDOW, _BYTES = 1 << 20, 1 << 50
_BATCH = 256


class Executor(BaseExecutor):
    """Runs calls in processes of this machine, or in threads; a call whose process dies is given to another.

        with pipeline.Executor(4) as executor:
            future = executor.submit(pow, 2, 10)
            print(future.result(), list(executor.map(str, range(5))))

    `max_workers` is how many (None: as many as there are processors). With `threads=True` they are threads, which share all
    objects with the program. Otherwise functions, arguments and results go by cloudpickle, or by pickle where that is not
    installed, through files in a folder that only this user may enter: never over a network. `max_deliveries`, `heartbeat`,
    `heartbeat_timeout` and `job_timeout` are as for ReliableProducer.

    The interface is that of `concurrent.futures`: submit(), map(), shutdown(), and futures for wait() and as_completed().
    A future can be cancelled while no worker has its call: a worker is given those that it does in the next moment.

    Guarantees: each call is run to its end once, unless its process dies: then again, in up to `max_deliveries` processes, and
    after that the future's exception is a JobError.
    """

    def __init__(
        self,
        max_workers: Optional[int] = None,
        *,
        threads: bool = False,
        max_deliveries: int = 3,
        heartbeat: float = 1.0,
        heartbeat_timeout: float = 5.0,
        job_timeout: Optional[float] = None,
        context: Optional[Any] = None,
    ) -> None:
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"max_workers is 1 or more, or None, not {max_workers}")
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._futures: Dict[int, _Future] = {}
        #: What was done before its future was written down.
        self._early: Dict[int, Tuple[bool, Any]] = {}
        self._shut = False
        self._calls = _Calls() if threads else None
        self._pickles = _Pickles()
        self.pipeline = Pipeline(
            _call if threads else _call_pickled,
            workers=max_workers,
            threads=threads,
            codec="bytes" if self._calls is None else (self._calls, _Returned()),
            max_deliveries=max_deliveries,
            window=_WINDOW,
            window_bytes=_BYTES,
            heartbeat=heartbeat,
            heartbeat_timeout=heartbeat_timeout,
            job_timeout=job_timeout,
            context=context,
        )
        self._taker = threading.Thread(target=self._take, name="brokerless-executor", daemon=True)
        self._taker.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Has `fn(*args, **kwargs)` called by a worker; the Future of what it returns.

        Raises RuntimeError after shutdown(), and what pickling raises for a call that cannot go to another process.
        """
        job = (fn, args, kwargs)
        payload = self._pickles.encode(job) if self._calls is None else self._calls.put(job)
        future = _Future(self, payload if self._calls is not None else b"")
        with self._lock:
            if self._shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
        future._number = self.pipeline._producer._dispatcher.send(payload)
        with self._lock:
            self._futures[future._number] = future
            early = self._early.pop(future._number, None)
        if early is not None:
            self._settle(future._number, *early)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls, and ends the workers when all that were submitted are done; with `wait`, waits for that.

        `cancel_futures=True` cancels those that no worker has.
        """
        with self._lock:
            self._shut = True
            futures = list(self._futures.values())
        if cancel_futures:
            for future in futures:
                future.cancel()
        if not wait:
            threading.Thread(target=self._end, name="brokerless-executor-end", daemon=True).start()
            return
        self._end()

    @property
    def stats(self) -> PipelineStats:
        """What was done so far."""
        return self.pipeline.stats

    def __repr__(self) -> str:
        return f"<Executor on {self.pipeline!r}>"

    def _end(self) -> None:
        with self._idle:
            self._idle.wait_for(lambda: not self._futures)
        self.pipeline.close()
        if threading.current_thread() is not self._taker:
            self._taker.join()

    def _take(self) -> None:
        """Hands results to their futures, until the pipeline is closed."""
        gatherer = self.pipeline._gatherer
        why: BaseException = SocketClosed("this executor was shut down before the call was done")
        try:
            while not self.pipeline._trouble:
                for number, is_value, value in gatherer.take(_BATCH, 0.25) or ():
                    self._settle(number, is_value, value)
            self.pipeline._check_open()
        except (SocketClosed, ContextTerminated):
            pass
        except Exception as error:
            why = error
        with self._lock:
            self._shut = True
            left = list(self._futures)
        for number in left:
            self._settle(number, False, why)

    def _settle(self, number: int, is_value: bool, value: Any) -> None:
        with self._lock:
            future = self._futures.pop(number, None)
            if future is None:
                self._early[number] = (is_value, value)
                return
        if self._calls is not None:
            self._calls.forget(future._key)
        if future.cancelled():
            pass
        elif isinstance(value, CancelledError):
            future._cancel_now()
        elif not is_value:
            future.set_exception(value)
        else:
            self._unpack(future, value)
        with self._idle:
            if not self._futures:
                self._idle.notify_all()

    def _unpack(self, future: _Future, value: Any) -> None:
        try:
            returned, told, lines = pickle.loads(value) if self._calls is None else value
        except Exception as error:
            future.set_exception(error)
            return
        if returned:
            future.set_result(told)
            return
        told.__cause__ = JobError(f"in a worker:\n\n{lines}", traceback=lines, type=type(told).__name__)
        future.set_exception(told)


class _Future(Future):  # type: ignore[type-arg]
    """A Future that can be cancelled while no worker has its call."""

    def __init__(self, executor: Executor, key: bytes) -> None:
        super().__init__()
        self._executor = executor
        self._key = key
        self._number = -1

    def cancel(self) -> bool:
        """Cancels the call if no worker has it; whether it is cancelled."""
        if self.cancelled():
            return True
        if self.done() or not self._executor.pipeline._producer._dispatcher.cancel(self._number):
            return False
        self._cancel_now()
        return True

    def running(self) -> bool:
        """Whether a worker has it."""
        return not self.done() and self._executor.pipeline._producer._dispatcher.is_begun(self._number)

    def _cancel_now(self) -> None:
        super().cancel()
        super().set_running_or_notify_cancel()


def _call(job: Tuple[Callable[..., Any], Tuple[Any, ...], Dict[str, Any]]) -> Tuple[bool, Any, str]:
    fn, args, kwargs = job
    try:
        return True, fn(*args, **kwargs), ""
    except Exception as error:
        # From the function on.
        error.__traceback__ = None if error.__traceback__ is None else error.__traceback__.tb_next
        return False, error, "".join(traceback.format_exception(type(error), error, error.__traceback__))


def _call_pickled(data: bytes) -> bytes:
    returned, told, lines = _call(pickle.loads(data))
    try:
        return _Pickles().encode((returned, told, lines))
    except Exception as error:
        what = "its result" if returned else f"{type(told).__name__}: {told}, which it raised,"
        trouble = RuntimeError(f"{what} cannot be pickled: {error}")
        return pickle.dumps((False, trouble, lines))


class _Pickles:
    """Makes bytes of any object; by cloudpickle, where that is installed."""

    def __init__(self) -> None:
        try:
            from cloudpickle import dumps
        except ImportError:
            dumps = pickle.dumps
        self.encode: Callable[[Any], bytes] = dumps


class _Here:
    """Keeps objects within this process: what goes is a number."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._kept: Dict[int, Any] = {}

    def put(self, thing: Any) -> bytes:
        """The number for an object."""
        number = next(self._numbers)
        self._kept[number] = thing
        return b"%d" % number

    def forget(self, data: bytes) -> None:
        """It will not be asked for any more."""
        self._kept.pop(int(data), None)


class _Calls(_Here):
    """Calls, which may be asked for more than once; what is written is their number already."""

    name = "calls"

    def encode(self, data: bytes) -> bytes:
        return data

    def decode(self, data: bytes) -> Any:
        return self._kept[int(data)]


class _Returned(_Here):
    """What calls returned, which is asked for once."""

    name = "returned"

    def encode(self, thing: Any) -> bytes:
        return self.put(thing)

    def decode(self, data: bytes) -> Any:
        return self._kept.pop(int(data))
