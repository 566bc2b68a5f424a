"""How high the boxes of a diagram stand: in which order, so that few edges cross, and where, so that they are straight."""

from __future__ import annotations

from typing import Dict, List, Mapping, Sequence, Set, Tuple

#: For each item those that its edges lead to, and how much lower these would have to be than it.
Neighbours = Dict[str, List[Tuple[str, float]]]
#: A band and a column.
Cell = Tuple[int, int]

_SWEEPS = 8
#: More than there can be in one column.
_FAR = 10_000.0
#: How little an item matters that has no edge.
_LIGHT = 0.01


def in_order(items: Mapping[str, Cell], near: Neighbours) -> Dict[Cell, List[str]]:
    """The items of each cell from above, so that few edges cross and what hangs together is together."""
    part = _parts(items, near)
    bands: Dict[int, Set[int]] = {}
    for key, (band, _) in items.items():
        bands.setdefault(part[key], set()).add(band)
    place = {key: (_lean(cell[0], bands[part[key]]), part[key]) for key, cell in items.items()}
    cells: Dict[Cell, List[str]] = {}
    for key in sorted(items, key=lambda key: place[key]):
        cells.setdefault(items[key], []).append(key)
    for sweep in range(_SWEEPS):
        side = -1 if sweep % 2 == 0 else 1
        at = _ranks(cells)
        for cell in sorted(cells, key=lambda cell: cell[1], reverse=side > 0):
            wish = {}
            for key in cells[cell]:
                others = [at[other] for other, _ in near[key] if (items[other][1] - cell[1]) * side > 0]
                wish[key] = sum(others) / len(others) if others else at[key]
            # What hangs together stays together.
            cells[cell].sort(key=lambda key: (place[key], wish[key]))
            at.update(_ranks({cell: cells[cell]}))
    return cells


def _parts(items: Mapping[str, Cell], near: Neighbours) -> Dict[str, int]:
    """To which part each belongs, of those between which there is no edge."""
    part: Dict[str, int] = {}
    for number, key in enumerate(items):
        left = [key]
        while left:
            one = left.pop()
            if one not in part:
                part[one] = number
                left += [other for other, _ in near[one]]
    return part


def _lean(band: int, bands: Set[int]) -> int:
    """Where in a band something belongs that hangs together with what is in these: at its lower side, or its upper one."""
    return int(max(bands) > band) - int(min(bands) < band)


def _ranks(cells: Mapping[Cell, Sequence[str]]) -> Dict[str, float]:
    """About where items are: band by band, those of a column around its middle."""
    return {
        key: band * _FAR + row - (len(keys) - 1) / 2
        for (band, _), keys in cells.items()
        for row, key in enumerate(keys)
    }


def settled(
    stacks: Sequence[Sequence[str]], high: Mapping[str, float], near: Neighbours, between: float
) -> Dict[str, float]:
    """The tops of the items of one band, whose stacks are given from left to right: each near those it has edges to, none
    nearer than `between` to the next. The highest is at 0.
    """
    column = {key: at for at, stack in enumerate(stacks) for key in stack}
    middle: Dict[str, float] = {}
    for stack in stacks:
        y = -(sum(high[key] for key in stack) + between * (len(stack) - 1)) / 2
        for key in stack:
            middle[key] = y + high[key] / 2
            y += high[key] + between
    for sweep in range(_SWEEPS):
        side = -1 if sweep % 2 == 0 else 1
        for stack in stacks if side < 0 else reversed(stacks):
            wishes = []
            for key in stack:
                pulls = [
                    middle[other] + lower
                    for other, lower in near[key]
                    if other in column and (sweep == _SWEEPS - 1 or (column[other] - column[key]) * side > 0)
                ]
                wishes.append((sum(pulls) / len(pulls), 1.0) if pulls else (middle[key], _LIGHT))
            middle.update(zip(stack, _apart(wishes, [high[key] for key in stack], between)))
    top = min((middle[key] - high[key] / 2 for key in column), default=0.0)
    return {key: middle[key] - high[key] / 2 - top for key in column}


def _apart(wishes: Sequence[Tuple[float, float]], heights: Sequence[float], between: float) -> List[float]:
    """Middles as near to what is wished, with its weight, as they can be when none is too near to the one above it."""
    offsets = [0.0]
    for one, other in zip(heights, heights[1:]):
        offsets.append(offsets[-1] + (one + other) / 2 + between)
    # Those that would be too near to each other move as one, to the mean of what they wish.
    blocks: List[Tuple[float, float, int]] = []
    for (wish, weight), offset in zip(wishes, offsets):
        block = (wish - offset, weight, 1)
        while blocks and blocks[-1][0] >= block[0]:
            place, heavy, count = blocks.pop()
            total = heavy + block[1]
            block = ((place * heavy + block[0] * block[1]) / total, total, count + block[2])
        blocks.append(block)
    places = [place for place, _, count in blocks for _ in range(count)]
    return [place + offset for place, offset in zip(places, offsets)]
