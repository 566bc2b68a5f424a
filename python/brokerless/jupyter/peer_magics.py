"""The magics `%%peer`, `%peers` and `%stop`. What is wrong with a line is told in one line."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any, Callable, List, Optional

from IPython.core.error import UsageError
from IPython.core.magic import no_var_expand

from . import cells, peer_line, peers
from .interrupted import interrupted
from .peer_code import CellCode
from .peer_output import CellOutput
from .peer_process import CannotStart, ProcessPeer
from .peer_thread import ThreadPeer
from .peer_values import CannotHandOver, pack

_PEER_OPTIONS = ["--wait", "--env", "--python", "--thread", "--kill-on-rerun", "--no-kill-on-rerun"]


class _Shown:
    """Stands for the value of a peer's last expression: shows the repr() that the value has there."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def register(shell: Any) -> None:
    """Makes them known to the shell."""

    # IPython would take {...} in an expression for itself.
    @no_var_expand  # type: ignore[untyped-decorator]
    def peer(line: str, cell: str) -> Optional[_Shown]:
        """Runs the cell as a peer: in a Python process of its own, beside the kernel.

        %%peer NAME [--wait] [--env name=expression]... [--python PATH] [--thread] [--kill-on-rerun | --no-kill-on-rerun]

        What it prints appears in this cell as it comes, also after the cell has returned, and so does a traceback if it
        ends with one. It has nothing of the notebook's but what it is given; it ends with the kernel at the latest, and
        before when its cell is run again as something else. What it has started in its turn ends with it.

        NAME: what `%peers`, `%stop` and `%keep` call it. A peer of that name is ended first, and one that this cell has started before.

        --wait: return when the peer has ended; the cell fails if the peer does. An interrupt ends the wait, not the peer.

        --env name=expression: the peer has a variable `name`, with the value that the expression has in the notebook;
        `--env port` is short for `--env port=port`. Plain values, bytes and arrays of numpy go as they are, others are
        pickled.

        --python PATH: use this interpreter, which must have brokerless, instead of the kernel's.

        --thread: run the cell in a thread of the kernel instead. It sees the notebook's variables.

        --no-kill-on-rerun: refuse to start while a peer of that name runs, and leave this one when its cell is run again as
        something else. The default is --kill-on-rerun.
        """
        shown: Optional[_Shown] = _told_in_a_line(lambda: _peer(shell, line, cell))
        return shown

    def list_peers(line: str) -> Any:
        """Lists the peers: their names, states, endpoints, messages sent and received, and for how long they run."""

        def listed() -> Any:
            peer_line.parse_peers(line)
            return peers.table()

        return _told_in_a_line(listed)

    def stop(line: str) -> None:
        """Ends peers: `%stop NAME NAME...`, or `%stop --all`.

        A process gets SIGINT, then SIGTERM, then SIGKILL, if the one before does not end it; then what it has started gets
        SIGTERM, then SIGKILL. Of a thread the sockets that it
        has opened are closed; if that does not end it, KeyboardInterrupt is raised in it.
        """
        _told_in_a_line(lambda: _stop(line))

    shell.input_transformers_cleanup.append(_with_body)
    shell.register_magic_function(peer, "cell", "peer")
    shell.register_magic_function(list_peers, "line", "peers")
    shell.register_magic_function(stop, "line", "stop")
    shell.set_hook("complete_command", lambda _shell, event: _matches(event, running=True), str_key="%stop")
    shell.set_hook("complete_command", lambda _shell, event: _matches(event, running=False), str_key="%%peer")


def unregister(shell: Any) -> None:
    """Takes them away again."""
    if _with_body in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(_with_body)
    for kind, name in (("cell", "peer"), ("line", "peers"), ("line", "stop")):
        shell.magics_manager.magics[kind].pop(name, None)
    for key in ("%stop", "%%peer"):
        shell.strdispatchers["complete_command"].strs.pop(key, None)


def _with_body(lines: List[str]) -> List[str]:
    """IPython calls no magic for a cell that has nothing else, and `%%peer --help` is such a cell."""
    words = lines[0].split() if len(lines) == 1 else []
    asks = words[:1] == ["%%peer"] and not peer_line.HELP.isdisjoint(words)
    return [f"{lines[0].rstrip()}\n", "pass\n"] if asks else lines


def _matches(event: Any, running: bool) -> List[str]:
    """What a word on a magic's line may be."""
    return [*peers.running(), "--all"] if running else [*_PEER_OPTIONS, *(peer.name for peer in peers.find())]


