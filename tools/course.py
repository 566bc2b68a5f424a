"""Runs the lecture: each notebook in a kernel of its own, then one table of what it moved and how fast.

    python -m tools.course [NAME ...]    all of them, or those whose file names contain NAME

The executed notebooks are left in build/course. Ends with 1 if a notebook failed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Sequence

import nbformat

from tools.notebooks import ROOT, copy_images, lecture_sources, parameters_of
from tools.runner import Figures, Run, free_ports, run_notebook, run_roles

__all__ = [
    "Figures",
    "Run",
    "free_ports",
    "main",
    "parameters_of",
    "run_course",
    "run_notebook",
    "run_roles",
    "table",
]

OUTPUT = ROOT / "build" / "course"


def table(runs: Sequence[Run]) -> str:
    """The figures of all runs, one line a system."""
    rows = [("system", "messages", "msg/s", "ok")]
    for run in runs:
        for figures in run.figures:
            rate = f"{figures.messages / figures.seconds:,.0f}" if figures.seconds else "-"
            ok = "yes" if run.error is None and figures.ok else "NO"
            rows.append((figures.system, f"{figures.messages:,}", rate, ok))
        if not run.figures:
            rows.append((run.source.stem, "-", "-", "yes" if run.ok else "NO"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for row in rows:
        numbers = "  ".join(row[column].rjust(widths[column]) for column in (1, 2))
        lines.append(f"{row[0].ljust(widths[0])}  {numbers}  {row[3]}".rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


class _Progress:
    """A bar on a terminal; one line a notebook in a log, where a bar would only be noise."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.bar: Any = None
        if sys.stderr.isatty():
            try:
                from tqdm import tqdm
            except ImportError:
                return
            self.bar = tqdm(total=total, unit="notebook", leave=False)

    def starts(self, name: str) -> None:
        if self.bar is not None:
            self.bar.set_description(name)

    def ended(self, run: Run) -> None:
        self.done += 1
        verdict = "ok" if run.ok else "FAILED"
        line = f"[{self.done}/{self.total}] {run.source.stem}: {verdict} in {run.seconds:.1f} s"
        if self.bar is None:
            print(line, flush=True)
            return
        if not run.ok:
            self.bar.write(line)
        self.bar.update()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def run_course(sources: Sequence[Path], output: Path) -> list[Run]:
    """Run these one after the other, so that each has the machine for itself and its figures mean something."""
    output.mkdir(parents=True, exist_ok=True)
    for old in output.glob("*.ipynb"):
        old.unlink()
    copy_images(output)
    runs = []
    progress = _Progress(len(sources))
    try:
        for source in sources:
            progress.starts(source.stem)
            run = run_notebook(source)
            nbformat.write(run.notebook, output / f"{source.stem}.ipynb")
            runs.append(run)
            progress.ended(run)
    finally:
        progress.close()
    return runs


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tools.course", description="Run the lecture's notebooks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only notebooks whose file names contain NAME")
    names = parser.parse_args(arguments).names
    sources = [source for source in lecture_sources() if not names or any(name in source.stem for name in names)]
    if not sources:
        print(
            f"no notebook's name contains {' or '.join(names)}" if names else "there is no notebook to run",
            file=sys.stderr,
        )
        return 1
    try:
        runs = run_course(sources, OUTPUT)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    for run in runs:
        if run.error is not None:
            print(f"\n{run.source.name} failed:\n{run.error}", file=sys.stderr)
    print(f"\n{table(runs)}\n\nThe executed notebooks are in {OUTPUT.relative_to(ROOT)}/")
    return 0 if all(run.ok for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
