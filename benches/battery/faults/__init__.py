"""All faults, by their names, in the order of the table. A module for each kind; each has its `FAULTS`."""

from __future__ import annotations

from typing import Dict

from benches.battery.fault import Fault
from benches.battery.faults import clocks, crowds, limits, links, messages, queues, restarts, strangers, workers

_KINDS = (messages, strangers, crowds, limits, queues, restarts, links, clocks, workers)

FAULTS: Dict[str, Fault] = {fault.name: fault for kind in _KINDS for fault in kind.FAULTS}
