"""Peers are started, listed, asked, replaced and stopped; and they end with their kernel."""

from __future__ import annotations

import os
import signal
from typing import Iterator

import pytest

pytest.importorskip("ipykernel")

from conftest import wait_until
from live_kernel import LiveKernel
from peer_notebook import end, ends, is_running, notebook, number, usage_error

#: A peer that tells its pid, and waits.
WAITS = "import os, time\nprint(os.getpid(), '.')\ntime.sleep(50)"

#: A peer that serves at an address which only one can have.
SERVES = (
    "import brokerless as zmq, os\n"
    "with zmq.Context() as context, context.socket(zmq.REP) as server:\n"
    "    server.bind(at)\n"
    "    print(os.getpid(), flush=True)\n"
    "    for message in server:\n"
    "        server.send(message + b'!')\n"
)


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveKernel]:
    with notebook() as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def none_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "shared" in request.fixturenames:
        request.getfixturevalue("shared").run("%stop --all")


def test_a_cell_run_again_replaces_its_process_and_has_its_port(shared: LiveKernel, free_port: int) -> None:
    shared.run(f"at = 'tcp://127.0.0.1:{free_port}'")
    former = number(shared.run(f"%%peer server --env at\n{SERVES}", cell="s"))
    again = shared.run(f"%%peer server --env at\n{SERVES}", cell="s")
    later = number(again)
    assert later != former and not is_running(former)
    answer = (
        "with zmq.Context().socket(zmq.REQ) as req:\n    req.connect(at)\n    print(req.request(b'hello', timeout=20))"
    )
    assert shared.run(answer).text == "b'hello!'\n"
    # Under another name too: it is the same cell.
    renamed = number(shared.run(f"%%peer renamed --env at\n{SERVES}", cell="s"))
    assert not is_running(later) and is_running(renamed)
    assert "address" not in again.text.lower()


def test_one_cell_may_start_several(shared: LiveKernel) -> None:
    shared.run(
        "for name in 'abc':\n    get_ipython().run_cell_magic('peer', name, 'import time; time.sleep(50)')", cell="l"
    )
    assert shared.run("peers.running()").shown == ["['a', 'b', 'c']"]


def test_a_second_of_its_name_is_refused_on_demand(shared: LiveKernel) -> None:
    pid = number(shared.run(f"%%peer one\n{WAITS}"))
    said = usage_error(shared.start(f"%%peer one --no-kill-on-rerun\n{WAITS}"))
    assert said == f"the peer one still runs (pid {pid}): `%stop one` ends it"
    assert is_running(pid)
    shared.run("%stop one")
    assert number(shared.run(f"%%peer one --no-kill-on-rerun\n{WAITS}")) != pid


STUBBORN = {
    "one that catches interrupts": "try:\n    time.sleep(50)\nexcept KeyboardInterrupt:\n    time.sleep(50)",
    "one that ignores interrupts and more": (
        "import signal\nfor n in (signal.SIGINT, signal.SIGTERM):\n    signal.signal(n, signal.SIG_IGN)\n"
        "print('ignores')\ntime.sleep(50)"
    ),
    "one that is stopped by a signal": "os.kill(os.getpid(), 19)",
    "one that waits for a thread": "import threading\nthreading.Thread(target=time.sleep, args=(50,)).start()",
    "one that awaits": "import asyncio\nawait asyncio.sleep(50)",
    "one that computes": "while True: pass",
}


@pytest.mark.parametrize("code", STUBBORN.values(), ids=STUBBORN)
def test_stop_ends_any_process(shared: LiveKernel, code: str) -> None:
    ran = shared.run(f"%%peer stubborn\nimport os, time\nprint(os.getpid())\n{code}")
    pid = number(ran)
    shared.run("%stop stubborn")
    assert not is_running(pid)
    ran.until(lambda: ran.text.endswith("the peer stubborn was stopped\n"))
    assert "Traceback" not in ran.text or "threading" in ran.text
    assert shared.run("peers.find()[-1].state").shown == ["'stopped'"]


def test_a_peer_that_is_stopped_may_clean_up(shared: LiveKernel) -> None:
    ran = shared.run(
        "%%peer tidy\nimport time\ntry:\n    print('on')\n    time.sleep(50)\nfinally:\n    print('tidied up')"
    )
    ran.until(lambda: "on" in ran.text)
    shared.run("%stop tidy")
    ran.until(lambda: ran.text == "on\ntidied up\nthe peer tidy was stopped\n")


