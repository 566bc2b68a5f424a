"""Runs notebooks in kernels of their own: what `make course` and the tests have in common.

A notebook runs on free ports, within a time limit, and what it reported is read from its outputs. A set of roles runs at
the same time, each role in its own kernel, as on several boards.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import socket
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from nbclient import NotebookClient
from traitlets.config import Config

from tools.notebooks import inject, parameters_of, read_source

# The same text as brokerless.course.MIME_TYPE; a test holds them together. Running needs no import of what it runs.
MIME_TYPE = "application/vnd.brokerless.course+json"
TIMEOUT = 120.0

_ports_lock = threading.Lock()
_ports_given: set[int] = set()


@dataclass
class Figures:
    """What one call of `brokerless.course.report` left."""

    system: str
    messages: int
    seconds: float
    ok: bool


@dataclass
class Run:
    """One executed notebook."""

    source: Path
    notebook: Any
    figures: list[Figures] = field(default_factory=list)
    error: str | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.error is None and all(figures.ok for figures in self.figures)


def free_ports(count: int) -> list[int]:
    """So many different tcp ports that nothing listens on and that this process was not given before.

    They lie below the range from which the system takes ports for outgoing connections, so that none is taken between
    this call and the notebook's bind.
    """
    found: list[int] = []
    with _ports_lock:
        for port in _candidates():
            if len(found) == count:
                return found
            with socket.socket() as probe:
                try:
                    probe.bind(("", port))
                except OSError:
                    continue
            _ports_given.add(port)
            found.append(port)
    raise RuntimeError(f"{count} free ports wanted, only {len(found)} found")


def _candidates() -> Iterator[int]:
    # Processes that share the work of one test run (pytest-xdist's) have each their own ports.
    place = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[len("gw") :])
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ports = [port for port in range(20_000 + place, 32_768, processes) if port not in _ports_given]
    random.SystemRandom().shuffle(ports)
    return iter(ports)


def with_free_ports(defaults: Mapping[str, object]) -> dict[str, object]:
    """New values for the parameters that name ports: `PORT`, `BACKEND_PORT`, `PORTS`, ..."""
    values: dict[str, object] = {}
    for name, default in defaults.items():
        if not {"PORT", "PORTS"} & set(name.split("_")):
            continue
        if isinstance(default, int):
            values[name] = free_ports(1)[0]
        elif isinstance(default, (list, tuple)):
            values[name] = free_ports(len(default))
    return values


def run_notebook(
    source: Path,
    *,
    parameters: Mapping[str, object] | None = None,
    timeout: float = TIMEOUT,
    cwd: Path | None = None,
    kernel_name: str = "python3",
) -> Run:
    """Execute a source in a fresh kernel, on free ports, with these parameters; a cell's exception is in `Run.error`.

    `kernel_name` is the kernelspec to start; the environment's own Python unless something else is said.
    """
    defaults = parameters_of(source)
    _refuse_unknown(parameters or {}, defaults)
    return _execute(source, {**with_free_ports(defaults), **(parameters or {})}, timeout, cwd, kernel_name)


def run_roles(
    sources: Sequence[Path],
    *,
    parameters: Mapping[str, object] | None = None,
    timeout: float = TIMEOUT,
) -> list[Run]:
    """Execute a set of roles at the same time; a parameter has one value for all the roles that have it."""
    defaults: dict[str, object] = {}
    for source in sources:
        defaults.update(parameters_of(source))
    _refuse_unknown(parameters or {}, defaults)
    shared = {**with_free_ports(defaults), **(parameters or {})}

    def play(source: Path) -> Run:
        own = parameters_of(source)
        return _execute(source, {name: value for name, value in shared.items() if name in own}, timeout)

    with ThreadPoolExecutor(max_workers=len(sources)) as pool:
        return list(pool.map(play, sources))


def _refuse_unknown(parameters: Mapping[str, object], defaults: Mapping[str, object]) -> None:
    unknown = ", ".join(sorted(set(parameters) - set(defaults)))
    if unknown:
        raise ValueError(f"no such parameter: {unknown} (there are: {', '.join(sorted(defaults)) or 'none'})")


def _execute(
    source: Path,
    parameters: Mapping[str, object],
    timeout: float,
    cwd: Path | None = None,
    kernel_name: str = "python3",
) -> Run:
    notebook = read_source(source)
    inject(notebook, parameters)
    run = Run(source, notebook)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="kernel-") as folder:
        client = NotebookClient(
            notebook,
            kernel_name=kernel_name,
            startup_timeout=int(timeout),
            # nbclient's limit is for one cell; what is left of the notebook's own limit makes it one for all.
            timeout_func=lambda cell: max(1, int(timeout - (time.perf_counter() - started))),
            resources={"metadata": {"path": str(cwd or source.parent)}},
            # A kernel's own channels take no tcp port from the notebooks, and its files nobody's home directory.
            config=Config(KernelManager={"transport": "ipc", "connection_file": f"{folder}/kernel.json"}),
        )
        try:
            # Not client.execute(): it leaves its event loop open.
            asyncio.run(client.async_execute())
        except Exception as error:
            # nbclient answers Ctrl-C by ending the kernel and then finds it dead: that is no notebook's failure.
            if getattr(client, "_async_cleanup_kernel_future", None) is not None:
                raise KeyboardInterrupt from None
            run.error = _without_colours(str(error)).strip() or type(error).__name__
    run.seconds = time.perf_counter() - started
    run.figures = _figures_of(notebook)
    return run


def _figures_of(notebook: Any) -> list[Figures]:
    return [
        Figures(**output["data"][MIME_TYPE])
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if MIME_TYPE in output.get("data", {})
    ]


def _without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
