from __future__ import annotations

import itertools
import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lfr_engine.vision.faces import Faces, no_faces
from lfr_engine.vision.frame import FloatArray
from lfr_engine.vision.motion import BoolArray
from lfr_engine.vision.tracker import (
    NO_TRACK,
    TRANSITIONS,
    EndReason,
    Tracker,
    TrackerSettings,
    TrackEvent,
    TrackState,
)

Walker = tuple[float, float, float]  # centre x, centre y, size, in pixels


def faces_at(*walkers: Walker, scores: list[float] | None = None) -> Faces:
    rows = [(x - s / 2, y - s / 2, x + s / 2, y + s / 2) for x, y, s in walkers]
    boxes = np.array(rows, np.float32).reshape(-1, 4)
    landmarks = np.zeros((len(walkers), 5, 2), np.float32)
    given_scores = scores or [0.9] * len(walkers)
    return Faces(boxes, np.array(given_scores, np.float32), landmarks)


def test_one_walker_keeps_one_identity_across_the_picture() -> None:
    tracker = Tracker()
    ids = set()
    for i in range(50):
        update = tracker.update(i / 12.5, faces_at((100 + 30 * i / 12.5 * 5, 200, 60)))
        ids.update(update.track_ids.tolist())
    assert ids == {1}
    (ended,) = tracker.close()
    assert (ended.track_id, ended.reason, ended.confirmed) == (1, EndReason.CLOSED, True)
    assert ended.detections == 50
    assert ended.last_seen_s == pytest.approx(49 / 12.5)


@pytest.mark.parametrize("rate", [8.0, 12.5, 25.0])
@pytest.mark.parametrize("size", [20.0, 60.0, 400.0])
def test_a_fast_walker_is_held_from_the_first_step(rate: float, size: float) -> None:
    tracker = Tracker()
    ids = {
        tracker.update(i / rate, faces_at((50 + 5 * size * i / rate, 100, size))).track_ids[0]
        for i in range(20)
    }
    assert ids == {1}


def test_an_approaching_face_keeps_its_identity_while_it_grows() -> None:
    tracker = Tracker()
    ids = set()
    for i in range(60):
        metres = 10 - 1.4 * i / 10
        ids.add(tracker.update(i / 10, faces_at((320, 180, 300 / metres))).track_ids[0])
    assert ids == {1}


def test_an_occlusion_of_half_a_second_does_not_end_the_track() -> None:
    tracker = Tracker()
    for i in range(10):
        tracker.update(i / 12.5, faces_at((100 + 10 * i, 100, 50)))
    for i in range(10, 16):
        tracker.update(i / 12.5, no_faces())
        assert tracker.predict(i / 12.5).states == (TrackState.COASTING,)
    update = tracker.update(16 / 12.5, faces_at((100 + 10 * 16, 100, 50)))
    assert update.track_ids.tolist() == [1]


def test_crossing_walkers_keep_their_identities_through_the_occlusion() -> None:
    tracker = Tracker()
    first: dict[str, int] = {}
    for i in range(60):
        left, right = 100 + 7 * i, 520 - 7 * i
        hidden = abs(left - right) < 45  # the rear one is not detected while it is covered
        walkers = [(left, 200.0, 60.0)] if hidden else [(left, 200.0, 60.0), (right, 205.0, 56.0)]
        update = tracker.update(i / 12.5, faces_at(*walkers))
        named = dict(zip(["left", "right"], update.track_ids.tolist(), strict=False))
        if i == 0:
            first = named
        assert all(first[name] == track for name, track in named.items())


def test_two_sizes_at_one_place_are_two_people() -> None:
    tracker = Tracker()
    for i in range(5):
        tracker.update(i / 10, faces_at((100, 100, 40), (118, 100, 100)))
    update = tracker.update(0.5, faces_at((118, 100, 100), (100, 100, 40)))
    assert sorted(update.track_ids.tolist()) == [1, 2]


def test_a_faint_face_continues_a_walker_but_begins_nothing() -> None:
    tracker = Tracker()
    assert tracker.update(0.0, faces_at((50, 50, 40), scores=[0.4])).track_ids[0] == NO_TRACK
    for i in range(3):
        tracker.update(0.1 + i / 10, faces_at((50, 50, 40)))
    assert tracker.update(0.4, faces_at((51, 50, 40), scores=[0.4])).track_ids[0] == 1
    assert tracker.update(0.5, faces_at((51, 50, 40), scores=[0.1])).track_ids[0] == NO_TRACK


def test_a_second_box_on_the_same_face_begins_no_track() -> None:
    tracker = Tracker()
    update = tracker.update(0.0, faces_at((50, 50, 40), (53, 50, 42)))
    assert sorted(update.track_ids.tolist()) == [NO_TRACK, 1]


def test_a_flicker_is_never_a_pass() -> None:
    tracker = Tracker()
    tracker.update(0.0, faces_at((50, 50, 40)))
    update = tracker.update(0.4, no_faces())
    assert [(e.reason, e.confirmed) for e in update.ended] == [(EndReason.UNCONFIRMED, False)]


@pytest.mark.parametrize("rate", [1.0, 2.0, 3.0])
def test_a_slow_camera_has_passes_too(rate: float) -> None:
    tracker = Tracker()
    for i in range(6):
        update = tracker.update(i / rate, faces_at((100 + 30 * i / rate, 200, 60)))
        assert update.track_ids.tolist() == [1]
    (ended,) = tracker.close()
    assert ended.confirmed


