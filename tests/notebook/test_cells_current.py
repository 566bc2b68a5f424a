"""Which cell is at work, asked in a real kernel: by the cell itself, its tasks and threads, and by what it has the shell run."""

from __future__ import annotations

import json
import textwrap

import pytest

pytest.importorskip("ipykernel")

import ipykernel
from live_kernel import Ran, live_kernel

LOAD = """
import asyncio, concurrent.futures, contextvars, json, threading
import brokerless as zmq
from brokerless import _survey
from brokerless.jupyter import cells
cells.load(get_ipython())

def tell(*what):
    print(json.dumps(what))

def who():
    cell = cells.current()
    return cell and cell.id

def in_thread(function):
    told = []
    thread = threading.Thread(target=lambda: told.append(function()))
    thread.start()
    thread.join()
    return told[0]

tell(who(), cells.current().number)
"""


@pytest.fixture(scope="module")
def kernel():
    with live_kernel() as started:
        started.loaded = said(started.run(LOAD, "loader"))
        yield started


def said(ran):
    """What a cell has told, one value or a list of them."""
    assert ran.errors == [], ran.errors
    told = [json.loads(line) for line in ran.text.splitlines()]
    return told[0] if len(told) == 1 else told


@pytest.fixture
def ask(kernel):
    """Runs a cell, and returns what it tells."""

    def run(code, cell="", **options):
        return said(kernel.run(textwrap.dedent(code), cell, **options))

    return run


def test_the_cell_that_loads_it_is_known(kernel):
    assert kernel.loaded == ["loader", 1]


def test_a_cell_has_its_id_its_number_and_its_message(kernel):
    code = "cell = cells.current()\ntell(cell.id, cell.number, cell.parent['header']['msg_id'], cell.source)"
    ran = kernel.run(code, "one")
    assert said(ran) == ["one", ran.reply["execution_count"], ran.number, code]
    again = kernel.run(code, "one")
    assert said(again) == ["one", ran.reply["execution_count"] + 1, again.number, code]


def test_an_awaiting_cell_is_known_throughout(ask):
    told = ask(
        """
        tell(who())
        await asyncio.sleep(0)
        tell(who())

        async def later():
            await asyncio.sleep(0)
            return who()

        tell(await later(), await asyncio.create_task(later()), *await asyncio.gather(later(), later()))
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0, lambda: done.set_result(who()))
        tell(await done)
        """,
        "awaits",
    )
    assert told == [["awaits"], ["awaits"], ["awaits"] * 4, ["awaits"]]


@pytest.mark.parametrize("awaits", ["", "await asyncio.sleep(0)\n"])
def test_a_task_remains_its_cells_while_others_run(ask, awaits):
    ask(
        f"""
        {awaits.strip()}
        async def wait():
            await go.wait()
            seen.append(who())

        go, seen = asyncio.Event(), []
        task = asyncio.ensure_future(wait())
        tell()
        """,
        "starts",
    )
    assert ask("go.set()\nawait task\ntell(seen, who())", "asks") == [["starts"], "asks"]


@pytest.mark.parametrize("awaits", ["", "await asyncio.sleep(0)\n"])
def test_threads_know_the_cell_that_runs_and_those_with_its_context_their_own(ask, awaits):
    told = ask(
        f"""
        {awaits.strip()}
        context = contextvars.copy_context()
        executor = concurrent.futures.ThreadPoolExecutor(1)
        executor.submit(who).result()
        tell(in_thread(who), in_thread(lambda: context.run(who)))
        """,
        "starts",
    )
    assert told == ["starts", "starts"]
    told = ask(
        "tell(in_thread(who), in_thread(lambda: context.run(who)), executor.submit(who).result())\nexecutor.shutdown()",
        "other",
    )
    assert told == ["other", "starts", "other"]


def test_between_cells_it_is_the_last_one(ask):
    # The loop comes to it when this cell is over, and in a context that is no cell's.
    ask(
        """
        seen = []
        contextvars.Context().run(asyncio.get_event_loop().call_soon, lambda: seen.append(who()))
        tell()
        """,
        "last",
    )
    assert ask("tell(seen, who())", "asks") == [["last"], "asks"]


def test_without_ids_a_cell_is_known_by_its_text(ask):
    first = ask("tell(who())")
    assert first[0].startswith("text-")
    assert ask("tell(who())") == first
    assert ask("\ntell(who())   \n\n") == first
    assert ask("tell( who())") != first


