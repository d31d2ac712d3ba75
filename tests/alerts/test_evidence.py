from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.alerts.evidence import (
    NO_SCORE,
    Evidence,
    EvidenceSettings,
    Finding,
    Ranking,
    Sighting,
    Track,
    Verdict,
)

WALKER = Track("north", 7)
SETTINGS = EvidenceSettings(threshold=0.40, agree=2, slack=0.05, margin=0.04, near=0.10)


def sighting(
    entry: str | None,
    score: float,
    *,
    second: tuple[str, float] | None = ("other", 0.1),
    fused: Ranking | None = None,
    at_ms: int = 0,
    quality: float = 0.7,
    track: Track = WALKER,
) -> Sighting:
    second_entry, second_score = second or (None, NO_SCORE)
    single = Ranking(entry, score, second_entry, second_score)
    return Sighting(track, at_ms * 1_000_000, quality, single, fused or single)


def told(*sightings: Sighting, settings: EvidenceSettings = SETTINGS) -> Finding:
    evidence = Evidence(settings)
    return [evidence.add(each) for each in sightings][-1]


def test_two_agreeing_views_match() -> None:
    finding = told(sighting("anna", 0.5, at_ms=0), sighting("anna", 0.55, at_ms=160))
    assert (finding.verdict, finding.entry, finding.agreeing) == (Verdict.MATCH, "anna", 2)
    assert finding.score == pytest.approx(0.55)
    assert finding.margin == pytest.approx(0.45)
    assert finding.captured_ns == 160_000_000


def test_one_view_never_matches_alone_unless_settings_say_so() -> None:
    great = sighting("anna", 0.95)
    assert told(great).verdict is Verdict.TOO_FEW
    trusting = EvidenceSettings(threshold=0.4, alone=0.8)
    assert told(great, settings=trusting).verdict is Verdict.MATCH
    poor = sighting("anna", 0.95, quality=0.3)
    assert told(poor, settings=trusting).verdict is Verdict.TOO_FEW


def test_views_just_below_the_threshold_match_once_they_are_fused_above_it() -> None:
    fused = Ranking("anna", 0.43, "other", 0.1)
    finding = told(sighting("anna", 0.37), sighting("anna", 0.38, fused=fused))
    assert finding.verdict is Verdict.MATCH
    far_below = told(sighting("anna", 0.30), sighting("anna", 0.31, fused=fused))
    assert far_below.verdict is Verdict.TOO_FEW


def test_a_fused_score_below_the_threshold_is_no_match_however_many_agree() -> None:
    finding = told(*(sighting("anna", 0.39) for _ in range(6)))
    assert (finding.verdict, finding.agreeing) == (Verdict.BELOW_THRESHOLD, 6)


def test_two_entries_that_are_alike_give_no_alert() -> None:
    finding = told(*(sighting("anna", 0.5, second=("twin", 0.48)) for _ in range(4)))
    assert finding.verdict is Verdict.LOW_MARGIN


def test_views_of_different_entries_give_no_alert() -> None:
    finding = told(
        sighting("anna", 0.45), sighting("bert", 0.46), sighting("carl", 0.44),
        sighting("bert", 0.46),
    )  # fmt: skip
    assert finding.verdict is Verdict.DISAGREEMENT


def test_good_views_are_not_outvoted_by_more_that_are_poor() -> None:
    poor = [sighting("bert", 0.42, quality=0.2) for _ in range(4)]
    good = [sighting("anna", 0.6, quality=0.9), sighting("anna", 0.6, quality=0.9)]
    assert told(*poor, *good).entry == "anna"
    assert told(*good, *poor).verdict is Verdict.DISAGREEMENT


def test_poor_views_must_be_more() -> None:
    poor = sighting("anna", 0.5, quality=0.28)
    assert told(poor, poor, poor).verdict is Verdict.TOO_FEW
    assert told(poor, poor, poor, poor).verdict is Verdict.MATCH


