"""asyncio sockets in a kernel of Jupyter's own, where a cell awaits in the loop that serves the kernel too."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from tests.conftest import PATIENCE

manager = pytest.importorskip("jupyter_client.manager")


@pytest.fixture
def run_cell(ipc_dir: Path) -> Iterator[Callable[[str], str]]:
    """Runs a cell in a kernel, and returns what it prints; an exception in it fails the test."""
    kernels = manager.KernelManager(
        kernel_name="python3", transport="ipc", connection_file=str(ipc_dir / "kernel.json"), ip=str(ipc_dir / "kernel")
    )
    kernels.start_kernel(extra_arguments=["--HistoryManager.enabled=False"])
    client = kernels.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)

        def run(code: str) -> str:
            printed: list[str] = []

            def output(message: Any) -> None:
                content = message["content"]
                if message["header"]["msg_type"] == "error":
                    pytest.fail("\n".join(content["traceback"]))
                printed.append(content.get("text", ""))

            client.execute_interactive(
                textwrap.dedent(code), output_hook=output, timeout=PATIENCE, allow_stdin=False, store_history=False
            )
            return "".join(printed)

        yield run
    finally:
        client.stop_channels()
        kernels.shutdown_kernel(now=True)
        kernels.cleanup_resources()


def test_cells_await_at_top_level_and_go_on_in_the_next_one(run_cell: Callable[[str], str]) -> None:
    run_cell("""
        import asyncio
        import brokerless as zmq
        import brokerless.asyncio

        context = brokerless.asyncio.Context()
        server, client = context.socket(zmq.REP), context.socket(zmq.REQ)
        server.bind("inproc://cells")
        client.connect("inproc://cells")

        async def serve():
            async for request in server:
                await server.send(request[::-1])

        serving = asyncio.ensure_future(serve())
    """)
    # The server goes on between the cells, and while one awaits.
    assert run_cell("print(await client.request(b'abc', timeout=20))") == "b'cba'\n"
    assert (
        run_cell("""
        try:
            await asyncio.wait_for(client.poll(), 0.01)
        except asyncio.TimeoutError:
            await client.send(b'12')
            print('nothing, and then', await client.recv())
        """)
        == "nothing, and then b'21'\n"
    )
    assert run_cell("waiting = asyncio.ensure_future(client.poll(20_000)); await client.send(b'x')") == ""
    assert run_cell("print(int(await waiting), await client.recv())") == "1 b'x'\n"
    assert run_cell("""
        client.close()
        server.close()
        await serving
        context.term()
        print(context)
    """).endswith("closed>\n")
