"""A whole JupyterLab on brokerless: starts its server on the alias, and works with a kernel as a browser would.

Run by tools/compat_jupyter.py in the environment that has JupyterLab and no pyzmq. Ends with 1, and what the server has said,
if anything does not go as it should. It imports nothing of tools, and never zmq.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

TOKEN = uuid.uuid4().hex
PATIENCE = 30.0
HEADERS = {"Authorization": f"token {TOKEN}"}


class Server:
    """A running JupyterLab."""

    def __init__(self, folder: Path, log: Any) -> None:
        self.runtime = folder / "runtime"
        environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(self.runtime)}
        kernel = [sys.executable, "-m", "brokerless.kernel", "install", "--sys-prefix"]
        subprocess.run(kernel, env=environment, stdout=subprocess.DEVNULL, check=True)
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "brokerless.run", "-m", "jupyterlab", "--no-browser", "--allow-root"),
                *("--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--IdentityProvider.token={TOKEN}"),
                *(f"--ServerApp.root_dir={folder}", "--MappingKernelManager.default_kernel_name=brokerless"),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.url = ""

    async def ready(self) -> None:
        """Wait until it says in its file where it listens."""
        ends = time.monotonic() + PATIENCE
        while not self.url:
            check(self.process.poll() is None and time.monotonic() < ends, "the server does not start")
            await asyncio.sleep(0.1)
            for file in self.runtime.glob("jpserver-*.json"):
                with_contents = file.read_text(encoding="utf-8")
                self.url = json.loads(with_contents)["url"] if with_contents.endswith("}") else ""

    async def ask(self, method: str, path: str, body: Optional[Dict[str, Any]] = None) -> Any:
        """Ask the server for something; what it answers."""
        content = json.dumps(body or {}) if method in ("POST", "PATCH") else None
        request = HTTPRequest(self.url + path, method, HEADERS, content, request_timeout=PATIENCE)
        text = (await AsyncHTTPClient().fetch(request)).body.decode()
        return json.loads(text) if text.startswith(("{", "[")) else text

    async def ended(self) -> int:
        """Wait until it has ended; its exit code."""
        ends = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            check(time.monotonic() < ends, "the server does not end")
            await asyncio.sleep(0.05)
        return self.process.returncode


class Front:
    """A front end's connection to a kernel."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket = socket

    async def send(self, channel: str, kind: str, **content: Any) -> str:
        """Send a message, and return its number."""
        number = uuid.uuid4().hex
        header = {"msg_id": number, "msg_type": kind, "username": "", "session": "front", "version": "5.3", "date": ""}
        message = {"channel": channel, "header": header, "parent_header": {}, "metadata": {}, "content": content}
        await self.socket.write_message(json.dumps({**message, "buffers": []}))
        return number

    async def run(self, code: str, on: Optional[Callable[[Dict[str, Any]], Any]] = None) -> List[Dict[str, Any]]:
        """Run a cell: its messages, the reply among them. `on` may await something for each as it comes."""
        options = {"silent": False, "store_history": True, "allow_stdin": True, "stop_on_error": True}
        number = await self.send("shell", "execute_request", code=code, user_expressions={}, **options)
        messages: List[Dict[str, Any]] = []
        replied = idle = False
        while not (replied and idle):
            text = await asyncio.wait_for(self.socket.read_message(), PATIENCE)
            if text is None:
                raise AssertionError("the server has closed the websocket")
            message = json.loads(text)
            if message["parent_header"].get("msg_id") != number:
                continue
            messages.append(message)
            replied = replied or message["msg_type"] == "execute_reply"
            idle = idle or message["content"].get("execution_state") == "idle"
            if on is not None:
                await on(message)
        return messages


def check(right: bool, otherwise: str) -> None:
    if not right:
        raise AssertionError(otherwise)


def printed(messages: List[Dict[str, Any]]) -> str:
    return "".join(message["content"]["text"] for message in messages if message["msg_type"] == "stream")


def reply(messages: List[Dict[str, Any]]) -> Dict[str, Any]:
    found: Dict[str, Any] = next(m["content"] for m in messages if m["msg_type"] == "execute_reply")
    return found


