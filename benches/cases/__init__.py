"""All cases, by their names, in the order of the table."""

from __future__ import annotations

from typing import Dict

from benches.case import Case
from benches.cases import (
    aio,
    arrays,
    costs,
    device,
    growth,
    large,
    many,
    one_thread,
    pipeline,
    round_trip,
    throughput,
)

_FAMILIES = (one_thread, throughput, large, round_trip, arrays, pipeline, device, aio, many, costs, growth)

CASES: Dict[str, Case] = {case.name: case for family in _FAMILIES for case in family.CASES}
