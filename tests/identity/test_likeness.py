"""A list compared with itself: planted twins, doubles and wrong pictures are found by name."""

from __future__ import annotations

import numpy as np
import pytest

from lfr_engine.errors import RuleError
from lfr_engine.identity.likeness import check
from lfr_engine.identity.matcher import Gallery, IndexArray
from lfr_engine.identity.template import TemplateContract, normalised
from lfr_engine.vision.frame import FloatArray
from tests.identity.test_calibration import CONTRACT, fitted, strangers


def gallery(templates: FloatArray, owners: IndexArray) -> Gallery:
    names = [f"p{i}" for i in range(int(owners[-1]) + 1)]
    return Gallery.build(names, names, templates, owners, CONTRACT)


def blend(a: FloatArray, b: FloatArray, cosine: float) -> FloatArray:
    """A unit vector (d,) whose cosine with ``a`` is ``cosine``."""
    across = b - a * (a @ b)
    across /= np.linalg.norm(across)
    return np.asarray(a * cosine + across * np.sqrt(1 - cosine**2), np.float32)


def test_strangers_raise_nothing() -> None:
    found = check(gallery(*strangers(21, 120)), fitted())
    assert found.one_person == ()
    assert found.outliers == ()
    assert not found.too_alike
    assert found.found <= 3


def test_a_person_listed_twice_is_named() -> None:
    templates, owners = strangers(22, 120)
    templates[80] = templates[10]
    found = check(gallery(templates, owners), fitted())
    assert [(one.first, one.second) for one in found.one_person] == [("p5", "p40")]
    assert found.leave_one_out >= 2 / 120


def test_look_alikes_are_named_and_many_of_them_make_the_list_too_alike() -> None:
    templates, owners = strangers(23, 120, 1)
    limits = check(gallery(templates, owners), fitted())
    between = (limits.threshold + limits.one_person_limit) / 2
    for i in range(0, 12, 2):
        templates[i + 1] = blend(templates[i], templates[i + 1], between)
    found = check(gallery(templates, owners), fitted())
    named = {(one.first, one.second) for one in found.look_alikes}
    assert {(f"p{i}", f"p{i + 1}") for i in range(0, 12, 2)} <= named
    assert found.too_alike
    assert found.found > 5 * found.expected


def test_a_picture_of_somebody_else_is_an_outlier() -> None:
    templates, owners = strangers(24, 50, 3)
    templates[31] = normalised(np.random.default_rng(1).standard_normal((1, 24), np.float32))[0]
    found = check(gallery(templates, owners), fitted())
    assert [(one.entry, one.picture) for one in found.outliers] == [("p10", 1)]


def test_the_calibration_must_be_of_the_same_pack() -> None:
    other = TemplateContract("other", "0" * 64, "plain", "f32", 24)
    names = ["a"]
    templates, owners = strangers(1, 1, 1)
    with pytest.raises(RuleError, match=r"\(R5\)"):
        check(Gallery.build(names, names, templates, owners, other), fitted())