def test_what_a_cell_has_the_shell_run_is_the_cells(ask, tmp_path):
    script = tmp_path / "some.ipy"
    script.write_text("seen.append(who())\n")
    plain = tmp_path / "some.py"
    plain.write_text("seen.append(who())\n")
    told = ask(
        f"""
        seen = []
        get_ipython().run_cell("seen.append(who())")
        get_ipython().run_cell("  ")
        get_ipython().run_cell("1", silent=True)
        seen.append(who())
        get_ipython().run_line_magic("run", {str(script)!r})
        get_ipython().run_line_magic("run", "-i " + {str(plain)!r})
        get_ipython().run_cell_magic("capture", "", "seen.append(who())")
        seen.append(who())
        tell(*seen)
        """,
        "outer",
    )
    assert told == ["outer"] * 6


@pytest.mark.parametrize(
    "code", ["1 / 0", "def f(:", "%nonsense", "await asyncio.sleep(0); 1 / 0", "  ", "raise SystemError"]
)
def test_a_cell_that_fails_is_over(kernel, ask, code):
    kernel.start(code, "fails").done()
    assert ask("tell(who())", "next") == ["next"]


@pytest.mark.parametrize(
    "code",
    [
        "print('waiting')\nimport time; time.sleep(30)",
        "print('waiting')\nzmq.Context.instance().socket(zmq.PAIR).recv()",
    ],
)
def test_a_cell_that_is_interrupted_is_over(kernel, ask, code):
    ran = kernel.start(code, "interrupted")
    kernel.interrupt(ran)
    assert ran.errors[0]["ename"] == "KeyboardInterrupt"
    assert ask("tell(who())", "next") == ["next"]


def test_a_silent_request_is_no_cell(kernel, ask):
    ask("tell()", "heard")
    kernel.run("silently = who()", "unheard", silent=True, store_history=False)
    assert ask("tell(silently)", "asks") == ["heard"]


def test_what_a_cell_opens_is_its_own(ask):
    code = """
    context = zmq.Context()
    sock = context.socket(zmq.PAIR)
    device = zmq.Queue("inproc://a", "inproc://b", context=context)
    opened = [context, sock, device, device.frontend]
    in_thread(lambda: opened.append(context.socket(zmq.PAIR)))
    tell(*(cells.cell_of(thing).id for thing in opened))
    """
    assert ask(code, "opens") == ["opens"] * 5
    told = ask(
        "tell(*(cells.cell_of(thing).id for thing in opened)); tell(_survey.cell_number(sock), cells.cell_of(3))", "x"
    )
    assert told[0] == ["opens"] * 5
    assert isinstance(told[1][0], int)
    assert told[1][1] is None
    ask("device.stop(); context.destroy(0); del device, opened, sock, context; tell()", "x")
    assert ask(
        "import gc; gc.collect(); tell([str(o.cell) for o in cells._owners.values() if o.cell.id == 'opens'])", "x"
    ) == [[]]


def test_what_the_notebooks_machinery_opens_is_nobodys(ask):
    told = ask(
        """
        made = {}
        exec("sock = zmq.Context.instance().socket(zmq.PAIR)", {"__name__": "ipykernel.iostream", "zmq": zmq}, made)
        tell(cells.cell_of(made["sock"]))
        made["sock"].close()
        """,
        "machinery",
    )
    assert told == [None]


def test_after_unload_there_are_no_cells(ask):
    told = ask("cells.unload(get_ipython()); tell(who()); cells.unload(get_ipython())", "unloads")
    assert told == [None]
    assert ask("tell(who())", "later") == [None]
    assert ask("cells.load(get_ipython()); tell(who())", "loads") == ["loads"]


@pytest.mark.skipif(ipykernel.version_info < (7,), reason="ipykernel has subshells from version 7 on")
def test_a_subshell_has_cells_of_its_own(kernel, ask):
    client = kernel.client
    message = client.session.msg("create_subshell_request", {})
    client.control_channel.send(message)
    made = client.control_channel.get_msg(timeout=20)
    ask("go, inside = threading.Event(), threading.Event(); tell()", "prepares")
    content = {"code": "inside.set(); go.wait(20); tell(who())", "silent": False}
    message = client.session.msg("execute_request", content, metadata={"cellId": "beside"})
    message["header"]["subshell_id"] = made["content"]["subshell_id"]
    number = message["header"]["msg_id"]
    beside = kernel.ran[number] = Ran(kernel, number)
    client.shell_channel.send(message)
    # The main shell goes on meanwhile, and has cells of its own.
    assert ask("inside.wait(20); tell(who())", "main") == ["main"]
    assert ask("go.set(); tell(who())", "main") == ["main"]
    assert said(beside.ok()) == ["beside"]
