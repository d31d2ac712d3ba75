"""The script: pure, seeded, and geometrically what it says."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lfr_engine.errors import ConfigError
from lfr_engine.evaluation.walkby.script import (
    WalkbySettings,
    Walker,
    stance_at,
    write_script,
)

CROWD = [Walker(enrolled=n % 4 == 0, pictures=1 + n % 3) for n in range(40)]


def test_the_same_seed_is_the_same_script() -> None:
    once = write_script(CROWD, WalkbySettings(seed=3, passes=30, cameras=2))
    again = write_script(CROWD, WalkbySettings(seed=3, passes=30, cameras=2))
    other = write_script(CROWD, WalkbySettings(seed=4, passes=30, cameras=2))
    assert once == again
    assert once != other


def test_faces_grow_from_far_to_near_size() -> None:
    chosen = WalkbySettings(passes=5)
    for appearance in write_script(CROWD, chosen).appearances:
        assert stance_at(appearance, appearance.start_s, chosen).width == pytest.approx(30)
        assert stance_at(appearance, appearance.end_s, chosen).width == pytest.approx(180)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    crowd=st.integers(1, 12),
    passes=st.integers(1, 25),
    cameras=st.integers(1, 2),
    density=st.floats(0.5, 20),
)
def test_nobody_meets_himself(
    seed: int, crowd: int, passes: int, cameras: int, density: float
) -> None:
    chosen = WalkbySettings(seed=seed, passes=passes, cameras=cameras, density=density)
    script = write_script(CROWD[:crowd], chosen)
    assert len({a.pass_id for a in script.appearances}) == passes
    assert len(script.appearances) == passes * cameras
    for walker in range(crowd):
        walks: dict[str, list[float]] = {}
        for a in script.appearances:
            if a.walker == walker:
                walks.setdefault(a.pass_id, []).extend([a.start_s, a.end_s])
        spans = sorted((min(times), max(times)) for times in walks.values())
        for before, after in pairwise(spans):
            assert after[0] - before[1] >= chosen.return_gap_s - 1e-6


def test_the_second_camera_sees_the_same_person_at_another_time() -> None:
    script = write_script(CROWD, WalkbySettings(passes=40, cameras=2))
    firsts = 0
    for number in range(1, 41):
        one, two = (a for a in script.appearances if a.pass_id == f"p{number:05d}")
        assert one.walker == two.walker
        assert {one.camera, two.camera} == {0, 1}
        assert one.end_s < two.start_s or two.end_s < one.start_s
        firsts += one.start_s < two.start_s
    assert 10 < firsts < 40  # both directions occur


def test_density_and_enrolled_share_are_met_on_average() -> None:
    crowd = [Walker(enrolled=n % 2 == 0, pictures=1) for n in range(2000)]
    chosen = WalkbySettings(seed=7, passes=800, density=5, enrolled_share=0.25)
    script = write_script(crowd, chosen)
    busy = sum(a.end_s - a.start_s for a in script.appearances) / script.duration_s
    assert 3.8 < busy < 6.2
    share = sum(crowd[a.walker].enrolled for a in script.appearances) / 800
    assert 0.2 < share < 0.3


def test_a_duration_fills_itself() -> None:
    script = write_script(CROWD, WalkbySettings(duration_s=60, density=3))
    assert script.duration_s == 60
    assert script.frames == 1500
    assert len(script.appearances) > 5
    assert all(a.start_s < 60 for a in script.appearances)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="size: must be even"):
        WalkbySettings(passes=1, size=(641, 360))
    with pytest.raises(ConfigError, match="faces: must grow"):
        WalkbySettings(passes=1, face_px=(100, 50))
    with pytest.raises(ConfigError, match="give one of them"):
        WalkbySettings()
    with pytest.raises(ConfigError, match="nobody to walk by"):
        write_script([], WalkbySettings(passes=1))
