"""The role that hands out jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, NamedTuple, Optional

from .. import _core, _opened
from ..constants import SocketType
from ..error import Again, ContextTerminated, SocketClosed
from ._roles import QUEUE, BoundRole, bar, count, open_socket, refuse_options, reliable_class, secure_end

if TYPE_CHECKING:
    from ..security.clients import Clients
    from ..security.keys import Keys

__all__ = ["Producer", "ProducerStats"]


class ProducerStats(NamedTuple):
    """What a producer has done so far."""

    #: Jobs handed to the socket.
    sent: int
    #: Their bytes.
    bytes: int
    #: Workers that are connected now.
    workers: int


class Producer(BoundRole):
    """Hands out jobs, as JSON, to the workers that connect: each job to one of them, in turn.

    `endpoint` is bound: "tcp://*:5557", or "tcp://127.0.0.1:*" for any free port; the attribute `endpoint` says which.
    The context is `zmq.Context.instance()` if none is given. With `keys`, jobs are encrypted, and only `clients` get any: see
    zmq.secure().

    With `reliable=True` it is a ReliableProducer: no job is lost when a worker dies; the further arguments are described there.

    Little is kept on the way, so that a worker that joins late gets its share of what is left: 100 jobs for each worker
    (SNDHWM) and what the system's network buffers hold, unless the context says otherwise (`context.sndhwm = 1000`).
    `socket` is the PUSH socket, for everything else.

    Workers know the end of the stream by their connections. With `end_message=True` each of them is also told, after the last
    job and once, by the message {"brokerless":"end"}: for workers that are plain sockets and cannot see it otherwise. They
    must know it, as they take it for a job if they do not. A `Worker` tells its collector in turn. `stats` do not count it.

    Guarantees: any thread may call any method. Each wait can be interrupted, and ends when its time is over. A job is
    sent whole or not at all.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Producer:
        made: Producer = object.__new__(reliable_class(cls, Producer, kwargs))
        return made

    def __init__(
        self,
        endpoint: str,
        *,
        context: Optional[Any] = None,
        reliable: bool = False,
        keys: Optional[Keys] = None,
        clients: Optional[Clients] = None,
        end_message: bool = False,
        **options: Any,
    ) -> None:
        refuse_options(reliable, options)
        self._end_message = end_message
        #: How often the end was said, and in how many bytes: no jobs.
        self.socket = open_socket(context, SocketType.PUSH, SNDHWM=QUEUE)
        try:
            #: Who may come, with keys: see zmq.secure().
            self.gate = secure_end(self.socket, keys, binds=True, connects=False, clients=clients)
            self.socket.watch()
            self.socket.bind(endpoint)
        except BaseException:
            self.socket.close(0)
            raise
        #: The endpoint that workers connect to, with its port.
        self.endpoint: str = self.socket.endpoints[-1]
        _opened.role_opened(self)

    def wait_for_workers(self, n: int = 1, timeout: Optional[float] = None) -> int:
        """Waits until `n` workers are connected, and returns how many are.

        The connections themselves are watched; nobody sleeps and nobody guesses. A `Worker` connects when it is ready to
        work, which includes that its collector is there.

        Raises zmq.Again if that takes more than `timeout` seconds (None: waits for ever).
        """
        here: int = self.socket.wait_for_peers(n, timeout)
        return here

    def send(self, job: Any, timeout: Optional[float] = None) -> None:
        """Sends one job: anything that `json.dumps` takes.

        Waits while there is no worker with room. Raises zmq.Again if that takes more than `timeout` seconds (None: waits
        for ever) and then the job was not sent; TypeError or ValueError for what JSON has no words for.
        """
        self.socket.send_json(job, timeout=timeout)

    def send_all(
        self, jobs: Iterable[Any], *, workers: int = 1, timeout: Optional[float] = None, progress: bool = False
    ) -> int:
        """Waits for `workers` workers, sends every job of an iterable, ends the stream, and returns how many were sent.

        A generator will do, and is asked for the next job only when the one before was sent. To end the stream is to
        close the socket; this returns when all jobs have left (are with their worker, or in the system's network
        buffers), so that the process may end then. `progress=True` shows a bar, which takes the package tqdm.

        `timeout` is the longest wait at any one point, in seconds: for the workers, for room for a job, for the last jobs
        to leave. None waits for ever.

        Raises zmq.Again when such a wait is over; whatever the iterable raises; TypeError or ValueError for a job that
        JSON has no words for. All these have an attribute `sent`: how many jobs were sent, to go on from. The socket
        stays open, unless it was the last wait: then it is closed, and goes on delivering in the background.
        """
        before = self.stats.sent
        try:
            bar = _progress(jobs) if progress else jobs
            self.wait_for_workers(workers, timeout)
            _core.send_jobs(self.socket, bar, timeout)
            self._say_end()
            self._deliver(timeout)
        except BaseException as error:
            error.sent = self.stats.sent - before  # type: ignore[attr-defined]
            raise
        return self.stats.sent - before

    def close(self) -> None:
        """Ends the stream, and does not wait: what was sent goes on being delivered in the background (LINGER)."""
        try:
            if not self.closed:
                self._say_end()
        except (ContextTerminated, SocketClosed):
            # Another thread was faster.
            pass
        finally:
            self.socket.close()

    @property
    def stats(self) -> ProducerStats:
        """How many jobs and bytes were sent, and how many workers are connected."""
        stats = self.socket.stats
        return ProducerStats(stats.messages_sent, stats.bytes_sent, self._workers())

    def __repr__(self) -> str:
        return f"<Producer at {self.endpoint}: {count(self.stats.sent, 'job')} sent, {self._state()}>"

    def _say_end(self) -> None:
        if self._end_message:
            _core.send_end(self.socket)

    def _deliver(self, timeout: Optional[float]) -> None:
        delivered = _core.close_delivered(self.socket, timeout)
        self.socket.close()
        if not delivered:
            error = Again()
            error.detail = (
                f"all jobs are sent, but after {timeout} s some have not left for their worker: does it receive? "
                "They go on being delivered in the background"
            )
            raise error


def _progress(jobs: Iterable[Any]) -> Iterable[Any]:
    drawn: Iterable[Any] = bar(jobs)
    return drawn