@pytest.mark.parametrize("code", ["%stop deaf", "%%peer deaf\n1"])
def test_who_waits_for_the_end_of_one_can_be_interrupted(shared: LiveKernel, code: str) -> None:
    deaf = (
        "import signal\n"
        "signal.signal(signal.SIGINT, lambda *_: print('asked'))\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('asked'))\n"
    )
    peer = shared.run(f"%%peer deaf\n{deaf}{WAITS}")
    number(peer)
    ran = shared.start(code)
    peer.until(lambda: "asked" in peer.text)
    shared.interrupt_now(ran)
    assert ran.reply["ename"] == "KeyboardInterrupt"
    assert ran.reply["traceback"] == ["KeyboardInterrupt: not ended yet: deaf; `%stop` asks again"]
    assert "stopping" in shared.run("%peers").shown[0]


def test_a_peer_can_be_stopped_before_it_has_begun(shared: LiveKernel) -> None:
    ran = shared.run(
        "get_ipython().run_cell_magic('peer', 'early', '1')\nget_ipython().run_line_magic('stop', 'early')"
    )
    assert shared.run("peers.running()").shown == ["[]"]
    ran.until(lambda: ran.text in ("the peer early was stopped\n", "1\n"))


def test_what_is_used_wrongly_is_told_in_a_line(shared: LiveKernel) -> None:
    number(shared.run(f"%%peer known\n{WAITS}"))
    for code, said in {
        "%stop": "names, or --all\nusage: %stop NAME... | --all",
        "%stop nobody known": "no peer is called nobody: there are ",
        "%peers --wide": "%peers takes nothing, not '--wide'",
        "%%peer\n1": "a peer needs a name",
        "%%peer a b\n1": "one name, not 2: a b",
        "%%peer x --what\n1": "there is no option --what",
        "%%peer x\n \n": "%%peer x: the cell is empty",
        "%%peer x\nprint(1)\n  !ls": "%%peer x, line 2: '!ls' is IPython's; a peer's process runs plain Python",
        "%%peer x\n%time 1": "%%peer x, line 1: '%time 1' is IPython's",
        "%%peer x\nlen?": "%%peer x, line 1: 'len?' is IPython's",
        "%%peer x --env f=lambda: 1\n1": "--env f=lambda: 1: what has blanks needs brackets, as in --env f=(lambda: 1)",
        "%%peer x --env nowhere\n1": "--env nowhere=nowhere: NameError",
        "%%peer x --env a=(lambda: 1)\n1": "a cannot be handed over: a function goes to no other process",
        "%%peer x --env a=zmq.Context()\n1": "a cannot be handed over: a Context",
        "%%peer x --python /nowhere/python\n1": "--python /nowhere/python: there is no such program",
        "%%peer x --python true\n1": "ended with exit code 0",
    }.items():
        assert said in usage_error(shared.start(code))
    assert shared.run("peers.running()").shown == ["['known']"]


def test_python_errors_are_the_peers_own(shared: LiveKernel) -> None:
    ran = shared.run("%%peer wrong\nx = 1\ndef f(:")
    ran.until(lambda: "SyntaxError" in ran.text)


def test_variables_are_handed_over(shared: LiveKernel) -> None:
    shared.run("port, text = 5555, 'ü'")
    line = "%%peer --wait v --env port=port+1 --env text --env d={'a': (1, b'2')} --env big=bytes(3_000_000)"
    assert shared.run(f"{line}\nport, text, d, len(big)").shown == ["(5556, 'ü', {'a': (1, b'2')}, 3000000)"]
    shared.run("class Mine: pass\nmine = Mine()")
    assert "the class Mine is defined in the notebook" in usage_error(shared.start("%%peer v --env mine\n1"))


def test_arrays_are_handed_over(shared: LiveKernel) -> None:
    pytest.importorskip("numpy")
    shared.run("import numpy; frame = numpy.arange(6.0).reshape(2, 3)")
    assert shared.run("%%peer --wait v --env frame\nframe.shape, float(frame.sum())").shown == ["((2, 3), 15.0)"]


