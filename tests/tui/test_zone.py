"""Editing a zone never leaves the picture, the bounds, or a corner that is not there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.vision.zone import MOST_CORNERS
from tui import zone as z

numbers = st.floats(-2, 3)
points = st.tuples(numbers, numbers)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.integers(-3, 3)),
        st.tuples(st.just("near"), points),
        st.tuples(st.just("move"), points),
        st.tuples(st.just("put"), points),
        st.tuples(st.just("insert"), st.none()),
        st.tuples(st.just("remove"), st.none()),
    ),
    max_size=120,
)


@given(st.lists(points, max_size=70), steps)
def test_any_editing_keeps_a_polygon_inside_the_picture(
    corners: list[z.Point], edits: list[tuple[str, object]]
) -> None:
    draft = z.begin(corners)
    for what, value in edits:
        match what, value:
            case "hold", int(by):
                draft = z.hold(draft, by)
            case "near", (float(x), float(y)):
                draft = z.hold_nearest(draft, (x, y))
            case "move", (float(x), float(y)):
                draft = z.move(draft, x, y)
            case "put", (float(x), float(y)):
                draft = z.put(draft, (x, y))
            case "insert", None:
                draft = z.insert(draft)
            case "remove", None:
                draft = z.remove(draft)
        assert 3 <= len(draft.corners) <= MOST_CORNERS
        assert 0 <= draft.held < len(draft.corners)
        assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in z.rounded(draft))


def test_bounds_are_the_engines() -> None:
    assert z.MOST_CORNERS == MOST_CORNERS


def test_a_new_corner_is_half_way_and_held() -> None:
    draft = z.insert(z.begin(z.WHOLE))
    assert draft.corners[draft.held] == (0.5, 0.0)
    assert len(draft.corners) == 5
    assert draft.changed


def test_three_corners_stay() -> None:
    triangle = z.begin([(0, 0), (1, 0), (1, 1)])
    assert z.remove(triangle) == triangle


def test_no_zone_begins_as_the_whole_picture() -> None:
    assert z.begin([]).corners == z.WHOLE
    assert not z.begin([]).changed


def test_the_nearest_corner_is_held() -> None:
    assert z.hold_nearest(z.begin(z.WHOLE), (0.9, 0.8)).held == 2
