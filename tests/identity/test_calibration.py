"""The tail fit against known tails, and the promise: stated FPIR holds on people not fitted."""

from __future__ import annotations

import datetime as dt
import functools
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import ConfigError, InputError, RuleError
from lfr_engine.identity import calibration as cal
from lfr_engine.identity.matcher import IndexArray
from lfr_engine.identity.tail import Exceedances, Tail, collect, fit, fit_without_the_too_alike
from lfr_engine.identity.template import TemplateContract, normalised
from lfr_engine.vision.frame import FloatArray

CONTRACT = TemplateContract("fake", "0" * 64, "plain", "f32", 24)
DAY = dt.date(2026, 1, 1)


def strangers(seed: int, people: int, pictures: int = 2) -> tuple[FloatArray, IndexArray]:
    """People spread over the sphere, each with pictures that vary a little."""
    rng = np.random.default_rng(seed)
    centres = normalised(rng.standard_normal((people, 24), np.float32))
    owners = np.repeat(np.arange(people), pictures)
    noise = rng.standard_normal((len(owners), 24), np.float32) * np.float32(0.08)
    return normalised(np.asarray(centres[owners] + noise, np.float32)), owners


@functools.cache
def fitted() -> cal.Calibration:
    return cal.calibrate(*strangers(1, 700), CONTRACT, "synthetic", DAY, refits=30)[0]


@given(st.floats(1e-9, 1e-3), st.floats(-0.4, 0.3))
def test_score_and_exceedance_are_inverse(exceedance: float, shape: float) -> None:
    tail = Tail(0.3, 1e-3, 0.03, shape)
    assert tail.exceedance(tail.score(exceedance)) == pytest.approx(exceedance, rel=1e-6)


def test_an_exponential_tail_is_the_limit_of_small_shapes() -> None:
    assert Tail(0.3, 1e-3, 0.03, 0.0).score(1e-6) == pytest.approx(
        Tail(0.3, 1e-3, 0.03, 1e-7).score(1e-6), abs=1e-6
    )


def test_below_the_start_nothing_is_claimed() -> None:
    assert np.isnan(Tail(0.3, 1e-3, 0.03, -0.1).exceedance(0.29))
    assert Tail(0.3, 1e-3, 0.03, -0.1).score(0.5) == 0.3


@pytest.mark.parametrize("shape", [-0.25, 0.0, 0.15])
def test_a_known_tail_is_found_again(shape: float) -> None:
    rng = np.random.default_rng(7)
    true = Tail(0.4, 1e-3, 0.03, shape)
    uniform = rng.uniform(size=20_000)
    scores = np.array([true.score(float(u) * 1e-3) for u in uniform])
    weights = np.full(20_000, 1e-3 / 20_000)
    nobody = np.zeros(20_000, np.int64)
    found = fit(Exceedances(0.4, scores, weights, nobody, nobody + 1, 2))
    assert found.share == pytest.approx(1e-3)
    assert found.scale == pytest.approx(0.03, rel=0.05)
    assert found.shape == pytest.approx(shape, abs=0.03)


def test_every_stranger_pair_is_collected_once_with_equal_say() -> None:
    rng = np.random.default_rng(2)
    owners = np.sort(np.concatenate([np.arange(60), rng.integers(0, 60, 80)]))
    templates = normalised(rng.standard_normal((len(owners), 24), np.float32))
    found = collect(templates, owners, share=0.05)
    expected = 0.0
    counts = np.bincount(owners)
    scores = templates @ templates.T
    for i in range(len(owners)):
        for j in range(len(owners)):
            if owners[i] != owners[j] and scores[i, j] > found.start:
                expected += 1 / (counts[owners[i]] * counts[owners[j]] * 60 * 59)
    assert found.weights.sum() == pytest.approx(expected)
    assert np.all(found.first < found.second)
    assert found.weights.sum() == pytest.approx(0.05, rel=0.2)


def test_one_person_under_two_names_is_set_aside_and_does_not_move_the_fit() -> None:
    templates, owners = strangers(3, 500)
    clean, _, none = fit_without_the_too_alike(collect(templates, owners))
    templates[owners == 41] = templates[owners == 7]
    spoilt, _, apart = fit_without_the_too_alike(collect(templates, owners))
    assert none == []
    assert (7, 41) in {(one.first, one.second) for one in apart}
    assert spoilt.score(1e-6) == pytest.approx(clean.score(1e-6), abs=0.02)