def test_another_interpreter_may_run_it(shared: LiveKernel) -> None:
    assert shared.run("%%peer --wait p --python {sys.executable}\nimport sys; sys.executable").shown == (
        shared.run("sys.executable").shown
    )


def test_an_interpreter_without_brokerless_is_refused(shared: LiveKernel) -> None:
    # -I and -S: one that has no packages.
    shared.run(
        "import stat, tempfile\n"
        "folder = tempfile.mkdtemp()\n"
        "bare = folder + '/bare'\n"
        "with open(bare, 'w') as file:\n"
        "    file.write(f'#!/bin/sh\\nexec {sys.executable} -I -S \"$@\"\\n')\n"
        "os.chmod(bare, 0o755)"
    )
    ran = shared.start("%%peer p --python {bare}\n1")
    assert "the peer p did not run: it cannot import brokerless (ModuleNotFoundError" in usage_error(ran)
    shared.run("import shutil; shutil.rmtree(folder)")


def test_peers_are_listed(shared: LiveKernel, free_port: int) -> None:
    shared.run(f"at = 'tcp://127.0.0.1:{free_port}'")
    pid = number(shared.run(f"%%peer server --env at\n{SERVES}"))
    ran = shared.run(
        "%%peer --wait client --env at\nimport brokerless as zmq\nwith zmq.Context() as c, c.socket(zmq.REQ) as s:\n"
        "    s.connect(at)\n    for n in range(3):\n        s.send(b'x')\n        s.recv()"
    )
    assert ran.text == ""
    (found,) = [m for m in shared.run("%peers").messages if m["msg_type"] == "execute_result"]
    heads, *rows = found["content"]["data"]["text/plain"].splitlines()
    assert heads.split() == "name state kind pid binds connects to sent received age".split()
    server, client = (next(row for row in rows if row.startswith(name)) for name in ("server", "client"))
    assert server.split()[:-2] == [
        "server",
        "running",
        "process",
        str(pid),
        f"tcp://127.0.0.1:{free_port}",
        "-",
        "3",
        "3",
    ]
    assert client.split()[1:3] == ["ended", "(0)"]
    page = found["content"]["data"]["text/html"]
    assert f">tcp://127.0.0.1:{free_port}</td>" in page and ">server</" in page


def test_one_that_is_about_to_end_says_so(shared: LiveKernel) -> None:
    ran = shared.run(
        "%%peer ending\nimport threading, time\nprint(0)\nthreading.Thread(target=time.sleep, args=(50,)).start()"
    )
    number(ran)
    code = "while peers.find()[-1].state != 'waiting for its end': time.sleep(0.01)\n[row.state for row in peers.table()][-1]"
    assert shared.run(code).shown == ["'waiting for its end'"]


def test_surveys_tell_what_the_processes_have(shared: LiveKernel, free_port: int) -> None:
    shared.run(f"at = 'tcp://127.0.0.1:{free_port}'")
    started = shared.run(f"%%peer server --env at\n{SERVES}")
    pid = number(started)
    shared.run("found, = peers.surveys()")
    assert shared.run("found['name'], found['pid'], 'error' in found").shown == [f"('server', {pid}, False)"]
    code = "[(s['type'], s['endpoints'][0]['endpoint'], s['cell']) for s in found['sockets']]"
    cell = next(m["content"]["execution_count"] for m in started.messages if m["msg_type"] == "execute_input")
    assert eval(shared.run(code).shown[0]) == [("REP", f"tcp://127.0.0.1:{free_port}", cell)]


def test_a_stuck_peer_delays_no_survey(shared: LiveKernel) -> None:
    stuck = number(shared.run(f"%%peer stuck\n{WAITS}"))
    lively = number(shared.run(f"%%peer lively\n{WAITS}"))
    os.kill(stuck, signal.SIGSTOP)
    code = "began = time.monotonic(); found = peers.surveys(0.2); took = time.monotonic() - began\n"
    code += "[(s['pid'], s.get('error')) for s in found], took < 5"
    expected = f"([({stuck}, 'no answer within 0.2 s'), ({lively}, None)], True)"
    for _ in range(3):
        assert shared.run(code).shown == [expected]
    assert "running, does not answer" in shared.run("%peers").shown[0]
    os.kill(stuck, signal.SIGCONT)
    # The old question is answered; a new one can be asked.
    assert shared.run("while any('error' in s for s in peers.surveys()): pass\n'all'").shown == ["'all'"]


