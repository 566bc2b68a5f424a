"""A peer's cell runs as in a notebook: values, awaits, tracebacks."""

from __future__ import annotations

import asyncio
import textwrap
from typing import Any

import pytest

from brokerless.jupyter.peer_code import CellCode, describe, file_name, own_traceback, repr_of

NAME = file_name("test")


def run(source: str, **namespace: Any) -> Any:
    return CellCode(textwrap.dedent(source), NAME).run(namespace)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + 1", 2),
        ("x = 1\nx", 1),
        ("x = 1", None),
        ("1 + 1;", None),
        ("'ü'; # said", None),
        ("(1,\n 2)  # a comment;", (1, 2)),
        ("'a;'", "a;"),
        ("import asyncio\nawait asyncio.sleep(0, 5)", 5),
        ("import asyncio\nx = await asyncio.sleep(0, 5)\nx + 1", 6),
        ("import asyncio\nawait asyncio.sleep(0, 5);", None),
        ("'''doc'''", "doc"),
        ("from __future__ import annotations\ndef f(x: nonsense): pass\nf.__annotations__", {"x": "nonsense"}),
        ("# nothing", None),
    ],
)
def test_the_last_expression_has_the_value(source: str, value: Any) -> None:
    assert run(source) == value


def test_a_cell_awaits_in_one_loop() -> None:
    source = """
    import asyncio
    first = asyncio.get_running_loop()
    await asyncio.sleep(0)
    asyncio.get_running_loop() is first
    """
    told = []
    code = CellCode(textwrap.dedent(source), NAME)
    assert code.run({}, lambda loop, task: told.append((loop, task))) is True
    assert isinstance(told[0][0], asyncio.AbstractEventLoop) and told[0][1].done()


def test_a_traceback_has_the_cells_lines_and_none_of_ours() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run("def divide(n):\n    return 1 / n\ndivide(0)")
    told = describe(caught.value, NAME)
    assert (told["type"], told["value"]) == ("ZeroDivisionError", "division by zero")
    lines = told["traceback"].splitlines()
    assert lines[:3] == ["Traceback (most recent call last):", f'  File "{NAME}", line 3, in <module>', "    divide(0)"]
    assert "    return 1 / n" in lines and "peer_code" not in told["traceback"]


def test_a_cause_is_told_too() -> None:
    with pytest.raises(KeyError) as caught:
        run("try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError('k') from error")
    traceback = describe(caught.value, NAME)["traceback"]
    assert "direct cause" in traceback and "    1 / 0\n" in traceback and "peer_code" not in traceback


@pytest.mark.parametrize("source", ["def f(:\n  pass", "return 1", "x = 1\n  y = 2"])
def test_what_is_not_python_is_shown(source: str) -> None:
    with pytest.raises(SyntaxError) as caught:
        run(source)
    assert own_traceback(caught.value, NAME) is None
    told = describe(caught.value, NAME)["traceback"]
    assert f'File "{NAME}", line' in told and "peer_code" not in told


def test_a_value_whose_repr_raises_is_still_shown() -> None:
    class Bad:
        def __repr__(self) -> str:
            raise ValueError("no")

    assert repr_of(Bad()) == "<Bad, whose repr() raised ValueError>"
