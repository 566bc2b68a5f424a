"""docs/security.md: its examples run, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs(number: int, run_python: Callable[..., object]) -> None:
    done = run_python(EXAMPLES[number])
    assert "b'Hello' from anna" in done.stdout  # type: ignore[attr-defined]


def test_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)", PAGE) + [f"{path}.py" for path in re.findall(r"`(notebooks/[\w/]+)`", PAGE)]
    for link in links:
        assert (ROOT / "docs" / link).exists() or (ROOT / link).exists(), link
