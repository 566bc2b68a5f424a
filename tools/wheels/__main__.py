"""Builds wheels and the sdist into build/wheels, and refuses what must not be published.

    python -m tools.wheels                     # all of them, and the sdist
    python -m tools.wheels aarch64 cp310       # a part: these architectures, these Pythons
    python -m tools.wheels sdist               # the sdist alone
    python -m tools.wheels --inspect FILE...   # only look at wheels that are there

The architectures are built side by side. Ends with 1 if anything is wrong, after the table of what there is.
"""

from __future__ import annotations

import argparse
import platform
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from tools.debian import DebianError
from tools.wheels.build import build_arch
from tools.wheels.contents import Report, inspect
from tools.wheels.sdist import SdistError, try_out
from tools.wheels.source import ROOT, make_sdist
from tools.wheels.targets import DEBIAN_NAMES, Target, all_targets, wanted
from tools.wheels.toolchain import find

BUILD = ROOT / "build" / "release"
OUT = ROOT / "build" / "wheels"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.wheels", description="Builds wheels and looks at them.")
    parser.add_argument("only", nargs="*", help="architectures, Pythons, sdist: aarch64 cp310")
    parser.add_argument("--inspect", nargs="+", type=Path, metavar="WHEEL", help="only look at these")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        if options.inspect:
            found = [(inspect(wheel, _target_of(wheel)), 0.0) for wheel in options.inspect]
        else:
            words = [word for word in options.only if word != "sdist"]
            targets = wanted(words) if words or not options.only else []
            found = build(targets, with_sdist=len(words) == 0 or "sdist" in options.only)
    except (DebianError, SdistError, ValueError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"make wheels: {error}", file=sys.stderr)
        return 1
    print_table(found)
    faults = [f"{report.wheel.name}: {fault}" for report, _ in found for fault in report.faults]
    for fault in faults:
        print(f"make wheels: {fault}", file=sys.stderr)
    print(f"{len(found)} wheels, {len(faults)} faults, in {time.monotonic() - started:.0f} s")
    return 1 if faults else 0


def build(targets: List[Target], *, with_sdist: bool) -> List[Tuple[Report, float]]:
    """Build the sdist, then the wheels from it, each looked at as soon as it is there; `with_sdist` tries the sdist, too."""
    OUT.mkdir(parents=True, exist_ok=True)
    here = [target for target in all_targets() if target.arch == platform.machine()][:1]
    if not here:
        raise ValueError(f"wheels are built on {' and '.join(sorted(DEBIAN_NAMES))}, and this is {platform.machine()}")
    toolchains = find([*targets, *here], BUILD)
    own = toolchains[here[0].arch]
    for arch, toolchain in toolchains.items():
        print(f"{arch}: {toolchain.name}", flush=True)
    sdist = make_sdist(OUT, own.environment())
    by_arch: Dict[str, List[Target]] = {}
    for target in targets:
        by_arch.setdefault(target.arch, []).append(target)

    def build_one(arch: str) -> List[Tuple[Report, float]]:
        found = []
        for built in build_arch(by_arch[arch], toolchains[arch], sdist, BUILD / arch, OUT):
            report = inspect(built.wheel, built.target)
            verdict = "; ".join(report.faults) or "no faults"
            print(f"{built.target}: {report.size:,} bytes in {built.seconds:.0f} s, {verdict}", flush=True)
            found.append((report, built.seconds))
        return found

    with ThreadPoolExecutor(max_workers=2) as pool:
        found = [one for group in pool.map(build_one, by_arch) for one in group]
    if with_sdist:
        seconds = try_out(sdist, own.programs)
        size = f"{sdist.stat().st_size:,} bytes"
        print(f"{sdist.name}: {size}; built, installed and tried in a new environment in {seconds:.0f} s", flush=True)
    return found


def _target_of(wheel: Path) -> Target:
    """What a wheel is for, by its name; ValueError if no target has such a name."""
    for target in all_targets():
        if re.search(rf"-{target.tag}-{target.tag}-.*_{target.arch}\.whl$", wheel.name):
            return target
    raise ValueError(f"{wheel.name} is not the name of a wheel of ours")


def print_table(found: Sequence[Tuple[Report, float]]) -> None:
    """A line for each wheel: what it is for, how large, where it may be installed, the oldest glibc that will do."""
    print(f"\n{'wheel':<14} {'bytes':>10}  {'platform tags':<48} {'glibc':<6} seconds")
    for report, seconds in found:
        tags = " ".join(sorted(tag.split("-")[2] for tag in report.tags))
        print(f"{report.target!s:<14} {report.size:>10,}  {tags:<48} {report.glibc:<6} {seconds:.0f}")
    print(f"in {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
