"""Says what brokerless adds to a Jupyter kernel: memory and threads, before the import, after it, and with a socket open.

    python -m tools.kernel_memory [MODULE...]    # brokerless and zmq, unless others are named

A kernel is started for each, and asked about itself. The kernel's own messages run on pyzmq, which is loaded already: what
`import zmq` adds there is little. The last line is that of a process without Jupyter, where both have to be loaded.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import Any, Dict, List, Sequence, Tuple

from jupyter_client.manager import KernelManager

Figures = Tuple[int, int]

# In KiB; what is shared with other processes counts in full, as a board without them would have to have it.
_MEASURE = """
def _measure():
    import gc, os
    gc.collect()
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmRSS"].split()[0]), len(os.listdir("/proc/self/task"))
"""
_STEPS = (
    ("before", ""),
    ("imported", "import {module} as zmq"),
    ("a context and a socket", "context = zmq.Context(); socket = context.socket(zmq.PAIR)"),
)


def in_a_kernel(module: str) -> Dict[str, Figures]:
    """What a kernel holds after each step."""
    with tempfile.TemporaryDirectory(prefix="kernel-") as folder:
        manager = KernelManager(transport="ipc", connection_file=f"{folder}/kernel.json")
        manager.start_kernel()
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=60)
            return {name: _ask(client, f"{_MEASURE}\n{code.format(module=module)}") for name, code in _STEPS}
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def _ask(client: Any, code: str) -> Figures:
    reply = client.execute_interactive(
        code, user_expressions={"figures": "list(_measure())"}, timeout=60, output_hook=lambda message: None
    )["content"]
    if reply["status"] != "ok":
        raise RuntimeError("\n".join(reply["traceback"]))
    resident, threads = json.loads(reply["user_expressions"]["figures"]["data"]["text/plain"])
    return resident, threads


def in_a_process(module: str) -> Dict[str, Figures]:
    """The same in a plain interpreter."""
    lines = [_MEASURE, "import json", "found = {}"]
    for name, code in _STEPS:
        lines += [code.format(module=module), f"found[{name!r}] = _measure()"]
    lines += ["print(json.dumps(found))", "socket.close()", "context.term()"]
    words = [sys.executable, "-c", "\n".join(lines)]
    answer = subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=60).stdout
    return {name: (resident, threads) for name, (resident, threads) in json.loads(answer).items()}


def main(modules: Sequence[str]) -> None:
    print(f"{'where':<10}{'module':<12}" + "".join(f"{name:>32}" for name, _ in _STEPS))
    for where, measure in (("kernel", in_a_kernel), ("process", in_a_process)):
        for module in modules:
            found = measure(module)
            cells: List[str] = [f"{found[name][0] / 1024:.1f} MiB, {found[name][1]} threads" for name, _ in _STEPS]
            print(f"{where:<10}{module:<12}" + "".join(f"{cell:>32}" for cell in cells), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["brokerless", "zmq"])
