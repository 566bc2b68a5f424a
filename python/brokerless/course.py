"""How a lecture notebook leaves its figures, so that `make course` can put them in one table.

A notebook shows its figures under a MIME type of our own; the runner reads them from the executed notebook. Nothing here
needs Jupyter: outside a notebook the figures are only printed.
"""

from __future__ import annotations

import sys

MIME_TYPE = "application/vnd.brokerless.course+json"

__all__ = ["MIME_TYPE", "report"]


def report(system: str, *, messages: int, seconds: float, ok: bool = True) -> None:
    """Show one line of figures: `messages` went through `system` in `seconds`, and the checks passed (`ok`)."""
    if messages < 0 or seconds < 0:
        raise ValueError(f"messages and seconds cannot be negative (messages={messages}, seconds={seconds})")
    line = f"{system}: {messages:,} messages in {seconds:.3f} s"
    if seconds > 0:
        line += f", {messages / seconds:,.0f} msg/s"
    if not ok:
        line += " (not ok)"
    figures = {"system": system, "messages": int(messages), "seconds": float(seconds), "ok": bool(ok)}
    if not _display({MIME_TYPE: figures, "text/plain": line}):
        print(line)


def _display(data: dict[str, object]) -> bool:
    """Hand `data` to the notebook this runs in; False if there is none."""
    # A running shell has imported IPython already, so a plain program never pays for the import.
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        return False
    from IPython.display import display

    display(data, raw=True)
    return True