def _told_in_a_line(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except peer_line.Help as asked:
        print(f"usage: {asked}")
    except (peer_line.BadLine, CannotStart, CannotHandOver) as error:
        raise UsageError(str(error)) from None
    return None


def _stop(line: str) -> None:
    names = peer_line.parse_stop(line)
    known = {peer.name: peer for peer in peers.find()}
    if names == ["--all"]:
        chosen = list(known.values())
    else:
        unknown = [name for name in names if name not in known]
        if unknown:
            there_are = f"there are {', '.join(known)}" if known else "there are none"
            raise UsageError(f"no peer is called {' or '.join(unknown)}: {there_are}")
        chosen = [known[name] for name in names]
        for peer in chosen:
            if not peer.is_alive:
                print(f"the peer {peer.name} has ended before: {peer.state}")
    _end(chosen, "stopped")


def _peer(shell: Any, line: str, cell: str) -> Optional[_Shown]:
    asked = peer_line.parse_peer(line)
    if not cell.strip():
        raise UsageError(f"%%peer {asked.name}: the cell is empty")
    source = _as_python(shell, cell, asked)
    python = None if asked.python is None else _interpreter(shell.var_expand(asked.python))
    variables = [pack(name, _value(shell, name, expression)) for name, expression in asked.env]
    earlier = [peer for peer in peers.find() if peer.is_alive and _is_replaced(peer, asked.name)]
    if earlier and not asked.kill_on_rerun:
        name = earlier[0].name
        raise UsageError(f"the peer {name} still runs (pid {earlier[0].pid}): `%stop {name}` ends it")
    _end(earlier, "replaced")
    output = CellOutput(shell)
    if asked.thread:
        thread = ThreadPeer(asked.name, shell, output, asked.wait, source)
        peers.add(thread)
        thread.kill_on_rerun = asked.kill_on_rerun
        value = thread.wait() if asked.wait else None
    else:
        try:
            process = ProcessPeer(asked.name, shell, output, asked.wait or python is not None, python)
            process.kill_on_rerun = asked.kill_on_rerun
            peers.add(process)
            process.hand_over(source, variables)
            if python is not None:
                process.wait_until_it_runs()
                if not asked.wait:
                    process.wait_no_more()
        except KeyboardInterrupt:
            # It has not got all that it needs.
            _end([peer for peer in peers.find() if peer.output is output], "stopped")
            raise interrupted(f"the peer {asked.name} was not started") from None
        value = process.wait() if asked.wait else None
    return None if value is None else _Shown(value)


def _is_replaced(peer: Any, name: str) -> bool:
    """Whether the peer has the name, or this cell has started it in an earlier run, under another name maybe."""
    return bool(peer.name == name or peer.is_left_by(cells.current()))


def _as_python(shell: Any, cell: str, asked: peer_line.PeerLine) -> str:
    """The cell as Python. Raises UsageError for a process's cell that only IPython understands."""
    if asked.thread:
        text: str = shell.transform_cell(cell)
        return text
    if asked.python is None:
        try:
            CellCode(cell, "<%%peer>")
        except (SyntaxError, ValueError):
            for number, text in enumerate(cell.splitlines(), 1):
                if "get_ipython()" in shell.transform_cell(text.strip()) and "get_ipython()" not in text:
                    raise UsageError(
                        f"%%peer {asked.name}, line {number}: {text.strip()!r} is IPython's; a peer's process runs plain Python"
                    ) from None
    # What is wrong with it otherwise is for the peer to say, in its version of Python.
    return cell


def _interpreter(path: str) -> str:
    found = shutil.which(os.path.expanduser(path))
    if found is None:
        raise UsageError(f"--python {path}: there is no such program")
    return found


def _value(shell: Any, name: str, expression: str) -> Any:
    try:
        return eval(expression, shell.user_ns)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise UsageError(f"--env {name}={expression}: {said}") from None


def _end(chosen: List[Any], reason: str) -> None:
    """Ends them; raises UsageError if some cannot be ended, KeyboardInterrupt if it may not wait for it."""
    try:
        left = peers.stop(chosen, reason)
    except KeyboardInterrupt:
        names = ", ".join(peer.name for peer in chosen if peer.is_alive)
        told = f"not ended yet: {names}; `%stop` asks again" if names else "all have ended"
        raise interrupted(told) from None
    if left:
        sys.stdout.flush()
        told = "; ".join(peers.why_not(peer) for peer in left)
        raise UsageError(told)
