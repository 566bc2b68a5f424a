"""What is said of several rounds: medians and quartiles, of the figures and of each round's ratio."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence

from benches.case import Case, Target

#: What a verdict may be.
MET, MISSED, CLOSE, UNKNOWN = "met", "missed", "within the spread", "not measured"


class Spread(NamedTuple):
    """The median, and the quartiles around it."""

    low: float
    middle: float
    high: float


@dataclass
class Result:
    """What became of one case."""

    case: Case
    #: For each round, the figures of those who had one.
    rounds: List[Dict[str, float]] = field(default_factory=list)
    #: Why contenders have none: "n/a: ...", "not measured: ...", "hung: ...", "failed: ...".
    problems: Dict[str, str] = field(default_factory=dict)


def spread(values: Sequence[float]) -> Optional[Spread]:
    """The median and the quartiles; None of nothing."""
    if not values:
        return None
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, _, high = quantiles(values, n=4, method="inclusive")
    return Spread(low, median(values), high)


def figure(result: Result, name: str) -> Optional[float]:
    """A contender's median."""
    found = spread([figures[name] for figures in result.rounds if name in figures])
    return None if found is None else found.middle


def ratio(result: Result, ours: str, against: str) -> Optional[Spread]:
    """How many times better `ours` is, from the rounds that both took part in."""
    if ours == against:
        return None
    return spread(
        [
            result.case.unit.ratio(figures[ours], figures[against])
            for figures in result.rounds
            if ours in figures and against in figures
        ]
    )


def verdict(found: Optional[Spread], target: Target) -> str:
    """Whether a target is met: by the median, and "within the spread" if only the upper quartile reaches it."""
    if found is None:
        return UNKNOWN
    if found.middle >= target.at_least:
        return MET
    return CLOSE if found.high >= target.at_least else MISSED


def verdicts(result: Result) -> Mapping[Target, str]:
    """All of a case's."""
    return {target: verdict(ratio(result, target.ours, target.against), target) for target in result.case.targets}
