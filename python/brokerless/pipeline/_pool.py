"""The workers of a pipeline on this machine: processes that are started again when they die, or threads."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

from ..jupyter.peer_start import in_lasting_thread
from .codecs import CodecLike
from .reliable import ReliableWorker
from .reliable_stats import WorkerTally

if TYPE_CHECKING:
    from ..security.keys import Keys

__all__ = ["Pool", "how_many", "pickled"]

_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_child.py")
#: A process that ends so many times in a row before it has worked cannot work.
_TRIES = 3
#: Seconds between two looks at processes that are alive, whether they still answer.
_LOOK = 0.5
#: Seconds that workers have to end by themselves, and then after SIGTERM.
_PATIENCE = (1.0, 0.5)


def how_many(workers: Any, threads: bool) -> Tuple[int, bool]:
    """What `workers=` and `threads=` mean: how many, and whether as threads.

    Raises ValueError for what means nothing.
    """
    if workers is None:
        return os.cpu_count() or 1, threads
    if isinstance(workers, str):
        kind, _, number = workers.partition(":")
        if kind in ("threads", "processes") and number.isdigit():
            return int(number), kind == "threads"
    elif isinstance(workers, int) and workers >= 0:
        return workers, threads
    raise ValueError(f"workers is a number, 'threads:4' or 'processes:4', not {workers!r}")


def pickled(fn: Any, codec: CodecLike) -> bytes:
    """A function and a codec for a process of this machine: by cloudpickle, so that those of a notebook's cells go too.

    Raises ImportError if that is needed and not installed, and what pickling raises.
    """
    try:
        import cloudpickle
    except ImportError as error:
        if "__main__" in (getattr(fn, "__module__", ""), type(fn).__module__) or "<" in getattr(fn, "__qualname__", ""):
            why = (
                "a function of this program goes to other processes by the package cloudpickle: pip install cloudpickle"
            )
            raise ImportError(why) from error
        return pickle.dumps((fn, codec))
    data: bytes = cloudpickle.dumps((fn, codec))
    return data


class Pool:
    """Workers that are there until stop()."""

    def __init__(
        self,
        fn: Callable[[Any], Any],
        codec: CodecLike,
        source: str,
        sink: str,
        *,
        workers: int,
        threads: bool,
        context: Any,
        tallies: Callable[[], List[WorkerTally]],
        failed: Callable[[str], None],
        keys: Optional[Keys] = None,
        server_key: Optional[bytes] = None,
    ) -> None:
        self._source, self._sink = source, sink
        self._keys, self._server_key = keys, server_key
        self._tallies, self._failed = tallies, failed
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._processes: Dict[int, subprocess.Popen[bytes]] = {}
        self._threads: List[ReliableWorker] = []
        #: How many processes were started in the place of others.
        self.restarted = 0
        #: What the workers are: "process" or "thread".
        self.kind = "thread" if threads else "process"
        self.size = workers
        self._tenders: List[threading.Thread] = []
        if threads:
            for number in range(1, workers + 1):
                name = f"thread {number} (process {os.getpid()})"
                secrets: Any = {"keys": keys, "server_key": server_key}
                worker = ReliableWorker(source, sink, codec=codec, name=name, context=context, **secrets)
                self._threads.append(worker)
                worker.start(fn)
            return
        self._function = pickled(fn, codec) if workers else b""
        for number in range(1, workers + 1):
            tender = threading.Thread(
                target=self._tend, args=(number,), name=f"brokerless-worker-{number}", daemon=True
            )
            self._tenders.append(tender)
            tender.start()

    @property
    def pids(self) -> List[int]:
        """The processes that run now."""
        with self._lock:
            return [process.pid for process in self._processes.values() if process.poll() is None]

    def ask_stop(self) -> None:
        """Has no process started again, and threads end after the job in hand."""
        self._stopping.set()
        for worker in self._threads:
            worker._ask_to_stop()

    def drop(self) -> None:
        """Ends all of them, and waits for nobody."""
        self.ask_stop()
        with self._lock:
            for process in self._processes.values():
                if process.poll() is None:
                    process.kill()

    def stop(self) -> None:
        """Ends all of them: whoever has not ended a second later is killed. A thread's job in hand cannot be: it goes on."""
        self.ask_stop()
        begun = time.monotonic()
        ends = [begun + _PATIENCE[0], begun + sum(_PATIENCE)]
        for step, end in enumerate(ends):
            for tender in self._tenders:
                tender.join(max(0.0, end - time.monotonic()))
            with self._lock:
                left = [process for process in self._processes.values() if process.poll() is None]
            for process in left:
                process.kill() if step else process.terminate()
        for tender in self._tenders:
            tender.join(sum(_PATIENCE))
        for worker in self._threads:
            thread = worker._thread
            if thread is not None and thread is not threading.current_thread():
                thread.join(max(0.0, ends[-1] - time.monotonic()))
            if thread is None or not thread.is_alive():
                worker._told = True

    def _tend(self, number: int) -> None:
        """Sees to it that there is a process with this number; ends when the pool does, or the process by itself."""
        quick = 0
        while not self._stopping.is_set():
            try:
                process = in_lasting_thread(lambda: self._spawn(number))
            except OSError as error:
                self._failed(f"no process can be started: {error}")
                return
            code = self._watch(process, number)
            if self._stopping.is_set() or code == 0:
                return
            quick = 0 if self._has_worked(process.pid, number) else quick + 1
            if quick >= _TRIES:
                self._failed(
                    f"the workers' processes end before they work, the last with {_how(code)}; "
                    "what they wrote to standard error says why"
                )
                return
            self.restarted += 1

    def _spawn(self, number: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, _PROGRAM, str(os.getpid())],
            stdin=subprocess.PIPE,
            # An interrupt of this program goes to all of its group.
            start_new_session=True,
        )
        with self._lock:
            self._processes[number] = process
        begin = json.dumps(
            {
                "path": sys.path,
                "alias": "zmq" in sys.modules and sys.modules["zmq"] is sys.modules["brokerless"],
                "label": f"worker {number}",
                "source": self._source,
                "sink": self._sink,
                "keys": None if self._keys is None else self._keys._pair(),
                "server_key": None if self._server_key is None else self._server_key.decode("ascii"),
                "size": len(self._function),
            }
        ).encode("ascii")
        assert process.stdin is not None
        try:
            with process.stdin as pipe:
                pipe.write(b"%16d" % len(begin) + begin + self._function)
        except BrokenPipeError:
            # It has ended; whoever waits for it sees that.
            pass
        return process

    def _watch(self, process: subprocess.Popen[bytes], number: int) -> int:
        while True:
            try:
                return process.wait(_LOOK)
            except subprocess.TimeoutExpired:
                # Whoever hangs is of no use to anybody; one that is at its first beats is not yet known.
                tally = self._tally(process.pid, number)
                if tally is not None and tally.lost and not tally.here:
                    process.kill()

    def _has_worked(self, pid: int, number: int) -> bool:
        return self._tally(pid, number) is not None

    def _tally(self, pid: int, number: int) -> Optional[WorkerTally]:
        from ._serve import name_of_process

        name = name_of_process(f"worker {number}", pid)
        return next((tally for tally in self._tallies() if tally.name == name), None)


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
