"""Stop in code that is not ours: one line says where in the user's own code it was; `%tb` and `%debug` have the rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator

import pytest

pytest.importorskip("ipykernel")

from live_kernel import LiveKernel, Ran, live_kernel

LOAD = """
import asyncio, os, sys, threading, time
import brokerless as zmq
from brokerless.jupyter import interrupt
interrupt.load(get_ipython())
ctx = zmq.Context.instance()

def waiting():
    print("waiting", flush=True)

def tell_of(line):
    # Once the main thread is in this line of the cell.
    cell, main = sys._getframe(1).f_code.co_filename, threading.get_ident()
    def is_there():
        frame, found = sys._current_frames()[main], None
        while frame is not None:
            found = frame if frame.f_code.co_filename == cell else found
            frame = frame.f_back
        return found is not None and found.f_lineno == line
    def look():
        while not is_there():
            pass
        waiting()
    threading.Thread(target=look).start()
"""

MODULE = """
import time

class Server:
    def serve(self, tell):
        self.loop(tell)

    def loop(self, tell):
        tell()
        while True:
            time.sleep(60)
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKernel]:
    folder = tmp_path_factory.mktemp("own")
    Path(folder, "own_module.py").write_text(MODULE)
    with live_kernel() as kernel:
        kernel.run(LOAD)
        kernel.run(f"sys.path.insert(0, {str(folder)!r}); import own_module")
        yield kernel
        assert "Traceback" not in kernel.errors()


def line_of(ran: Ran) -> str:
    """The line that the interrupted cell shows in place of a traceback."""
    assert ran.reply["ename"] == "KeyboardInterrupt"
    (error,) = ran.errors
    (line,) = error["traceback"]
    assert "\n" not in line.strip() and error["evalue"] in line
    return str(error["evalue"])


def traceback_of(kernel: LiveKernel) -> str:
    """What `%tb` shows now, without colours."""
    ran = kernel.start("%tb").done()
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(line for error in ran.errors for line in error["traceback"]))


#: Cells that call waiting() and go on for ever; their line, and what `%tb` has.
CELLS = {
    "a publisher": (
        "pub = ctx.socket(zmq.PUB)\nwaiting()\nwhile True:\n    pub.send_string('hello')\n    time.sleep(60)",
        "interrupted in line 5: time.sleep(60)",
        ["----> 5     time.sleep(60)"],
    ),
    "a function": (
        "def g():\n    waiting(); time.sleep(60)\ng()",
        "interrupted in g(), line 2, called from line 3: waiting(); time.sleep(60)",
        ["----> 3 g()", "----> 2     waiting(); time.sleep(60)"],
    ),
    "a function of a function": (
        "def g():\n    waiting(); time.sleep(60)\ndef f():\n    g()\nf()",
        "interrupted in g(), line 2, called by f() from line 5: waiting(); time.sleep(60)",
        ["----> 5 f()", "in f()", "in g()"],
    ),
    "many functions": (
        "def a():\n    waiting(); time.sleep(60)\ndef b(): a()\ndef c(): b()\ndef d(): c()\nd()",
        "interrupted in a(), line 2, called by b(), c(), ... from line 6: waiting(); time.sleep(60) (%tb shows more)",
        ["in b()", "in c()", "in d()"],
    ),
    "one that calls itself": (
        "def r(n):\n    if n: r(n - 1)\n    waiting(); time.sleep(60)\nr(9)",
        "interrupted in r(), line 3, called by r() from line 4: waiting(); time.sleep(60) (%tb shows more)",
        ["in r(n)"],
    ),
    "a lambda": (
        "l = lambda: (waiting(), time.sleep(60))\nl()",
        "interrupted in a lambda, line 1, called from line 2: l = lambda: (waiting(), time.sleep(60))",
        ["----> 2 l()"],
    ),
    "own modules": (
        "server = own_module.Server()\nserver.serve(waiting)",
        r"interrupted in (Server\.)?loop\(\), line 11 of own_module.py, called by (Server\.)?serve\(\) from line 2: time.sleep\(60\)",
        ["own_module.py:11"],
    ),
    "a magic": ("waiting()\n%time time.sleep(60)", "interrupted in line 2: %time time.sleep(60) (%tb shows more)", []),
    "a magic of a cell": (
        "%%time\nx = 1\nwaiting(); time.sleep(60)",
        "interrupted in line 3: waiting(); time.sleep(60)",
        [],
    ),
    "while another exception is handled": (
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    waiting(); time.sleep(60)",
        "interrupted in line 4: waiting(); time.sleep(60)",
        ["ZeroDivisionError: division by zero", "KeyboardInterrupt: interrupted in line 4"],
    ),
    "what a value shows": (
        "class Slow:\n    def __repr__(self):\n        waiting(); time.sleep(60)\nSlow()",
        r"interrupted in (Slow\.)?__repr__\(\), line 3, called from line 4: waiting\(\); time.sleep\(60\)",
        [],
    ),
    "a raise on the way out": (
        "try:\n    waiting(); time.sleep(60)\nexcept KeyboardInterrupt:\n    raise",
        "interrupted in line 2: waiting(); time.sleep(60)",
        [],
    ),
}


