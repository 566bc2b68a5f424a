"""All faults, by their names, in the order of the table. A module for each kind; each has its `FAULTS`."""

from __future__ import annotations

from typing import Dict

from benches.battery.fault import Fault
from benches.battery.faults import forks, interrupts, interrupts_of_roles, messages, threads

_KINDS = (messages, interrupts, interrupts_of_roles, threads, forks)

FAULTS: Dict[str, Fault] = {fault.name: fault for kind in _KINDS for fault in kind.FAULTS}
