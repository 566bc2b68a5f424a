"""Starts processes from a thread that lives as long as this one process does.

A process that asks the system to end it with its parent is ended with the *thread* that started it; and a cell may run in a
thread that ends before the kernel does (a subshell's).
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Callable, Optional, Tuple, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_queue: Optional[SimpleQueue[Tuple[Callable[[], Any], Future[Any]]]] = None
_pid = 0


def in_lasting_thread(function: Callable[[], T]) -> T:
    """Calls the function in that thread; returns what it returns, raises what it raises."""
    global _queue, _pid
    with _lock:
        if _queue is None or _pid != os.getpid():
            _queue, _pid = SimpleQueue(), os.getpid()
            threading.Thread(target=_work, args=(_queue,), name="brokerless-starter", daemon=True).start()
        future: Future[T] = Future()
        _queue.put((function, future))
    return future.result()


def _work(queue: SimpleQueue[Tuple[Callable[[], Any], Future[Any]]]) -> None:
    while True:
        function, future = queue.get()
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)
        # What it returned must not live on in this frame.
        del function, future
