"""brokerless worker: it does the jobs of a pipeline until there are none, or until it is ended."""

from __future__ import annotations

import os
import signal

import pytest

from brokerless import pipeline
from tests.conftest import PATIENCE


@pytest.fixture
def roles(ctx):
    ends = [kind("tcp://127.0.0.1:*", reliable=True, context=ctx) for kind in (pipeline.Producer, pipeline.Collector)]
    yield ends
    for one in ends:
        one.close()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "twice.py").write_text("import os\n\ndef text(job):\n    return [os.getpid(), job * 2]\n\nnumber = 7\n")
    return str(tmp_path)


def test_it_works_until_all_is_done(start, roles, folder):
    producer, collector = roles
    running = start("worker", "twice:text", producer.endpoint, collector.endpoint, "--name", "w", cwd=folder)
    assert producer.send_all(["a", "b"], timeout=PATIENCE) == 2
    assert sorted(collector.collect(timeout=PATIENCE)) == [[running.process.pid, "aa"], [running.process.pid, "bb"]]
    status, out, err = running.ends()
    assert (status, err) == (0, "")
    assert out.startswith(f"Worker w: jobs from {producer.endpoint}, results to {collector.endpoint}; Ctrl-C ends it\n")
    assert out.endswith("Ended: 2 jobs, 2 results, 0 failed\n")
    assert producer.workers[0].name == "w"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_is_ended(start, roles, folder, ending):
    producer, collector = roles
    running = start("worker", "twice:text", producer.endpoint, collector.endpoint, cwd=folder)
    producer.wait_for_workers(1, timeout=PATIENCE)
    running.process.send_signal(ending)
    status, out, err = running.ends()
    assert (status, err) == (0, "")
    assert "Ended: 0 jobs" in out


def test_what_goes_wrong_is_said_in_a_line(command, roles, folder):
    producer, collector = roles
    ends = (producer.endpoint, collector.endpoint)
    for arguments, status, text in (
        (("twice", *ends), 2, "'twice' is no MODULE:FUNCTION"),
        (("twice:nobody", *ends), 1, "cannot be imported"),
        (("not_there:f", *ends), 1, "cannot be imported"),
        (("twice:number", *ends), 1, "cannot be called"),
        (("twice:text", *ends, "--codec", "xml"), 2, "no codec 'xml'"),
        (("twice:text", *ends, "--codec", "bytes"), 1, "codec"),
        (("twice:text", *reversed(ends)), 1, "is there, where a worker looks for"),
        (("twice:text", "tcp://127.0.0.1:1", ends[1], "--timeout", "0.2"), 1, "no producer answers"),
        (("twice:text", "nonsense", ends[1]), 2, "nonsense"),
    ):
        done = command("worker", *arguments, cwd=folder)
        assert done.returncode == status, arguments
        assert text in done.stderr
        assert os.linesep not in done.stderr.strip(), "one line"
