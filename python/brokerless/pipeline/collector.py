"""The role that takes the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, NamedTuple, Optional

from .. import _core, _opened
from ..constants import SocketType
from ..error import Again
from ._roles import RESULTS, BoundRole, count, open_socket, queue_for, refuse_options, reliable_class, secure_end
from .errors import EndOfStream

if TYPE_CHECKING:
    from ..security.clients import Clients
    from ..security.keys import Keys

__all__ = ["Collector", "CollectorStats"]


class CollectorStats(NamedTuple):
    """What a collector has done so far."""

    #: Results taken.
    received: int
    #: Their bytes.
    bytes: int
    #: Workers that are connected now.
    workers: int


class Collector(BoundRole):
    """Takes the workers' results: counts them, lists them, or hands them over one by one.

    `endpoint` is bound: "tcp://*:5558", or "tcp://127.0.0.1:*" for any free port; the attribute `endpoint` says which.
    The context is `zmq.Context.instance()` if none is given. With `keys`, results are encrypted, and only those of `clients`
    are taken: see zmq.secure(). `socket` is the PULL socket, for everything else.

    With `reliable=True` it is a ReliableCollector: each result comes exactly once; the further arguments are described there.

    The stream of results is over when all workers that were connected have been gone for `grace` seconds and nothing is
    left. A worker whose connection broke is back by then: libzmq connects again after 0.1 to 0.2 s. After the end,
    another stream may come; whatever is called next waits for it. The message {"brokerless":"end"}, which a worker may pass on
    from `Producer(end_message=True)`, is no result and is skipped.

    Guarantees: any thread may call any method, and each result goes to one caller. Each wait can be interrupted, and ends
    when its time is over; no result is lost by that.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Collector:
        made: Collector = object.__new__(reliable_class(cls, Collector, kwargs))
        return made

    def __init__(
        self,
        endpoint: str,
        *,
        context: Optional[Any] = None,
        grace: float = 0.25,
        reliable: bool = False,
        keys: Optional[Keys] = None,
        clients: Optional[Clients] = None,
        **options: Any,
    ) -> None:
        refuse_options(reliable, options)
        self.socket = open_socket(context, SocketType.PULL, RCVHWM=queue_for([endpoint], RESULTS))
        try:
            #: Who may come, with keys: see zmq.secure().
            self.gate = secure_end(self.socket, keys, binds=True, connects=False, clients=clients)
            self._stream: Any = _core.Stream(self.socket, grace)
            self.socket.bind(endpoint)
        except BaseException:
            self.socket.close(0)
            raise
        #: The endpoint that workers connect to, with its port.
        self.endpoint: str = self.socket.endpoints[-1]
        _opened.role_opened(self)

    def __iter__(self) -> Iterator[Any]:
        """Iterates over the results up to the end of the stream: `for result in collector`.

        Raises MessageError for what is not JSON; iterate again to go on behind it.
        """
        results: Iterator[Any] = iter(self._stream)
        return results

    def recv(self, timeout: Optional[float] = None) -> Any:
        """The next result.

        Raises zmq.Again if none comes within `timeout` seconds (None: waits for ever), EndOfStream (an EOFError) at the
        end of the stream, MessageError for what is not JSON.
        """
        found, value = self._stream.recv(timeout)
        if found:
            return value
        if value:
            raise EndOfStream(f"all workers have gone, and no result is left ({self._stream.received} were received)")
        raise self._again("no result", timeout)

    def collect(self, n: Optional[int] = None, timeout: Optional[float] = None) -> List[Any]:
        """A list of the next `n` results, or of all up to the end of the stream.

        With `n` it does not matter who comes and goes meanwhile. Raises zmq.Again if the whole takes more than `timeout`
        seconds (None: waits for ever), MessageError for what is not JSON. Any error has an attribute `results`: those that
        came before.
        """
        results: List[Any] = []
        try:
            if not self._stream.collect(results, _checked(n), timeout):
                raise self._again(_so_far(len(results), n), timeout)
        except BaseException as error:
            error.results = results  # type: ignore[attr-defined]
            raise
        return results

    def tally(self, key: str, n: Optional[int] = None, timeout: Optional[float] = None) -> Dict[Any, int]:
        """How often each value of `result[key]` occurs, among the next `n` results or all up to the end of the stream.

        It is counted in Rust, without the GIL: other threads go on. The dict is what `collections.Counter` would have of
        the same values (numbers, strings, True, False, None), in the order in which they first came.

        With `n` it does not matter who comes and goes meanwhile. Raises zmq.Again if the whole takes more than `timeout`
        seconds (None: waits for ever), TallyError for a result that cannot be counted: not JSON, not an object, without
        the key, or with a list or an object there. Any error has an attribute `counts`: what was counted before. Call it
        again to go on.
        """
        counts: Dict[Any, int] = {}
        try:
            if not self._stream.tally(counts, key, _checked(n), timeout):
                raise self._again(_so_far(sum(counts.values()), n), timeout)
        except BaseException as error:
            error.counts = counts  # type: ignore[attr-defined]
            raise
        return counts

    def close(self) -> None:
        """Closes the socket; results that are not received yet are lost."""
        self.socket.close()

    @property
    def stats(self) -> CollectorStats:
        """How many results and bytes were received, and how many workers are connected."""
        stats = self.socket.stats
        said, size = self._stream.ends
        return CollectorStats(stats.messages_received - said, stats.bytes_received - size, self._workers())

    def __repr__(self) -> str:
        return f"<Collector at {self.endpoint}: {count(self.stats.received, 'result')} received, {self._state()}>"

    def _again(self, came: str, timeout: Optional[float]) -> Again:
        error = Again()
        workers = self._workers()
        hint = "do they run, and connect to this address?" if not workers else "do they send?"
        error.detail = (
            f"{came} came to {self.endpoint} within {timeout} s; {count(workers, 'worker')} connected now: {hint}"
        )
        return error


def _checked(n: Optional[int]) -> Optional[int]:
    if n is not None and n < 0:
        raise ValueError(f"n is a number of results, 0 or more (or None: all up to the end), not {n}")
    return n


def _so_far(came: int, n: Optional[int]) -> str:
    return count(came, "result") if n is None else f"{came} of {n} results"