def test_a_walker_is_lost_after_the_coasting_limit_and_confirmed_once() -> None:
    tracker = Tracker(TrackerSettings(max_coasting_s=1.0))
    confirmed = [tracker.update(i / 10, faces_at((50, 50, 40))).confirmed for i in range(5)]
    assert confirmed == [(), (), (1,), (), ()]
    assert tracker.update(1.39, no_faces()).ended == ()
    (ended,) = tracker.update(1.41, no_faces()).ended
    assert (ended.reason, ended.confirmed) == (EndReason.LOST, True)
    assert len(tracker) == 0


def test_a_gap_in_time_ends_walkers_and_identities_are_not_reused() -> None:
    tracker = Tracker()
    tracker.update(0.0, faces_at((50, 50, 40)))
    assert tracker.update(60.0, faces_at((50, 50, 40))).track_ids.tolist() == [2]


def test_time_that_goes_back_restarts_and_says_so() -> None:
    tracker = Tracker()
    tracker.update(10.0, faces_at((50, 50, 40)))
    update = tracker.update(0.0, faces_at((50, 50, 40)))
    assert [e.reason for e in update.ended] == [EndReason.RESTART]
    assert update.track_ids.tolist() == [2]


def test_a_walker_that_leaves_the_zone_ends_soon_after_it_is_unseen() -> None:
    def inside(boxes: FloatArray) -> BoolArray:
        return np.asarray(boxes[:, 2] < 200, np.bool_)

    tracker = Tracker(inside=inside)
    for i in range(10):
        tracker.update(i / 10, faces_at((100 + 10 * i, 50, 40)))
    reasons = [e.reason for i in range(10, 16) for e in tracker.update(i / 10, no_faces()).ended]
    assert reasons == [EndReason.LEFT_ZONE]


def test_the_bound_on_tracks_holds_and_the_undetected_give_way() -> None:
    tracker = Tracker(TrackerSettings(max_tracks=3))
    crowd = [(100.0 * i, 100.0, 40.0) for i in range(1, 6)]
    update = tracker.update(0.0, faces_at(*crowd))
    assert (len(tracker), update.refused) == (3, 2)
    update = tracker.update(0.1, faces_at(*crowd[1:]))
    assert [e.reason for e in update.ended] == [EndReason.CROWDED_OUT]
    assert (len(tracker), update.refused) == (3, 1)


def test_prediction_moves_on_without_changing_the_tracker() -> None:
    tracker = Tracker()
    for i in range(10):
        tracker.update(i / 10, faces_at((100 + 10 * i, 100, 40)))
    before = tracker.predict(0.9)
    after = tracker.predict(1.4)
    assert after.boxes[0, 0] - before.boxes[0, 0] == pytest.approx(50, abs=8)
    assert after.unseen_s.tolist() == pytest.approx([0.5])
    assert np.array_equal(tracker.predict(0.9).boxes, before.boxes)
    assert tracker.predict(0.9).boxes.dtype == np.float32


def test_every_live_state_answers_every_event() -> None:
    live = [state for state in TrackState if state is not TrackState.ENDED]
    assert set(TRANSITIONS) == set(itertools.product(live, TrackEvent))


walkers = st.tuples(st.floats(0, 640), st.floats(0, 360), st.floats(15, 200))
pictures = st.lists(
    st.tuples(st.floats(0.0, 0.6), st.lists(st.tuples(walkers, st.floats(0.2, 1.0)), max_size=6)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(pictures)
def test_identities_are_unique_rising_and_bounded(
    clips: list[tuple[float, list[tuple[Walker, float]]]],
) -> None:
    tracker = Tracker(TrackerSettings(max_tracks=5))
    now, begun, ended = 0.0, list[int](), list[int]()
    for gap, seen in clips:
        now += gap
        update = tracker.update(now, faces_at(*(w for w, _ in seen), scores=[s for _, s in seen]))
        owned = [track for track in update.track_ids.tolist() if track != NO_TRACK]
        assert len(set(owned)) == len(owned)
        begun += update.started
        ended += [e.track_id for e in update.ended]
        assert set(owned) <= set(begun) - set(ended)
        assert len(tracker) <= 5
        boxes = tracker.predict(now).boxes
        assert np.isfinite(boxes).all()
    ended += [e.track_id for e in tracker.close()]
    assert begun == sorted(set(begun))
    assert sorted(ended) == begun


@settings(max_examples=60, deadline=None)
@given(pictures, st.randoms(use_true_random=False))
def test_the_order_of_the_faces_does_not_change_identities(
    clips: list[tuple[float, list[tuple[Walker, float]]]],
    random: Random,
) -> None:
    plain, shuffled, now = Tracker(), Tracker(), 0.0
    for gap, seen in clips:
        now += gap
        distinct = list(dict.fromkeys(seen))
        order = list(range(len(distinct)))
        random.shuffle(order)
        faces = faces_at(*(w for w, _ in distinct), scores=[s for _, s in distinct])
        first = plain.update(now, faces)
        second = shuffled.update(now, faces.take(np.array(order, np.intp)))
        assert first.track_ids[order].tolist() == second.track_ids.tolist()
        assert first.ended == second.ended


def test_noise_on_five_walkers_costs_no_identity() -> None:
    rng = np.random.default_rng(7)
    tracker = Tracker()
    ids = set()
    for i in range(200):
        seen = [
            (
                80 + 120 * w + 20 * math.sin(i / 20 + w) + rng.normal(0, 2),
                150 + rng.normal(0, 2),
                45 * math.exp(rng.normal(0, 0.06)),
            )
            for w in range(5)
            if rng.random() > 0.1
        ]
        ids.update(tracker.update(i / 12.5, faces_at(*seen)).track_ids.tolist())
    assert ids == {1, 2, 3, 4, 5}
