"""What the state machines share: threads that do what they are told, within a limit, and how long a machine runs.

A machine is a model and rules: hypothesis chooses what is done next, on what, and by which thread, and compares with the model. In a
usual test run a machine takes seconds; `make fuzz` runs it again and again in the profile "long".
"""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import sys
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from pathlib import Path
from typing import Any, Callable

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

# No single call may take longer: each has a timeout of milliseconds. A loaded board gets its time.
LIMIT = 30.0


def run_machine(machine: type[RuleBasedStateMachine], examples: int) -> None:
    """Run a machine: so many examples; or, in the profile "long", for as many seconds as MACHINE_SECONDS says."""
    long = settings.get_profile("long")
    is_long = settings.default == long
    chosen = settings(long if is_long else settings.default, max_examples=examples)
    # Opening sockets is slow beside what hypothesis expects, and that is all that it would complain about.
    chosen = settings(chosen, suppress_health_check=list(HealthCheck))
    if not is_long:
        run_state_machine_as_test(machine, settings=settings(chosen, stateful_step_count=40))
        return
    counted = counting(machine)
    end = time.monotonic() + float(os.environ.get("MACHINE_SECONDS", "60"))
    try:
        while time.monotonic() < end:
            run_state_machine_as_test(counted, settings=chosen)
    finally:
        if "MACHINE_FIGURES" in os.environ:
            Path(os.environ["MACHINE_FIGURES"]).write_text(json.dumps({"examples": counted.examples}))


def counting(machine: type[RuleBasedStateMachine]) -> Any:
    """The same machine, which counts how often it was set up."""

    class Counted(machine):  # type: ignore[misc, valid-type]
        examples = 0

        def __init__(self) -> None:
            Counted.examples += 1
            super().__init__()

    return Counted


class Actor:
    """A thread that makes one call after the other. It is a daemon: a call that hangs must not keep the process from ending."""

    def __init__(self, number: int) -> None:
        self._calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"actor-{number}", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        for call, future in iter(self._calls.get, None):
            try:
                result = call()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

    def begin(self, call: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self._calls.put((call, future))
        return future

    def end(self) -> None:
        self._calls.put(None)
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()


def within(future: Future[Any], what: str) -> Any:
    """What the call comes to: its result, or the exception that it raised. One that hangs is a failure, with all stacks."""
    try:
        error = future.exception(LIMIT)
    except Late:
        faulthandler.dump_traceback(file=sys.__stderr__)
        raise AssertionError(f"{what} does not come back") from None
    return future.result() if error is None else error