def test_one_that_has_just_been_started_is_asked_as_well(shared: LiveKernel) -> None:
    code = (
        f"get_ipython().run_cell_magic('peer', 'fresh', {WAITS!r})\n[found.get('error') for found in peers.surveys(20)]"
    )
    assert shared.run(code).shown == ["[None]"]


def test_one_that_ends_while_it_is_asked_is_left_out(shared: LiveKernel) -> None:
    pid = number(shared.run(f"%%peer mortal\n{WAITS}"))
    os.kill(pid, signal.SIGSTOP)
    kill = f"threading.Timer(0.1, os.kill, ({pid}, signal.SIGKILL)).start()"
    assert shared.run(f"{kill}\npeers.surveys(20)").shown == ["[]"]


def test_an_interrupt_of_the_kernel_is_not_the_peers(shared: LiveKernel) -> None:
    pid = number(shared.run(f"%%peer calm\n{WAITS}"))
    ran = shared.start("print('waiting')\ntime.sleep(50)")
    ran.until(lambda: "waiting" in ran.text)
    # To the whole group, as Jupyter sends it.
    shared.manager.interrupt_kernel()
    ran.done()
    assert ran.reply["ename"] == "KeyboardInterrupt" and is_running(pid)


def test_a_peer_outlives_the_thread_that_started_it(shared: LiveKernel) -> None:
    shared.run(
        "starter = threading.Thread(target=get_ipython().run_cell_magic, args=('peer', 'on', 'import time; time.sleep(50)'))\n"
        "starter.start(); starter.join()\n"
        "while not peers.find()[-1].is_alive or not peers.surveys() or 'error' in peers.surveys()[0]: pass"
    )
    assert shared.run("peers.running()").shown == ["['on']"]


def test_unloading_ends_all_and_takes_the_magics_away(shared: LiveKernel) -> None:
    pid = number(shared.run(f"%%peer gone\n{WAITS}"))
    shared.run("peers.unload(get_ipython())")
    assert not is_running(pid)
    assert "%peers` not found" in usage_error(shared.start("%peers"))
    shared.run("peers.load(get_ipython())")
    assert shared.run("len(peers.find())").shown == ["0"]


def test_completion_knows_the_names(shared: LiveKernel) -> None:
    number(shared.run(f"%%peer known\n{WAITS}"))
    matches = shared.client.complete("%stop kn", reply=True, timeout=20)["content"]["matches"]
    assert "known" in matches


@pytest.mark.parametrize(
    "code", ["time.sleep(50)", "while True: pass", "import brokerless as zmq; zmq.Context().socket(zmq.REP).recv()"]
)
def test_peers_die_with_a_kernel_that_is_killed(code: str) -> None:
    with notebook() as kernel:
        pid = number(kernel.run(f"%%peer p\nimport os, time\nprint(os.getpid(), '.')\n{code}"))
        try:
            os.kill(kernel.pid, signal.SIGKILL)
            assert ends(pid)
        finally:
            end(pid)


@pytest.mark.parametrize("how", ["shutdown_kernel", "restart_kernel"])
def test_peers_end_with_their_kernel(how: str) -> None:
    with notebook() as kernel:
        ignores = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        pids = [number(kernel.run(f"%%peer p\n{WAITS}")), number(kernel.run(f"%%peer q\n{ignores}{WAITS}"))]
        try:
            getattr(kernel.manager, how)()
            assert all(ends(pid) for pid in pids)
        finally:
            for pid in pids:
                end(pid)


def test_without_the_systems_help_the_control_pipe_tells() -> None:
    with notebook() as kernel:
        undo = (
            "import fcntl, os, sys\n"
            "for name in os.listdir('/proc/self/fd'):\n"
            "    try:\n"
            "        fcntl.fcntl(int(name), fcntl.F_SETFL, fcntl.fcntl(int(name), fcntl.F_GETFL) & ~os.O_ASYNC)\n"
            "    except OSError:\n"
            "        pass\n"
        )
        pid = number(kernel.run(f"%%peer p\n{undo}{WAITS}"))
        try:
            os.kill(kernel.pid, signal.SIGKILL)
            assert wait_until(lambda: not is_running(pid))
        finally:
            end(pid)
