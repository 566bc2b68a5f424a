"""What is done by hand, so to speak, in the notebook tests/browser/at_home.py, and what must come of it."""

from __future__ import annotations

import time
from typing import Any, Callable, Tuple

from tools.browser_page import CELL_LIMIT, Failed, NotebookPage

__all__ = ["SCENES", "for_readme"]


def _must(right: bool, otherwise: str) -> None:
    if not right:
        raise Failed(otherwise)


def _runs_well(page: NotebookPage, cell: int) -> str:
    """Run a cell, which must not fail; the text below it."""
    page.run(cell)
    errors = page.errors(cell)
    _must(not errors, "\n".join(errors))
    return page.output(cell)


def start(page: NotebookPage) -> None:
    """The extension is loaded"""
    number = page.cell("parameters")
    # Behind it is the runner's own, with free ports.
    for cell in (number, number + 1, page.cell("setup")):
        _runs_well(page, cell)


def peer(page: NotebookPage) -> None:
    """A peer prints below its own cell, also after the cell has returned"""
    peer, ask = page.cell("peer"), page.cell("ask")
    _runs_well(page, peer)
    number = page.prompt(peer)
    page.until(lambda: "the oracle is open" in page.output(peer), "the peer does not say that it is there")
    answer = _runs_well(page, ask)
    _must("'ask again later'" in answer, f"the peer answers {answer!r}")
    page.until(lambda: "asked: will it rain?" in page.output(peer), "what the peer prints does not come")
    _must("asked" not in page.output(ask), "what the peer prints is below another cell")
    _must(page.prompt(peer) == number, "the peer's cell has run again")


def interrupts(page: NotebookPage) -> None:
    """Stop ends a cell that waits and one that awaits, each with one line, and the kernel goes on"""
    for tag in ("waits", "awaits"):
        cell = page.cell(tag)
        page.start(cell)
        page.until(lambda cell=cell: "waiting" in page.output(cell), f"the cell that {tag} does not begin")  # type: ignore[misc]
        _must(page.is_running(cell), f"the cell that {tag} is not running: {page.output(cell)!r}")
        pressed = time.monotonic()
        page.press_stop()
        page.until(lambda cell=cell: not page.is_running(cell), f"Stop does not end the cell that {tag}")  # type: ignore[misc]
        seconds = time.monotonic() - pressed
        lines = "".join(page.errors(cell)).strip().splitlines()
        _must(len(lines) == 1, f"the cell that {tag} ends with {lines}")
        _must(lines[0].startswith("KeyboardInterrupt: interrupted while recv() waited"), lines[0])
        print(f"    Stop ended the cell that {tag} after {seconds:.2f} s", flush=True)
    said = _runs_well(page, page.cell("still-here"))
    _must("the kernel is still here: False False" in said, f"after two interrupts: {said!r}")


def runs_again(page: NotebookPage) -> None:
    """A cell that binds a fixed port is run again, twice"""
    cell = page.cell("binds")
    numbers = set()
    for _ in range(3):
        said = _runs_well(page, cell)
        _must("PULL" in said, f"the socket shows {said!r}")
        numbers.add(page.prompt(cell))
    _must(len(numbers) == 3, f"run three times, its numbers are {numbers}")


def dashboard(page: NotebookPage) -> None:
    """A dashboard is drawn, and drawn anew as messages flow"""
    board, traffic = page.cell("dashboard"), page.cell("traffic")
    _runs_well(page, board)
    drawings = [page.drawing(board).inner_html()]
    page.start(traffic)

    def drawn_anew() -> bool:
        drawing = page.drawing(board).inner_html()
        if drawing != drawings[-1]:
            drawings.append(drawing)
        return len(drawings) > 2

    page.until(drawn_anew, "messages flow, and it is not drawn anew")
    page.until(lambda: not page.is_running(traffic), "the traffic does not end", CELL_LIMIT)
    _must(not page.errors(traffic), "\n".join(page.errors(traffic)))


def diagram(page: NotebookPage) -> None:
    """The diagram shows who is connected to whom"""
    cell = page.cell("diagram")
    _runs_well(page, cell)
    words = str(page.drawing(cell).text_content())
    for word in ("oracle", "REP", "REQ", "PULL", "ROUTER", "DEALER"):
        _must(word in words, f"the diagram does not speak of {word}: {words}")


def end(page: NotebookPage) -> None:
    """All is stopped"""
    _runs_well(page, page.cell("end"))


def for_readme(page: NotebookPage) -> None:
    """What the notebook tests/browser/questions.py shows once something has happened in it; its peers run until it ends."""
    page.run_all(CELL_LIMIT)
    page.check_outputs()
    peer, diagram, board = (page.cell(tag) for tag in ("peer", "diagram", "dashboard"))
    page.until(lambda: "question 10,000" in page.output(peer), "the peers do not get on", CELL_LIMIT)
    drawn = [str(page.drawing(cell).text_content()) for cell in (diagram, board)]
    # It was drawn first when nobody was connected.
    _must("server" in drawn[0] and "client" in drawn[0], f"the diagram has not followed: {drawn[0]}")
    _must("to the backend" in drawn[1], f"the dashboard shows {drawn[1]}")
    # The list of files gives its room to the notebook, of which no cell is to look chosen.
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("Control+b")
    page.cells.first.scroll_into_view_if_needed()


SCENES: Tuple[Callable[[NotebookPage], Any], ...] = (start, peer, interrupts, runs_again, dashboard, diagram, end)
