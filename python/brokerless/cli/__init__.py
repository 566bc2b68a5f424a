"""The command `brokerless`: the course, devices, single messages and a look at endpoints, from a shell.

Each command is a module of its own, imported when it is called for, so that the command is there at once.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import List, Optional

from ..error import ZMQError
from ._shell import INTERRUPTED, Failure, line_by_line, say, why

__all__ = ["COMMANDS", "main"]

#: The commands, each a module with a main(arguments), and what they do.
COMMANDS = {
    "course": "copy the course's notebooks into a folder, and open JupyterLab there",
    "device": "run a queue, a forwarder or a streamer, and watch what it moves",
    "worker": "do the jobs of a reliable pipeline with a function of a module",
    "send": "send messages: from the command line, or each line of standard input",
    "recv": "print the messages that come",
    "doctor": "look at an endpoint from outside: who listens there, if anybody?",
    "kernel": "install a Jupyter kernel whose own messages run on brokerless",
}

_USAGE = "usage: brokerless [-h] [--version] COMMAND ..."


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command that these arguments name, by default those of the command line; returns the exit code.

    0 is success, 1 a failure that one line on standard error explains, 2 a command that was not understood, and 130 Ctrl-C.
    """
    arguments = sys.argv[1:] if argv is None else argv
    name = arguments[0] if arguments and arguments[0] in COMMANDS else None
    try:
        line_by_line()
        status = _help_or_version(arguments) if name is None else _command(name, arguments[1:])
        sys.stdout.flush()
        return status
    except Failure as failure:
        say(str(failure), name)
        return failure.code
    except BrokenPipeError:
        # `| head` has seen enough. Python would complain once more as it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ZMQError, OSError) as error:
        say(why(error), name)
        return 1
    except UnicodeEncodeError as error:
        # The bytes of an argument that are no text, where there has to be one: a message may have any.
        say(f"{error.object!a} is not UTF-8", name)
        return 2
    except KeyboardInterrupt:
        say("interrupted", name)
        return INTERRUPTED


def _command(name: str, arguments: List[str]) -> int:
    module = import_module(f".{name}", __name__)
    status: int = module.main(arguments)
    return status


def _help_or_version(arguments: List[str]) -> int:
    first = arguments[0] if arguments else ""
    if first == "--version":
        from .version import lines

        print("\n".join(lines()))
        return 0
    if first in ("-h", "--help", "help"):
        print(f"{_USAGE}\n\nZeroMQ from a shell.\n")
        for name, purpose in COMMANDS.items():
            print(f"  {name:<10}{purpose}")
        print("\n`brokerless COMMAND --help` explains a command; --version shows what is installed.")
        return 0
    raise Failure(f"{_problem(first)} (see brokerless --help)", code=2)


def _problem(first: str) -> str:
    if not first:
        return f"which command? There are {', '.join(COMMANDS)}"
    if first.startswith("-"):
        return f"there is no option {first}"
    from difflib import get_close_matches

    close = get_close_matches(first, COMMANDS, 1)
    return f"there is no command {first}" + (f"; did you mean {close[0]}?" if close else "")
