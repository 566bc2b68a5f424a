"""The tool that tries the notebooks in a browser: what it chooses, what it needs, and how its own notebooks fit it. No browser."""

from __future__ import annotations

import pytest

from tools import browser_scenes, browser_test
from tools.browser_lab import Lab
from tools.notebooks import has_tag, lecture_sources, read_source


def test_all_of_the_lecture_is_tried() -> None:
    names = [source.stem for source in browser_test.chosen([])]
    assert names == [*(source.stem for source in lecture_sources()), "at_home", "questions"]
    assert [source.stem for source in browser_test.chosen(["pair", "home"])] == ["01_pair", "at_home"]


def test_ports_are_free_ones() -> None:
    cells = browser_test.prepared(browser_test.OWN / "at_home.py").cells
    injected = next(number for number, cell in enumerate(cells) if has_tag(cell, "injected-parameters"))
    assert has_tag(cells[injected - 1], "parameters")
    assert "PORT = 5556" in cells[injected - 1].source and "PORT = 5556" not in cells[injected].source


@pytest.mark.parametrize("name", ["at_home", "questions"])
def test_magics_survive_the_script(name: str) -> None:
    sources = [cell.source for cell in read_source(browser_test.OWN / f"{name}.py").cells]
    assert any(source.startswith("%%peer ") for source in sources)
    assert any(source.startswith("%load_ext brokerless\n") for source in sources)


def test_each_scene_says_what_it_shows() -> None:
    assert all(scene.__doc__ for scene in browser_scenes.SCENES)
    assert len({scene.__name__ for scene in browser_scenes.SCENES}) == len(browser_scenes.SCENES)


def test_what_cannot_be_tried(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert browser_test.main(["nothing_of_that_name"]) == 2
    assert "no notebook's name contains nothing_of_that_name" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        browser_test.main(["--shot", "pair"])
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    assert browser_test.main([]) == 2
    assert "install the Debian package chromium" in capsys.readouterr().err


def test_what_failed_is_known_and_the_rest_is_tried(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = []

    class NoLab(Lab):
        def end_kernels(self) -> None:
            ended.append(True)

    def fail() -> None:
        raise browser_test.Failed("one\ntwo")

    class OfTheBrowser(Exception):
        """Stands for playwright's."""

    def cannot_click() -> None:
        raise OfTheBrowser("")

    run = browser_test.Run(NoLab(tmp_path, tmp_path / "log"), None, OfTheBrowser)
    run.attempt("bad", fail)
    run.attempt("worse", cannot_click)
    run.attempt("good", lambda: None)
    assert run.failed == ["bad", "worse"] and ended == [True, True, True]
    said = capsys.readouterr().out
    assert said.startswith("FAILED  bad (") and "    one\n    two\nFAILED  worse (" in said and "\nok  good (" in said


def test_what_the_server_complains_of(tmp_path) -> None:
    lab = Lab(tmp_path, tmp_path / "log")
    harmless = ["[I 1 ServerApp] fine", "[W 1 ServerApp] well", "  more"]
    error = ["[E 1 ServerApp] no", "  because"]
    kernel = ["Traceback (most recent call last):", "  line", "ValueError: what"]
    lab.log.write_text("\n".join([*harmless, *error, *harmless, *kernel, *harmless]))
    assert lab.complaints() == [*error, *kernel]


def test_a_page_that_was_closed_is_no_complaint_and_hides_none(tmp_path) -> None:
    lab = Lab(tmp_path, tmp_path / "log")
    chained = ["", "During handling of the above exception, another exception occurred:", ""]
    task = ["Task exception was never retrieved", "future: <Task finished>", "Traceback (most recent call last):"]
    left = [*task, "  line", "StreamClosedError", *chained, "Traceback (most recent call last):"]
    left.append("tornado.websocket.WebSocketClosedError")
    kernel = ["Traceback (most recent call last):", "  line", "ValueError: what"]
    error = ["[E 1 ServerApp] no"]
    other = [*task, "  line", "OSError: no"]
    lab.log.write_text("\n".join([*left, *left, "0.00s - a debugger's word", *kernel, *left, *error, *left, *other]))
    assert lab.complaints() == [*kernel, *error, *other]


def test_a_server_that_does_not_start_says_why(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.browser_lab._MODULE", "no_such_module")
    with pytest.raises(RuntimeError, match="No module named no_such_module"):
        Lab(tmp_path, tmp_path / "log").__enter__()
