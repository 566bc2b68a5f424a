"""What a cell ends in is shown as a table in a real kernel, and as a line of text where there are no tables."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any, Dict, Iterator

import pytest

pytest.importorskip("ipykernel")
from live_kernel import LiveKernel, live_kernel


@pytest.fixture(scope="module")
def kernel() -> Iterator[LiveKernel]:
    with live_kernel() as kernel:
        kernel.run(
            "%load_ext brokerless\nimport brokerless as zmq\nfrom brokerless import pipeline\nctx = zmq.Context()"
        )
        yield kernel
        kernel.run("ctx.destroy(0)")


def shown(kernel: LiveKernel, code: str) -> Dict[str, str]:
    """What the cell's last line shows, by the kind of its content."""
    (result,) = [one for one in kernel.run(code).messages if one["msg_type"] == "execute_result"]
    data: Dict[str, Any] = result["content"]["data"]
    return data


@pytest.mark.parametrize(
    ("code", "text", "caption"),
    [
        ("ctx", "<zmq.Context() at ", "zmq.Context: 0 open sockets"),
        ("pull = ctx.socket(zmq.PULL)\npull", "<zmq.Socket(zmq.PULL) at ", "zmq.Socket: PULL, cell "),
        ("poller = zmq.Poller()\npoller", "<zmq.Poller() at ", "zmq.Poller: 0 things to poll"),
        ("zmq.Frame(b'<b>')", "<zmq.Frame(b'<b>')>", "zmq.Frame"),
        ("queue = zmq.Queue('inproc://f', 'inproc://b', context=ctx)\nqueue", "<zmq.Queue inproc://f", "zmq.Queue (not st"),
        ("jobs = pipeline.Producer('tcp://127.0.0.1:*', context=ctx)\njobs", "<Producer at ", "Producer (0 workers"),
        ("worker = pipeline.Worker(jobs.endpoint, context=ctx)\nworker", "<Worker ", "Worker (not started)"),
        ("results = pipeline.Collector('tcp://127.0.0.1:*', context=ctx)\nresults", "<Collector at ", "Collector (0 wor"),
    ],
)  # fmt: skip
def test_each_kind_of_thing(kernel: LiveKernel, code: str, text: str, caption: str) -> None:
    data = shown(kernel, code)
    assert set(data) == {"text/plain", "text/html"}
    assert data["text/plain"].startswith(text) and "\n" not in data["text/plain"]
    found = ElementTree.fromstring(data["text/html"]).find("table/caption")
    assert found is not None and (found.text or "").startswith(caption)


def test_a_socket_that_a_thread_waits_in(kernel: LiveKernel) -> None:
    kernel.run(
        "import threading\nother = ctx.socket(zmq.REP)\nother.bind('tcp://127.0.0.1:*')\n"
        "def wait():\n    try:\n        other.recv()\n    except zmq.ZMQError:\n        pass\n"
        "thread = threading.Thread(target=wait, daemon=True)\nthread.start()\n"
        "while not other._survey()['waits']:\n    pass"
    )
    assert ">a message, for " in shown(kernel, "other")["text/html"]
    kernel.run("other.close()\nthread.join()")
    assert "(closed)" in shown(kernel, "other")["text/html"]
