"""What a case is: the same task for several contenders, each with its roles, and what brokerless must reach.

A role is a function that plays one part in a process of its own: `role(zmq, job)`, where `zmq` is the contender's module. The
role that holds the clock returns what the job's `count` took (seconds, bytes), the others return None. A role of the C tools
is a command of theirs and its endpoint, such as "receive @{0}" (benches/c_tools.rs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional, Tuple, Union

Role = Callable[[Any, "Job"], Optional[float]]


@dataclass(frozen=True)
class Job:
    """What a role is given: the same for all contenders."""

    count: int
    warmup: int = 0
    size: int = 16
    hwm: int = 1000
    endpoints: Tuple[str, ...] = ()
    #: How many of something that the case varies: consumers, sockets, peers.
    peers: int = 1
    #: Whether the main thread has other work.
    busy: bool = False


@dataclass(frozen=True)
class Unit:
    """What becomes of a role's result: of so much (seconds, say) for the job's `count`, a figure to show."""

    name: str
    more_is_better: bool
    scale: float = 1.0
    #: Whether bytes count and not messages.
    by_size: bool = False

    def figure(self, result: float, job: Job) -> float:
        """The figure of a result."""
        count = job.count * job.size if self.by_size else job.count
        return self.scale * (count / result if self.more_is_better else result / count)

    def ratio(self, ours: float, theirs: float) -> float:
        """How many times better `ours` is."""
        return ours / theirs if self.more_is_better else theirs / ours


RATE = Unit("1000 msg/s", True, 1e-3)
BANDWIDTH = Unit("MB/s", True, 1e-6, by_size=True)
FRAMES = Unit("frames/s", True)
NANOSECONDS = Unit("ns", False, 1e9)
MICROSECONDS = Unit("us", False, 1e6)
MILLISECONDS = Unit("ms", False, 1e3)
KIBIBYTES = Unit("KiB", False, 1 / 1024)
INSTRUCTIONS = Unit("instructions", False)


@dataclass(frozen=True)
class Contender:
    """Who takes part: a Python module, or (with None) the C tools."""

    name: str
    module: Optional[str]
    roles: Mapping[str, Union[Role, str]]
    #: What its `Socket` must have; without it the contender does not take part.
    needs: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """`ours` must be `at_least` so many times as good as `against`."""

    at_least: float
    against: str = "pyzmq"
    ours: str = "brokerless"

    def __str__(self) -> str:
        who = "" if self.ours == "brokerless" else f"{self.ours}: "
        return f"{who}{self.at_least:.2g}x {self.against}"


@dataclass(frozen=True)
class Case:
    """One line of the table, and how it comes about."""

    name: str
    title: str
    unit: Unit
    job: Job
    contenders: Tuple[Contender, ...]
    targets: Tuple[Target, ...] = ()
    #: Whose figures the ratios are to.
    baseline: str = "pyzmq"
    #: How many tcp endpoints the roles meet at.
    endpoints: int = 0
    #: Roles that have no end of their own: ended when the others are done.
    servers: Tuple[str, ...] = ()
    #: Seconds that a run may take.
    limit: float = 30.0
    #: Whether it runs when no names are asked for.
    default: bool = True
    #: Whether callgrind's instructions are counted and not what the roles return.
    instructions: bool = False
    #: How often everyone runs; None leaves it to the caller.
    rounds: Optional[int] = None
    #: Whether a quick look may do with fewer.
    shorter: bool = True


def each(modules: Mapping[str, str], roles: Mapping[str, Role], needs: Tuple[str, ...] = ()) -> Tuple[Contender, ...]:
    """Contenders that play the same roles, by their names and modules."""
    return tuple(Contender(name, module, roles, needs) for name, module in modules.items())


def c_tools(**roles: str) -> Contender:
    """The C tools, with the command for each role."""
    return Contender("C tools", None, roles)


BROKERLESS = {"brokerless": "brokerless"}
PYZMQ = {"pyzmq": "zmq"}
PYOMQ = {"pyomq": "pyomq"}
PYTHON = {**BROKERLESS, **PYZMQ, **PYOMQ}


class Wrong(Exception):
    """What arrived is not what was sent."""


def expect(found: object, wanted: object) -> None:
    """Fails the case unless they are equal."""
    if found != wanted:
        raise Wrong(f"{_short(found)} came instead of {_short(wanted)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