@pytest.mark.parametrize("what", CELLS)
def test_one_line_says_where(shared: LiveKernel, what: str) -> None:
    code, said, shown = CELLS[what]
    ran = shared.start(code)
    shared.interrupt(ran)
    line = line_of(ran)
    assert line == said or re.fullmatch(said, line), line
    whole = traceback_of(shared)
    assert "KeyboardInterrupt" in whole
    for part in shown:
        assert part in whole, whole


#: Of code that does not sleep, Stop may come anywhere in a line.
SPINS = {
    "a loop": ("tell_of(2)\nwhile True: pass", "interrupted in line 2: while True: pass"),
    "a function": (
        "def g():\n    while True:\n        pass\ntell_of(5)\ng()",
        r"interrupted in g\(\), line [23], called from line 5: (while True:|pass)",
    ),
    "a comprehension": (
        "def a():\n    return sum(i for i in iter(int, 1))\ntell_of(4)\na()",
        r"interrupted in a\(\), line 2, called from line 4: return sum\(i for i in iter\(int, 1\)\)( \(%tb shows more\))?",
    ),
    "a loop that looks for messages": (
        "s = ctx.socket(zmq.PULL); tell_of(2)\nwhile s.poll(0) == 0: pass",
        r"interrupted in line 2: while s\.poll\(0\) == 0: pass( \(%tb shows more\))?",
    ),
}


@pytest.mark.parametrize("what", SPINS)
def test_a_loop_without_an_end_says_where(shared: LiveKernel, what: str) -> None:
    code, said = SPINS[what]
    ran = shared.start(code)
    ran.until(lambda: "waiting" in ran.text)
    shared.interrupt_now(ran)
    line = line_of(ran)
    assert re.fullmatch(said, line), line


#: Cells that wait in line 2 for a lock, and not in the sleep of anything.
LOCKS = {
    "a lock": (
        "lock = threading.Lock(); lock.acquire(); tell_of(2)\nlock.acquire()",
        "interrupted in line 2: lock.acquire()",
    ),
    "a library": (
        "event = threading.Event(); tell_of(2)\nevent.wait()",
        r"interrupted in line 2: event.wait\(\)( \(%tb shows more\))?",
    ),
}


@pytest.mark.parametrize("what", LOCKS)
def test_what_waits_for_a_lock_says_where(shared: LiveKernel, what: str) -> None:
    code, said = LOCKS[what]
    ran = shared.start(code)
    ran.until(lambda: "waiting" in ran.text)
    shared.interrupt_now(ran)
    line = line_of(ran)
    assert line == said or re.fullmatch(said, line), line


def test_a_function_of_another_cell_says_of_which(shared: LiveKernel) -> None:
    defined = shared.run("# its first line\ndef there():\n    waiting(); time.sleep(60)")
    number = next(m["content"]["execution_count"] for m in defined.messages if m["msg_type"] == "execute_input")
    ran = shared.start("there()")
    shared.interrupt(ran)
    said = f"interrupted in there(), line 3 of cell [{number}], called from line 1: waiting(); time.sleep(60)"
    assert line_of(ran) == said


