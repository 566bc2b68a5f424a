"""What `make battery` runs: all faults or some, then the table.

    python -m benches.battery [--quick] [--list] [--document] [NAME ...]     all, or those whose names contain NAME

Leaves build/battery/table.md and outcomes.json; with --document, the table of a full run also goes into docs/reliability.md.
Ends with 1 if brokerless has not kept a promise.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import List, Optional

from benches.__main__ import say
from benches.battery import report
from benches.battery.faults import FAULTS
from benches.battery.runner import Row, choose, run
from benches.machine import describe
from benches.processes import ROOT

OUTPUT = ROOT / "build" / "battery"
DOCUMENT = ROOT / "docs" / "reliability.md"


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="battery", description="Do the same faults to brokerless, pyzmq and pyomq.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only faults whose names contain NAME")
    parser.add_argument("--quick", action="store_true", help="a tenth as often")
    parser.add_argument("--list", action="store_true", help="name the faults, do nothing")
    parser.add_argument("--document", action="store_true", help=f"write the table into {DOCUMENT.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    if options.document and (options.quick or options.names):
        parser.error("the document has the table of a full run only")
    faults = choose(FAULTS.values(), options.names)
    if not faults:
        parser.error(f"no fault's name contains {' or '.join(options.names)}")
    if options.list:
        print("\n".join(f"{fault.name:<20} {fault.title}" for fault in faults))
        return 0
    machine = describe()
    print("\n".join(f"{key}: {value}" for key, value in machine.items()), end="\n\n", flush=True)
    started = time.monotonic()
    rows: List[Row] = []
    for fault in faults:
        rows.append(run(fault, quick=options.quick, progress=say))
        say("")
        kept = ", ".join(f"{name} {report.verdict(told)}" for name, told in rows[-1].told.items())
        print(f"{fault.name}: {kept}", flush=True)
    print(f"\n{report.text(rows)}\n")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    table = report.markdown(rows, machine)
    (OUTPUT / "table.md").write_text(table, encoding="utf-8")
    (OUTPUT / "outcomes.json").write_text(json.dumps(report.raw(rows, machine), indent=1), encoding="utf-8")
    if options.document:
        DOCUMENT.write_text(report.put_into(DOCUMENT.read_text(encoding="utf-8"), table), encoding="utf-8")
    print(f"{time.monotonic() - started:.0f} s; all of it is in {OUTPUT.relative_to(ROOT)}/")
    return int(any(report.verdict(row.told["brokerless"]) == report.BROKEN for row in rows))


if __name__ == "__main__":
    sys.exit(main())
