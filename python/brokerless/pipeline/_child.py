"""The program of a local worker's process, started by its path: `python _child.py PARENT`, with what to do on standard input.

Before brokerless can be imported, the parent has to say where it is; so this file needs nothing but Python. What the parent
sends is 16 digits, so many bytes of JSON, and a pickle of the function: by a pipe that nobody else can write to.
"""

import json
import os
import sys


def main():  # type: () -> None
    """Reads from the parent what to do, and does it."""
    parent = int(sys.argv[1])
    source = sys.stdin.buffer
    begin = json.loads(_read(source, int(_read(source, 16))).decode("ascii"))
    sys.path[:] = begin["path"]
    from brokerless.jupyter.peer_child import die_with

    die_with(parent)
    from brokerless.pipeline._serve import serve

    serve(begin, _read(source, begin["size"]))


def _read(source, size):  # type: (object, int) -> bytes
    data = source.read(size)  # type: ignore[attr-defined]
    if len(data) < size:
        # The parent has ended.
        os._exit(1)
    return data  # type: ignore[no-any-return]


if __name__ == "__main__":
    # The folder of this file is not where modules are to be looked for: it has names that others have, too.
    sys.path.pop(0)
    main()
