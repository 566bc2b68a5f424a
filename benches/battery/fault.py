"""What a fault is, and what may come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Optional, Tuple

if TYPE_CHECKING:
    from benches.battery.scene import Scene

#: Who takes part, by their names and modules.
CONTENDERS = {"brokerless": "brokerless", "pyzmq": "zmq", "pyomq": "pyomq"}

BOTH = ("brokerless", "pyzmq")
ALL = ("brokerless", "pyzmq", "pyomq")


class NotHere(Exception):
    """This fault cannot be done on this machine; the text says why."""


@dataclass(frozen=True)
class Outcome:
    """What came of a fault that was done `times` times."""

    times: int
    #: In a few words, with the figures that matter: "KeyboardInterrupt after 0.03 ms, at most 0.9".
    happened: str
    #: What was not as promised, in a few words each. Nothing: the promise held.
    wrong: Tuple[str, ...] = ()
    #: Messages that should have arrived and did not; None where none had to.
    lost: Optional[int] = None
    #: Messages that arrived once too often; None where none had to arrive.
    duplicated: Optional[int] = None
    #: Processes that ended by a signal or an assertion of their own.
    crashed: int = 0


@dataclass(frozen=True)
class Fault:
    """One row of the battery."""

    name: str
    #: What is done: "random bytes, sent to a bound socket of each type".
    title: str
    #: What must come of it: "the socket serves a good peer all the while, and no memory is kept".
    promised: str
    play: Callable[[Scene], Outcome]
    #: How often it is done; a quick look does a tenth.
    times: int
    #: Seconds that all of it may take.
    limit: float = 60.0
    contenders: Tuple[str, ...] = BOTH
    #: Whether fewer times still mean something.
    shorter: bool = True
