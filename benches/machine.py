"""Says where figures come from: without that they mean nothing."""

from __future__ import annotations

import os
import platform
from importlib import import_module, metadata
from pathlib import Path
from typing import Dict

PACKAGES = ("brokerless", "pyzmq", "pyomq", "numpy")


def describe() -> Dict[str, str]:
    """The machine, the versions, and how busy it is now."""
    found = {
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    for package, module in (("brokerless", "brokerless"), ("pyzmq", "zmq")):
        if found[package] != "not installed":
            found[f"libzmq in {package}"] = import_module(module).zmq_version()
    found["load at the start"] = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    return found


def busy() -> bool:
    """Whether others have so much to do that figures say little."""
    return os.getloadavg()[0] > 0.5 * (os.cpu_count() or 1)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    # Arm's kernels name the board and not the processor.
    for key in ("model name", "Model", "Hardware"):
        for line in lines:
            if line.startswith(key):
                return line.partition(":")[2].strip()
    return platform.machine()
