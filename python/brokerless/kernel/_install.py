"""Adds the kernel to those that Jupyter offers, and takes it away: a folder with a kernel.json, where Jupyter looks.

Of Jupyter only jupyter_core is imported here, which does not import zmq.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

__all__ = ["DISPLAY_NAME", "NAME", "KernelError", "install", "installed", "uninstall"]

NAME = "brokerless"
DISPLAY_NAME = f"Python {sys.version_info[0]} (brokerless)"

#: What Jupyter takes for a kernel's name.
_NAMES = re.compile(r"[a-z0-9._-]+", re.ASCII)

_MODULE = "brokerless.kernel"

#: ipykernel says what its kernels can do; run apart, as this process may have pyzmq's zmq. It shows that ipykernel and
#: brokerless go together, too.
_ASK = """\
import json, warnings
warnings.simplefilter("ignore")
import brokerless
brokerless.install_as_zmq()
import ipykernel.kernelapp
from ipykernel.kernelspec import get_kernel_dict
print(json.dumps(get_kernel_dict()))
"""


class KernelError(Exception):
    """The kernel cannot be installed, found or removed; the text says why, and what helps."""


def install(
    *,
    user: bool = False,
    prefix: Union[str, os.PathLike[str], None] = None,
    name: str = NAME,
    display_name: Optional[str] = None,
    force: bool = False,
) -> Path:
    """Add the kernel to Jupyter's, and return its folder. It runs in the Python that runs this.

    user -- for this user. Without it and `prefix`: in the virtual environment that this is, else for this user
    prefix -- below this folder, such as sys.prefix: in share/jupyter/kernels
    name -- what `jupyter` calls it: letters, digits, and . _ -
    display_name -- what people see, by default "Python 3 (brokerless)", with the name if that is another
    force -- replace another kernel of that name; one of brokerless's own is always replaced

    Raises KernelError if ipykernel is not there, or the name is another kernel's or is none; OSError if the folder cannot be
    written.
    """
    folder = _folder(user, prefix, name)
    there = _read(folder)
    if there is not None and not _is_ours(there) and not force:
        shown = there.get("display_name", "unreadable")
        raise KernelError(
            f"{folder} has another kernel ({shown}): give this one another --name, or replace it with --force"
        )
    shown = display_name or (DISPLAY_NAME if folder.name == NAME else f"{DISPLAY_NAME[:-1]}: {folder.name})")
    argv = [sys.executable, "-m", _MODULE, "-f", "{connection_file}"]
    spec = {**_ask(), "argv": argv, "display_name": shown}
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Made beside it: Jupyter never sees half a kernel, and what was there stays if this fails.
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        (made / "kernel.json").write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")
        made.chmod(0o755)
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
        elif folder.is_symlink() or folder.exists():
            folder.unlink()
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return folder


def uninstall(*, user: bool = False, prefix: Union[str, os.PathLike[str], None] = None, name: str = NAME) -> Path:
    """Take the kernel away from where install() with these arguments has put it, and return the folder that is gone.

    Raises KernelError if there is none, or if it is not brokerless's; OSError if the folder cannot be removed.
    """
    folder = _folder(user, prefix, name)
    there = _read(folder)
    if there is None:
        elsewhere = [str(found) for found, _ in installed() if found.name == folder.name]
        hint = f"; it is in {' and '.join(elsewhere)}" if elsewhere else ""
        raise KernelError(f"there is no kernel in {folder}{hint}")
    if not _is_ours(there):
        shown = there.get("display_name", "unreadable")
        raise KernelError(f"the kernel in {folder} ({shown}) is not brokerless's: it stays")
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder)
    return folder


def installed() -> List[Tuple[Path, Dict[str, Any]]]:
    """The kernels of brokerless that Jupyter finds: their folders, and what their kernel.json says.

    Raises KernelError if Jupyter is not there.
    """
    found: List[Tuple[Path, Dict[str, Any]]] = []
    for place in dict.fromkeys(map(Path, _jupyter().jupyter_path("kernels"))):
        for folder in sorted(place.iterdir()) if place.is_dir() else ():
            spec = _read(folder) if _NAMES.fullmatch(folder.name.lower()) else None
            if spec is not None and _is_ours(spec):
                found.append((folder, spec))
    return found


def is_found(folder: Path) -> bool:
    """Whether Jupyter looks for kernels where this folder is."""
    return folder.parent.resolve() in [Path(place).resolve() for place in _jupyter().jupyter_path("kernels")]


def _folder(user: bool, prefix: Union[str, os.PathLike[str], None], name: str) -> Path:
    name = name.lower()
    if not _NAMES.fullmatch(name) or name.startswith("."):
        raise KernelError(f"{name!r} cannot be a kernel's name: that has letters, digits, and . _ - after the first")
    if user and prefix is not None:
        raise KernelError("for this user or below a prefix: give one of them")
    if prefix is None and not user and sys.prefix != sys.base_prefix:
        prefix = sys.prefix
    if prefix is not None:
        return Path(os.path.abspath(prefix), "share", "jupyter", "kernels", name)
    return Path(_jupyter().jupyter_data_dir(), "kernels", name)


def _jupyter() -> Any:
    try:
        from jupyter_core import paths
    except ImportError as error:
        raise missing(error) from None
    return paths


def missing(error: ImportError) -> KernelError:
    """What is to be raised where ipykernel, or what comes with it, cannot be imported."""
    what = f"the kernel is ipykernel, run on brokerless, and {error.name} is missing"
    return KernelError(f"{what}: {sys.executable} -m pip install ipykernel")


def _ask() -> Dict[str, Any]:
    """The kernel.json of ipykernel's own kernels."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{_ASK}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"Python ended with {done.returncode}"])[-1]
        absent = re.match(r"ModuleNotFoundError: No module named '(\w+)", last)
        if absent:
            raise missing(ModuleNotFoundError(name=absent[1]))
        raise KernelError(f"ipykernel cannot be imported on brokerless: {last}")
    spec: Dict[str, Any] = json.loads(done.stdout)
    return spec


def _read(folder: Path) -> Optional[Dict[str, Any]]:
    """What the kernel.json of a folder says; None if there is no folder, nothing if it cannot be read."""
    if not os.path.lexists(str(folder)):
        return None
    try:
        spec = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return spec if isinstance(spec, dict) else {}


def _is_ours(spec: Dict[str, Any]) -> bool:
    argv = spec.get("argv")
    return isinstance(argv, list) and _MODULE in argv
