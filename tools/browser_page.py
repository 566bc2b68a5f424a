"""A notebook in a page of JupyterLab, used as a person does: by its menu, its buttons and its keys, and read from the page."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Type
from urllib.parse import urlsplit

from tools.browser_lab import Lab
from tools.notebooks import has_tag

__all__ = ["CELL_LIMIT", "Failed", "NotebookPage"]

#: Seconds for what takes a browser a moment, and for one cell.
PATIENCE = 40.0
CELL_LIMIT = 60.0

_PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
# The indicator in the notebook's bar is idle before there is a kernel.
_READY = "#jp-main-statusbar :text('| Idle')"
# What is red: tracebacks, which some versions show as one and some as the other, and what is written on stderr.
_RED = ':is([data-mime-type="application/vnd.jupyter.error"], [data-mime-type="application/vnd.jupyter.stderr"])'

# A cell that has run has its number, one that waits or runs a star; those behind one that failed have neither.
_ALL_RAN = f"""count => {{
    const panel = document.querySelector('{_PANEL}');
    const prompts = [...panel.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(prompt => prompt.textContent);
    const failed = panel.querySelector('{_RED}') !== null;
    const numbered = prompts.filter(prompt => /\\[\\d+\\]/.test(prompt)).length;
    return numbered === count || failed && !prompts.some(prompt => prompt.includes('*'));
}}"""


class Failed(AssertionError):
    """Something on the page is not as it should be."""


def _is_seen(box: Optional[Dict[str, float]]) -> bool:
    return box is not None and box["width"] >= 100 and box["height"] >= 50


class NotebookPage:
    """A page that has one notebook open. At the end of `with`, whatever went wrong on it is an error."""

    def __init__(self, browser: Any, lab: Lab, name: str, notebook: Any, pictures: Path) -> None:
        self.name = name
        self._notebook = notebook
        url = lab.add(name, notebook)
        self.pictures = pictures
        self._host = urlsplit(url).netloc
        #: What went wrong on the page itself, as the browser tells.
        self.troubles: List[str] = []
        self.page = browser.new_page()
        self.page.set_default_timeout(1000 * PATIENCE)
        self.page.on("pageerror", lambda error: self.troubles.append(f"an error on the page: {error}"))
        self.page.on("console", self._hear)
        self.page.on("request", self._asks)
        self.page.goto(url)
        self.page.locator(_READY).wait_for()
        self.cells = self.page.locator(f"{_PANEL} .jp-Notebook .jp-Cell")

    def __enter__(self) -> NotebookPage:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        try:
            # Also of a test that failed, whose picture may tell why; in that case the first error counts.
            self.picture()
            if error is None:
                self.check_page()
        finally:
            self.page.close()

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.troubles.append(f"the browser's console: {message.text} ({message.location.get('url')})")

    def _asks(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != self._host:
            self.troubles.append(f"the page asks {parts.netloc} for something")

    def cell(self, tag: str) -> int:
        """The place of the cell that has this tag."""
        found = [number for number, cell in enumerate(self._notebook.cells) if has_tag(cell, tag)]
        if len(found) != 1:
            raise Failed(f"{len(found)} cells of {self.name} have the tag {tag!r}")
        return found[0]

    # What a person does

    def run_all(self, limit: float) -> None:
        """Run > Run All Cells, and wait until they have run, or one has failed."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text="Run").click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text("Run All Cells", exact=True).click()
        try:
            count = sum(cell.cell_type == "code" for cell in self._notebook.cells)
            self.page.wait_for_function(_ALL_RAN, arg=count, timeout=1000 * limit)
        except Exception as error:
            if type(error).__name__ != "TimeoutError":
                raise
            code = [number for number, cell in enumerate(self._notebook.cells) if cell.cell_type == "code"]
            not_run = [number for number in code if not any(map(str.isdigit, self.prompt(number)))]
            raise Failed(f"after {limit:.0f} s, these cells (of all, from 0) have not run: {not_run}") from None

    def start(self, cell: int) -> None:
        """Click into a cell and press Shift+Enter."""
        before = self.prompt(cell)
        self.cells.nth(cell).locator(".jp-InputArea-editor .cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        self.until(lambda: self.prompt(cell) != before, "the cell does not start")

    def run(self, cell: int) -> None:
        """Run a cell, and wait for its end."""
        self.start(cell)
        self.until(lambda: not self.is_running(cell), "the cell does not end", CELL_LIMIT)

    def press_stop(self) -> None:
        """Click the button with the black square."""
        self.page.locator(f'{_PANEL} [data-command="notebook:interrupt-kernel"]').click()

    def picture(self, name: str = "") -> None:
        """A screenshot of the window as it is now."""
        file = self.pictures / f"{self.name}{'-' if name else ''}{name}.png"
        self.page.screenshot(path=file)

    # What a person sees. Not inner_text(): what is scrolled away has none.

    def prompt(self, cell: int) -> str:
        """What stands before a cell: "[3]:", "[*]:", or nothing before text."""
        prompts = self.cells.nth(cell).locator(".jp-InputPrompt")
        return str(prompts.first.text_content()) if prompts.count() else ""

    def is_running(self, cell: int) -> bool:
        """Whether a cell has a star."""
        return "*" in self.prompt(cell)

    def output(self, cell: int) -> str:
        """The text below a cell."""
        return str(self.cells.nth(cell).locator(".jp-OutputArea").first.text_content())

    def errors(self, cell: int) -> List[str]:
        """What is red below a cell: an error, and what it has written on stderr."""
        return [str(text) for text in self.cells.nth(cell).locator(_RED).all_text_contents()]

    def drawing(self, cell: int) -> Any:
        """The SVG below a cell; it must be there and be seen."""
        found = self.cells.nth(cell).locator(".jp-OutputArea-output svg").first
        # Not by playwright's own, which waits until the picture stands still.
        self.cells.nth(cell).locator(".jp-OutputArea").first.evaluate("area => area.scrollIntoView({block: 'nearest'})")
        # One that is drawn anew just now has no box for a moment.
        self.until(
            lambda: found.count() > 0 and _is_seen(found.bounding_box()), f"below cell {cell} no picture is seen"
        )
        return found

    def until(self, reached: Callable[[], bool], otherwise: str, limit: float = PATIENCE) -> None:
        """Look again until this is so."""
        for _ in range(round(limit / 0.02)):
            if reached():
                return
            self.page.wait_for_timeout(20)
        raise Failed(f"{otherwise} (waited {limit:.0f} s)")

    # What must not be

    def check_outputs(self) -> None:
        """No cell has failed, or written on stderr."""
        wrong = self.page.locator(_PANEL).locator(_RED).all_text_contents()
        if wrong:
            raise Failed("\n".join(str(text).strip() for text in wrong))

    def check_page(self) -> None:
        """The page has no error, no dialog and no notification, and has asked nobody but its server."""
        shown = self.page.locator(".jp-Dialog, .Toastify__toast, .jp-Notification-Toast")
        troubles = self.troubles + [f"the page shows: {text}" for text in shown.all_inner_texts()]
        if troubles:
            raise Failed("\n".join(troubles))
