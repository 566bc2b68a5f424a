"""Whether an interpreter has every function of Python that a wheel calls, also one that runs nowhere near.

`python_symbols.txt` has, for each symbol, the versions of CPython in which it was seen: in the dynamic symbols of real
interpreters, x86-64 ones, for the names of Python's C API are the same on every processor. The first line says which. A symbol
whose versions are not one unbroken row has a line for each row.

    python -m tools.wheels.symbols python3.8 /usr/lib/x86_64-linux-gnu/libpython3.14.so.1.0 ...

writes it anew, from interpreters or the libpython of those that have one.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Dict, FrozenSet, List, Mapping, Set, Tuple

from tools.wheels.elf import Module, read
from tools.wheels.targets import Target, pythons

RECORD = Path(__file__).with_name("python_symbols.txt")


def faults(module: Module, target: Target) -> List[str]:
    """What the target's Python lacks of what this module calls; [] if nothing."""
    known = load().get(target.python)
    if known is None:
        return [f"{RECORD.name} knows nothing of CPython {target.python}"]
    lacking = sorted(module.python_symbols - known)
    return [f"CPython {target.python} has no {', '.join(lacking)}"] if lacking else []


def load(text: str | None = None) -> Dict[str, FrozenSet[str]]:
    """The symbols of each version of Python, as recorded."""
    versions = pythons()
    found: Dict[str, Set[str]] = defaultdict(set)
    for line in (RECORD.read_text() if text is None else text).splitlines():
        if line.startswith("#"):
            continue
        name, first, last = line.split()
        for version in versions[versions.index(first) : versions.index(last) + 1]:
            found[version].add(name)
    return {version: frozenset(names) for version, names in found.items()}


def dump(found: Mapping[str, FrozenSet[str]]) -> str:
    """Lines of `symbol first-version last-version`, sorted."""
    versions = [version for version in pythons() if version in found]
    lines = []
    for name in sorted(frozenset().union(*found.values())):
        for first, last in _rows([name in found[version] for version in versions]):
            lines.append(f"{name} {versions[first]} {versions[last]}\n")
    return "".join(lines)


def _rows(present: List[bool]) -> List[Tuple[int, int]]:
    """The unbroken rows of True: where each begins and ends."""
    edges = [place for place, (one, two) in enumerate(zip([False, *present], [*present, False])) if one != two]
    return [(first, end - 1) for first, end in zip(edges[::2], edges[1::2])]


def _file_of(name: str) -> Path:
    """The file that has an interpreter's symbols: its libpython if it is linked with one, else itself."""
    if ".so" in name:
        return Path(name)
    question = """import sys, sysconfig
get = sysconfig.get_config_var
print(get("LIBDIR") + "/" + get("INSTSONAME") if get("Py_ENABLE_SHARED") else sys.executable)"""
    return Path(subprocess.run([name, "-c", question], capture_output=True, text=True, check=True).stdout.strip())


def _symbols_of(path: Path) -> Tuple[str, str, FrozenSet[str]]:
    """The version ("3.8", and "3.8.18") and the Python symbols of an interpreter or a libpython."""
    content = path.resolve().read_bytes()
    short = re.search(r"python(3\.\d+)", path.name)
    full = short and re.search(rb"(?<![\d.])(%s\.\d+)\+?\x00" % re.escape(short.group(1)).encode(), content)
    if not short or not full:
        raise SystemExit(f"{path} does not say which Python it is")
    names = frozenset(name for name in read(content).exported if re.match(r"_?Py", name))
    return short.group(1), full.group(1).decode(), names


if __name__ == "__main__":
    seen = [_symbols_of(_file_of(name)) for name in sys.argv[1:]]
    missing = set(pythons()) - {short for short, _, _ in seen}
    if missing:
        raise SystemExit(f"also name interpreters for {', '.join(sorted(missing))}")
    header = f"# symbol, first and last version that have it; seen in {', '.join(full for _, full, _ in seen)}\n"
    RECORD.write_text(header + dump({short: names for short, _, names in seen}))
    print(f"{RECORD}: {len(RECORD.read_text().splitlines()) - 1} lines")
