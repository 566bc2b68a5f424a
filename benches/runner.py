"""Runs cases: rounds in which each contender has its turn, A B C A B C, so that a busy moment hits all alike."""

from __future__ import annotations

import dataclasses
from typing import Callable, Iterable, List, Sequence

from benches.callgrind import instructions
from benches.case import Case, Contender, Job
from benches.processes import NoFigure, Run
from benches.results import Result

#: What a quick look has less of.
SHORTER = 4

Progress = Callable[[str], None]


def choose(cases: Iterable[Case], names: Sequence[str]) -> List[Case]:
    """The cases whose names contain one of these; without any, those of the table.

    The others, which take long, are chosen only by names that begin with theirs: "growth", "growth-size".
    """
    if not names:
        return [case for case in cases if case.default]
    families = [name for name in names if name.startswith("growth")]
    return [case for case in cases if any(name in case.name for name in (names if case.default else families))]


def measure(case: Case, contender: Contender, job: Job) -> float:
    """One figure. Raises NoFigure."""
    if case.instructions:
        return instructions(case, contender, job)
    return Run(case, contender, job).figure()


def shorter(case: Case) -> Job:
    """A quick look's job."""
    if not case.shorter:
        return case.job
    return dataclasses.replace(
        case.job, count=max(case.job.count // SHORTER, case.job.peers), warmup=max(1, case.job.warmup // SHORTER)
    )


def run(case: Case, *, rounds: int, quick: bool, progress: Progress) -> Result:
    """All rounds of a case. Who has no figure in one round takes no part in the next."""
    job = shorter(case) if quick else case.job
    result = Result(case)
    for number in range(min(rounds, case.rounds or rounds)):
        figures = {}
        for contender in case.contenders:
            if contender.name in result.problems:
                continue
            progress(f"{case.name}, round {number + 1}: {contender.name}")
            try:
                figures[contender.name] = measure(case, contender, job)
            except NoFigure as problem:
                result.problems[contender.name] = str(problem)
        result.rounds.append(figures)
    return result
