"""Runs the core's tests, libzmq and libsodium included, under AddressSanitizer and LeakSanitizer, or under ThreadSanitizer.

`make sanitize` compiles all of it anew, in a folder of its own, so that each access to memory is checked: the Rust code by
rustc's instrumentation, the C and C++ by the compiler's, both with the runtime that rustc brings. What is found is an error
of the run. `ONLY="lock wait"` runs the tests whose names contain one of these words.

`TOOL=thread` looks for races. What is not instrumented would look like one (what happens between a spawn and a join is inside of
std), so std is compiled, too, from its source: rustup has it as `rust-src`; where that is missing, Debian's Rust, which comes with it,
is unpacked into build/. `tools/tsan.supp` names what is no race of ours, and says why.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Sequence, Tuple

from tools.debian import DebianError
from tools.wheels.toolchain import with_source

_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Tool:
    """A sanitizer: what compilers call it, what its reports end with, and what a checked program needs to be told."""

    name: str
    flag: str
    summaries: Tuple[str, ...]
    options: Dict[str, str]


TOOLS = {
    "address": Tool(
        "AddressSanitizer, LeakSanitizer",
        "address",
        ("SUMMARY: AddressSanitizer", "SUMMARY: LeakSanitizer"),
        # Leaks are looked for at the program's end.
        {"ASAN_OPTIONS": "detect_leaks=1:halt_on_error=1:abort_on_error=0"},
    ),
    "thread": Tool(
        "ThreadSanitizer",
        "thread",
        ("SUMMARY: ThreadSanitizer",),
        {
            # All reports of a run, with as much of what each thread has done as that takes.
            "TSAN_OPTIONS": f"halt_on_error=0:exitcode=66:history_size=4:suppressions={_ROOT / 'tools' / 'tsan.supp'}"
        },
    ),
}


def _rustc(*arguments: str) -> str:
    return subprocess.run(["rustc", *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def _host() -> str:
    found = re.search(r"^host: (\S+)$", _rustc("-vV"), flags=re.MULTILINE)
    if found is None:
        raise SystemExit("rustc does not say which machine it is for")
    return found.group(1)


def std_environment(sysroot: Path, host: str, folder: Path) -> Dict[str, str]:
    """The environment in which std can be compiled for ThreadSanitizer: this one, or one with Debian's Rust, unpacked into `folder`."""
    rustlib = Path("lib", "rustlib")
    if (sysroot / rustlib / "src" / "rust" / "library" / "Cargo.lock").exists():
        return dict(os.environ)
    # Debian's has no runtime of sanitizers. That of another Rust will do: what compilers call in it does not change.
    runtime = next((sysroot / rustlib / host / "lib").glob("librustc*_rt.tsan.a"), None)
    if runtime is None:
        raise SystemExit(
            "no source of std, and no ThreadSanitizer: rustup toolchain install nightly --component rust-src"
        )
    try:
        debians = with_source(folder)
    except DebianError as error:
        raise SystemExit(f"no source of std (rustup component add rust-src), and none of Debian's: {error}") from None
    shutil.copy(runtime, debians.programs.parent / "usr" / rustlib / host / "lib" / "librustc-stable_rt.tsan.a")
    return debians.environment()


def _environment(tool: Tool, host: str) -> Dict[str, str]:
    checked = f"-fsanitize={tool.flag} -fno-omit-frame-pointer -g1"
    base = dict(os.environ)
    if tool is TOOLS["thread"]:
        base = std_environment(Path(_rustc("--print", "sysroot")), host, _ROOT / "build" / "sanitize")
    return {
        **base,
        # The flag is one of nightly's; the runtime comes with every Rust.
        "RUSTC_BOOTSTRAP": "1",
        "RUSTFLAGS": f"-Zsanitizer={tool.flag} -Cforce-frame-pointers=yes",
        "CFLAGS": checked,
        "CXXFLAGS": checked,
        **tool.options,
    }


def main(arguments: Sequence[str]) -> int:
    """Build and run; the tests' own output is shown as it comes."""
    parser = argparse.ArgumentParser(prog="python -m tools.sanitize")
    parser.add_argument("--tool", choices=list(TOOLS), default="address")
    parser.add_argument("words", nargs="*", help="run the tests whose names contain one of these")
    wanted = parser.parse_args(arguments)
    tool, host = TOOLS[wanted.tool], _host()
    environment = _environment(tool, host)
    target = Path(os.environ.get("CARGO_TARGET_DIR", _ROOT / "target")) / f"sanitize-{wanted.tool}"
    # A target that is named keeps the instrumentation out of build scripts and procedural macros.
    command = ["cargo", "test", "--locked", "--lib", "--target", host, "--target-dir", str(target)]
    command += ["-Zbuild-std"] if wanted.tool == "thread" else []
    if subprocess.run([*command, "--no-run"], cwd=_ROOT, env=environment).returncode:
        return 1
    start = time.monotonic()
    run = subprocess.Popen(
        [*command, "--quiet", "--", *wanted.words],
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
        findings += line.startswith(tool.summaries)
    status = run.wait()
    seconds = time.monotonic() - start
    print(f"\n{'tool':34} {'tests passed':>12} {'seconds':>8} {'findings':>9}")
    print(f"{tool.name:34} {tests:>12} {seconds:8.0f} {findings:9}")
    if status == 0 and tests == "0":
        print("no test has such a name")
        return 1
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
