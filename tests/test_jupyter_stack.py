"""Jupyter's own packages on brokerless, in pyzmq's place: a kernel, and the clients that talk to it."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("ipykernel")

#: Starts a kernel whose messages run on brokerless; `make(KernelManager)` makes a manager of it, over ipc.
KERNEL = """
import sys, warnings
import brokerless
brokerless.install_as_zmq()
with warnings.catch_warnings():
    # Jupyter's own, while it is imported.
    warnings.simplefilter("ignore")
    from jupyter_client.ioloop import AsyncIOLoopKernelManager
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager, KernelManager
    import jupyter_client.threaded
import zmq
assert zmq is brokerless

BOOT = '''
import brokerless
brokerless.install_as_zmq()
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
'''

def make(kind, **options):
    where = tempfile.mkdtemp(prefix="kernel-", dir=".")
    made = kind(transport="ipc", ip=os.path.join(where, "k"), connection_file=os.path.join(where, "k.json"), **options)
    argv = [sys.executable, "-c", BOOT, "-f", "{connection_file}", "--HistoryManager.enabled=False"]
    made._kernel_spec = KernelSpec(argv=argv, display_name="brokerless", language="python")
    return made
"""
IMPORTS = "import asyncio, os, tempfile, threading\n"


def test_a_blocking_client_talks_to_a_kernel(run_python: Any) -> None:
    done = run_python(
        IMPORTS
        + KERNEL
        + """
manager = make(KernelManager)
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=20)
printed = []

def run(code):
    # A cell's outputs come before the kernel says that it is idle.
    return client.execute_interactive(code, timeout=20, output_hook=lambda message: printed.append(message["content"]))

for number in range(30):
    assert run(f"print({number})")["content"]["status"] == "ok"
assert "".join(content.get("text", "") for content in printed) == "".join(f"{n}\\n" for n in range(30))
assert run("import zmq; assert 'brokerless' in zmq.__file__; import asyncio; await asyncio.sleep(0)")["content"]["status"] == "ok"
assert run("1 / 0")["content"]["ename"] == "ZeroDivisionError"
assert client.complete("prin", reply=True, timeout=20)["content"]["matches"]
interrupted = threading.Timer(0.2, manager.interrupt_kernel)
interrupted.start()
assert run("import time; time.sleep(20)")["content"]["ename"] == "KeyboardInterrupt"
client.stop_channels()
manager.shutdown_kernel()
print("done")
"""
    )
    assert done.stdout.endswith("done\n")


def test_awaited_clients_streams_and_threads_talk_to_a_kernel(run_python: Any) -> None:
    done = run_python(
        IMPORTS
        + KERNEL
        + """
async def main():
    manager = make(AsyncIOLoopKernelManager)
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=20)
    for number in range(30):
        reply = await client.execute(f"print({number})", reply=True, timeout=20)
        assert reply["content"]["status"] == "ok"
    # As Jupyter's server does.
    stream, outputs = manager.connect_shell(), manager.connect_iopub()
    replies = asyncio.Queue()
    stream.on_recv_stream(lambda stream, frames: replies.put_nowait(frames))
    seen = asyncio.Queue()
    outputs.on_recv(seen.put_nowait)
    for _ in range(20):
        client.session.send(stream, "execute_request", {"code": "print('streamed')", "silent": False})
        _, frames = client.session.feed_identities(await asyncio.wait_for(replies.get(), 20))
        assert client.session.deserialize(frames)["content"]["status"] == "ok"
        try:
            while b"streamed" not in b"".join(await asyncio.wait_for(seen.get(), 1)):
                pass
            break
        except asyncio.TimeoutError:
            # It was printed before the subscription had come: iopub is a PUB.
            continue
    else:
        raise AssertionError("no output")
    for used in (stream, outputs):
        used.on_recv(None)
        used.close()
    # As the consoles with a window do.
    threaded = jupyter_client.threaded.ThreadedKernelClient(connection_file=manager.connection_file)
    threaded.load_connection_file()
    threaded.start_channels(hb=False)
    answered = threading.Event()
    threaded.shell_channel.call_handlers = lambda message: answered.set()
    threaded.iopub_channel.call_handlers = lambda message: None
    threaded.kernel_info()
    assert await asyncio.get_running_loop().run_in_executor(None, answered.wait, 20)
    threaded.iopub_channel.flush()
    threaded.stop_channels()
    client.stop_channels()
    await manager.shutdown_kernel()
    print("done")

asyncio.run(main())
"""
    )
    assert done.stdout.endswith("done\n")
