"""Runs the programs in `lecture/` as processes: for the tests of the programs, and as the other side in those of the roles.

The programs are the lecture's systems, written as its cells write them: the same calls, in the same order, with the Python
slips mended, counts that end, and ports from the command line. Each of them says `import zmq`; here that line is left
as it is, for pyzmq, or replaced.
"""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parent / "lecture"
IMPORTS = {"pyzmq": "import zmq", "brokerless": "import brokerless as zmq"}
PATIENCE = 30.0


class Program:
    """One program, running."""

    def __init__(self, source: Path, arguments: list[str]) -> None:
        self.name = source.stem
        self.process = subprocess.Popen(
            [sys.executable, str(source), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _end(self) -> str:
        output, errors = self.process.communicate(timeout=PATIENCE)
        if self.process.returncode != 0:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}\n{errors}")
        return output

    def result(self) -> Any:
        """Let it end (a publisher ends with its standard input), and read the JSON that it printed."""
        output = self._end()
        return json.loads(output) if output else None

    def interrupt(self) -> str:
        """What Ctrl-C does; returns what the program said about it."""
        self.process.send_signal(signal.SIGINT)
        return self._end()

    def lines(self, found: queue.Queue[Any]) -> threading.Thread:
        """Put each line of JSON that it prints into a queue, until it ends."""

        def read() -> None:
            for line in self.process.stdout or ():
                found.put(json.loads(line))

        reader = threading.Thread(target=read)
        reader.start()
        return reader

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Programs:
    """Starts programs, and ends at the end of a `with` those that still run."""

    def __enter__(self) -> Programs:
        self._running: list[Program] = []
        self._folder = tempfile.TemporaryDirectory()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for program in self._running:
            program.kill()
            for pipe in (program.process.stdin, program.process.stdout, program.process.stderr):
                if pipe is not None:
                    pipe.close()
        self._folder.cleanup()

    def start(self, name: str, library: str, *arguments: object) -> Program:
        """Start `lecture/NAME.py` with one of the imports: start("pair_server", "brokerless", port, 5, 2)."""
        text = (PROGRAMS / f"{name}.py").read_text(encoding="utf-8")
        if text.count("\nimport zmq\n") != 1:
            raise AssertionError(f"{name}.py must say `import zmq` in one line")
        source = Path(self._folder.name) / f"{name}_{len(self._running)}.py"
        source.write_text(text.replace("\nimport zmq\n", f"\n{IMPORTS[library]}\n"), encoding="utf-8")
        program = Program(source, [str(argument) for argument in arguments])
        self._running.append(program)
        return program