def is_on_brokerless(process: int) -> bool:
    """Whether a process has loaded brokerless, and nothing of pyzmq's."""
    loaded = set(re.findall(r"/\S*\.so\b\S*", Path(f"/proc/{process}/maps").read_text()))
    theirs = [name for name in loaded if "zmq" in Path(name).name or "/zmq/" in name]
    return not theirs and any("/brokerless/_core." in name for name in loaded)


async def use(server: Server) -> None:
    await server.ready()
    check(is_on_brokerless(server.process.pid), "the server does not run on brokerless")
    say("the server started, on brokerless")
    page = await server.ask("GET", "lab")
    check("jupyter-config-data" in page, "the page of JupyterLab does not come")
    specs = await server.ask("GET", "api/kernelspecs")
    check("brokerless" in specs["kernelspecs"] and specs["default"] == "brokerless", f"the kernels are {specs}")
    kernel = (await server.ask("POST", "api/kernels"))["id"]
    address = f"{server.url.replace('http', 'ws', 1)}api/kernels/{kernel}/channels?session_id=front"
    front = Front(await websocket_connect(HTTPRequest(address, headers=HEADERS)))
    await work(server, front, kernel)
    front.socket.close()
    await server.ask("DELETE", f"api/kernels/{kernel}")
    check(await server.ask("GET", "api/kernels") == [], "the kernel is still there")
    say("the kernel was shut down")
    await server.ask("POST", "api/shutdown")
    check(await server.ended() == 0, f"the server ended with {server.process.returncode}")
    say("the server was shut down")


async def work(server: Server, front: Front, kernel: str) -> None:
    messages = await front.run("import os, zmq, brokerless; print(zmq is brokerless, os.getpid()); 6 * 7")
    is_ours, process = printed(messages).split()
    check(is_ours == "True", "in the kernel, zmq is not brokerless")
    values = [m["content"]["data"]["text/plain"] for m in messages if m["msg_type"] == "execute_result"]
    check(values == ["42"], f"6 * 7 is {values}")
    check(is_on_brokerless(int(process)), "the kernel does not run on brokerless")
    say("a kernel started, on brokerless, and ran a cell")

    async def answer(message: Dict[str, Any]) -> None:
        if message["msg_type"] == "input_request":
            await front.send("stdin", "input_reply", value="Ada")

    check(printed(await front.run("print('hello', input())", answer)) == "hello Ada\n", "input() does not work")
    say("input() was answered")

    async def interrupt(message: Dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            await server.ask("POST", f"api/kernels/{kernel}/interrupt")

    for wait in ("time.sleep(60)", "zmq.Context.instance().socket(zmq.PULL).recv()"):
        ended = reply(await front.run(f"import time; print('started', flush=True); {wait}", interrupt))
        check(ended.get("ename") == "KeyboardInterrupt", f"an interrupt ends {wait} with {ended}")
    say("cells were interrupted")
    comm = "from comm import create_comm; create_comm(target_name='front', data={'number': 7})"
    opened = [m["content"]["data"] for m in await front.run(comm) if m["msg_type"] == "comm_open"]
    check(opened == [{"number": 7}], f"a comm opens with {opened}")
    widget = "import ipywidgets; display(ipywidgets.IntSlider(7))"
    kinds = [list(m["content"]["data"]) for m in await front.run(widget) if m["msg_type"] == "display_data"]
    check(kinds != [] and "application/vnd.jupyter.widget-view+json" in kinds[0], f"a widget shows {kinds}")
    say("a comm and a widget were opened")
    await server.ask("POST", f"api/kernels/{kernel}/restart")
    check(reply(await front.run("brokerless")).get("ename") == "NameError", "a restart kept the kernel's variables")
    again = printed(await front.run("import os; print(os.getpid())")).strip()
    check(again != process, "a restart kept the kernel's process")
    say("the kernel was restarted")


def say(text: str) -> None:
    print(f"    {text}", flush=True)


def main() -> int:
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as log, tempfile.TemporaryDirectory(prefix="lab-") as folder:
        server = Server(Path(folder), log)
        try:
            asyncio.run(use(server))
        except Exception as error:
            log.seek(0)
            print(f"{log.read()}\nJupyterLab on brokerless: {type(error).__name__}: {error}", file=sys.stderr)
            return 1
        finally:
            # Its kernels end with it.
            if server.process.poll() is None:
                os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()
    say(f"all in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
