"""The properties of places, on boxes that drift, tremble and stand alone."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postprocessing.repeats.neighbours import Floats, edges_of, iou_of, neighbours
from postprocessing.repeats.places import Place, find_places

STONE = (0.4, 0.5, 0.1, 0.12)

# Around few centres, so that many boxes are near each other, and rounded as results are.
_near = st.tuples(*[st.integers(-60, 60)] * 4)
_box = st.tuples(st.sampled_from([STONE, (0.42, 0.5, 0.1, 0.1), (0.0, 0.0, 0.3, 0.2)]), _near).map(
    lambda both: [round(value + off * 3e-4, 4) for value, off in zip(*both, strict=True)]
)
_found = st.lists(st.tuples(_box, st.integers(0, 9)), min_size=1, max_size=40)
_limits = st.sampled_from([0.3, 0.8, 0.9, 0.95, 1.0])


def arrays(found: list[tuple[list[float], int]]) -> tuple[Floats, Any]:
    return np.array([box for box, _ in found]), np.array([image for _, image in found], np.intp)


def ious(boxes: Floats, one: int) -> Floats:
    edges = edges_of(boxes)
    return iou_of(edges, edges[:, one])


def places_of(*boxes: tuple[float, ...], limit: float = 0.9, least: int = 3) -> list[Place]:
    return find_places(np.array(boxes), np.arange(len(boxes)), limit=limit, least=least)


@given(_found, _limits)
def test_neighbours_are_all_boxes_that_are_near(
    found: list[tuple[list[float], int]], limit: float
) -> None:
    boxes, _ = arrays(found)
    index = neighbours(boxes, limit)
    for one in range(len(boxes)):
        near, overlap = index.of(one)
        expected = ious(boxes, one)
        assert sorted(near) == np.flatnonzero(expected >= limit).tolist()
        assert overlap.tolist() == expected[near].tolist()
        assert index.most[one] >= len(near)


@given(_found, _limits, st.integers(2, 5))
def test_what_is_in_a_place(found: list[tuple[list[float], int]], limit: float, least: int) -> None:
    boxes, images = arrays(found)
    taken: list[int] = []
    for place in find_places(boxes, images, limit=limit, least=least):
        assert (ious(boxes, place.representative)[place.members] >= limit).all()
        assert place.representative in place.members
        assert place.images == len(set(images[place.members])) >= least
        taken += place.members.tolist()
    assert len(taken) == len(set(taken))


@given(_found, _limits, st.integers(2, 5))
def test_nothing_that_is_left_recurs(
    found: list[tuple[list[float], int]], limit: float, least: int
) -> None:
    boxes, images = arrays(found)
    places = find_places(boxes, images, limit=limit, least=least)
    taken = {one for place in places for one in place.members.tolist()}
    left = np.array([one for one in range(len(boxes)) if one not in taken], np.intp)
    for place in range(len(left)):
        near = ious(boxes[left], place) >= limit
        assert len(set(images[left][near])) < least


def test_boxes_are_compared_with_a_representative_and_not_in_chains() -> None:
    # Each is near the next, and the first is far from the last.
    boxes = [(0.1 + 0.004 * step, 0.5, 0.1, 0.1) for step in range(30)]
    places = places_of(*boxes)
    assert len(places) > 1
    for place in places:
        assert (ious(np.array(boxes), place.representative)[place.members] >= 0.9).all()


def at(x: float) -> tuple[float, ...]:
    """A box that is near those at most 0.0052 to its left or right, and nearly equal by 0.0026."""
    return (x, 0.5, 0.1, 0.1)


def test_the_box_that_most_are_near_represents_them() -> None:
    # The first is the surest, but stands at the edge.
    (place,) = places_of(at(0.4), *[at(0.404)] * 5, *[at(0.406)] * 5)
    assert (place.representative, len(place.members)) == (1, 11)


def test_what_one_place_leaves_may_be_a_place_of_its_own() -> None:
    # The first stands for the last in the election, and belongs to the place of the second.
    places = places_of(at(0.405), *[at(0.4)] * 6, *[at(0.396)] * 10, *[at(0.407)] * 4)
    assert [len(place.members) for place in places] == [17, 4]


def test_what_another_place_took_does_not_count() -> None:
    first = [at(0.4), *[at(0.3955)] * 20, *[at(0.404)] * 4]
    loses_four, elsewhere = [at(0.408)] * 6, [at(0.1)] * 8
    places = places_of(*first, *loses_four, *elsewhere)
    assert [place.images for place in places] == [25, 8, 6]


def test_of_equal_boxes_the_surest_represents_them() -> None:
    (place,) = places_of(*[STONE] * 5)
    assert (place.representative, place.members.tolist()) == (0, [0, 1, 2, 3, 4])


def test_boxes_of_one_image_count_once() -> None:
    boxes = np.array([STONE] * 4)
    assert find_places(boxes, np.array([0, 0, 1, 1]), limit=0.9, least=3) == []
    (place,) = find_places(boxes, np.array([0, 0, 1, 2]), limit=0.9, least=3)
    assert (place.images, len(place.members)) == (3, 4)


@pytest.mark.parametrize(("shift", "together"), [(0.0052, True), (0.0053, False)])
def test_the_limit_is_where_it_should_be(shift: float, together: bool) -> None:
    # Side by side: (w - s) / (w + s) is 0.9 at s = w / 19 = 0.005263.
    moved = (STONE[0] + shift, *STONE[1:])
    assert bool(places_of(STONE, moved, least=2)) is together


def test_no_boxes_are_no_places() -> None:
    assert find_places(np.empty((0, 4)), np.empty(0, np.intp), limit=0.9, least=2) == []


def test_very_many_boxes_at_one_place_take_no_time() -> None:
    rng = np.random.default_rng(0)
    boxes = np.array(STONE) + rng.normal(0, 0.01, (30_000, 4)) * 0.1
    places = find_places(boxes, np.arange(len(boxes)), limit=0.9, least=20)
    assert len(places[0].members) > 25_000
