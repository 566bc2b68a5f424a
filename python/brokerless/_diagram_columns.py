"""In which column the boxes of a diagram stand: what comes first in the flow at the left.

An edge that would close a circle runs from right to left.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence


class Box(NamedTuple):
    """What is to be placed. One without a group stands outside of them all."""

    key: str
    group: Optional[int]
    width: float
    height: float


class Edge(NamedTuple):
    """From the box that is to be at the left to the other."""

    start: str
    end: str
    #: How far under the middles of the boxes it meets them.
    start_at: float = 0.0
    end_at: float = 0.0


def columns_of(boxes: Sequence[Box], edges: Sequence[Edge]) -> Dict[str, int]:
    """The column of each box, from the left, such that most edges go to the right and none stays in its column."""
    after = _without_circles(boxes, edges)
    before: Dict[str, List[str]] = {box.key: [] for box in boxes}
    for key, nexts in after.items():
        for other in nexts:
            before[other].append(key)
    column: Dict[str, int] = {}
    order = _sorted(after, before)
    for key in order:
        column[key] = max((column[other] + 1 for other in before[key]), default=0)
    # What only has somebody after it stands next to the first of them.
    for key in reversed(order):
        if after[key] and not before[key]:
            column[key] = min(column[other] for other in after[key]) - 1
    _seat_the_lonely(boxes, after, before, column)
    return column


def _without_circles(boxes: Sequence[Box], edges: Sequence[Edge]) -> Dict[str, List[str]]:
    """Who comes after whom; an edge that would close a circle is turned round."""
    wanted: Dict[str, List[str]] = {box.key: [] for box in boxes}
    for start, end, *_ in edges:
        if start != end and end not in wanted[start]:
            wanted[start].append(end)
    entered = {end for ends in wanted.values() for end in ends}
    after: Dict[str, List[str]] = {key: [] for key in wanted}
    done: Dict[str, bool] = {}

    def visit(first: str) -> None:
        # Without recursion: a chain may be as long as it likes.
        done[first] = False
        stack = [(first, iter(wanted[first]))]
        while stack:
            key, ends = stack[-1]
            end = next(ends, None)
            if end is None:
                done[key] = True
                stack.pop()
            elif done.get(end) is False:
                after[end].append(key)
            else:
                after[key].append(end)
                if end not in done:
                    done[end] = False
                    stack.append((end, iter(wanted[end])))

    # Beginning with those that nobody comes before, so that as few as possible are turned.
    for key in sorted(wanted, key=lambda key: key in entered):
        if key not in done:
            visit(key)
    return {key: list(dict.fromkeys(ends)) for key, ends in after.items()}


def _sorted(after: Mapping[str, Sequence[str]], before: Mapping[str, Sequence[str]]) -> List[str]:
    """All keys, each behind all that come before it."""
    missing = {key: len(keys) for key, keys in before.items()}
    order = [key for key in before if not missing[key]]
    for key in order:
        for other in after[key]:
            missing[other] -= 1
            if not missing[other]:
                order.append(other)
    return order


def _seat_the_lonely(
    boxes: Sequence[Box],
    after: Mapping[str, Sequence[str]],
    before: Mapping[str, Sequence[str]],
    column: Dict[str, int],
) -> None:
    """Puts boxes without edges where their group is."""
    lonely = [box for box in boxes if not after[box.key] and not before[box.key]]
    alone = {box.key for box in lonely}
    for box in lonely:
        of_group = [column[other.key] for other in boxes if other.group == box.group and other.key not in alone]
        column[box.key] = min(of_group) if of_group and box.group is not None else 0
