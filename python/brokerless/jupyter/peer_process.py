"""A peer's process, as the kernel sees it: starts it, hands over what it needs, carries its output to its cell."""

from __future__ import annotations

import codecs
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import peer_frames, peer_session
from .peer_base import Peer
from .peer_output import CellOutput
from .peer_start import in_lasting_thread

_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer_child.py")

#: How long it may take until the kernel sees that a process has ended whose forked children hold its pipes, in milliseconds.
_LOOK = 500
#: The same, when one of its pipes says that it ends just now.
_SOON = 5
_CHUNK = 1 << 16


class CannotStart(Exception):
    """The process could not be started; says why."""


class ProcessPeer(Peer):
    """A cell in a process of its own. The constructor starts it; `hand_over()` gives it its cell."""

    kind = "process"
    #: After SIGINT, SIGTERM and SIGKILL.
    patience = (1.0, 0.5, 5.0)

    def __init__(self, name: str, shell: Any, output: CellOutput, is_awaited: bool, python: Optional[str]) -> None:
        super().__init__(name, shell, output, is_awaited)
        self._python = python or sys.executable
        self._has_own_path = python is None
        self._is_ready = threading.Event()
        #: Whether it has its cell: what it is sent from then on are questions.
        self._has_cell = False
        #: What was printed before the cell ran, by nobody who wrote the cell.
        self._early: List[Tuple[bytes, bytes]] = []
        self._finished = False
        self._refused = ""
        self._decoders: Dict[bytes, codecs.IncrementalDecoder] = {
            tag: codecs.getincrementaldecoder("utf-8")("replace") for tag in (peer_frames.STDOUT, peer_frames.STDERR)
        }
        self._records = peer_frames.Records()
        self._question = 0
        self._answer: Dict[str, Any] = {}
        self._answered = threading.Condition()
        self._control_lock = threading.Lock()
        self._is_abandoned = False
        #: Held while the process gets a signal, or the system is told to forget it.
        self._number_lock = threading.Lock()
        try:
            in_lasting_thread(self._start)
        except KeyboardInterrupt:
            self._is_abandoned = True
            raise

    def _start(self) -> None:
        control, self._control = os.pipe()
        self._told, records = os.pipe()
        life, self._life = peer_session.open_life()
        try:
            self._process = subprocess.Popen(
                [self._python, "-u", _PROGRAM, self.name, str(control), str(records), str(life), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(control, records, life),
                # An interrupt of the kernel goes to all of its group.
                start_new_session=True,
            )
        except OSError as error:
            os.close(self._control)
            os.close(self._told)
            peer_session.close_life(self._life)
            raise CannotStart(f"{self._python} cannot be run: {error.strerror}") from None
        finally:
            os.close(control)
            os.close(records)
            os.close(life)
        assert self._process.stdout is not None and self._process.stderr is not None
        self._plain = {
            self._process.stdout.fileno(): peer_frames.STDOUT,
            self._process.stderr.fileno(): peer_frames.STDERR,
        }
        for source in (self._told, *self._plain):
            os.set_blocking(source, False)
        self.output.thread(self._follow, f"brokerless-peer-{self.name}").start()
        if self._is_abandoned:
            self._process.kill()

    # What the kernel sends

    def hand_over(self, source: str, variables: Sequence[bytes]) -> None:
        """Gives it its cell, and the variables as peer_values.pack() makes them; it runs from then on."""
        begin = json.dumps(
            {
                "path": sys.path if self._has_own_path else None,
                "alias": "zmq" in sys.modules and sys.modules["zmq"] is sys.modules["brokerless"],
                "variables": len(variables),
                "source": source,
            }
        ).encode("ascii")
        with self._control_lock:
            if self._control < 0:
                return
            try:
                peer_frames.write_all(self._control, b"%16d" % len(begin) + begin)
                for variable in variables:
                    peer_frames.write_all(self._control, peer_frames.record(peer_frames.VARIABLE, variable))
            except BrokenPipeError:
                # It has ended; its cell says so.
                return
            os.set_blocking(self._control, False)
            self._has_cell = True

    def wait_until_it_runs(self) -> None:
        """Waits until it has its cell. Raises CannotStart if it ends instead."""
        while not self._is_ready.wait(0.02):
            if self.ended.is_set() and not self._is_ready.is_set():
                raise CannotStart(self.trouble)

    def survey(self, timeout: float, give_up: Optional[float] = None) -> Dict[str, Any]:
        """What it has (brokerless._survey.survey() there). If it does not tell in time, "error" says so.

        `give_up` is when, by time.monotonic(), the `timeout` seconds are over for several that were asked together.
        """
        if give_up is None:
            give_up = time.monotonic() + timeout
            self.ask()
        with self._answered:
            asked = self._question
            self._answered.wait_for(
                lambda: self._answer.get("question") == asked or not self.is_alive, max(0.0, give_up - time.monotonic())
            )
            if self._answer.get("question") == asked:
                told: Dict[str, Any] = self._answer["survey"]
                return told
        missing = "it has not begun yet" if not self._is_ready.is_set() else f"no answer within {timeout:g} s"
        return {
            "pid": self.pid,
            "name": self.name,
            "time": time.time(),
            "error": "it has ended" if not self.is_alive else missing,
            "sockets": [],
            "devices": [],
            "roles": [],
        }

    def ask(self) -> None:
        """Asks for a survey, unless the answer to an earlier question has still to come: nothing piles up."""
        with self._answered:
            if not self._has_cell or self._answer.get("question", 0) != self._question:
                return
            self._question += 1
            with self._control_lock:
                try:
                    os.write(self._control, peer_frames.record(peer_frames.ASK, b"%d" % self._question))
                except OSError:
                    # It has ended.
                    self._question -= 1

    def sockets(self, timeout: float) -> Optional[List[Dict[str, Any]]]:
        survey = self.survey(timeout, time.monotonic() + timeout)
        sockets: List[Dict[str, Any]] = survey["sockets"]
        return None if "error" in survey else sockets

    # What it tells

    def _follow(self) -> None:
        """Reads all that the process writes, until it has ended."""
        poller = select.poll()
        for source in (self._told, *self._plain):
            poller.register(source, select.POLLIN)
        patience = _LOOK
        last_rounds = 0
        is_gone = False
        while last_rounds < 16:
            # What it wrote before it ended is there by now.
            is_gone = is_gone or self._has_gone()
            ready = {source for source, _ in poller.poll(0 if is_gone else patience)}
            plain = [source for source in self._plain if source in ready]
            # Its records are older than what is in the plain outputs: it writes none while there is something in these.
            for source in [self._told, *plain] if patience == _LOOK else plain:
                if not self._read(source):
                    poller.unregister(source)
                    if source == self._told:
                        patience = _SOON
            if is_gone:
                if not ready:
                    break
                # A process that it left behind may write on and on.
                last_rounds += 1
        self._end()

    def _has_gone(self) -> bool:
        """Whether the process has ended, and with it all that it has started."""
        if peer_session.has_ended(self._process.pid):
            peer_session.end(self._process.pid)
        with self._number_lock:
            return self._process.poll() is not None

    def _read(self, source: int) -> bool:
        """Reads all that is there; False at the end of what there will ever be."""
        for _ in range(64):
            try:
                data = os.read(source, _CHUNK)
            except BlockingIOError:
                return True
            if not data:
                return False
            if source == self._told:
                self._take(data)
            else:
                self._print(self._plain[source], data)
                return True
        return True

    def _take(self, data: bytes) -> None:
        printed: List[bytes] = []
        printed_to = b""
        for tag, payload in self._records.feed(data):
            if tag != printed_to:
                self._print(printed_to, b"".join(printed))
                printed, printed_to = [], b""
            if tag in self._decoders:
                printed.append(payload)
                printed_to = tag
            else:
                self._note(tag, payload)
        self._print(printed_to, b"".join(printed))

    def _print(self, tag: bytes, data: bytes, final: bool = False) -> None:
        if not self._is_ready.is_set():
            self._early.append((tag, data))
        elif data or final:
            stream = "stdout" if tag == peer_frames.STDOUT else "stderr"
            self.output.write(stream, self._decoders[tag].decode(data, final))

    def _note(self, tag: bytes, payload: bytes) -> None:
        if tag == peer_frames.READY:
            self._is_ready.set()
            for early in self._early:
                self._print(*early)
            self._early.clear()
        elif tag == peer_frames.FINISHED:
            self._finished = True
        elif tag == peer_frames.VALUE:
            self.show_value(payload.decode("utf8"))
        elif tag == peer_frames.ERROR:
            self.error = json.loads(payload)
        elif tag == peer_frames.REFUSED:
            self._refused = payload.decode("utf8", "replace")
        elif tag == peer_frames.SURVEY:
            with self._answered:
                self._answer = json.loads(payload)
                for seen in self._answer["survey"].get("sockets", ()):
                    seen["cell"] = None if self.cell is None else self.cell.number
                self._answered.notify_all()

    def _end(self) -> None:
        for tag in self._decoders:
            self._print(tag, b"", final=True)
        with self._control_lock:
            os.close(self._control)
            self._control = -1
        os.close(self._told)
        peer_session.close_life(self._life)
        for plain in (self._process.stdout, self._process.stderr):
            assert plain is not None
            plain.close()
        self.trouble = self._trouble()
        self.finish()
        with self._answered:
            self._answered.notify_all()

    def _trouble(self) -> str:
        code = self._process.returncode
        if not self._is_ready.is_set():
            said = b"".join(data for tag, data in self._early if tag == peer_frames.STDERR).decode("utf8", "replace")
            last = said.rstrip().rpartition("\n")[2]
            ended = f"{self._python} ended with {_reason(code)}{f' ({last})' if last else ''}"
            return f"the peer {self.name} did not run: {self._refused or ended}"
        if code == 0 or (self.error is not None and (code == 1 or self.error["type"] == "KeyboardInterrupt")):
            return ""
        return f"the peer {self.name} ended with {_reason(code)}"

    # How it is ended

    def press(self, step: int) -> None:
        if not self._is_ready.is_set():
            # Nothing of the cell has run that could want to know.
            step = 2
        with self._number_lock:
            if self._process.returncode is None:
                os.kill(self._process.pid, (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)[step])

    @property
    def pid(self) -> Optional[int]:
        return self._process.pid

    @property
    def state(self) -> str:
        if self.is_alive:
            if self.stopped_as:
                return "stopping"
            if not self._is_ready.is_set():
                return "starting"
            return "waiting for its end" if self._finished else "running"
        if self.stopped_as:
            return self.stopped_as
        return f"ended ({self._process.returncode})" if self._process.returncode >= 0 else self._killed_by()

    def _killed_by(self) -> str:
        return f"ended ({_signal(-self._process.returncode)})"


def _reason(code: int) -> str:
    return f"exit code {code}" if code >= 0 else _signal(-code)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
