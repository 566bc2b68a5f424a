"""Runs a cell in a peer's process: its `__main__`, its output, and the kernel's questions while it runs."""

from __future__ import annotations

import fcntl
import io
import json
import os
import signal
import sys
import termios
import threading
import time
from types import ModuleType, TracebackType
from typing import Any, Dict, NoReturn, Optional, Type

from . import peer_code, peer_frames, peer_values

#: How long a print() lets the kernel read what others (C code, programs) have written to the same output before it, in seconds.
PATIENCE = 0.25

#: How the system says that there is nothing to be read: an int.
_NOTHING = bytes(4)


def run(name: str, control: int, records: int, begin: Dict[str, Any]) -> None:
    """Runs the cell that the kernel hands over; raises what the cell raises, for the interpreter to end with."""
    writer = Writer(records)
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules["__main__"] = main
    sys.argv = [name]
    sys.stdout = sys.__stdout__ = _stream(writer, peer_frames.STDOUT, 1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(writer, peer_frames.STDERR, 2)  # type: ignore[misc]
    file = peer_code.file_name(name)
    sys.excepthook = _reporter(writer, file)
    if begin["alias"]:
        from .._alias import install_as_zmq
        from .._children import install_in_children

        install_as_zmq()
        install_in_children()
    try:
        for _ in range(begin["variables"]):
            tag, payload = peer_frames.read_record(control)
            if tag != peer_frames.VARIABLE:
                _follow_the_kernel()
            variable, value = peer_values.unpack(payload)
            main.__dict__[variable] = value
    except peer_values.CannotHandOver as error:
        writer.tell(peer_frames.REFUSED, str(error).encode("utf8", "replace"))
        os._exit(1)
    answers = threading.Thread(target=_answer, args=(name, control, writer), name="brokerless-peer", daemon=True)
    answers.start()
    writer.tell(peer_frames.READY)
    try:
        value = peer_code.CellCode(begin["source"], file).run(main.__dict__)
        if value is not None:
            writer.tell(peer_frames.VALUE, peer_code.repr_of(value).encode("utf8", "backslashreplace"))
    finally:
        writer.tell(peer_frames.FINISHED)


class Writer:
    """Writes records to the kernel, in the order in which all that this process prints was written."""

    def __init__(self, records: int) -> None:
        self._records = records
        self.pid = os.getpid()
        # The cell may put something else in their places.
        self._plain = (os.dup(1), os.dup(2))
        self._lock = threading.Lock()
        # In a child that is forked while another thread holds it, nobody would let go of it.
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()

    def tell(self, tag: bytes, payload: bytes = b"") -> None:
        """Tells the kernel something; a payload of any length. What a forked process does is of no concern to it."""
        if os.getpid() != self.pid:
            return
        self._let_others_be_read()
        with self._lock:
            for part in peer_frames.parts(tag, payload):
                os.write(self._records, part)

    def answer(self, payload: bytes) -> None:
        """Answers a question, whatever is printed meanwhile."""
        for part in peer_frames.parts(peer_frames.SURVEY, payload):
            os.write(self._records, part)

    def print(self, tag: bytes, data: bytes) -> None:
        """Writes output; each record of it stands for itself, so that threads and forked processes may print at a time."""
        self._let_others_be_read()
        for start in range(0, len(data), peer_frames.ROOM):
            os.write(self._records, peer_frames.record(tag, data[start : start + peer_frames.ROOM]))

    def _let_others_be_read(self) -> None:
        """Waits until the kernel has read what is in the plain outputs: it reads our records before these."""
        if not self._are_others_unread():
            return
        give_up = time.monotonic() + PATIENCE
        while self._are_others_unread() and time.monotonic() < give_up:
            time.sleep(0.0005)

    def _are_others_unread(self) -> bool:
        out, err = self._plain
        return fcntl.ioctl(out, termios.FIONREAD, _NOTHING) != _NOTHING or (
            fcntl.ioctl(err, termios.FIONREAD, _NOTHING) != _NOTHING
        )


class _Output(io.RawIOBase):
    """What is beneath sys.stdout or sys.stderr: writes to the kernel at once."""

    def __init__(self, writer: Writer, tag: bytes, number: int) -> None:
        self._writer = writer
        self._tag = tag
        self._number = number

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Where C code and programs write that this process starts; the kernel reads it as well."""
        return self._number

    def write(self, data: Any) -> int:
        with memoryview(data) as view:
            self._writer.print(self._tag, view.tobytes())
            return view.nbytes


def _stream(writer: Writer, tag: bytes, number: int) -> io.TextIOWrapper:
    name = "<stdout>" if number == 1 else "<stderr>"
    raw: Any = _Output(writer, tag, number)
    raw.name = name
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True)


def _answer(name: str, control: int, writer: Writer) -> None:
    """Answers the kernel's questions as they come, until it ends."""
    while True:
        tag, payload = peer_frames.read_record(control)
        if tag != peer_frames.ASK:
            _follow_the_kernel()
        writer.answer(json.dumps({"question": int(payload), "survey": _survey(name)}).encode("ascii"))


def _survey(name: str) -> Dict[str, Any]:
    from .. import _survey

    try:
        return _survey.survey(name)
    except Exception as error:
        # It must not end the thread that answers; the kernel shows it.
        told = f"{type(error).__name__}: {error}"
        return {
            "pid": os.getpid(),
            "name": name,
            "time": time.time(),
            "error": told,
            "sockets": [],
            "devices": [],
            "roles": [],
        }


def _follow_the_kernel() -> NoReturn:
    # With all that it has started, where the system has not done it already.
    os.killpg(0, signal.SIGKILL)
    raise SystemExit


def _reporter(writer: Writer, file: str) -> Any:
    def report(kind: Type[BaseException], error: BaseException, trace: Optional[TracebackType]) -> None:
        if error.__traceback__ is None:
            error.__traceback__ = trace
        if os.getpid() != writer.pid:
            sys.__excepthook__(kind, error, trace)
            return
        told = peer_code.describe(error, file)
        writer.tell(peer_frames.ERROR, json.dumps(told).encode("ascii"))

    return report
