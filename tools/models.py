"""Tries the orders in which the threads of a socket can take their steps (`models/`), and shows that the models can fail.

`make models` runs every model. Then it takes away, one at a time, what the protocol stands on (`models/mutations.rs`), and
at least one model must fail with each: a model that cannot fail proves nothing. `make models ONLY="close lock"` runs a part,
and nothing is taken away; `ARGS="--preemptions 3"` tries more orders, which takes some ten times as long.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Sequence

_ROOT = Path(__file__).parent.parent
_MANIFEST = _ROOT / "models" / "Cargo.toml"
# A thread that never comes to its end is a failure, too.
_LONGEST = 600


def _target() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR", _ROOT / "target")) / "models"


def _run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run the models; what a failure prints is for who looks for it, not for a table."""
    program = _target() / "debug" / "brokerless-models"
    environment = {**os.environ, "RUST_BACKTRACE": "0"}
    try:
        return subprocess.run(
            [str(program), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            timeout=_LONGEST,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(arguments, 124, stdout="it does not end\n")


def _why(output: str) -> str:
    """What loom says of a failure, in a few words."""
    for sign, words in (
        ("deadlock;", "a thread waits for ever"),
        ("Causality violation", "two are inside at once"),
        ("does not end", "it does not end"),
    ):
        if sign in output:
            return words
    return "a claim does not hold"


def _mutations() -> bool:
    lines = _run(["--mutations"]).stdout.splitlines()
    missed: List[str] = []
    print(f"\n{len(lines)} faults, each of which a model must find:", flush=True)
    for line in lines:
        fault, models = line.split("\t")
        start = time.monotonic()
        run = _run([models, "--mutation", fault])
        found = _why(run.stdout) if run.returncode else "NOT FOUND"
        missed += [] if run.returncode else [fault]
        print(f"{fault:58} {found:26} {time.monotonic() - start:7.2f} s", flush=True)
    return not missed


def main(arguments: Sequence[str]) -> int:
    """Build the models, run them, and the mutations if nothing was chosen."""
    build = ["cargo", "build", "--quiet", "--locked", "--manifest-path", str(_MANIFEST), "--target-dir", str(_target())]
    if subprocess.run(build).returncode:
        return 1
    start = time.monotonic()
    models = subprocess.run([str(_target() / "debug" / "brokerless-models"), *arguments])
    print(f"{'all models':58} {'':15} {time.monotonic() - start:7.2f} s", flush=True)
    if models.returncode:
        return 1
    chosen = any(not argument.startswith("--") and not argument.isdigit() for argument in arguments)
    return 0 if chosen or _mutations() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
