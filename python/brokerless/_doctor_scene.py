"""Who faces whom: the sockets of some surveys, and which of them are at the two ends of one endpoint."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any, Dict, Iterable, List, NamedTuple, Optional

from ._opened import MACHINERY

_LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
_ANY = {"0.0.0.0", "*", "[::]"}

#: Where a handler of authentication listens: libzmq comes to it with the first connection, as a socket that nobody has opened.
ZAP = "inproc://zeromq.zap.01"


class Place(NamedTuple):
    """An endpoint, in parts: for tcp host and port, else the name and no port."""

    transport: str
    name: str
    port: Optional[int]

    @classmethod
    def of(cls, endpoint: str) -> Place:
        """Reads it; of "source;destination" the destination counts."""
        transport, _, address = endpoint.partition("://")
        if transport not in ("tcp", "ws", "wss", "udp"):
            return cls(transport, address, None)
        host, _, port = address.rpartition(";")[2].partition("/")[0].rpartition(":")
        return cls(transport, host, int(port) if port.isdecimal() else None)

    @property
    def is_loopback(self) -> bool:
        """Whether no other machine has this host."""
        return self.name in _LOOPBACK or self.name.startswith("127.")


class Seen:
    """A socket as its survey tells of it, and the process that it is in."""

    def __init__(self, data: Dict[str, Any], process: Dict[str, Any], own: bool) -> None:
        self.data = data
        self.key: str = data["key"]
        self.type: str = data["type"]
        self.process = process
        self.own = own
        self.endpoints: List[Dict[str, Any]] = data["endpoints"]
        self.bound = [at["endpoint"] for at in self.endpoints if at["bound"]]
        self.connected = [at["endpoint"] for at in self.endpoints if not at["bound"]]
        self.sent: int = data["stats"]["messages_sent"]
        self.received: int = data["stats"]["messages_received"]
        self.subscribed: List[str] = data["subscribed"]
        self.troubles: List[Dict[str, Any]] = [trouble for trouble in data.get("trouble", []) if not trouble["over"]]

    @property
    def context(self) -> str:
        """What tells its context from those of all other processes, too."""
        return self.key.rpartition(".")[0]

    @property
    def peers(self) -> Optional[int]:
        """How many are connected; None if nobody knows."""
        peers = self.data["peers"]
        return None if peers is None else sum(peer["connections"] for peer in peers)

    @property
    def talks_to(self) -> List[str]:
        """The types that it talks to."""
        return list(self.data.get("talks_to", []))

    @property
    def partners(self) -> str:
        """ "REP or ROUTER", for a REQ."""
        return " or ".join(self.talks_to)

    def waits(self, what: str) -> Optional[float]:
        """For how many seconds a thread of it has waited to "recv" or "send"."""
        return max((wait["since"] for wait in self.data["waits"] if wait["for"] in (what, "events")), default=None)

    def option(self, name: str, usual: Any) -> Any:
        """The value of an option; `usual` where it was not changed."""
        return self.data.get("options", {}).get(name, usual)

    def goes_with(self, other: Seen) -> bool:
        """Whether the two types talk to each other."""
        return other.type in self.talks_to

    @property
    def name(self) -> str:
        """ "REQ connected to tcp://127.0.0.1:5555", with who has it where that is not the caller's own process."""
        parts = [self.type]
        for verb, places in (("bound to", self.bound), ("connected to", self.connected)):
            if places:
                parts.append(f"{verb} {', '.join(places)}")
        part_of = self.part_of
        if part_of:
            parts.append(f"of a {part_of}")
        if not self.own:
            parts.append(f"in {self.process['name']}")
        elif self.data.get("cell") is not None:
            parts.append(f"(cell {self.data['cell']})")
        return " ".join(parts)

    @property
    def short(self) -> str:
        """ "a REQ", "an XPUB in server": within a sentence about another one."""
        article = "an" if self.type.startswith("X") else "a"
        return f"{article} {self.type}{self.where}"

    @property
    def where(self) -> str:
        """ " in server", if it is in another process."""
        return "" if self.own else f" in {self.process['name']}"

    @property
    def part_of(self) -> Optional[str]:
        """The kind of the device or the role of a pipeline that it belongs to."""
        for what in ("device", "role"):
            key = self.data.get(what)
            for thing in self.process.get(f"{what}s", []):
                if key is not None and thing["key"] == key:
                    return str(thing["kind"])
        return None


