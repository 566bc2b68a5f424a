"""Diagrams: what this program has open, who is connected with whom, and how much has gone where, as a picture.

It is drawn from surveys (see `_survey`), in a notebook again and again if it is to be live.
"""

from __future__ import annotations

import contextvars
import os
import threading
import time
import uuid
from typing import Any, Dict, Iterable, List, Optional, Set, Union

from . import _survey
from ._cell_output import CellOutput, notebook, show_once
from ._diagram_graph import Graph, graph
from ._diagram_mermaid import mermaid
from ._diagram_svg import svg
from ._diagram_text import text
from ._doctor import _gather

__all__ = ["Diagram", "diagram"]

#: Seconds between two looks of a live diagram, at least.
LEAST = 0.25
#: Seconds without anything open after which a live diagram ends; a cell that is run again is without for a moment.
EMPTY = 2.0
#: Seconds that stop() waits for the last picture.
_PATIENCE = 1.0


class Diagram:
    """The sockets of some processes and their connections, as a picture, as text and as Mermaid. `diagram()` makes it.

    It shows what was there when it was made, at the last refresh(), or just now while it is live. It keeps nothing of what
    it shows open or alive.
    """

    def __init__(self, things: Iterable[Any], peers: bool, surveys: Optional[Iterable[Dict[str, Any]]]) -> None:
        self._only = _keys_of(things)
        self._peers = peers
        self._given = None if surveys is None else list(surveys)
        self._identity = f"brokerless-{uuid.uuid4().hex[:12]}"
        self._answers: Dict[Any, Dict[str, Any]] = {}
        self._graph: Graph = graph(())
        self._process = os.getpid()
        self._output: Optional[CellOutput] = None
        self._thread: Optional[threading.Thread] = None
        self._ended = threading.Event()
        self._shown: Dict[str, Any] = {}
        self.refresh()

    # What it has seen

    def refresh(self) -> Diagram:
        """Looks again; returns the diagram itself."""
        surveys = self._look() if self._given is None else self._given
        names = {} if notebook() is None else {os.getpid(): "kernel"}
        self._graph = graph(surveys, self._only, names)
        return self

    def _look(self) -> List[Dict[str, Any]]:
        surveys = []
        for told in _gather(self._peers):
            # One that does not answer for a moment is still there.
            if "error" in told:
                told = self._answers.get(told["pid"], told)
            surveys.append(told)
        self._answers = {told["pid"]: told for told in surveys if "error" not in told}
        return surveys

    def svg(self) -> str:
        """The picture, as a file of its own would have it; light or dark as the reader prefers."""
        return svg(self._graph, self._identity)

    def to_mermaid(self) -> str:
        """The diagram as a Mermaid flowchart, which GitHub and JupyterLab draw in Markdown."""
        return mermaid(self._graph)

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Saves it as it is now: as .svg, as .mmd (Mermaid), or as .md (Mermaid in Markdown).

        Raises ValueError for a name that ends otherwise.
        """
        name = os.fspath(path)
        kind = os.path.splitext(name)[1].lower()
        if kind == ".svg":
            content = self.svg()
        elif kind == ".mmd":
            content = self.to_mermaid()
        elif kind == ".md":
            content = f"```mermaid\n{self.to_mermaid()}```\n"
        else:
            raise ValueError(f"a diagram is saved as .svg, .mmd or .md, not as {name!r}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)

    def __str__(self) -> str:
        return text(self._graph)

    __repr__ = __str__

    # How it is shown

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        picture = svg(self._graph, self._identity, standalone=False, live=self.running)
        return f'<div class="brokerless-diagram" style="overflow:auto">{picture}</div>'

    def _ipython_display_(self) -> None:
        if notebook() is None:
            print(self)
        elif self._output is None:
            show_once(self._bundle())
        elif not self._output.is_shown_here():
            self._output.show(self._bundle())

    def _bundle(self) -> Dict[str, Any]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}

    # Life

    @property
    def running(self) -> bool:
        """Whether it is live: looks again and again, and is drawn anew when something has changed."""
        return self._output is not None and not self._ended.is_set()

    def stop(self) -> None:
        """Ends a live one with a last look; its picture stays. May be called again, and does nothing to others."""
        if self._output is None or self._process != os.getpid():
            return
        self._ended.set()
        thread = self._thread
        if thread is None or thread.ident is None:
            # An interrupt came between the first picture and the thread for the others.
            self._draw_last()
        elif thread is not threading.current_thread():
            thread.join(_PATIENCE)

    def __enter__(self) -> Diagram:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.stop()

    def _go_live(self, shell: Any, interval: float, seconds: Optional[float]) -> None:
        self._output = CellOutput(shell, self)
        self._shown = self._bundle()
        self._output.show(self._shown)
        # With the cell's context, so that whatever is printed there belongs to the cell.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._keep_looking, interval, seconds), name="brokerless diagram", daemon=True
        )
        self._thread.start()

    def _keep_looking(self, interval: float, seconds: Optional[float]) -> None:
        end = None if seconds is None else time.monotonic() + seconds
        # Nothing may be open yet.
        empty_since: Optional[float] = None
        seen_something = bool(self._graph.nodes)
        try:
            while not self._ended.wait(interval if end is None else max(0.0, min(interval, end - time.monotonic()))):
                now = time.monotonic()
                if end is not None and now >= end:
                    break
                self.refresh()
                self._draw()
                if self._graph.nodes:
                    seen_something, empty_since = True, None
                elif seen_something:
                    empty_since = now if empty_since is None else empty_since
                    if now - empty_since >= EMPTY:
                        break
        finally:
            self._ended.set()
            self._draw_last()

    def _draw(self) -> None:
        bundle = self._bundle()
        output = self._output
        if output is not None and bundle != self._shown:
            self._shown = bundle
            output.update(bundle)

    def _draw_last(self) -> None:
        if self._output is not None:
            self._output.close()
        self.refresh()
        self._draw()


def _keys_of(things: Iterable[Any]) -> Optional[Set[str]]:
    """The keys of the sockets of these things; None if there are no things."""
    found: Optional[Set[str]] = None
    for thing in things:
        found = (found or set()) | {_survey._key(socket) for socket in _sockets_of(thing)}
    return found


def _sockets_of(thing: Any) -> List[Any]:
    from .device import _Device
    from .pipeline import Collector, Producer, Worker
    from .socket import Socket

    if isinstance(thing, Socket):
        # Raises if it is closed.
        thing.underlying  # noqa: B018
        return [thing]
    if isinstance(thing, _Device):
        return [thing.frontend, thing.backend]
    if isinstance(thing, (Producer, Collector)):
        return [thing.socket]
    if getattr(type(thing), "_is_pipeline", False):
        return [thing._producer.socket, thing._collector.socket]
    if isinstance(thing, Worker):
        return [thing.source, *([] if thing.sink is None else [thing.sink])]
    raise TypeError(f"diagram() shows sockets, devices and roles of pipelines, not {thing!r}")


def diagram(
    *things: Any,
    live: bool = False,
    peers: bool = True,
    surveys: Optional[Iterable[Dict[str, Any]]] = None,
    interval: float = 0.5,
    seconds: Optional[float] = None,
) -> Diagram:
    """Draws what the program has open: sockets, devices and pipelines, who is connected with whom, and what has gone where.

    Print it, or show it in a notebook; it can be saved as SVG and as Mermaid. Each process is a box. Who binds has a
    double border and a full square where its connections end, who connects an open circle; arrows go as messages do. An
    edge has the numbers of messages as the connecting socket has counted them, if it has no other connection, or else as
    the bound one has, if that has no other; numbers that belong to several connections are not drawn. A broken line that is
    crossed out leads to where nobody has answered, a broken box is somebody of whom only the address is known: a program
    without brokerless, or another machine.

    Parameters
    ----------
    things : sockets, devices, and roles of a pipeline
        What is shown, with all that is connected to it; without any, all that this process has open, but for what Jupyter
        itself has. None of them is kept alive.
    live : bool
        Whether the picture is drawn anew in its cell when something has changed, until stop(), or `seconds` are over, or
        all has been closed for two seconds, or its cell is interrupted or run again. Where there is no notebook, nothing
        can be drawn anew: the text is printed, once.
    peers : bool
        Whether the processes of `%%peer` are shown, too.
    surveys : iterable of dict
        What to draw in the place of this process and its peers, as the processes themselves have told it.
    interval : float
        How many seconds pass from one look to the next of a live diagram, 0.25 at least.
    seconds : float
        How long it is live.

    Returns
    -------
    Diagram

    Raises
    ------
    TypeError, ValueError
        For what is no socket, device or role, for numbers that cannot be, and for surveys that are to be live.
    SocketClosed
        For a socket that is closed.
    """
    if not interval >= LEAST:
        raise ValueError(f"interval is {LEAST} seconds at least, not {interval!r}")
    if seconds is not None and not seconds >= 0:
        raise ValueError(f"seconds is a number of seconds, not {seconds!r}")
    if seconds is not None and not live:
        raise ValueError("seconds is how long a live diagram is: give live=True, too")
    if surveys is not None and live:
        raise ValueError("surveys do not change: a diagram of them cannot be live")
    made = Diagram(things, peers, surveys)
    if live:
        shell = notebook()
        if shell is None:
            print(made)
        else:
            made._go_live(shell, interval, seconds)
    return made
