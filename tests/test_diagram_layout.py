"""Where the boxes of a diagram stand: never one on another, always at the same places, and in the order of the flow."""

from __future__ import annotations

from typing import Any, List, Tuple

from hypothesis import given, settings
from hypothesis import strategies as st

from brokerless._diagram_columns import Box, Edge, columns_of
from brokerless._diagram_layout import Area, Layout, layout


@st.composite
def graphs(draw: Any) -> Tuple[List[Box], List[Edge]]:
    count = draw(st.integers(0, 40))
    groups = st.one_of(st.none(), st.integers(0, 5))
    sizes = st.integers(10, 300)
    boxes = [Box(f"b{at}", draw(groups), draw(sizes), draw(sizes)) for at in range(count)]
    some = st.sampled_from([box.key for box in boxes]) if boxes else st.nothing()
    offsets = st.integers(-5, 5)
    edges = draw(st.lists(st.builds(Edge, some, some, offsets, offsets), max_size=60)) if boxes else []
    return boxes, edges


def overlap(one: Area, other: Area) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height - 1e-6
        and other.y < one.y + one.height - 1e-6
    )


def within(inner: Area, outer: Area) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y + 1e-6
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height + 1e-6
    )


@settings(max_examples=150)
@given(graphs())
def test_no_two_boxes_overlap(made: Tuple[List[Box], List[Edge]]) -> None:
    boxes, edges = made
    found = layout(boxes, edges)
    areas = [(box, found.boxes[box.key]) for box in boxes]
    assert len(found.boxes) == len(boxes) and len(found.ways) == len(edges)
    whole = Area(0, 0, found.width, found.height)
    for at, (box, area) in enumerate(areas):
        assert area.height == box.height and area.width >= box.width
        assert within(area, whole)
        for _, other in areas[at + 1 :]:
            assert not overlap(area, other)
        for group, around in found.groups.items():
            # A group has its own and no others.
            assert within(area, around) if group == box.group else not overlap(area, around)
    groups = list(found.groups.values())
    assert not any(overlap(one, other) for at, one in enumerate(groups) for other in groups[at + 1 :])
    assert all(within(around, whole) for around in groups)


@settings(max_examples=50)
@given(graphs())
def test_no_edge_passes_through_a_box(made: Tuple[List[Box], List[Edge]]) -> None:
    boxes, edges = made
    found = layout(boxes, edges)
    for edge, way in zip(edges, found.ways):
        left, right = sorted((found.boxes[edge.start], found.boxes[edge.end]), key=lambda area: area.x)
        assert len(way) % 2 == 0
        assert [x for x, _ in way] == sorted(x for x, _ in way)
        for (x, y), (to, too) in zip(way[::2], way[1::2]):
            assert left.x + left.width <= x <= to <= right.x and y == too
            assert not any(overlap(area, Area(x, y, to - x, 0.01)) for area in found.boxes.values())


@settings(max_examples=50)
@given(graphs())
def test_the_same_boxes_have_the_same_places(made: Tuple[List[Box], List[Edge]]) -> None:
    assert layout(*made) == layout(*made)


@settings(max_examples=50)
@given(graphs())
def test_the_flow_goes_from_left_to_right(made: Tuple[List[Box], List[Edge]]) -> None:
    boxes, edges = made
    # Without circles: to later boxes only.
    edges = [edge for edge in edges if int(edge.start[1:]) < int(edge.end[1:])]
    column = columns_of(boxes, edges)
    assert all(column[edge.start] < column[edge.end] for edge in edges)
    assert min(column.values(), default=0) == 0


def boxes_of(*keys: str) -> List[Box]:
    return [Box(key, 0, 100, 40) for key in keys]


def laid_out(keys: str, *edges: str) -> Layout:
    return layout(boxes_of(*keys), [Edge(*edge) for edge in edges])


def test_a_circle_runs_back_once() -> None:
    column = columns_of(boxes_of(*"abc"), [Edge("a", "b"), Edge("b", "c"), Edge("c", "a")])
    assert column == {"a": 0, "b": 1, "c": 2}


def test_who_comes_first_stands_next_to_whom_it_feeds() -> None:
    column = columns_of(boxes_of(*"abcd"), [Edge("a", "b"), Edge("b", "c"), Edge("d", "c")])
    assert column == {"a": 0, "b": 1, "c": 2, "d": 1}


def test_a_long_chain_is_no_trouble() -> None:
    keys = [f"{at}" for at in range(3000)]
    column = columns_of(boxes_of(*keys), [Edge(one, other) for one, other in zip(keys, keys[1:])])
    assert column["2999"] == 2999


def test_edges_are_straight_where_they_can_be() -> None:
    found = laid_out("abcdef", "ad", "be", "cf").boxes
    assert all(found[one].y == found[other].y for one, other in ("ad", "be", "cf"))
    # Where sockets are not in the middles of their boxes, too.
    found = layout(boxes_of("a", "b"), [Edge("a", "b", 10, -5)]).boxes
    assert found["b"].y - 5 == found["a"].y + 10


def test_edges_do_not_cross_where_they_need_not() -> None:
    found = laid_out("abcxyz", "az", "by", "cx").boxes
    assert (found["a"].y < found["b"].y) == (found["z"].y < found["y"].y)
    assert (found["b"].y < found["c"].y) == (found["y"].y < found["x"].y)


def test_two_processes_in_a_row_lie_side_by_side() -> None:
    found = layout([Box("a", 0, 100, 40), Box("b", 1, 100, 40)], [Edge("b", "a")])
    left, right = found.groups[1], found.groups[0]
    assert left.x + left.width < right.x and left.y == right.y


def test_nothing_has_a_size_too() -> None:
    found = layout([], [])
    assert found.boxes == {} and found.width > 0 and found.height > 0
