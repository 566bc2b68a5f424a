"""Runs the core's tests, libzmq and libsodium included, under AddressSanitizer and LeakSanitizer.

`make sanitize` compiles all of it anew, in a folder of its own, so that each access to memory is checked: the Rust code by
rustc's instrumentation, the C and C++ by the compiler's, both with the runtime that rustc brings. What is found is an error
of the run. `ONLY="lock wait"` runs the tests whose names contain one of these words.

ThreadSanitizer would need a standard library that is instrumented, too: without it what happens between a spawn and a join
inside of std looks like a race. What the threads of a socket do to each other is tried by `make models` instead.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, Sequence

_ROOT = Path(__file__).parent.parent
# What a checked program needs to be told: its leaks are looked for at its end.
_OPTIONS = "detect_leaks=1:halt_on_error=1:abort_on_error=0"


def _host() -> str:
    version = subprocess.run(["rustc", "-vV"], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = re.search(r"^host: (\S+)$", version, flags=re.MULTILINE)
    if found is None:
        raise SystemExit("rustc does not say which machine it is for")
    return found.group(1)


def _environment() -> Dict[str, str]:
    checked = "-fsanitize=address -fno-omit-frame-pointer -g1"
    return {
        **os.environ,
        # The flag is one of nightly's; the runtime comes with every Rust.
        "RUSTC_BOOTSTRAP": "1",
        "RUSTFLAGS": "-Zsanitizer=address -Cforce-frame-pointers=yes",
        "CFLAGS": checked,
        "CXXFLAGS": checked,
        "ASAN_OPTIONS": _OPTIONS,
    }


def main(words: Sequence[str]) -> int:
    """Build and run; the tests' own output is shown as it comes."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", _ROOT / "target")) / "sanitize"
    # A target that is named keeps the instrumentation out of build scripts and procedural macros.
    command = ["cargo", "test", "--locked", "--lib", "--target", _host(), "--target-dir", str(target)]
    environment = _environment()
    if subprocess.run([*command, "--no-run"], cwd=_ROOT, env=environment).returncode:
        return 1
    start = time.monotonic()
    run = subprocess.Popen(
        [*command, "--quiet", "--", *words],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    tests, findings = "0", 0
    assert run.stdout is not None
    for line in run.stdout:
        print(line, end="", flush=True)
        counted = re.match(r"test result: .* (\d+) passed", line)
        tests = counted.group(1) if counted else tests
        findings += line.startswith(("SUMMARY: AddressSanitizer", "SUMMARY: LeakSanitizer"))
    status = run.wait()
    seconds = time.monotonic() - start
    print(f"\n{'tool':34} {'tests passed':>12} {'seconds':>8} {'findings':>9}")
    print(f"{'AddressSanitizer, LeakSanitizer':34} {tests:>12} {seconds:8.0f} {findings:9}")
    if status == 0 and tests == "0":
        print("no test has such a name")
        return 1
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
