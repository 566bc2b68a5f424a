"""What a cell that is run again leaves open, and how a port is reported that somebody has."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("ipykernel")

from cell_kernel import LOAD, cell, fails, kernel, name  # noqa: F401  fixtures
from live_kernel import ROOT, live_kernel

GUARDED = """
if "kept" not in globals():
    kept = ctx.socket(zmq.PAIR)
print(kept.closed)
"""


def test_what_is_meant_to_persist_can_be_kept(cell, name):
    assert cell(GUARDED, name) == "False\n"
    # The trap.
    assert cell(GUARDED, name) == "True\n"
    cell("del kept")
    for _ in range(3):
        assert cell("%keep\n" + GUARDED, name) == "False\n"
    cell("kept.close(); del kept")


def test_single_things_can_be_kept(cell, name):
    cell("mine = zmq.Context(); a, b = mine.socket(zmq.PAIR), mine.socket(zmq.PAIR)", name)
    cell("%keep a")
    cell("'edited'", name)
    assert cell("print(a.closed, b.closed, mine.closed)") == "False True False\n"
    cell("device = zmq.Queue('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*', context=mine).start()\n%keep device a", name)
    cell("'edited'", name)
    assert cell("print(device.running, device.frontend.closed)") == "True False\n"
    cell("device.stop(); mine.destroy(0)")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("%keep no_such_name", "there is no variable 'no_such_name'"),
        ("%keep cells", "cells: no cell has opened <module"),
        ("%own perhaps", "%own on, %own off, or %own to see which it is, not 'perhaps'"),
    ],
)
def test_magics_refuse_what_makes_no_sense(kernel, line, why):
    ran = kernel.start(line).done()
    assert why in ran.text or why in str(ran.errors)


def test_it_can_be_switched_off(cell, name):
    assert cell("%own") == "on: a cell that is run again first closes what it opened\n"
    cell("%own off")
    try:
        assert cell("%own") == "off: cells leave open what they opened\n"
        cell("sock = ctx.socket(zmq.PAIR)", name)
        cell("'edited'", name)
        assert cell("print(sock.closed)") == "False\n"
    finally:
        cell("%own on")
    cell("'edited'", name)
    assert cell("print(sock.closed)") == "True\n"


def test_a_port_that_another_cell_has_is_reported_with_the_cell(kernel, name, free_port):
    ran = kernel.run(f"sock = ctx.socket(zmq.PULL); sock.bind('tcp://*:{free_port}')", name)
    number = ran.reply["execution_count"]
    said = fails(kernel, f"ctx.socket(zmq.REP).bind('tcp://127.0.0.1:{free_port}')", "binds")
    assert (
        f"tcp://127.0.0.1:{free_port} is taken by this PULL socket of this process, opened in cell [{number}]: close() it"
        in said
    )
    kernel.run("'edited'", name)


def test_a_port_that_a_peer_has_is_reported_with_its_name(kernel, free_port):
    kernel.run("from brokerless.jupyter import peers; peers.load(get_ipython())")
    kernel.run(
        f"%%peer server\nimport brokerless as zmq\nsock = zmq.Context.instance().socket(zmq.REP)\n"
        f"sock.bind('tcp://*:{free_port}')\nsock.recv()"
    )
    kernel.run(
        f"req = ctx.socket(zmq.REQ); req.connect('tcp://127.0.0.1:{free_port}'); req.wait_for_peers(1, timeout=20)"
    )
    said = fails(kernel, f"ctx.socket(zmq.REP).bind('tcp://127.0.0.1:{free_port}')", "binds")
    assert f"tcp://127.0.0.1:{free_port} is taken: the peer server holds it: `%stop server` ends it (pid " in said
    kernel.run("peers.unload(get_ipython())")


PRINTS = """
def work():
    before = {id(found) for found in zmq._opened.sockets()}
    print("printed")
    new = [found for found in zmq._opened.sockets() if id(found) not in before]
    seen.extend((zmq._opened.opened_by(found), cells.cell_of(found)) for found in new)

seen = []
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def test_the_kernels_own_sockets_are_no_cells(tmp_path):
    # A kernel whose messages run on brokerless, too, and a thread that prints, for which ipykernel opens a socket.
    (tmp_path / "sitecustomize.py").write_text("import brokerless\nbrokerless.install_as_zmq()\n")
    with live_kernel(PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT / "python")])) as own:
        own.run(LOAD + "import zmq as installed\nassert installed.Context is zmq.Context")
        for _ in range(2):
            ran = own.run(PRINTS, "prints")
            ran.until(lambda ran=ran: ran.text == "printed\n")
        told = own.run("print(seen)")
        told.until(lambda: told.text == "[('ipykernel.iostream', None)]\n")
        # Nor are they a thread's whose end closes what it has opened.
        own.run("%load_ext brokerless")
        for _ in range(2):
            ran = own.run(
                "%%peer --thread prints\nprint('begun')\nzmq.Context.instance().socket(zmq.PULL).recv()", "thread"
            )
            ran.until(lambda ran=ran: ran.text == "begun\n")
        own.run("%stop prints")
        ran.until(lambda: ran.text == "begun\nthe peer prints was stopped\n")


def test_after_unload_nothing_is_closed(kernel, cell, name):
    cell("owned.unload(get_ipython()); sock = ctx.socket(zmq.PAIR)", name)
    cell("'edited'", name)
    assert cell("print(sock.closed, 'keep' in get_ipython().magics_manager.magics['line'])") == "False False\n"
    assert cell("print(threading.excepthook is hook)") == "True\n"
    cell("owned.load(get_ipython())", name)
    assert cell("print(sock.closed)", name) == "True\n"
