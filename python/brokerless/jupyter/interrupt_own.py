"""Where in the user's own code an interrupt came, in a line: what somebody needs who looks for a loop without an end.

The user's own are cells, and modules in files that are neither Python's nor an installed package's.
"""

from __future__ import annotations

import dis
import inspect
import itertools
import linecache
import os
import sysconfig
import types
from typing import Any, Dict, List, Sequence, Tuple

#: The longest line of code that is repeated, in characters.
_LONGEST = 80
#: How many of the functions in between are named.
_NAMED = 2

#: What `%time` and `%%time` call the code that they run.
_TIMED = frozenset(("<timed exec>", "<timed eval>"))
_COMPREHENSIONS = frozenset(("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>"))

_installed: Dict[str, bool] = {}
_FOLDERS = tuple(
    os.path.realpath(folder) + os.sep
    for folder in {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    if folder
)


def line(steps: Sequence[types.TracebackType], shell: Any) -> str:
    """Says in which line of the user's code these lines of a traceback end, what it is, and how it came there."""
    own = _own(steps, shell)
    if not own:
        return "interrupted outside of the cell's own code"
    code = _code(own[-1], shell)
    way, is_whole = _way(own, shell)
    more = "" if is_whole and steps[-1] is own[-1] else " (%tb shows more)"
    return f"interrupted in {way}{': ' if code else ''}{code}{more}"


def is_raised(steps: Sequence[types.TracebackType], shell: Any) -> bool:
    """Whether the user's own code says `raise` where these lines of a traceback end: then nobody has pressed anything."""
    if not steps or not _is_own(steps[-1].tb_frame, shell):
        return False
    code, at = steps[-1].tb_frame.f_code.co_code, steps[-1].tb_lasti
    return 0 <= at < len(code) and dis.opname[code[at]] == "RAISE_VARARGS"


def _own(steps: Sequence[types.TracebackType], shell: Any) -> List[types.TracebackType]:
    found: List[types.TracebackType] = []
    for step in steps:
        # A comprehension is part of the function around it; what a magic in a line runs, of that line.
        code = step.tb_frame.f_code
        is_part = code.co_name in _COMPREHENSIONS or (code.co_filename in _TIMED and not _is_of_cell_magic(shell))
        if _is_own(step.tb_frame, shell) and not (found and is_part):
            found.append(step)
    return found


def _is_own(frame: types.FrameType, shell: Any) -> bool:
    if frame.f_globals is shell.user_ns or frame.f_globals is shell.user_global_ns:
        return True
    name = frame.f_code.co_filename
    if name not in _installed:
        path = os.path.realpath(name)
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        _installed[name] = (
            package == "brokerless"
            or not os.path.exists(path)
            or path.startswith(_FOLDERS)
            or not {"site-packages", "dist-packages"}.isdisjoint(path.split(os.sep))
        )
    return not _installed[name]


def _way(own: Sequence[types.TracebackType], shell: Any) -> Tuple[str, bool]:
    """Where the last step is and how it came there from the first one; whether all steps are named."""
    last, first = own[-1], own[0]
    where = f"line {_number(last)}{_of(last, first, shell)}"
    if _function(last):
        where = f"{_function(last)}, {where}"
    if last is first or (last.tb_frame.f_code.co_filename in _TIMED and not _function(last)):
        return where, True
    between = [step for step in own[1:-1] if _function(step)]
    # A function that calls itself is named once.
    callers = [name for name, _ in itertools.groupby(_function(step) for step in reversed(between))]
    named = callers[:_NAMED] + ["..."] * (len(callers) > _NAMED)
    through = f" by {', '.join(named)}" if named else ""
    return f"{where}, called{through} from line {_number(first)}", len(between) <= _NAMED


def _function(step: types.TracebackType) -> str:
    """The function that a step is in; "" at the level of a cell or module."""
    code = step.tb_frame.f_code
    if not code.co_flags & inspect.CO_NEWLOCALS or code.co_name == "<module>":
        return ""
    name = str(getattr(code, "co_qualname", code.co_name)).rpartition("<locals>.")[2]
    return "a lambda" if name == "<lambda>" else f"{name}()"


def _of(step: types.TracebackType, first: types.TracebackType, shell: Any) -> str:
    """What a line is of, if that is not the cell which was interrupted."""
    name = step.tb_frame.f_code.co_filename
    if name == first.tb_frame.f_code.co_filename or name in _TIMED:
        return ""
    number = getattr(shell.compile, "_filename_map", {}).get(name)
    if number is not None:
        return f" of cell [{number}]"
    return f" of {name if name.startswith('<') else os.path.basename(name)}"


def _number(step: types.TracebackType) -> int:
    """The number of a line in its file or cell; what a magic runs is its cell without the first line."""
    return step.tb_lineno + (step.tb_frame.f_code.co_filename in _TIMED)


def _code(step: types.TracebackType, shell: Any) -> str:
    frame = step.tb_frame
    text = linecache.getline(frame.f_code.co_filename, step.tb_lineno, frame.f_globals).strip()
    if frame.f_code.co_filename in _TIMED or "get_ipython()." in text:
        # Of a magic, people know what they have typed.
        typed, number = _typed(shell), _number(step)
        meant = typed[number - 1].strip() if number <= len(typed) else ""
        text = meant if not text or meant.startswith(("%", "!")) else text
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _is_of_cell_magic(shell: Any) -> bool:
    return _typed(shell)[:1] != [] and _typed(shell)[0].startswith("%%")


def _typed(shell: Any) -> List[str]:
    """The lines of the cell that runs, as they were typed; IPython leaves out the blank ones at the beginning."""
    at_work = shell.displayhook.exec_result
    lines: List[str] = [] if at_work is None else at_work.info.raw_cell.splitlines()
    return list(itertools.dropwhile(lambda one: not one.strip(), lines))
