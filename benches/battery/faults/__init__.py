"""All faults, by their names, in the order of the table. A module for each kind; each has its `FAULTS`."""

from __future__ import annotations

from typing import Dict

from benches.battery.fault import Fault
from benches.battery.faults import (
    arrays,
    awaits,
    collecting,
    first,
    forks,
    interrupts,
    interrupts_of_roles,
    json_hostile,
    many,
    messages,
    threads,
)

_KINDS = (
    messages,
    interrupts,
    interrupts_of_roles,
    threads,
    forks,
    collecting,
    awaits,
    many,
    json_hostile,
    arrays,
    first,
)

FAULTS: Dict[str, Fault] = {fault.name: fault for kind in _KINDS for fault in kind.FAULTS}