class Scene:
    """All the sockets of some processes."""

    def __init__(self, surveys: Iterable[Dict[str, Any]], own: Optional[int]) -> None:
        """`own` is the pid of the caller's process, whose sockets need no address."""
        self.processes = list(surveys)
        self.sockets = [
            Seen(data, process, own is None or process.get("pid") == own)
            for process in self.processes
            for data in process["sockets"]
        ]
        self.addresses: Dict[str, Optional[str]] = {}

    def users(self) -> List[Seen]:
        """Those that the user opened."""
        return [seen for seen in self.sockets if seen.data.get("opened_by", "").partition(".")[0] not in MACHINERY]

    def bound_at(self, seen: Seen, endpoint: str) -> List[Seen]:
        """The sockets that are bound where `seen` is connected to."""
        return [
            other
            for other in self.sockets
            if other is not seen and any(_meet(seen, endpoint, other, bound) for bound in other.bound)
        ]

    def connected_to(self, seen: Seen, endpoint: str) -> List[Seen]:
        """The sockets that are connected to where `seen` is bound."""
        return [
            other
            for other in self.sockets
            if other is not seen and any(_meet(other, connected, seen, endpoint) for connected in other.connected)
        ]

    def facing(self, seen: Seen) -> List[Seen]:
        """The sockets at the other ends of its endpoints."""
        found = [other for endpoint in seen.connected for other in self.bound_at(seen, endpoint)]
        found += [other for endpoint in seen.bound for other in self.connected_to(seen, endpoint)]
        return list({other.key: other for other in found}.values())

    def lonely_partners(self, seen: Seen) -> List[Seen]:
        """The sockets of users that it could talk to and that nobody is connected to; not the other side of its own device."""
        device = seen.data.get("device")
        return [
            other
            for other in self.users()
            if other is not seen
            and seen.goes_with(other)
            and not other.peers
            and (device is None or other.data.get("device") != device)
            and not any(self.is_libzmqs(other, at) for at in other.bound + other.connected)
        ]

    def is_libzmqs(self, seen: Seen, endpoint: str) -> bool:
        """Whether the other end of an endpoint is a library's own, which no survey has: a socket's monitor, who asks ZAP."""
        own = (other.data.get("monitor") for other in self.sockets if other.context == seen.context)
        return endpoint == ZAP or (endpoint.startswith("inproc:") and endpoint in own)

    def resolve(self, timeout: float) -> None:
        """Asks for the addresses of the host names that somebody is connected to without a peer, for `timeout` seconds."""
        hosts = {
            place.name
            for seen in self.users()
            if not seen.peers
            for place in map(Place.of, seen.connected)
            if place.port is not None and place.name and not _is_number(place.name) and place.name not in _LOOPBACK
        }
        threads = [threading.Thread(target=self._look_up, args=(host,), daemon=True) for host in sorted(hosts)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        for host in hosts:
            self.addresses.setdefault(host, f"the name servers have not answered within {timeout:g} s")

    def _look_up(self, host: str) -> None:
        try:
            socket.getaddrinfo(host, None)
        except (OSError, UnicodeError) as error:
            self.addresses.setdefault(host, str(error))
        else:
            self.addresses.setdefault(host, None)


def _meet(one: Seen, connected: str, other: Seen, bound: str) -> bool:
    """Whether `one`, connected to one endpoint, comes to `other`, bound to the other."""
    here, there = Place.of(connected), Place.of(bound)
    if (here.transport, here.port) != (there.transport, there.port):
        return False
    if here.transport == "inproc":
        return here.name == there.name and one.context == other.context
    if here.port is None or here.name == there.name:
        return here.name == there.name
    if here.name in _LOOPBACK | _ANY:
        return there.name in _LOOPBACK | _ANY
    # Another address of this machine, or of another one: those who came by it tell.
    came_by = {Place.of(peer["local"]).name for peer in other.data["peers"] or []}
    return there.name in _ANY and (here.name in came_by or here.name == socket.gethostname())


def _is_number(host: str) -> bool:
    return host.startswith("[") or host.replace(".", "").isdigit()
