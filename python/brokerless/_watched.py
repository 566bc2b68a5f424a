"""What everything has that counts messages: a dashboard, and a table in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ._shown import Shown

if TYPE_CHECKING:
    from ._dashboard import Dashboard

__all__ = ["Watched"]


class Watched(Shown):
    """Has a dashboard()."""

    __slots__ = ()

    def dashboard(
        self, interval: float = 0.5, *, seconds: Optional[float] = None, live: bool = True, keep: int = 1200
    ) -> Dashboard:
        """Samples the counters from now on, and shows them as plots: rates and totals over time, who is connected,
        and what goes to and comes from each peer (over TCP).

        In a notebook the plots appear in this cell, which returns at once, and go on by themselves: until this object is
        closed, the dashboard's stop() is called, `seconds` are over, or the cell is interrupted or run again. With
        live=False nothing appears until the dashboard is displayed, and then stays as it is. In a terminal, see
        Dashboard.run() and Dashboard.text().

        The counters are read every `interval` seconds on a native thread, which neither needs the GIL nor holds anybody
        up; the last `keep` samples are kept. Nothing is kept open or alive by it.

        Raises SocketClosed for what is closed (or a device that has ended), RuntimeError for a device that was not
        started, ValueError for an interval below 0.05 s or above an hour, a time that is not above 0, and a `keep` below
        2 or above a million.
        """
        from ._dashboard import Dashboard
        from ._dashboard_kinds import subject_of

        return Dashboard(subject_of(self), interval=interval, seconds=seconds, live=live, keep=keep)
