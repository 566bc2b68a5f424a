"""What a dashboard shows of each kind of thing: where its figures come from, and what they are called."""

from __future__ import annotations

from typing import Any, Callable, List, NamedTuple, Optional, Tuple

from . import _core
from .constants import SocketType
from .device import Streamer, _Device
from .pipeline import Collector, Producer, ReliableCollector, ReliableProducer, Worker
from .socket import Socket

__all__ = ["Flow", "Subject", "Tallied", "directions", "flows_of_device", "subject_of"]

_ONLY_SEND = frozenset((SocketType.PUB, SocketType.PUSH, SocketType.RADIO, SocketType.SCATTER))
_ONLY_RECEIVE = frozenset((SocketType.SUB, SocketType.PULL, SocketType.DISH, SocketType.GATHER))

#: The key that a tally counts by, how many results, how many labels, and the most frequent of them.
Tallied = Tuple[Optional[str], int, int, List[Tuple[str, int]]]


class Flow(NamedTuple):
    """One direction in which messages go: its name, and the columns that count its messages and bytes."""

    name: str
    messages: str
    bytes: str


class Subject(NamedTuple):
    """What a dashboard is about."""

    title: str
    #: What is sampled, each with a prefix for the names of its columns.
    sources: List[Tuple[str, Any]]
    flows: List[Flow]
    #: Who is connected: what they are, and their column.
    peers: List[Tuple[str, str]]
    #: What is counted among the results.
    tallied: Optional[Callable[[], Tallied]] = None


def subject_of(thing: Any) -> Subject:
    if isinstance(thing, Socket):
        return _of_socket(thing)
    if isinstance(thing, _Device):
        return _of_device(thing)
    if isinstance(thing, ReliableProducer):
        flows = [Flow("jobs done", "done", "jobs_bytes")]
        return Subject(f"Producer at {thing.endpoint}", [("", thing._dispatcher)], flows, [("workers", "workers")])
    if isinstance(thing, ReliableCollector):
        flows = [Flow("results", "results", "results_bytes")]
        title = f"Collector at {thing.endpoint}"
        return Subject(title, [("", thing._stream)], flows, [("workers", "sources")], thing._stream.tallied)
    if isinstance(thing, Producer):
        flows = [Flow("jobs sent", "messages_sent", "bytes_sent")]
        return Subject(f"Producer at {thing.endpoint}", [("", thing.socket)], flows, [("workers", "peers")])
    if isinstance(thing, Collector):
        flows = [Flow("results", "messages_received", "bytes_received")]
        title = f"Collector at {thing.endpoint}"
        return Subject(title, [("", thing.socket)], flows, [("workers", "peers")], thing._stream.tallied)
    if isinstance(thing, Worker):
        return _of_worker(thing)
    if getattr(type(thing), "_is_pipeline", False):
        sources = [("", thing._producer._dispatcher), ("", thing._gatherer)]
        flows = [Flow("jobs done", "done", "jobs_bytes"), Flow("results", "results", "results_bytes")]
        return Subject("Pipeline", sources, flows, [("workers", "workers")])
    raise TypeError(f"a dashboard is of a socket, a device or a role of a pipeline, not of {thing!r}")


def directions(kind: SocketType) -> List[str]:
    """What sockets of this type do: "sent", "received", or both."""
    return [way for way, not_by in (("sent", _ONLY_RECEIVE), ("received", _ONLY_SEND)) if kind not in not_by]


def flows_of_device(device: _Device) -> List[Flow]:
    """The directions in which messages pass a device."""
    flows = [Flow("to the backend", "frontend_messages", "frontend_bytes")]
    if not isinstance(device, Streamer):
        flows.append(Flow("to the frontend", "backend_messages", "backend_bytes"))
    return flows


def _of_socket(socket: Socket[Any]) -> Subject:
    ends = [f"{'bound' if bound else 'connected'} to {endpoint}" for endpoint, bound in socket._endpoints]
    flows = [Flow(way, f"messages_{way}", f"bytes_{way}") for way in directions(socket.type)]
    title = " ".join([socket.type.name, *([", ".join(ends)] if ends else [])])
    return Subject(title, [("", socket)], flows, [("peers", "peers")])


def _of_device(device: _Device) -> Subject:
    core: _core.Device = device._running("look at")
    ends = " | ".join(", ".join(ends) for ends in (device.frontend_endpoints, device.backend_endpoints))
    sources = [("", core), ("frontend_", device.frontend), ("backend_", device.backend)]
    peers = [("at the frontend", "frontend_peers"), ("at the backend", "backend_peers")]
    return Subject(f"{type(device).__name__} {ends}", sources, flows_of_device(device), peers)


def _of_worker(worker: Worker) -> Subject:
    sources: List[Tuple[str, Any]] = [("jobs_", worker.source)]
    flows = [Flow("jobs", "jobs_messages_received", "jobs_bytes_received")]
    peers = [("producers", "jobs_peers")]
    if worker.sink is not None:
        sources.append(("results_", worker.sink))
        flows.append(Flow("results", "results_messages_sent", "results_bytes_sent"))
        peers.append(("collectors", "results_peers"))
    return Subject(f"Worker {worker.id}", sources, flows, peers)
