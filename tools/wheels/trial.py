"""Tries the wheels for this machine: each is installed, with numpy, for its own Python, and runs the smoke test there.

    python -m tools.wheels.trial [WHEEL...]    # all in build/wheels that are for this machine, unless some are named

A Python that the PATH lacks is Debian's, unpacked with the C library that it was made for; where Debian lacks it, too, the wheel
is named as not tried. Ends with 1 if one fails, or if none could be tried.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from tools.debian import AptRoot, DebianError, unpack
from tools.wheels.source import ROOT
from tools.wheels.targets import Target, all_targets

# The releases that have a Python others lack. A release still in the making has no security archive.
_DEBIANS = {"3.9": ("bullseye", False), "3.11": ("bookworm", True), "3.13": ("trixie", True), "3.14": ("forky", False)}
_BUILD = ROOT / "build" / "pythons"
_OUT = ROOT / "build" / "wheels"


def main(named: Sequence[str]) -> int:
    tried = failed = 0
    for target, wheel in _wheels([Path(name).resolve() for name in named] or sorted(_OUT.glob("*.whl"))):
        interpreter, variables = _interpreter(target)
        if not interpreter:
            print(f"not tried: {wheel.name} (no Python {target.python} in the PATH, and none of Debian's)", flush=True)
            continue
        tried += 1
        print(f"\n== {wheel.name}", flush=True)
        failed += not _passes(target, wheel, interpreter, variables)
    print(f"\n{tried - failed} passed, {failed} failed")
    return 1 if failed or not tried else 0


def _wheels(paths: Sequence[Path]) -> List[Tuple[Target, Path]]:
    """The wheels among these for this machine, by their names."""
    here = [target for target in all_targets() if target.arch == platform.machine()]
    return [
        (target, path)
        for target in here
        for path in paths
        if f"-{target.tag}-{target.tag}-" in path.name and path.name.endswith(f"_{target.arch}.whl")
    ]


def _passes(target: Target, wheel: Path, interpreter: Sequence[str], variables: Dict[str, str]) -> bool:
    with tempfile.TemporaryDirectory(prefix="trial-") as folder:
        uv = str(Path(sys.executable).with_name("uv"))
        install = [uv, "pip", "install", "--quiet", "--target", folder, "--python-version", target.python]
        subprocess.run([*install, "--only-binary", ":all:", str(wheel), "numpy"], check=True, stdin=subprocess.DEVNULL)
        smoke = Path(folder, "smoke.py")
        shutil.copy(ROOT / "tools" / "smoke.py", smoke)
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "PYTHONPATH": folder, **variables}
        return subprocess.call([*interpreter, str(smoke)], cwd=folder, env=environment, timeout=300) == 0


def _interpreter(target: Target) -> Tuple[List[str], Dict[str, str]]:
    """The command of a Python for the target, and what it has to find in its environment; [] if there is none."""
    own = shutil.which(f"python{target.python}")
    # A shim of pyenv's is there for every Python, and ends with an error where it is not chosen.
    if own and subprocess.run([own, "-c", ""], capture_output=True).returncode == 0:
        return [own], {}
    if target.python not in _DEBIANS:
        return [], {}
    suite, security = _DEBIANS[target.python]
    root = _BUILD / f"{suite}-{target.debian}"
    if not (root / "complete").exists():
        print(f"fetching Python {target.python} from Debian ({suite})", flush=True)
        shutil.rmtree(root, ignore_errors=True)
        apt = AptRoot(_BUILD / f"apt-{suite}-{target.debian}", suite, target.debian, security=security)
        try:
            apt.update()
            unpack(apt.fetch(f"python{target.python}"), root)
        except DebianError as error:
            print(error)
            return [], {}
        (root / "complete").touch()
    triplet = f"{target.arch}-linux-gnu"
    # Packages of before the merged /usr have their libraries in the one, newer ones in the other.
    folders = [root / top / triplet for top in ("lib", "usr/lib")]
    loader = next(path for folder in folders for path in sorted(folder.glob("ld-linux-*.so.*")))
    libraries = os.pathsep.join(map(str, folders))
    program = str(root / "usr" / "bin" / f"python{target.python}")
    return [str(loader), "--library-path", libraries, program], {"PYTHONHOME": str(root / "usr")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
