"""All faults, by their names, in the order of the table. A module for each kind; each has its `FAULTS`."""

from __future__ import annotations

from typing import Dict

from benches.battery.fault import Fault
from benches.battery.faults import (
    arrays,
    awaits,
    clocks,
    collecting,
    crowds,
    first,
    forks,
    interrupts,
    interrupts_of_roles,
    json_hostile,
    limits,
    links,
    many,
    messages,
    queues,
    restarts,
    strangers,
    threads,
    workers,
)

_KINDS = (
    first,
    interrupts,
    interrupts_of_roles,
    threads,
    forks,
    collecting,
    awaits,
    many,
    messages,
    json_hostile,
    arrays,
    strangers,
    crowds,
    limits,
    queues,
    restarts,
    links,
    clocks,
    workers,
)

FAULTS: Dict[str, Fault] = {fault.name: fault for kind in _KINDS for fault in kind.FAULTS}
