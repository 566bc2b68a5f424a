"""Shows results: as text, as Markdown, and as the raw figures in JSON."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from benches.case import Case
from benches.results import Result, Spread, figure, ratio, verdicts

Row = Tuple[str, str, str, str, str]

HEAD: Row = ("case", "who", "median", "ratio (quartiles)", "must be")


def number(value: float) -> str:
    """Three digits that count, or all that stand before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def times(found: Optional[Spread]) -> str:
    """A ratio with its quartiles."""
    if found is None:
        return ""
    return f"{found.middle:.2f}x ({found.low:.2f} - {found.high:.2f})"


def rows(result: Result) -> List[Row]:
    """One line a contender, and one more for each target that is not to the baseline."""
    case = result.case
    judged = verdicts(result)
    found: List[Row] = []
    for contender in case.contenders:
        name = contender.name
        value = figure(result, name)
        problem = result.problems.get(name, "")
        shown = problem if value is None else f"{number(value)} {case.unit.name}"
        aims = [target for target in case.targets if target.ours == name]
        first = next((target for target in aims if target.against == case.baseline), None)
        found.append(
            (
                "" if found else case.title,
                name,
                shown,
                times(ratio(result, name, case.baseline)),
                f"{first}: {judged[first]}" if first else "",
            )
        )
        if value is not None and problem:
            found.append(("", "", problem, "", ""))
        for target in aims:
            if target is not first:
                against = ratio(result, name, target.against)
                found.append(("", "", f"beside {target.against}", times(against), f"{target}: {judged[target]}"))
    return found


def text(results: Sequence[Result]) -> str:
    """For the terminal."""
    lines = [HEAD, *(row for result in results for row in rows(result))]
    # What is wrong with someone may be long and stands where a figure would.
    widths = [max(len(line[column]) for line in lines if len(line[column]) <= 60) for column in range(5)]
    shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    return "\n".join([shown[0], "  ".join("-" * width for width in widths), *shown[1:]])


def markdown(results: Sequence[Result], machine: Mapping[str, str]) -> str:
    """For a document."""
    lines = [HEAD, ("---", "---", "---:", "---:", "---"), *(row for result in results for row in rows(result))]
    table = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
    where = "\n".join(f"- {key}: {value}" for key, value in machine.items())
    return f"{table}\n\n{where}\n"


def raw(results: Sequence[Result], machine: Mapping[str, str]) -> Dict[str, Any]:
    """Everything that was measured."""
    return {"machine": dict(machine), "cases": {result.case.name: _raw(result) for result in results}}


def _raw(result: Result) -> Dict[str, Any]:
    case: Case = result.case
    return {
        "title": case.title,
        "unit": case.unit.name,
        "more is better": case.unit.more_is_better,
        "count": case.job.count,
        "rounds": result.rounds,
        "problems": result.problems,
        "targets": {str(target): said for target, said in verdicts(result).items()},
    }


def brief(result: Result) -> str:
    """One line, while the others are still to come."""
    figures = ((contender.name, figure(result, contender.name)) for contender in result.case.contenders)
    shown = [f"{name} {'-' if value is None else number(value)}" for name, value in figures]
    return f"{result.case.name}: {', '.join(shown)} ({result.case.unit.name})"
