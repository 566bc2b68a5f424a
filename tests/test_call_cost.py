"""What a call costs, in instructions, which a busy machine does not change: a send and a recv of 16 bytes must not grow."""

from __future__ import annotations

import platform
import sys
from typing import Dict, Tuple

import pytest

from benches import callgrind
from benches.case import Job
from benches.cases import CASES

#: Instructions of one send and one recv, where they were counted: interpreters and machines differ in them.
RECORDED: Dict[Tuple[object, ...], int] = {("x86_64", 3, 11): 1_960}
#: How much more is no reason to look.
AIR = 1.1


@pytest.mark.skipif(not callgrind.available(), reason="valgrind is not installed")
def test_send_and_recv_cost_no_more_instructions_than_they_did() -> None:
    where = (platform.machine(), *sys.version_info[:2])
    if where not in RECORDED:
        pytest.skip(f"nothing is recorded for {where}")
    case = CASES["instructions"]
    ours = next(contender for contender in case.contenders if contender.name == "brokerless")
    assert callgrind.instructions(case, ours, Job(count=2_000, warmup=200)) <= AIR * RECORDED[where]
