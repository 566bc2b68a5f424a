"""docs/performance.md: what it names is there, and the places that figures are put into are whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import brokerless as zmq
from benches.cases import CASES
from benches.runner import choose

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["bench", "growth"])
def test_there_is_one_place_for_figures(name: str) -> None:
    [inside] = re.findall(rf"^<!-- {name} -->\n(.*?)^<!-- /{name} -->$", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert inside.strip()


def test_cases_that_it_chooses_exist() -> None:
    chosen = re.findall(r'ONLY="?([a-z -]+?)["` ]', PAGE)
    assert chosen
    for names in chosen:
        for name in names.split():
            assert choose(CASES.values(), [name]), name


def test_calls_that_it_names_exist() -> None:
    calls = set(re.findall(r"`((?:send|recv)\w*)\(", PAGE))
    assert len(calls) > 5
    for call in calls:
        assert callable(getattr(zmq.Socket, call)), call


def test_files_that_it_names_exist() -> None:
    for name in re.findall(r"`((?:src|benches)/[\w./]+)`", PAGE):
        assert (ROOT / name).is_file(), name
