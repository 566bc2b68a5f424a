"""Runs a cell's text as a notebook would, outside the notebook's own machinery: in another process, or in a thread.

It may await at its top level, its last expression has a value to show, and its tracebacks show its own lines and none of ours.
Nothing here needs IPython.
"""

from __future__ import annotations

import ast
import asyncio
import linecache
import traceback
from inspect import CO_COROUTINE
from types import CodeType, TracebackType
from typing import Any, Callable, Dict, Optional


def file_name(peer: str) -> str:
    """What stands for a file in the tracebacks of a peer's cell."""
    return f"Cell [peer {peer}]"


class CellCode:
    """A cell, compiled. Raises SyntaxError (and what else compile() raises) for what is not Python."""

    def __init__(self, source: str, name: str) -> None:
        # Tracebacks find the lines here; without a time, linecache never looks for a file.
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        tree = compile(source, name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        self.last: Optional[CodeType] = None
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not _is_silenced(source, tree.body[-1]):
            last = ast.Expression(tree.body.pop().value)
            self.last = _compiled(last, name, "eval")
        self.body = _compiled(tree, name, "exec")

    @property
    def awaits(self) -> bool:
        """Whether it needs an event loop."""
        return any(code is not None and code.co_flags & CO_COROUTINE for code in (self.body, self.last))

    def run(self, namespace: Dict[str, Any], started: Optional[Callable[[Any, Any], None]] = None) -> Any:
        """Runs it; the value of its last expression, or None.

        A cell that awaits gets an event loop for itself, of which `started(loop, task)` is told.
        """
        if self.awaits:
            return asyncio.run(self._run_awaiting(namespace, started))
        exec(self.body, namespace)
        return None if self.last is None else eval(self.last, namespace)

    async def _run_awaiting(self, namespace: Dict[str, Any], started: Optional[Callable[[Any, Any], None]]) -> Any:
        if started is not None:
            started(asyncio.get_running_loop(), asyncio.current_task())
        value = None
        for code in (self.body, self.last):
            if code is not None:
                value = eval(code, namespace)
                if code.co_flags & CO_COROUTINE:
                    value = await value
        return None if self.last is None else value


def _compiled(tree: Any, name: str, mode: str) -> CodeType:
    code: CodeType = compile(tree, name, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return code


def _is_silenced(source: str, last: ast.Expr) -> bool:
    """Whether a semicolon follows the last expression, as in a notebook."""
    lines = source.splitlines()[(last.end_lineno or 1) - 1 :]
    # ast counts columns in bytes.
    rest = lines[0].encode("utf8", "surrogatepass")[last.end_col_offset or 0 :]
    return rest.lstrip().startswith(b";")


def own_traceback(error: BaseException, name: str) -> Optional[TracebackType]:
    """The error's traceback from the cell's first line on; None if no line of the cell has run."""
    theirs = error.__traceback__
    while theirs is not None and theirs.tb_frame.f_code.co_filename != name:
        theirs = theirs.tb_next
    return theirs


def describe(error: BaseException, name: str) -> Dict[str, str]:
    """An exception that ended a cell, as text: its "type", what it says ("value"), and the "traceback"."""
    lines = traceback.format_exception(type(error), error, own_traceback(error, name))
    return {"type": type(error).__name__, "value": _text(error), "traceback": "".join(lines)}


def _text(thing: Any, convert: Callable[[Any], str] = str) -> str:
    try:
        return convert(thing)
    except Exception as error:
        return f"<{type(thing).__name__}, whose {convert.__name__}() raised {type(error).__name__}>"


def repr_of(value: Any) -> str:
    """What a notebook would show of a value without knowing more of it than its repr()."""
    return _text(value, repr)
