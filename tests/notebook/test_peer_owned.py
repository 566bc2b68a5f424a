"""A cell owns its peer: run again as something else, it ends the peer of its last run, unless that is to be kept."""

from __future__ import annotations

from typing import Iterator

import pytest

pytest.importorskip("ipykernel")

from live_kernel import LiveKernel, live_kernel
from peer_notebook import LOAD, is_running, number, usage_error

WAITS = "import os, time\nprint(os.getpid(), '.')\ntime.sleep(50)"


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveKernel]:
    with live_kernel() as kernel:
        kernel.run(LOAD.replace("cells, output", "cells, owned, output"))
        yield kernel


@pytest.fixture(autouse=True)
def none_left(shared: LiveKernel) -> Iterator[None]:
    yield
    shared.run("%stop --all")


@pytest.mark.parametrize("line", ["%%peer n2", "%%peer n2 --thread"])
def test_a_cell_that_is_something_else_now_ends_its_peer(shared: LiveKernel, line: str) -> None:
    code = "import brokerless as zmq\nzmq.Context.instance().socket(zmq.REP).recv()"
    shared.run(f"{line}\n{code}", cell=line)
    assert shared.run("peers.running()").shown == ["['n2']"]
    assert shared.run("peers.running()", cell=line).shown == ["[]"]
    assert shared.run("peers.find()[-1].state").shown == ["'stopped'"]


def test_another_cell_leaves_it_alone(shared: LiveKernel) -> None:
    number(shared.run(f"%%peer n2\n{WAITS}", cell="a"))
    assert shared.run("peers.running()", cell="b").shown == ["['n2']"]


def test_one_that_is_kept_goes_on(shared: LiveKernel) -> None:
    pid = number(shared.run(f"%%peer n2\n{WAITS}", cell="k"))
    shared.run("%keep n2")
    assert shared.run("peers.running()", cell="k").shown == ["['n2']"]
    # A peer of another name does not take its place, one of its name does.
    number(shared.run(f"%%peer n3\n{WAITS}", cell="k"))
    assert is_running(pid)
    number(shared.run(f"%%peer n2\n{WAITS}", cell="other"))
    assert not is_running(pid)


def test_a_cell_that_keeps_all_keeps_its_peers(shared: LiveKernel) -> None:
    code = f"get_ipython().run_cell_magic('peer', 'n2', {WAITS!r})"
    number(shared.run(f"{code}\n%keep", cell="all"))
    assert shared.run("peers.running()", cell="all").shown == ["['n2']"]


def test_one_that_is_not_to_be_ended_is_not(shared: LiveKernel) -> None:
    number(shared.run(f"%%peer n2 --no-kill-on-rerun\n{WAITS}", cell="no"))
    assert shared.run("peers.running()", cell="no").shown == ["['n2']"]


def test_own_off_is_for_peers_as_well(shared: LiveKernel) -> None:
    number(shared.run(f"%%peer n2\n{WAITS}", cell="off"))
    shared.run("%own off")
    assert shared.run("peers.running()", cell="off").shown == ["['n2']"]
    shared.run("%own on")


def test_a_thread_that_cannot_be_ended_is_told_of(shared: LiveKernel) -> None:
    shared.run("gate = threading.Event()")
    ran = shared.run("%%peer n2 --thread\nprint('on')\ngate.wait()", cell="t")
    ran.until(lambda: "on" in ran.text)
    again = shared.run("1 + 1", cell="t")
    assert "RuntimeWarning: the thread of the peer n2 does not end (in line 2: gate.wait())" in again.text
    assert again.shown == ["2"]
    shared.run("gate.set(); assert peers.find()[-1].ended.wait(20)")


def test_stopping_one_that_has_ended_says_so(shared: LiveKernel) -> None:
    shared.run("%%peer n2 --wait\n1")
    assert shared.run("%stop n2").text == "the peer n2 has ended before: ended (0)\n"
    assert shared.run("%stop --all").text == ""


def test_help_shows_the_usage(shared: LiveKernel) -> None:
    for code, said in {
        "%%peer --help": "usage: %%peer NAME [--wait] ",
        "%%peer x --help\n1": "usage: %%peer NAME [--wait] ",
        "%peers --help": "usage: %peers",
        "%stop --help": "usage: %stop NAME... | --all",
    }.items():
        assert shared.run(code).text.startswith(said)
    assert usage_error(shared.start("%%peer x --what\n1")).startswith(
        "there is no option --what\nusage: %%peer NAME [--wait]"
    )
    assert usage_error(shared.start("%%peer a/b\n1")).endswith("any of _ . - behind the first")
