"""What `make bench` runs: all cases or some, then the table, the raw figures and the plot.

    python -m benches [--quick] [--rounds N] [--list] [NAME ...]     all cases, or those whose names contain NAME

Leaves build/bench/table.md, figures.json and bench.svg; a full run also draws docs/bench.svg. Ends with 1 if brokerless
failed or hung in a case; a target that is missed is shown and is no failure.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import List, Mapping, Optional, Sequence

from benches import plot, table
from benches.cases import CASES
from benches.curves import curves
from benches.machine import busy, describe
from benches.processes import ROOT
from benches.results import Result
from benches.runner import choose, run

OUTPUT = ROOT / "build" / "bench"
PICTURE = ROOT / "docs" / "bench.svg"
ROUNDS, QUICK_ROUNDS = 7, 2


def say(line: str) -> None:
    """What is going on, on a terminal only: in a log it would be noise."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def leave(results: Sequence[Result], machine: Mapping[str, str], full: bool) -> None:
    """Write the files."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "table.md").write_text(table.markdown(results, machine), encoding="utf-8")
    (OUTPUT / "figures.json").write_text(json.dumps(table.raw(results, machine), indent=1), encoding="utf-8")
    caption = f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, pyzmq {machine['pyzmq']}"
    bars = plot.bars([result for result in results if result.case.default])
    if bars:
        picture = plot.draw(bars, f"{caption}. Medians of the rounds' ratios; the axis is logarithmic.")
        (OUTPUT / "bench.svg").write_text(picture, encoding="utf-8")
        if full:
            PICTURE.write_text(picture, encoding="utf-8")
    growth = curves(results)
    if growth:
        (OUTPUT / "growth.svg").write_text(growth, encoding="utf-8")


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="benches", description="Measure brokerless beside pyzmq, pyomq and C.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help='only cases whose names contain NAME; "growth" for curves'
    )
    parser.add_argument("--quick", action="store_true", help="a quarter of the messages, two rounds")
    parser.add_argument("--rounds", type=int, help=f"how often everyone has a turn ({ROUNDS})")
    parser.add_argument("--list", action="store_true", help="name the cases, measure nothing")
    options = parser.parse_args(arguments)
    rounds = (QUICK_ROUNDS if options.quick else ROUNDS) if options.rounds is None else options.rounds
    if rounds < 1:
        parser.error("there must be a round")
    cases = choose(CASES.values(), options.names)
    if not cases:
        parser.error(f"no case's name contains {' or '.join(options.names)}")
    if options.list:
        print("\n".join(f"{case.name:<20} {case.title}" for case in cases))
        return 0
    machine = describe()
    print("\n".join(f"{key}: {value}" for key, value in machine.items()), end="\n\n", flush=True)
    if busy():
        print("This machine is busy with something else: look at the ratios only, and not too closely.\n", flush=True)
    started = time.monotonic()
    results: List[Result] = []
    stopped = False
    try:
        for case in cases:
            results.append(run(case, rounds=rounds, quick=options.quick, progress=say))
            say("")
            print(table.brief(results[-1]), flush=True)
    except KeyboardInterrupt:
        stopped = True
        print("\ninterrupted", file=sys.stderr)
    if results:
        full = not (options.quick or options.names or stopped)
        print(f"\n{table.text(results)}\n")
        leave(results, machine, full)
        print(f"{time.monotonic() - started:.0f} s; the figures are in {OUTPUT.relative_to(ROOT)}/")
    if stopped:
        return 130
    ours = (problem for result in results for name, problem in result.problems.items() if name.startswith("brokerless"))
    return 1 if any(problem.startswith(("failed", "hung")) for problem in ours) else 0


if __name__ == "__main__":
    sys.exit(main())