@pytest.mark.parametrize(("n", "fpir"), [(100, 0.01), (100, 0.003), (500, 0.01)])
def test_the_stated_fpir_holds_on_people_not_fitted(n: int, fpir: float) -> None:
    threshold = fitted().threshold_for(fpir, n, looks=1).value
    rng = np.random.default_rng(5)
    templates, owners = strangers(99, 1500, 1)
    rates = []
    for _ in range(10):
        listed = rng.permutation(1500)[:n]
        probes = np.setdiff1d(owners, listed)
        best = (templates[probes] @ templates[listed].T).max(axis=1)
        rates.append(float((best >= threshold).mean()))
    assert fpir / 2 < np.mean(rates) < fpir * 2


def test_threshold_and_fpir_are_inverse_with_intervals_around_them() -> None:
    threshold = fitted().threshold_for(0.001, 5000)
    assert threshold.low <= threshold.value <= threshold.high
    rate = fitted().fpir_at(threshold.value, 5000)
    assert rate.value == pytest.approx(0.001, rel=1e-6)
    assert rate.low < 0.001 < rate.high


def test_longer_lists_and_more_looks_need_higher_thresholds() -> None:
    values = [fitted().threshold_for(0.001, n).value for n in (100, 1000, 10_000)]
    assert values == sorted(values)
    assert fitted().threshold_for(0.001, 1000, looks=3).value == pytest.approx(
        fitted().threshold_for(0.001, 3000, looks=1).value
    )
    assert fitted().threshold_for(0.001, 1000) == fitted().threshold_for(0.001, 16_000, looks=1)


def test_a_tiny_list_is_treated_as_the_smallest() -> None:
    fewest = fitted().threshold_for(0.001, cal.FEWEST_CHANCES, looks=1)
    assert fitted().threshold_for(0.001, 1) == fewest
    assert fitted().threshold_for(0.001, 2).value > fewest.value


def test_below_the_fit_the_rate_is_that_at_its_start() -> None:
    start = fitted().tail.start
    assert fitted().fpir_at(0.0, 500) == fitted().fpir_at(start, 500)


@pytest.mark.parametrize(("fpir", "n"), [(0.0, 10), (1.0, 10), (0.1, 0)])
def test_impossible_wishes_are_refused(fpir: float, n: int) -> None:
    with pytest.raises(ConfigError):
        fitted().threshold_for(fpir, n)


def test_a_list_may_only_be_stricter() -> None:
    calibrated = fitted().threshold_for(0.001, 1000).value
    fitted().require_stricter(calibrated + 0.01, 0.001, 1000)
    with pytest.raises(RuleError, match=r"below the .* keeps FPIR ≤ 0.100% at N = 1,000 \(R5\)"):
        fitted().require_stricter(calibrated - 0.01, 0.001, 1000)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pack", "other"),
        ("model_sha256", "1" * 64),
        ("preprocessing", "mirrored"),
        ("precision", "bf16"),
        ("dimension", 25),
    ],
)
def test_any_difference_from_what_is_loaded_is_refused(field: str, value: str | int) -> None:
    fields = {name: getattr(CONTRACT, name) for name in CONTRACT.__slots__}
    with pytest.raises(RuleError, match=rf"made with {field} .* is loaded \(R5\)"):
        fitted().require(TemplateContract(**(fields | {field: value})))


def test_a_calibration_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "fake-f32.json"
    path.write_bytes(cal.encode(fitted()))
    again = cal.load(path)
    assert again.threshold_for(0.001, 1000).value == fitted().threshold_for(0.001, 1000).value
    assert again.contract == CONTRACT
    again.require(CONTRACT)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not a calibration"),
        (b"{}", "is not a calibration"),
        (None, "there is no such calibration"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "c.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"c.json: {words}"):
        cal.load(path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(cal.encode(msgspec.structs.replace(fitted(), format=9)))
    with pytest.raises(InputError, match="has format 9"):
        cal.load(path)


def test_a_pack_without_a_calibration_is_refused() -> None:
    with pytest.raises(RuleError, match=r"has no calibration for precision f32 \(R5\)"):
        cal.shipped(CONTRACT)


def test_too_few_people_cannot_calibrate() -> None:
    with pytest.raises(InputError, match="use more people"):
        cal.calibrate(*strangers(1, 20), CONTRACT, "few", DAY)


def test_a_calibration_file_holds_no_template(tmp_path: Path) -> None:
    # 30 refits of 3 short numbers and a page of facts: nothing of a template's size fits in
    assert len(cal.encode(fitted())) < 5000
