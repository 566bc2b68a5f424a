"""Shows what came of the faults: as text, as Markdown, and in the document that explains each row."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple

from benches.battery.runner import Row, Told

Line = Tuple[str, ...]

HEAD: Line = ("fault", "times", "who", "held", "what happened", "lost", "doubled", "crashed", "s")
KEPT, BROKEN, ABSENT = "yes", "NO", "-"
START, END = "<!-- battery -->", "<!-- /battery -->"
#: A cell of the terminal's table is cut after so many characters.
_WIDEST = 70


def verdict(told: Told) -> str:
    """Whether all was as promised; neither if the contender was not there."""
    return ABSENT if told.absent else BROKEN if told.outcome.wrong else KEPT


def _count(value: Any) -> str:
    return "" if value is None else f"{value:,}"


def lines(row: Row) -> List[Line]:
    """One line a contender."""
    found: List[Line] = []
    for name, told in row.told.items():
        outcome = told.outcome
        start = ("" if found else row.fault.title, _count(outcome.times), name)
        if told.absent:
            found.append((*start, verdict(told), told.absent, "", "", "", ""))
            continue
        happened = "; ".join((*outcome.wrong, *([outcome.happened] if outcome.happened else [])))
        end = (_count(outcome.lost), _count(outcome.duplicated), _count(outcome.crashed), f"{told.seconds:.1f}")
        found.append((*start, verdict(told), happened, *end))
    return found


def text(rows: Sequence[Row]) -> str:
    """For the terminal."""
    table = [HEAD, *(line for row in rows for line in lines(row))]
    widths = [min(_WIDEST, max(len(line[column]) for line in table)) for column in range(len(HEAD))]
    shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in table]
    return "\n".join([shown[0], "  ".join("-" * width for width in widths), *shown[1:]])


def markdown(rows: Sequence[Row], machine: Mapping[str, str]) -> str:
    """For a document."""
    table = [HEAD, ("---", "---:", "---", "---", "---", "---:", "---:", "---:", "---:")]
    table += [line for row in rows for line in lines(row)]
    shown = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in table)
    where = "\n".join(f"- {key}: {value}" for key, value in machine.items())
    return f"{shown}\n\n{where}\n"


def put_into(document: str, table: str) -> str:
    """The document with this table between its two marks. Raises ValueError if it has none."""
    before, start, rest = document.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"the document has no place for the table: {START} ... {END}")
    return f"{before}{START}\n{table}{END}{after}"


def raw(rows: Sequence[Row], machine: Mapping[str, str]) -> Dict[str, Any]:
    """Everything, for a file."""
    return {
        "machine": dict(machine),
        "faults": {
            row.fault.name: {
                name: {**vars(told.outcome), "absent": told.absent, "seconds": round(told.seconds, 2)}
                for name, told in row.told.items()
            }
            for row in rows
        },
    }