def test_a_track_that_went_over_to_somebody_else_gives_no_alert_for_the_first() -> None:
    first = Ranking("anna", 0.5, "other", 0.1)
    views = [sighting("anna", 0.5, quality=0.5), sighting("anna", 0.5, quality=0.5)]
    other = sighting("bert", 0.2, quality=0.9, fused=first)
    assert told(*views, other, sighting("anna", 0.5, quality=0.5)).verdict is Verdict.MATCH
    assert told(*views, sighting("anna", 0.5, quality=0.5), other).verdict is Verdict.TOO_FEW


def test_a_walker_near_nobody_is_said_so() -> None:
    assert told(sighting("anna", 0.1)).verdict is Verdict.NOBODY_NEAR
    assert told(sighting(None, NO_SCORE, second=None)).verdict is Verdict.NOBODY_NEAR


def test_a_list_of_one_entry_has_no_margin() -> None:
    finding = told(sighting("anna", 0.5, second=None), sighting("anna", 0.5, second=None))
    assert (finding.verdict, finding.margin) == (Verdict.MATCH, None)


def test_an_entrys_own_threshold_may_only_be_stricter() -> None:
    evidence = Evidence(SETTINGS)
    for _ in range(2):
        strict = evidence.add(sighting("anna", 0.5), threshold=0.6)
        lax = evidence.add(sighting("anna", 0.35, track=Track("north", 8)), threshold=0.2)
    assert strict.verdict is Verdict.BELOW_THRESHOLD
    assert lax.verdict is Verdict.BELOW_THRESHOLD


def test_who_was_not_recognised_is_not_named() -> None:
    for finding in (
        told(sighting("anna", 0.39)),
        told(sighting("anna", 0.9)),
        told(*(sighting("anna", 0.5, second=("twin", 0.49)) for _ in range(3))),
    ):
        assert finding.entry is None
        assert finding.second_entry is None
        assert "anna" not in repr(finding)


def test_the_view_to_show_is_a_good_agreeing_one() -> None:
    finding = told(
        sighting("anna", 0.5, at_ms=0, quality=0.4),
        sighting("anna", 0.6, at_ms=160, quality=0.9),
        sighting("bert", 0.2, at_ms=320, quality=1.0, fused=Ranking("anna", 0.6, "bert", 0.1)),
    )
    assert finding.best_captured_ns == 160_000_000
    assert finding.captured_ns == 320_000_000


def test_tracks_are_judged_apart_and_forgotten_when_they_end() -> None:
    evidence = Evidence(SETTINGS)
    evidence.add(sighting("anna", 0.5))
    other = evidence.add(sighting("anna", 0.5, track=Track("south", 7)))
    assert other.verdict is Verdict.TOO_FEW
    closed = evidence.close(WALKER)
    assert closed is not None
    assert closed.verdict is Verdict.TOO_FEW
    assert evidence.close(WALKER) is None
    assert len(evidence) == 1


def test_the_number_of_tracks_is_bounded_and_the_stalest_goes() -> None:
    evidence = Evidence(SETTINGS, most_tracks=2)
    for number in (1, 2, 1, 3):
        evidence.add(sighting("anna", 0.5, track=Track("north", number)))
    assert len(evidence) == 2
    assert evidence.close(Track("north", 2)) is None


rankings = st.builds(
    lambda entry, score, gap: Ranking(entry, score, "second", score - gap),
    st.sampled_from(["anna", "bert"]),
    st.floats(-0.2, 1),
    st.floats(0, 0.5),
)
sightings = st.builds(
    lambda single, fused, quality: Sighting(WALKER, 0, quality, single, fused),
    rankings, rankings, st.floats(0, 1),
)  # fmt: skip


@given(st.lists(sightings, min_size=1, max_size=12))
def test_a_match_always_has_agreement_threshold_and_margin(views: list[Sighting]) -> None:
    finding = told(*views)
    if finding.verdict is not Verdict.MATCH:
        return
    assert finding.agreeing >= SETTINGS.agree
    assert finding.score >= SETTINGS.threshold
    assert finding.margin is not None
    assert finding.margin >= SETTINGS.margin
    assert finding.entry == views[-1].fused.entry
    supporters = [v for v in views if v.single.entry == finding.entry and v.single.score >= 0.35]
    assert len(supporters) >= 2
    assert sum(view.quality for view in supporters) >= SETTINGS.support
    assert views[-1] in supporters
