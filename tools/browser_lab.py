"""A JupyterLab of its own for the test in a browser: it knows nobody's settings, and asks nothing of the network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any, Dict, List

import nbformat

__all__ = ["Lab"]

#: Seconds that the server may take to start, and to answer.
PATIENCE = 60.0

_FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
_MODULE = "jupyterlab"
_OPTIONS = (
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port=0",
    # What would ask for news, for updates and for extensions.
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
)
# A first start would ask whether it may fetch news.
_SETTINGS: Dict[str, Any] = {
    "@jupyterlab/apputils-extension:notification": {
        "checkForUpdates": False,
        "doNotDisturbMode": False,
        "fetchNews": "false",
    },
}

# What Jupyter logs begins with a bracket; asyncio's word of a task whose error nobody has seen, and tracebacks, do not.
_NEVER_RETRIEVED = "Task exception was never retrieved"
_COMPLAIN = ("[E ", "[C ", _NEVER_RETRIEVED, "Traceback ")
# Behind these, a traceback is not a new one.
_GOES_ON = ("future: ", "During handling of ", "The above exception was ")
# Tornado's task that sent something to a page which was closed just then, as a test closes its page when it is done. What was
# sent is of no use to anybody any more, and what a page that is open misses, the test sees on the page.
_PAGE_LEFT = "tornado.websocket.WebSocketClosedError"


class Lab:
    """A running JupyterLab, from `with`; the notebooks are in `folder`, which also takes its own files."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder = folder / "notebooks"
        self.folder.mkdir()
        self.log = log
        self.token = uuid.uuid4().hex
        self.url = ""
        self._own = folder / "jupyter"

    def __enter__(self) -> Lab:
        settings = self._own / "jupyter_config_dir" / "labconfig" / "default_setting_overrides.json"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps(_SETTINGS), encoding="utf-8")
        folders = {name: str(self._own / name.lower()) for name in _FOLDERS}
        # With the settings that Jupyter would have, the extensions of another Python would come along.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
        environment.update(folders, JUPYTER_PREFER_ENV_PATH="1", JUPYTER_PLATFORM_DIRS="1")
        command = [sys.executable, "-m", _MODULE, *_OPTIONS]
        command += [f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.folder}"]
        with open(self.log, "w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait(Path(folders["JUPYTER_RUNTIME_DIR"]))
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, *exc_info: Any) -> None:
        try:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE)
        finally:
            self._kill()

    def _kill(self) -> None:
        # All that it has started, too; what ended well is not there any more.
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _wait(self, runtime: Path) -> None:
        """Wait until it says in its file where it listens."""
        ends = time.monotonic() + PATIENCE
        while not self.url:
            if self._process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError(f"JupyterLab does not start:\n{self.log.read_text(encoding='utf-8')}")
            time.sleep(0.1)
            for file in runtime.glob("jpserver-*.json"):
                text = file.read_text(encoding="utf-8")
                self.url = json.loads(text)["url"] if text.endswith("}") else ""

    def add(self, name: str, notebook: Any) -> str:
        """Put a notebook into the folder; the address of the page that has it, and nothing else, open."""
        nbformat.write(notebook, self.folder / f"{name}.ipynb")
        return f"{self.url}lab/tree/{name}.ipynb?reset&token={self.token}"

    def _ask(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def end_kernels(self) -> None:
        """End all kernels, with whatever they run."""
        for session in self._ask("GET", "api/sessions"):
            self._ask("DELETE", f"api/sessions/{session['id']}")

    def complaints(self) -> List[str]:
        """What the server and its kernels have written of errors, the lines with what belongs to them."""
        said = _paragraphs(self.log.read_text(encoding="utf-8", errors="replace").splitlines())
        complaints = (lines for lines in said if lines[0].startswith(_COMPLAIN) and _PAGE_LEFT not in lines)
        return [line for lines in complaints for line in lines]


def _paragraphs(log: List[str]) -> List[List[str]]:
    """What was logged at once, or printed: each with its traceback, if it has one."""
    found: List[List[str]] = [[""]]
    before = ""
    for line in log:
        anew = line.startswith(("[", _NEVER_RETRIEVED))
        if anew or (line.startswith("Traceback ") and not before.startswith(_GOES_ON)):
            found.append([])
        found[-1].append(line)
        before = line or before
    return found
