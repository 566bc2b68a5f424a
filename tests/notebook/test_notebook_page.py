"""docs/notebook.md: each of its examples runs as it stands, in the page's order, in a kernel; and what lesson 10 asks to try."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List

import pytest
from live_kernel import live_kernel

from tools.notebooks import NOTEBOOKS, inject, parameters_of, read_source
from tools.runner import free_ports, with_free_ports

PAGE = (Path(__file__).parent.parent.parent / "docs" / "notebook.md").read_text(encoding="utf8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
PORTS = sorted(set(re.findall(r"\b55\d\d\b", "".join(EXAMPLES))))


def examples() -> List[str]:
    """The examples, on free ports."""
    free = dict(zip(PORTS, map(str, free_ports(len(PORTS)))))
    return [re.sub(r"\b55\d\d\b", lambda port: free[port.group()], example) for example in EXAMPLES]


@pytest.mark.notebook
def test_its_examples_run() -> None:
    assert len(EXAMPLES) >= 10 and PORTS
    with live_kernel() as kernel:
        ran = [(text, kernel.run(text, f"cell {number}")) for number, text in enumerate(examples())]
        again = [kernel.run(text, f"cell {number}") for number, (text, _) in enumerate(ran) if ".bind(" in text]
        assert len(again) == 2, "a peer, and a cell that binds"
        shown = {text.split("\n")[-2]: "\n".join(cell.shown) for text, cell in ran}
    assert "b'HELLO'" in next(seen for text, seen in shown.items() if text.startswith("client.request"))
    assert "server" in shown["%peers"] and "running" in shown["%peers"]
    assert "nobody is bound" in shown["zmq.doctor(astray)"]
    assert "2 messages" in shown["talk"]


@pytest.mark.notebook
def test_lesson_10_has_a_cell_that_can_be_run_again() -> None:
    source = NOTEBOOKS / "10_see_it.py"
    notebook = read_source(source)
    inject(notebook, with_free_ports(parameters_of(source)))
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    (at,) = (number for number, text in enumerate(cells) if text.startswith("runs ="))
    with live_kernel() as kernel:
        for text in cells[:at]:
            if "%%peer" not in text and "peers." not in text and "ask(" not in text:
                kernel.run(text)
        said = [kernel.run(cells[at], "the cell that binds").text for _ in range(3)]
        refused = kernel.run(cells[at + 1], "another cell").text
    assert [text.split(":")[0] for text in said] == ["run 1", "run 2", "run 3"]
    assert "opened in cell" in refused
