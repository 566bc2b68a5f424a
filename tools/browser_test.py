"""The test in a browser: JupyterLab in a headless Chromium, with the lecture's notebooks and with what `%load_ext brokerless` adds.

    python -m tools.browser_test [NAME ...] [--shot]    all, or the notebooks whose names contain NAME; a new docs/notebook.png

Each notebook has a page and a kernel of its own, and is run by the menu; then a notebook made for this test is used as a
person does, with clicks, keys and the button that stops. Screenshots, and what the server said, are left in build/browser.
Ends with 1 if anything failed: a cell, or the page itself.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Type

from tools.browser_lab import Lab
from tools.browser_page import Failed, NotebookPage
from tools.browser_scenes import SCENES, for_readme
from tools.notebooks import ROOT, copy_images, inject, lecture_sources, parameters_of, read_source
from tools.runner import with_free_ports

__all__ = ["main"]

BUILD = ROOT / "build" / "browser"
OWN = ROOT / "tests" / "browser"
SHOT = ROOT / "docs" / "notebook.png"
WINDOW = {"width": 1400, "height": 900}
#: For README, where what is wide becomes small.
SHOT_WINDOW = {"width": 1000, "height": 1260}

#: Seconds for a whole notebook of the lecture.
LIMIT = 120.0

# Whatever would ask the network for something, and fail where there is none.
_QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def prepared(source: Path) -> Any:
    """A notebook with free ports."""
    notebook = read_source(source)
    inject(notebook, with_free_ports(parameters_of(source)))
    return notebook


class Run:
    """All that is tried, one after the other; what failed is known at the end."""

    def __init__(self, lab: Lab, browser: Any, error: Type[Exception]) -> None:
        self.lab = lab
        self.browser = browser
        self._error = error
        self.failed: List[str] = []

    def page(self, source: Path) -> NotebookPage:
        return NotebookPage(self.browser, self.lab, source.stem, prepared(source), BUILD)

    def attempt(self, what: str, try_it: Callable[[], Any]) -> None:
        """Say how it went. Whatever fails is no reason not to try the next."""
        started = time.monotonic()
        problem: Optional[Exception] = None
        try:
            try_it()
        except (Failed, self._error) as error:
            problem = error
            self.failed.append(what)
        finally:
            self.lab.end_kernels()
        seconds = time.monotonic() - started
        print(f"{'ok' if problem is None else 'FAILED'}  {what} ({seconds:.1f} s)", flush=True)
        if problem is not None:
            print("    " + str(problem).replace("\n", "\n    "), flush=True)

    def lesson(self, source: Path) -> None:
        with self.page(source) as page:
            page.run_all(LIMIT)
            page.check_outputs()

    def scenes(self, source: Path) -> None:
        with self.page(source) as page:
            for scene in SCENES:
                try:
                    scene(page)
                except Failed as error:
                    raise Failed(f"{scene.__doc__}: {error}") from error
                print(f"    {scene.__doc__}", flush=True)
                page.picture(scene.__name__)

    def shot(self, source: Path) -> None:
        with self.page(source) as page:
            page.page.set_viewport_size(SHOT_WINDOW)
            for_readme(page)
            page.picture()


def chosen(names: List[str]) -> Dict[Path, Callable[[Run, Path], None]]:
    """The notebooks with one of these in their names, and how each is tried."""
    all_of_them = {
        **dict.fromkeys(lecture_sources(), Run.lesson),
        OWN / "at_home.py": Run.scenes,
        OWN / "questions.py": Run.shot,
    }
    return {source: how for source, how in all_of_them.items() if not names or any(n in source.stem for n in names)}


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="tools.browser_test", description="Try the notebooks in a real browser.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only notebooks whose file names contain NAME")
    parser.add_argument("--shot", action="store_true", help=f"replace {SHOT.relative_to(ROOT)}, the picture in README")
    options = parser.parse_args(arguments)
    notebooks = chosen(options.names)
    if not notebooks:
        print(f"no notebook's name contains {' or '.join(options.names)}", file=sys.stderr)
        return 2
    if options.shot and OWN / "questions.py" not in notebooks:
        parser.error("--shot is a picture of the notebook questions, which is not among these")
    name = os.environ.get("CHROMIUM", "chromium")
    program = shutil.which(name)
    if program is None:
        print(f"there is no {name}: install the Debian package chromium, or say CHROMIUM=/path/to/it", file=sys.stderr)
        return 2

    from playwright.sync_api import Error, sync_playwright

    started = time.monotonic()
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="browser-") as folder, Lab(Path(folder), BUILD / "server.log") as lab:
        copy_images(lab.folder)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=list(_QUIET))
            print(f"JupyterLab in Chromium {browser.version} ({time.monotonic() - started:.1f} s)", flush=True)
            run = Run(lab, browser.new_context(viewport=WINDOW), Error)
            for source, how in notebooks.items():
                run.attempt(source.stem, lambda source=source, how=how: how(run, source))  # type: ignore[misc]
            browser.close()
        complaints = lab.complaints()
    if options.shot and not run.failed:
        shutil.copy(BUILD / "questions.png", SHOT)
    if complaints:
        run.failed.append("the server")
        print("\n".join(["JupyterLab's server says:", *complaints]))
    passed = len(notebooks) - len(set(run.failed) - {"the server"})
    print(
        f"\n{passed} passed, {len(run.failed)} failed in {time.monotonic() - started:.0f} s; the screenshots are in {BUILD.relative_to(ROOT)}/"
    )
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
