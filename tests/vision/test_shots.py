from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.alerts.evidence import EvidenceSettings
from lfr_engine.vision.shots import ShotDrop, ShotSelector, ShotSettings

SIZE = 40.0
"""Face size in pixels where a test is not about it."""


def taken(
    selector: ShotSelector, views: list[tuple[float, float]], size_px: float = SIZE
) -> list[float]:
    """The times of the (time, quality) views of one track that are taken."""
    return [
        time_s
        for time_s, value in views
        if selector.worth_template(1, time_s, size_px, value) is None
    ]


def test_the_first_view_that_could_count_is_taken_at_once() -> None:
    selector = ShotSelector()
    assert selector.worth_crop(1, 0.0, SIZE, 0.29) is ShotDrop.TOO_POOR
    assert selector.worth_template(1, 0.0, SIZE, 0.29) is ShotDrop.TOO_POOR
    assert len(selector) == 0
    assert selector.worth_crop(1, 0.0, SIZE, 0.3) is None
    assert selector.worth_template(1, 0.0, SIZE, 0.3) is None


def test_what_could_count_is_what_alerts_ask_for() -> None:
    assert ShotSettings().support == EvidenceSettings(threshold=0.5).support


def test_a_second_view_is_early_only_where_both_could_be_enough() -> None:
    assert taken(ShotSelector(), [(0.0, 0.45), (0.2, 0.46)]) == [0.0, 0.2]
    poor = [(0.0, 0.45), (0.2, 0.44), (0.4, 0.5), (2.0, 0.44)]
    assert taken(ShotSelector(), poor) == [0.0, 0.4]
    assert taken(ShotSelector(), [(0.0, 0.4), *[(0.2 * i, 0.4) for i in range(1, 20)]]) == [
        0.0,
        2.0,
    ]
    assert taken(ShotSelector(), [(0.0, 0.4)]) == [0.0]
    selector = ShotSelector()
    assert taken(selector, [(0.0, 0.4)]) == [0.0]
    assert selector.worth_template(1, 0.2, 1.2 * SIZE, 0.4) is None  # it has grown


def test_asking_for_the_crop_takes_nothing() -> None:
    selector = ShotSelector()
    assert [selector.worth_crop(1, 0.01 * i, SIZE, 0.5) for i in range(3)] == [None] * 3
    assert len(selector) == 0


def test_equal_views_are_spaced_in_time_and_end_after_the_early_ones() -> None:
    selector = ShotSelector(ShotSettings(spacing_s=0.15, early_shots=4))
    times = taken(selector, [(0.04 * i, 0.7) for i in range(40)])
    assert len(times) == 4
    assert all(b - a >= 0.15 for a, b in itertools.pairwise(times))


def test_better_views_are_taken_after_the_early_ones_up_to_the_cap() -> None:
    selector = ShotSelector(ShotSettings(max_shots=5, better_by=0.1, trickle_s=60))
    turning = [(0.2 * i, 0.05 * i) for i in range(20)]
    assert len(taken(selector, turning)) == 5
    assert selector.worth_template(1, 4.0, SIZE, 1.0) is ShotDrop.ENOUGH


def test_a_walker_who_comes_nearer_gives_views_all_the_way_though_none_is_better() -> None:
    selector = ShotSelector()
    nearer = [(0.04 * i, 22.0 * 1.012**i) for i in range(150)]
    times = [t for t, px in nearer if selector.worth_template(1, t, px, 0.7) is None]
    assert 8 <= len(times) <= 16
    assert times[-1] > 0.9 * 150 * 0.04


def test_a_face_that_only_seems_to_grow_gives_no_more() -> None:
    selector = ShotSelector(ShotSettings(trickle_s=60))
    sizes = itertools.cycle((40.0, 43.0, 38.0))
    views = [(0.2 * i, next(sizes)) for i in range(100)]
    assert sum(selector.worth_template(1, t, px, 0.7) is None for t, px in views) <= 3


def test_a_much_poorer_view_is_not_taken_early_nor_for_being_near() -> None:
    selector = ShotSelector()
    assert taken(selector, [(0.0, 0.9), (0.2, 0.3)]) == [0.0]
    assert selector.worth_template(1, 0.4, SIZE, 0.3) is ShotDrop.NO_BETTER
    assert selector.worth_template(1, 0.4, 2 * SIZE, 0.3) is ShotDrop.NO_BETTER
    assert selector.worth_template(1, 0.05, SIZE, 0.9) is ShotDrop.TOO_SOON


def test_a_long_pass_trickles() -> None:
    selector = ShotSelector(ShotSettings(trickle_s=2.0))
    times = taken(selector, [(0.1 * i, 0.7) for i in range(600)])
    assert 4 + 26 <= len(times) <= 4 + 30


def test_tracks_do_not_share_a_budget_and_are_forgotten() -> None:
    selector = ShotSelector()
    assert selector.worth_template(1, 0.0, SIZE, 0.9) is None
    assert selector.worth_template(2, 0.0, SIZE, 0.4) is None
    assert selector.forget(1) == 1
    assert selector.forget(1) == 0
    assert len(selector) == 1


views = st.lists(st.tuples(st.floats(0.01, 0.5), st.floats(10, 1000), st.floats(0, 1)), max_size=80)


@given(views)
def test_a_pass_costs_a_bounded_number_of_templates(
    steps: list[tuple[float, float, float]],
) -> None:
    limits = ShotSettings()
    selector, now, count = ShotSelector(limits), 0.0, 0
    for gap, size_px, value in steps:
        now += gap
        before = selector.worth_crop(1, now, size_px, value)
        assert selector.worth_template(1, now, size_px, value) is before
        count += before is None
    assert count <= limits.max_shots + now / limits.trickle_s


def test_after_a_crop_that_came_to_nothing_the_next_waits() -> None:
    selector = ShotSelector(ShotSettings(spacing_s=0.15))
    crops = []
    for time_s in (0.04 * i for i in range(25)):  # dark all the time
        if selector.worth_crop(1, time_s, SIZE, 0.9) is None:
            selector.fruitless(1, time_s)
            crops.append(time_s)
    assert len(crops) == 7
    assert selector.worth_crop(2, 0.97, SIZE, 0.9) is None
    assert selector.worth_template(1, 0.97, SIZE, 0.3) is None
    assert selector.worth_crop(1, 1.2, SIZE, 0.9) is None
    selector.forget(1)
    assert len(selector) == 0
    assert selector.worth_crop(1, 1.2, SIZE, 0.4) is None


def test_a_walker_seen_well_but_never_better_is_not_cropped_again_and_again() -> None:
    limits = ShotSettings(spacing_s=0.15, believed_s=0.6, trickle_s=60)
    selector = ShotSelector(limits)
    assert taken(selector, [(0.0, 0.6), (0.2, 0.6)]) == [0.0, 0.2]
    crops = []
    for time_s in (1.0 + 0.04 * i for i in range(50)):  # boxes promise 0.8, pixels keep 0.6 of it
        if selector.worth_crop(1, time_s, SIZE, 0.8) is None:
            assert selector.worth_template(1, time_s, SIZE, 0.6) is ShotDrop.NO_BETTER
            selector.fruitless(1, time_s, 0.6 / 0.8)
            crops.append(time_s)
    assert len(crops) == 4, "one in 0.6 s, not one in 0.15"
    assert selector.worth_crop(1, crops[-1] + 0.2, SIZE, 0.98) is None, "this promises more"
    assert selector.worth_crop(1, crops[-1] + 0.2, 1.2 * SIZE, 0.8) is None, "this is nearer"
