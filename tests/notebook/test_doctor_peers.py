"""doctor() in a kernel: it sees what a peer's process has, and nothing of Jupyter's own."""

from __future__ import annotations

from typing import Iterator

import pytest

pytest.importorskip("ipykernel")

from live_kernel import LiveKernel, live_kernel

SETUP = """
import time
import brokerless as zmq
from brokerless.jupyter import peers
peers.load(get_ipython())
ctx = zmq.Context.instance()
ctx.linger = 0
def doctor_until(said):
    end = time.monotonic() + 20
    while True:
        report = zmq.doctor()
        if any(said in str(found) for found in report) or time.monotonic() > end:
            return report
"""


@pytest.fixture(scope="module")
def kernel() -> Iterator[LiveKernel]:
    with live_kernel() as started:
        yield started


def test_a_peer_of_a_type_that_does_not_fit(kernel: LiveKernel, free_port: int) -> None:
    at = f"tcp://127.0.0.1:{free_port}"
    kernel.run(SETUP)
    kernel.run(
        "%%peer server\nimport brokerless as zmq\nsock = zmq.Context.instance().socket(zmq.PULL)\n"
        f"sock.bind({at!r})\nsock.recv()"
    )
    said = f"a PULL in server is bound to {at}, to which REQ does not talk"
    kernel.run(f"req = ctx.socket(zmq.REQ)\nreq.connect({at!r})")
    report = kernel.run(f"print(doctor_until({said!r}))").text
    assert said in report
    assert f"PULL bound to {at} in server" in report
    # Its own sockets are the kernel's business.
    assert "ROUTER" not in report.replace("REP or ROUTER", "")
    assert "</style><b>" in kernel.run("print(zmq.doctor()._repr_html_())").text.replace("\n", "")
    kernel.run("req.close()\npeers.unload(get_ipython())")
