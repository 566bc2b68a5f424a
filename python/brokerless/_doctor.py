"""Why is nothing arriving? What the watches of all sockets know, put together, and one cure for each trouble.

Surveys are gathered here, from this process and from a notebook's peers; the rules are functions over them.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, Iterable, Iterator, List, Optional

from . import _survey
from ._doctor_flow import FLOW, fine
from ._doctor_rules import CONNECTIONS, FINE, HINT, PROBLEM, Finding, absent
from ._doctor_scene import Scene
from ._html import page, text_in

__all__ = ["Finding", "Report", "doctor"]

#: Seconds that a look for the addresses of host names may take.
LOOK_UP = 2.0

_ORDER = {PROBLEM: 0, HINT: 1, FINE: 2}
_MARK = {PROBLEM: "!", HINT: "?", FINE: "ok"}


class Report:
    """What a doctor has found: problems first, then hints, then what is fine. Iterate over it, print it, or show it.

    It is true if there are problems.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        #: All findings, the worst first.
        self.findings: List[Finding] = sorted(findings, key=lambda found: _ORDER[found.severity])

    @property
    def first(self) -> Optional[Finding]:
        """The worst finding; None if there is nothing to find."""
        return self.findings[0] if self.findings else None

    @property
    def problems(self) -> List[Finding]:
        """What is wrong."""
        return [found for found in self.findings if found.severity == PROBLEM]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __bool__(self) -> bool:
        return bool(self.problems)

    @property
    def summary(self) -> str:
        """One line: how many of what."""
        if not self.findings:
            return "No socket is open."
        counts = {severity: sum(found.severity == severity for found in self) for severity in _ORDER}
        parts = [
            f"{counts[severity]} {severity}{'s' if counts[severity] > 1 else ''}"
            for severity in (PROBLEM, HINT)
            if counts[severity]
        ]
        return ", ".join(parts) if parts else "Nothing is wrong."

    def __str__(self) -> str:
        lines = [self.summary]
        for found in self:
            lines.append(f"{_MARK[found.severity]:<2} {found.socket}")
            why = f" ({found.why})" if found.why else ""
            lines.append(f"     {found.what}{why}")
            if found.cure:
                lines.append(f"     -> {found.cure}")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        items = "".join(
            f'<li class="{found.severity}"><b>{text_in(found.socket)}</b><br/>{text_in(found.what)}'
            + (f" <small>({text_in(found.why)})</small>" if found.why else "")
            + (f"<br/>→ {text_in(found.cure)}" if found.cure else "")
            + "</li>"
            for found in self
        )
        summary = text_in(self.summary)
        return page(f"<b>{summary}</b>", f"<ul>{items}</ul>" if items else "")


def doctor(*sockets: Any, peers: bool = True, surveys: Optional[Iterable[Dict[str, Any]]] = None) -> Report:
    """Answers "why is nothing arriving?": looks at sockets and reports what is wrong, how one knows, and a cure for each.

    Without `sockets`, at all that the program has open, and at those of the notebook's peers (`%%peer`) unless `peers` is
    False; sockets that Jupyter itself opened are left out. It knows of endpoints at which nobody is bound, types that do
    not go together, missing or unmatched subscriptions, full queues, replies that are owed, refused keys and passwords, host
    names without an address, and messages that went to nobody. `surveys` are those of other processes, to be looked at
    in place of this one and its peers.

    Nothing is received or changed by the look. It takes no time but for host names, which are looked up for two seconds at
    most. What is returned prints as text, shows as HTML in a notebook, and is true if there are problems.

    A device, or a role of a pipeline, stands for its sockets. Raises TypeError for what is neither.
    """
    if surveys is None:
        scene = Scene(_gather(peers), os.getpid())
    else:
        scene = Scene(map(_checked, surveys), None)
    chosen = scene.users()
    if sockets:
        wanted = [_survey.socket_survey(socket) for thing in sockets for socket in _sockets_of(thing)]
        known = {seen.key: seen for seen in scene.sockets}
        strange = Scene([{**_empty(), "sockets": [one for one in wanted if one["key"] not in known]}], os.getpid())
        scene.sockets += strange.sockets
        known.update((seen.key, seen) for seen in strange.sockets)
        # Once each, however often it was named.
        chosen = [known[key] for key in dict.fromkeys(one["key"] for one in wanted)]
    scene.resolve(LOOK_UP)
    findings = []
    for seen in chosen:
        found = [one for rule in CONNECTIONS + FLOW for one in rule(seen, scene)]
        findings += found or [fine(seen)]
    if not sockets:
        findings += [found for found in map(absent, scene.processes) if found is not None]
    return Report(findings)


def _sockets_of(thing: Any) -> List[Any]:
    from .device import _Device
    from .socket import Socket

    if isinstance(thing, Socket):
        return [thing]
    if isinstance(thing, _Device):
        return list(thing._sockets)
    sockets = _survey.sockets_of_role(thing)
    if not sockets:
        raise TypeError(f"doctor() looks at sockets, devices and roles of pipelines, not at {thing!r}")
    return sockets


def _checked(survey: Any) -> Dict[str, Any]:
    if not isinstance(survey, dict) or not {"pid", "name", "sockets"} <= set(survey):
        raise TypeError(f"surveys are what a process tells of itself, with its pid, name and sockets, not {survey!r}")
    return survey


def _empty() -> Dict[str, Any]:
    return {"pid": os.getpid(), "name": "", "sockets": [], "devices": [], "roles": []}


def _gather(peers: bool) -> List[Dict[str, Any]]:
    """The survey of this process, and those of the notebook's peers if it has any."""
    gathered = [_survey.survey()]
    module = sys.modules.get(f"{__package__}.jupyter.peers")
    if peers and module is not None:
        gathered += module.surveys()
    return gathered
