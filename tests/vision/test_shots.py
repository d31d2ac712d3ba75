from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.vision.shots import ShotDrop, ShotSelector, ShotSettings


def taken(selector: ShotSelector, views: list[tuple[float, float]], track: int = 1) -> list[float]:
    return [
        time_s for time_s, value in views if selector.worth_template(track, time_s, value) is None
    ]


def test_the_first_usable_view_is_taken_at_once_however_poor() -> None:
    selector = ShotSelector()
    assert selector.worth_crop(1, 0.0, 0.05) is None
    assert selector.worth_template(1, 0.0, 0.05) is None


def test_asking_for_the_crop_takes_nothing() -> None:
    selector = ShotSelector()
    assert [selector.worth_crop(1, 0.01 * i, 0.5) for i in range(3)] == [None] * 3
    assert len(selector) == 0


def test_equal_views_are_spaced_in_time_and_end_after_the_early_ones() -> None:
    selector = ShotSelector(ShotSettings(spacing_s=0.15, early_shots=4))
    times = taken(selector, [(0.04 * i, 0.7) for i in range(40)])
    assert len(times) == 4
    assert all(b - a >= 0.15 for a, b in itertools.pairwise(times))


def test_better_views_are_taken_after_the_early_ones_up_to_the_cap() -> None:
    selector = ShotSelector(ShotSettings(max_shots=8, trickle_s=60))
    approaching = [(0.2 * i, 0.05 * i) for i in range(20)]
    assert len(taken(selector, approaching)) == 8
    assert selector.worth_template(1, 4.0, 1.0) is ShotDrop.ENOUGH


def test_a_walker_who_comes_nearer_gives_views_all_the_way() -> None:
    selector = ShotSelector()
    approaching = [(0.04 * i, 0.35 + 0.6 * i / 150) for i in range(150)]
    times = taken(selector, approaching)
    assert 8 <= len(times) <= 16
    assert times[-1] > 0.85 * 150 * 0.04


def test_a_much_poorer_view_is_not_taken_early() -> None:
    selector = ShotSelector()
    assert taken(selector, [(0.0, 0.9), (0.2, 0.3)]) == [0.0]
    assert selector.worth_template(1, 0.4, 0.3) is ShotDrop.NO_BETTER
    assert selector.worth_template(1, 0.05, 0.9) is ShotDrop.TOO_SOON


def test_a_long_pass_trickles() -> None:
    selector = ShotSelector(ShotSettings(trickle_s=2.0))
    times = taken(selector, [(0.1 * i, 0.7) for i in range(600)])
    assert 4 + 26 <= len(times) <= 4 + 30


def test_tracks_do_not_share_a_budget_and_are_forgotten() -> None:
    selector = ShotSelector()
    assert selector.worth_template(1, 0.0, 0.9) is None
    assert selector.worth_template(2, 0.0, 0.2) is None
    assert selector.forget(1) == 1
    assert selector.forget(1) == 0
    assert len(selector) == 1


views = st.lists(st.tuples(st.floats(0.01, 0.5), st.floats(0, 1)), max_size=80)


@given(views)
def test_a_pass_costs_a_bounded_number_of_templates(steps: list[tuple[float, float]]) -> None:
    limits = ShotSettings()
    selector, now, count = ShotSelector(limits), 0.0, 0
    for gap, value in steps:
        now += gap
        before = selector.worth_crop(1, now, value)
        assert selector.worth_template(1, now, value) is before
        count += before is None
    assert count <= limits.max_shots + now / limits.trickle_s
