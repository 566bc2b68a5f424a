"""A process of the battery: one that plays a fault, or a part of one.

    python -m benches.battery.child play FAULT CONTENDER TIMES SEED COUNTER
    python -m benches.battery.child part MODULE:FUNCTION CONTENDER ARGUMENTS

The first prints the outcome in JSON, and counts in the file COUNTER. Ends with 77 if the contender, or what the fault needs, is not there.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import resource
import sys
import traceback
from pathlib import Path
from typing import Any, List

from benches.battery.fault import CONTENDERS, NotHere
from benches.battery.part import Link
from benches.battery.scene import Counter, Scene
from benches.child import NOT_AVAILABLE


def play(name: str, contender: str, times: int, seed: int, path: Path) -> None:
    """Plays a fault and prints what came of it."""
    from benches.battery.faults import FAULTS

    mouth = _own_stdout()
    with Scene(contender, _module(contender), times, seed, Counter(path)) as scene:
        try:
            outcome = FAULTS[name].play(scene)
        except NotHere as error:
            print(error, file=sys.stderr)
            sys.exit(NOT_AVAILABLE)
        except Exception:
            # What it has open may wait for ever at the interpreter's end, and its failure would look like a hang.
            traceback.print_exc()
            scene.end()
            sys.stderr.flush()
            os._exit(1)
    print(json.dumps(dataclasses.asdict(outcome)), file=mouth, flush=True)


def part(role: str, contender: str, arguments: str) -> None:
    """Plays a part of a fault."""
    module, _, name = role.partition(":")
    function = getattr(importlib.import_module(module), name)
    mouth = _own_stdout()
    function(_module(contender), Link(sys.stdin, mouth), *json.loads(arguments))


def _own_stdout() -> Any:
    """Stdout for what is meant for the other end; what anybody prints goes to stderr from now on."""
    mouth = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return mouth


def _module(contender: str) -> Any:
    try:
        return importlib.import_module(CONTENDERS[contender])
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(NOT_AVAILABLE)


def main(arguments: List[str]) -> None:
    # Some faults open thousands of connections.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    what, *rest = arguments
    if what == "play":
        name, contender, times, seed, path = rest
        play(name, contender, int(times), int(seed), Path(path))
    else:
        part(*rest)


if __name__ == "__main__":
    main(sys.argv[1:])
