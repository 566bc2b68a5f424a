"""What a peer prints, shows and raises appears in its cell."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any, Iterator

import pytest

pytest.importorskip("ipykernel")

from live_kernel import LiveKernel
from peer_notebook import LOAD, notebook, stream
from traitlets.config import Config


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveKernel]:
    with notebook() as kernel:
        yield kernel


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_output_appears_in_its_cell_after_the_cell_has_returned(shared: LiveKernel) -> None:
    shared.run(
        "go = zmq.Context.instance().socket(zmq.PUSH); go.bind('tcp://127.0.0.1:*')\nat = go.last_endpoint.decode()"
    )
    ran = shared.run(
        "%%peer late --env at\n"
        "import brokerless as zmq\n"
        "print('before', end='')\n"
        "with zmq.Context.instance().socket(zmq.PULL) as go:\n"
        "    go.connect(at)\n"
        "    go.recv()\n"
        "    print(' and after')\n"
    )
    # Without a newline, too.
    ran.until(lambda: ran.text == "before")
    other = shared.run("print('other'); go.send(b'')")
    ran.until(lambda: ran.text == "before and after\n")
    assert other.text == "other\n"
    shared.run("go.close()")


def test_all_that_is_written_stays_in_order(shared: LiveKernel) -> None:
    ran = shared.run(
        "%%peer --wait order\n"
        "import os, subprocess, sys\n"
        "for n in range(30):\n"
        "    print(f'{n}a')\n"
        "    print(f'{n}b', file=sys.stderr)\n"
        "    os.write(1, b'%dc\\n' % n)\n"
        "    sys.stdout.buffer.write(b'%dd\\n' % n)\n"
        "    subprocess.run(['sh', '-c', f'echo {n}e >&2'])\n"
        "    print(f'{n}f')\n"
    )
    assert ran.text.split() == [f"{n}{letter}" for n in range(30) for letter in "abcdef"]
    assert stream(ran, "stderr").split() == [f"{n}{letter}" for n in range(30) for letter in "be"]


def test_text_of_any_kind_and_size_arrives(shared: LiveKernel) -> None:
    ran = shared.run(
        "%%peer --wait sizes\n"
        "import os, sys\n"
        "print('ü€𝄞' * 100_000)\n"
        "for byte in '€'.encode():\n"
        "    os.write(1, bytes([byte]))\n"
        "for byte in '𝄞'.encode():\n"
        "    sys.stdout.buffer.write(bytes([byte]))\n"
        "sys.stdout.buffer.write(b'\\xff|')\n"
        "print('\\ud800', end='|')\n"
        "os.write(1, b'x' * 2_000_000 + b'\\xe2')\n"
    )
    assert ran.text == "ü€𝄞" * 100_000 + "\n€𝄞\ufffd|\\ud800|" + "x" * 2_000_000 + "\ufffd"


def test_threads_and_forked_processes_print_at_a_time(shared: LiveKernel) -> None:
    ran = shared.run(
        "%%peer --wait many\n"
        "import os, threading\n"
        "def speak(letter):\n"
        "    for _ in range(20):\n"
        "        print(letter * 10_000 + '\\n', end='')\n"
        "threads = [threading.Thread(target=speak, args=(letter,)) for letter in 'ab']\n"
        "for thread in threads:\n"
        "    thread.start()\n"
        "for thread in threads:\n"
        "    thread.join()\n"
        "child = os.fork()\n"
        "speak('c' if child else 'd')\n"
        "if not child:\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)[1]\n"
    )
    assert {letter: ran.text.count(letter) for letter in "abcd\n"} == {**dict.fromkeys("abcd", 200_000), "\n": 80}
    assert ran.shown == ["0"]


def test_the_value_of_the_last_expression_is_shown(shared: LiveKernel) -> None:
    assert shared.run("%%peer --wait value\nprint(1)\n'ü'").shown == ["'ü'"]
    assert shared.run("%%peer --wait value\n'ü';").shown == []
    later = shared.run("%%peer value\nprint('x', end='')\n1, 2")
    later.until(lambda: later.text == "x\n(1, 2)\n")


def test_a_traceback_appears_in_the_cell(shared: LiveKernel) -> None:
    ran = shared.run("%%peer fails\ndef f(n):\n    return 1 / n\nf(0)")
    ran.until(lambda: "division by zero\n" in plain(ran.text))
    lines = plain(stream(ran, "stderr")).splitlines()
    assert lines[0] == "Traceback (most recent call last):" and lines[-1] == "ZeroDivisionError: division by zero"
    assert '  File "Cell [peer fails]", line 3, in <module>' in lines and "    return 1 / n" in lines
    assert "brokerless" not in "".join(lines)


def test_a_cell_that_waits_fails_as_its_peer_does(shared: LiveKernel) -> None:
    ran = shared.start("%%peer --wait fails\nprint('first')\n1 / 0").done()
    assert ran.reply["status"] == "error" and ran.text == "first\n"
    (error,) = ran.errors
    assert (error["ename"], error["evalue"]) == ("PeerFailed", "ZeroDivisionError: division by zero (peer fails)")
    shown = plain("\n".join(error["traceback"]))
    assert shown.startswith("Traceback") and "peer_" not in shown and "    1 / 0\n" in shown


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit(3)", "the peer ends ended with exit code 3\n"),
        ("import sys; sys.exit('in words')", "in words\nthe peer ends ended with exit code 1\n"),
        ("import os; os._exit(4)", "the peer ends ended with exit code 4\n"),
        (
            "import os, signal; print('x', end=''); os.kill(os.getpid(), signal.SIGSEGV)",
            "x\nthe peer ends ended with SIGSEGV\n",
        ),
        ("import os; os.kill(os.getpid(), 9)", "the peer ends ended with SIGKILL\n"),
    ],
)
def test_an_end_that_is_none_is_told_in_a_line(shared: LiveKernel, code: str, said: str) -> None:
    ran = shared.run(f"%%peer ends\n{code}")
    ran.until(lambda: ran.text == said)
    ran = shared.start(f"%%peer --wait ends\n{code}").done()
    assert ran.errors[0]["traceback"] == ["PeerFailed: " + said.splitlines()[-1]]


@pytest.mark.parametrize("code", ["import sys; sys.exit()", "import sys; sys.exit(0)", "import os; os._exit(0)", "1;"])
def test_a_good_end_is_not_told(shared: LiveKernel, code: str) -> None:
    ran = shared.run(f"%%peer --wait ends\n{code}")
    assert {message["msg_type"] for message in ran.messages} == {"status", "execute_input"}


@pytest.mark.parametrize("explained", [False, True], ids=["as it is", "where interrupts are explained"])
def test_an_interrupt_ends_the_wait_and_says_that_the_peer_goes_on(shared: LiveKernel, explained: bool) -> None:
    if explained:
        shared.run("from brokerless.jupyter import interrupt; interrupt.load(get_ipython())")
    ran = shared.start("%%peer --wait on\nimport os, time\nprint('waiting')\ntime.sleep(50)")
    # Not interrupt(): it takes a wait for a lock for one that is over soon.
    ran.until(lambda: "waiting" in ran.text)
    assert shared.interrupt_now(ran) < 2
    (error,) = ran.errors
    assert error["traceback"] == ["KeyboardInterrupt: the peer on goes on; `%stop on` ends it"]
    assert shared.run("peers.running()").shown == ["['on']"]
    shared.run("%stop on")
    ran.until(lambda: ran.text == "waiting\nthe peer on was stopped\n")
    assert shared.run("peers.running()").shown == ["[]"]
    if explained:
        shared.run("interrupt.unload(get_ipython())")


def test_it_is_a_program_of_its_own_where_the_kernel_is(shared: LiveKernel) -> None:
    code = (
        "import os, sys\n"
        "{'name': __name__, 'main': sys.modules['__main__'].__dict__ is globals(), 'argv': sys.argv, 'cwd': os.getcwd(),"
        " 'path': sys.path, 'own': sorted(n for n in globals() if n[0] != '_'), 'zmq': 'brokerless' in sys.modules,"
        " 'jupyter': any(n.startswith(('IPython', 'ipykernel')) for n in sys.modules)}"
    )
    here = shared.run("os.getcwd(), sys.path").shown[0]
    there: Any = eval(shared.run(f"%%peer --wait where\n{code}").shown[0])
    assert (there.pop("cwd"), there.pop("path")) == eval(here)
    assert there == {
        "name": "__main__",
        "main": True,
        "argv": ["where"],
        "own": ["os", "sys"],
        "zmq": True,
        "jupyter": False,
    }


def test_there_is_nothing_to_be_read_from_the_keyboard(shared: LiveKernel) -> None:
    ran = shared.start("%%peer --wait asks\ninput('name? ')").done()
    assert ran.errors[0]["evalue"].startswith("EOFError")


def test_a_notebook_run_by_nbclient_has_all_of_what_it_waits_for(ipc_dir: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    sources = [LOAD, "%%peer --wait all\nfor n in range(1000):\n    print(n)\nn"]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    client = nbclient.NotebookClient(
        made,
        kernel_name="python3",
        timeout=50,
        config=Config(KernelManager={"transport": "ipc", "connection_file": f"{ipc_dir}/kernel.json"}),
    )
    # Not client.execute(): it leaves its event loop open.
    asyncio.run(client.async_execute())
    outputs = made.cells[1].outputs
    printed = "".join(output["text"] for output in outputs if output.output_type == "stream")
    assert printed == "".join(f"{n}\n" for n in range(1000))
    assert outputs[-1]["data"]["text/plain"] == "999"
