"""``lfr calibrate`` from a folder to a file that the engine accepts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lfr_engine.cli import calibrate, main
from lfr_engine.enrolment.cohort import Cohort
from lfr_engine.enrolment.rejection import Reason
from lfr_engine.identity.calibration import load
from tests.enrolment.fakes import FakePack, save
from tests.identity.test_calibration import CONTRACT, strangers


def run(*words: str | Path) -> int:
    """The exit status of ``lfr calibrate …``."""
    with pytest.raises(SystemExit) as caught:
        main(["calibrate", *map(str, words)])
    code = caught.value.code or 0
    assert isinstance(code, int)
    return code


@pytest.mark.slow
def test_a_cohort_becomes_a_calibration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    templates, owners = strangers(1, 500)
    templates[owners == 41] = templates[owners == 7]
    people = tuple(f"person {i}" for i in range(500))
    cohort = Cohort(people, templates, owners, CONTRACT, {Reason.NO_FACE: 3})
    monkeypatch.setattr(calibrate, "open_models", lambda *_, **__: FakePack())
    monkeypatch.setattr(calibrate, "load_cohort", lambda *_: cohort)
    out = tmp_path / "fake.json"
    assert run(tmp_path, "--out", out, "--description", "made up") == 0
    found = load(out)
    found.require(CONTRACT)
    assert found.cohort.description == "made up"
    assert found.cohort.set_aside >= 1
    assert len(found.refits) == 200
    told = capsys.readouterr().out
    assert "fake f32: 500 people, 1,000 pictures" in told
    assert "not taken: 3 no face" in told
    assert "person 7 and person 41" in told
    assert f"{found.threshold_for(0.001, 1000).value:.3f}" in told


def test_the_centre_is_a_line_for_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []
    templates = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    cohort = Cohort(("a", "b"), templates, np.array([0, 0, 1]), CONTRACT, {})

    def opened(*_: object, centred: bool) -> FakePack:
        asked.append(centred)
        return FakePack()

    monkeypatch.setattr(calibrate, "open_models", opened)
    monkeypatch.setattr(calibrate, "load_cohort", lambda *_: cohort)
    assert run(tmp_path, "--centre") == 0
    assert asked == [False]
    assert capsys.readouterr().out == "centre = [0.5000, 0.5000]\n"


def test_too_small_a_cohort_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(6):
        save(tmp_path / f"p{i}" / "1.png", i)
    monkeypatch.setattr(
        calibrate,
        "open_models",
        lambda *_, **__: FakePack(contract=replace(CONTRACT, dimension=8)),
    )
    assert run(tmp_path) == 2
    error = capsys.readouterr().err
    assert error.startswith("lfr: cohort: only ")
    assert error.count("\n") == 1