def test_the_debugger_has_the_variables(shared: LiveKernel) -> None:
    ran = shared.start("def g():\n    count = 41\n    waiting(); time.sleep(60)\ng()")
    shared.interrupt(ran)
    code = """
inner = sys.last_traceback
while inner.tb_next: inner = inner.tb_next
inner.tb_frame.f_locals["count"], sys.last_type.__name__, get_ipython().InteractiveTB.tb in (None, sys.last_traceback)
"""
    assert shared.run(code).shown == ["(41, 'KeyboardInterrupt', True)"]
    shared.run("del inner")


def test_a_cell_of_a_shell_says_it_in_a_line_too(shared: LiveKernel) -> None:
    ran = shared.start("%%bash\necho waiting\nsleep 60")
    ran.until(lambda: "waiting" in ran.text)
    shared.interrupt_now(ran)
    (error,) = ran.errors
    assert error["ename"] == "KeyboardInterrupt" and len(error["traceback"]) == 1
    assert error["evalue"] == "interrupted in line 1: %%bash (%tb shows more)"
    # What fails by itself is shown as ever.
    ran = shared.start("%%bash\nexit 3").done()
    assert ran.reply["ename"] == "CalledProcessError" and "exit status 3" in ran.reply["evalue"]
    assert len(ran.errors[0]["traceback"]) > 1


def test_a_socket_that_only_the_function_had_is_not_called_usable(shared: LiveKernel) -> None:
    for code, is_usable in {
        "serve(zmq.Context.instance().socket(zmq.PULL))": False,
        "mine = ctx.socket(zmq.PULL)\nserve(mine)": True,
    }.items():
        ran = shared.start(f"def serve(s):\n    waiting(); s.recv()\n{code}")
        shared.interrupt(ran)
        line = line_of(ran)
        assert line.startswith("interrupted while recv() waited on <zmq.Socket(zmq.PULL)>, ")
        assert line.endswith(" (line 2, in serve())")
        assert ("; the socket is still usable" in line) is is_usable
    shared.run("mine.close()")


def test_what_the_code_itself_raises_keeps_its_traceback(shared: LiveKernel) -> None:
    for code, said in {
        "raise KeyboardInterrupt": "----> 1 raise KeyboardInterrupt",
        "def f():\n    raise KeyboardInterrupt('mine')\nf()": "KeyboardInterrupt: mine",
    }.items():
        ran = shared.start(code).done()
        assert ran.reply["ename"] == "KeyboardInterrupt"
        shown = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(ran.errors[0]["traceback"]))
        assert said in shown and "Traceback" in shown


WITHS = {
    "both": (
        "with zmq.Context() as c, c.socket(zmq.REP) as s:\n    s.bind('tcp://127.0.0.1:*'); print(s.last_endpoint.decode())\n"
        "    waiting(); s.recv()"
    ),
    "the context": (
        "with zmq.Context() as c:\n    s = c.socket(zmq.REP); s.bind('tcp://127.0.0.1:*'); print(s.last_endpoint.decode())\n"
        "    waiting(); s.recv()"
    ),
    "a finally": (
        "s = ctx.socket(zmq.REP); s.bind('tcp://127.0.0.1:*')\ntry:\n    print(s.last_endpoint.decode()); waiting(); s.recv()\n"
        "finally:\n    s.close()"
    ),
    "an await": (
        "import brokerless.asyncio\nwith brokerless.asyncio.Context() as c, c.socket(zmq.REP) as s:\n"
        "    s.bind('tcp://127.0.0.1:*'); print(s.last_endpoint.decode()); waiting(); await s.recv()"
    ),
}


@pytest.mark.parametrize("what", WITHS)
def test_a_socket_that_was_closed_on_the_way_out_is_called_what_it_was(shared: LiveKernel, what: str) -> None:
    ran = shared.start(WITHS[what])
    shared.interrupt(ran)
    where = ran.text.split()[0]
    begin = f"interrupted while recv() waited on <zmq.{'asyncio.' if what == 'an await' else ''}Socket(zmq.REP) bound to {where}>, "
    assert line_of(ran).startswith(begin)
    assert "s; the socket is closed now (line 3)" in line_of(ran)
    assert "recv" in traceback_of(shared)
