"""Where boxes stand: in columns, so that what flows goes from left to right, and those of a group together.

The groups lie in bands, one below the other; two whose columns are different share a band. The same boxes and edges always
get the same places, whatever is written in them, as long as their sizes are the same.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

from ._diagram_columns import Box, Edge, columns_of
from ._diagram_rows import Neighbours, in_order, settled

#: Between two columns: room for what is written at both ends of an edge, and for its turns.
GAP = 176
#: Between a group's edge and its boxes, and for its name.
PAD, HEAD = 14, 24
#: Between boxes, between bands, and around it all.
ROW, BAND, MARGIN = 18, 26, 12
#: What an edge needs that passes by.
_LANE = 14


class Area(NamedTuple):
    """A rectangle: its left upper corner, and its size."""

    x: float
    y: float
    width: float
    height: float


class Layout(NamedTuple):
    """Where everything is."""

    boxes: Dict[str, Area]
    groups: Dict[int, Area]
    #: For each edge its points: two where it passes a column, in the order from left to right.
    ways: List[List[Tuple[float, float]]]
    width: float
    height: float


class _Item(NamedTuple):
    """A box, or the place where an edge passes a column."""

    key: str
    column: int
    band: int
    height: float


def layout(boxes: Sequence[Box], edges: Sequence[Edge]) -> Layout:
    """Places the boxes. Where the edges run in circles, some run from right to left."""
    columns = columns_of(boxes, edges)
    bands = _bands(boxes, edges, columns)
    items = [_Item(box.key, columns[box.key], bands[box.key], box.height) for box in boxes]
    lanes = _lanes(items, edges)
    items += [lane for way in lanes for lane in way]
    return _placed(boxes, items, lanes, _neighbours(items, edges, lanes))


# Bands


def _bands(boxes: Sequence[Box], edges: Sequence[Edge], columns: Mapping[str, int]) -> Dict[str, int]:
    taken: List[Dict[int, bool]] = []
    of_group: Dict[int, int] = {}
    for group in sorted({box.group for box in boxes if box.group is not None}):
        mine = [columns[box.key] for box in boxes if box.group == group]
        span = range(min(mine), max(mine) + 1)
        band = next((at for at, cells in enumerate(taken) if not any(cell in cells for cell in span)), len(taken))
        if band == len(taken):
            taken.append({})
        taken[band].update((cell, True) for cell in span)
        of_group[group] = band
    bands = {box.key: of_group[box.group] for box in boxes if box.group is not None}
    for box in boxes:
        if box.group is not None:
            continue
        # Those outside may stand together, at best beside whom they talk to.
        near = [bands[other] for edge in edges if box.key in edge[:2] for other in edge[:2] if other in bands]
        wishes = [*near[:1], *range(len(taken))]
        column = columns[box.key]
        band = next((at for at in wishes if not taken[at].get(column)), len(taken))
        if band == len(taken):
            taken.append({})
        taken[band].setdefault(column, False)
        bands[box.key] = band
    return bands


def _lanes(items: Sequence[_Item], edges: Sequence[Edge]) -> List[List[_Item]]:
    """For each edge the places where it passes the columns between its ends, from left to right."""
    by_key = {item.key: item for item in items}
    crowd: Dict[Tuple[int, int], int] = {}
    for item in items:
        crowd[item.band, item.column] = crowd.get((item.band, item.column), 0) + 1
    lanes = []
    for number, edge in enumerate(edges):
        left, right = sorted((by_key[edge.start], by_key[edge.end]), key=lambda item: item.column)
        way = []
        for column in range(left.column + 1, right.column):
            band = min((left.band, right.band), key=lambda at: crowd.get((at, column), 0))
            way.append(_Item(f"\0{number} {column}", column, band, _LANE))
        lanes.append(way)
    return lanes


def _neighbours(items: Sequence[_Item], edges: Sequence[Edge], lanes: Sequence[Sequence[_Item]]) -> Neighbours:
    """For each item those in other columns that its edges lead to, and how much lower it would be for a straight edge."""
    column = {item.key: item.column for item in items}
    near: Neighbours = {item.key: [] for item in items}
    for edge, way in zip(edges, lanes):
        if edge.start == edge.end:
            continue
        ends = [(edge.start, edge.start_at), (edge.end, edge.end_at)]
        left, right = sorted(ends, key=lambda end: column[end[0]])
        chain = [left, *((lane.key, 0.0) for lane in way), right]
        for (one, one_at), (other, other_at) in zip(chain, chain[1:]):
            near[one].append((other, other_at - one_at))
            near[other].append((one, one_at - other_at))
    return near


def _placed(boxes: Sequence[Box], items: Sequence[_Item], lanes: Sequence[Sequence[_Item]], near: Neighbours) -> Layout:
    where = {item.key: item for item in items}
    high = {item.key: item.height for item in items}
    count = max((item.column for item in items), default=-1) + 1
    widths = [max((box.width for box in boxes if where[box.key].column == at), default=0.0) for at in range(count)]
    lefts = [MARGIN + PAD + sum(widths[:at]) + GAP * at for at in range(count)]
    cells = in_order({item.key: (item.band, item.column) for item in items}, near)
    grouped = {where[box.key].band for box in boxes if box.group is not None}
    areas: Dict[str, Area] = {}
    y = float(MARGIN)
    for band in sorted({band for band, _ in cells}):
        stacks = [keys for (at, _), keys in sorted(cells.items()) if at == band]
        tops = settled(stacks, high, near, ROW)
        y += HEAD if band in grouped else 0
        for key, top in tops.items():
            column = where[key].column
            areas[key] = Area(lefts[column], y + top, widths[column], high[key])
        y += max(top + high[key] for key, top in tops.items())
        y += (PAD if band in grouped else 0) + BAND
    placed = {box.key: areas[box.key] for box in boxes}
    ways = [[point for lane in way for point in _through(areas[lane.key])] for way in lanes]
    width = (lefts[-1] + widths[-1] + PAD if lefts else MARGIN) + MARGIN
    return Layout(placed, _groups(boxes, placed), ways, width, max(y - BAND, MARGIN) + MARGIN)


def _through(lane: Area) -> List[Tuple[float, float]]:
    y = lane.y + lane.height / 2
    return [(lane.x, y), (lane.x + lane.width, y)]


def _groups(boxes: Sequence[Box], placed: Mapping[str, Area]) -> Dict[int, Area]:
    """The rectangles around the boxes of each group."""
    found: Dict[int, Area] = {}
    for group in sorted({box.group for box in boxes if box.group is not None}):
        mine = [placed[box.key] for box in boxes if box.group == group]
        left, top = min(area.x for area in mine) - PAD, min(area.y for area in mine) - HEAD
        right = max(area.x + area.width for area in mine) + PAD
        bottom = max(area.y + area.height for area in mine) + PAD
        found[group] = Area(left, top, right - left, bottom - top)
    return found
