"""Which call of ours, or which `await`, a piece of code is in: read from its frames, as no frame of Python is in a C call.

What the code says there is evaluated only as far as that can do nothing (names, attributes, items), by the library with
which IPython itself draws its tracebacks.
"""

from __future__ import annotations

import ast
import itertools
import linecache
import sys
import types
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple, Union

#: What waits on behalf of those who called it.
_WAITERS = frozenset("brokerless asyncio concurrent selectors threading tornado uvloop".split())

#: The longest piece of code that a line of explanation repeats, in characters.
_LONGEST = 60

#: The name of what a `for` calls.
LOOP = "for"

#: Where code is: a frame that runs, or its line in a traceback.
Step = Union[types.FrameType, types.TracebackType]


class Place(NamedTuple):
    """A call, and where in the program it stands."""

    #: The name of what was called, LOOP for that of a `for`; "" if that is not known.
    name: str
    #: The socket, poller, device... whose call it is; None if that is not known.
    thing: Any
    #: The code of the call; "" if that is not known.
    code: str
    line: int
    #: The function that the call is in; "" is the cell itself.
    function: str


def steps_of(traceback: Optional[types.TracebackType]) -> List[types.TracebackType]:
    """The lines of a traceback, the outermost first."""
    steps: List[types.TracebackType] = []
    while traceback is not None:
        steps.append(traceback)
        traceback = traceback.tb_next
    return steps


def steps_to(frame: Optional[types.FrameType]) -> List[Step]:
    """The frames that led to this one, the outermost first."""
    steps: List[Step] = []
    while frame is not None:
        steps.append(frame)
        frame = frame.f_back
    return steps[::-1]


def our_call(steps: Sequence[Step], certain: bool = False) -> Optional[Place]:
    """The call of ours that the code is in; None if it is in other code.

    `certain`: it is in one, even if the code does not show which.
    """
    outside = _outside(steps, {"brokerless"})
    if outside is None:
        return None
    inside = [_frame(step) for step in steps[outside + 1 :]]
    place = _place(steps[outside], _node(steps[outside], (ast.Call, ast.For)))
    if is_ours(place.thing) or _module(place.thing) == "brokerless":
        return place if is_ours(place.thing) else place._replace(thing=None)
    if inside:
        # By a name that cannot be evaluated, or without a name: as the end of a `with`, say.
        thing = inside[0].f_locals.get("self")
        return place._replace(name=place.name or inside[0].f_code.co_name, thing=thing if is_ours(thing) else None)
    return place._replace(thing=None) if certain else None


def awaited(steps: Sequence[Step]) -> Optional[Place]:
    """The innermost `await` of the program's own code."""
    outside = _outside(steps, _WAITERS)
    if outside is None:
        return None
    node = _node(steps[outside], (ast.Await, ast.AsyncFor))
    return _place(steps[outside], node.value if isinstance(node, ast.Await) else node)


def is_ours(thing: Any) -> bool:
    """Whether it is an object of this package, or of a class derived from one."""
    return any(kind.__module__.partition(".")[0] == "brokerless" for kind in type(thing).__mro__)


def holds_ours(frame: types.FrameType) -> bool:
    """Whether a local variable of this frame is an object of ours, or has one in it or as an attribute."""
    if frame.f_locals is frame.f_globals:
        # The notebook's own names, which stay.
        return False
    for value in list(frame.f_locals.values()):
        held: List[Any] = [value]
        if isinstance(value, (list, tuple, set, frozenset)):
            held += value
        elif isinstance(value, dict):
            held += value.values()
        else:
            held += getattr(value, "__dict__", {}).values()
        if any(is_ours(one) for one in held):
            return True
    return False


def _outside(steps: Sequence[Step], inner: Any) -> Optional[int]:
    """The number of the innermost step that is not in one of these packages."""
    for number in range(len(steps) - 1, -1, -1):
        if str(_frame(steps[number]).f_globals.get("__name__", "")).partition(".")[0] not in inner:
            return number
    return None


def _frame(step: Step) -> types.FrameType:
    return step.tb_frame if isinstance(step, types.TracebackType) else step


def _module(function: Any) -> str:
    return str(getattr(function, "__module__", "")).partition(".")[0]


def _node(step: Step, kinds: Any) -> Optional[ast.AST]:
    """The piece of code that the step is at; before Python 3.11, and where it does not tell, the only one in its line."""
    frame = _frame(step)
    if isinstance(step, types.TracebackType):
        line, instruction = step.tb_lineno, step.tb_lasti
    else:
        line, instruction = step.f_lineno or 0, step.f_lasti
    found: List[Any] = [node for node in ast.walk(_tree(_source(frame))) if isinstance(node, kinds)]
    if sys.version_info >= (3, 11):
        positions = next(itertools.islice(frame.f_code.co_positions(), instruction // 2, None), (None,) * 4)
        # Two calls may begin at the same place, but not end there.
        exact = [node for node in found if (positions[1], positions[3]) in _ends(node)]
        if exact:
            return exact[0]  # type: ignore[no-any-return]
    found = [node for node in found if node.lineno == line]
    if len(found) > 1:
        found = [node for node in found if is_ours(_called(frame, node)[1])]
    return found[0] if len(found) == 1 else None


def _ends(node: Any) -> List[Tuple[Any, Any]]:
    """Where a call ends; a loop calls at the end of what it goes through, or (Python 3.11) at its own."""
    pieces = [node.iter, node] if isinstance(node, (ast.For, ast.AsyncFor)) else [node]
    return [(piece.end_lineno, piece.end_col_offset) for piece in pieces]


def _source(frame: types.FrameType) -> str:
    return "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))


def _tree(source: str) -> ast.AST:
    try:
        return ast.parse(source)
    except SyntaxError:
        # Another version of the file than the one that runs.
        return ast.Module(body=[], type_ignores=[])


def _place(step: Step, node: Optional[ast.AST]) -> Place:
    frame = _frame(step)
    line = step.tb_lineno if isinstance(step, types.TracebackType) else step.f_lineno or 0
    name, thing = _called(frame, node)
    code = ""
    if node is not None and not isinstance(node, (ast.For, ast.AsyncFor)):
        code = " ".join((ast.get_source_segment(_source(frame), node) or "").split())
        code = code if len(code) <= _LONGEST else code[: _LONGEST - 3] + "..."
    function = frame.f_code.co_name
    return Place(name, thing, code, line, "" if function.startswith("<") else function)


def _called(frame: types.FrameType, node: Optional[ast.AST]) -> Tuple[str, Any]:
    """The name of what this code calls, and the object or function that it is of; "" and None if that is not known."""
    if isinstance(node, ast.Await):
        node = node.value
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return LOOP, _value(frame, node.iter)
    if not isinstance(node, ast.Call):
        return "", None
    if isinstance(node.func, ast.Attribute):
        name, thing = node.func.attr, _value(frame, node.func.value)
        return name, thing.__dict__.get(name) if isinstance(thing, types.ModuleType) else thing
    if isinstance(node.func, ast.Name):
        thing = _value(frame, node.func)
        owner = getattr(thing, "__self__", None)
        if owner is None or isinstance(owner, types.ModuleType):
            return node.func.id, thing
        return getattr(thing, "__name__", node.func.id), owner
    return "", None


def _value(frame: types.FrameType, node: ast.expr) -> Any:
    """What an expression is; None if to find out might do something."""
    from pure_eval import CannotEval, Evaluator

    try:
        return Evaluator.from_frame(frame)[node]
    except CannotEval:
        return None
