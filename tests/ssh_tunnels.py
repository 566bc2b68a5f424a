"""What the tests of tunnels share."""

from __future__ import annotations

import os
import signal

from conftest import wait_until

from brokerless.ssh import _openssh


def end_tunnels() -> None:
    """End what is left of the tunnels by ssh that this process has opened."""
    for number, process in list(_openssh._running.items()):
        if not process.has_ended():
            os.kill(number, signal.SIGKILL)
            assert wait_until(process.has_ended)
    _openssh._running.clear()
