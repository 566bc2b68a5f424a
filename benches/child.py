"""One contender in one role, in a process of its own: what the runner starts.

    python -m benches.child CASE CONTENDER ROLE JOB

JOB is the `Job` in JSON. Prints the figure, if the role has one. Ends with 77, and a reason, if the contender cannot take part.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
from typing import List

from benches.case import Contender, Job
from benches.cases import CASES

#: The exit status of who cannot take part.
NOT_AVAILABLE = 77


def play(contender: Contender, role: str, job: Job) -> int:
    """Plays the role."""
    function = contender.roles[role]
    if isinstance(function, str) or contender.module is None:
        raise ValueError(f"{contender.name} plays {role} with a command")
    try:
        zmq = importlib.import_module(contender.module)
    except ImportError as error:
        return _not_available(str(error))
    lacking = [name for name in contender.needs if not hasattr(zmq.Socket, name)]
    if lacking:
        return _not_available(f"its Socket has no {lacking[0]}")
    # Some cases have a thousand sockets, of several descriptors each.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    value = function(zmq, job)
    if value is not None:
        print(value)
    return 0


def _not_available(reason: str) -> int:
    print(reason, file=sys.stderr)
    return NOT_AVAILABLE


def main(arguments: List[str]) -> int:
    name, contender_name, role, text = arguments
    fields = json.loads(text)
    job = Job(**{**fields, "endpoints": tuple(fields["endpoints"])})
    contender = next(contender for contender in CASES[name].contenders if contender.name == contender_name)
    return play(contender, role, job)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
