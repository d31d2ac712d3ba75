"""Runs summed: counts add up, intervals are those of the sums, what does not belong is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from lfr_engine.app.report import CameraFigures, ExerciseReport
from lfr_engine.cli import root
from lfr_engine.deployment.intervals import clopper_pearson
from lfr_engine.errors import InputError
from lfr_engine.evaluation.identification import Verdict
from lfr_engine.evaluation.intervals import rate
from lfr_engine.evaluation.pool import pool
from lfr_engine.evaluation.tracking import TrackingScores
from lfr_engine.evaluation.video import SightingScores, VideoResult
from lfr_engine.evaluation.video_scores import CameraScores, Quantiles, SizeScores, VideoScores


def _result(truth: str, *, found: int, wrong: int, threshold: float = 0.52) -> VideoResult:
    """60 passes of people on the list, 800 of others."""
    tpir = rate(found, 60)
    scores = VideoScores(
        860, found + wrong, tpir, rate(wrong, 860), rate(wrong, 800), rate(found, found + wrong),
        0, 0, Quantiles(found, 3.0, 6.0, 8.0 + wrong), Quantiles(found, 3.0, 6.0, 8.0),
        (CameraScores("north", tpir),), (SizeScores(60, rate(0, 0)), SizeScores(100, tpir)),
        ("ann (p1)",), ("north 1.00 s: eve (p2) as ann",) * wrong, (),
    )  # fmt: skip
    tracking = TrackingScores(860, 870, 1000, 1000, 1.0, 1.0, 0.9, 0.9, 0.9, 3, 4)
    camera = CameraFigures("north", "north.mp4", "ended", 10, 10, 860, 1.0, {}, "")
    engine = ExerciseReport(
        "exercise", "opencv-zoo", "CPU", "bf16", threshold, 0.001, 500, 10, 1.0, 10.0, 860, False,
        [camera], {}, {}, 0, [],
    )  # fmt: skip
    return VideoResult(
        truth, scores, tracking, (SightingScores(3, tpir),), Verdict.UNTESTED, engine, ()
    )


def _write(path: Path, result: VideoResult) -> Path:
    path.write_bytes(msgspec.json.encode(result))
    return path


def test_counts_add_up_and_the_interval_is_that_of_the_sum(tmp_path: Path) -> None:
    one = _write(tmp_path / "one.json", _result("a", found=57, wrong=0))
    two = _write(tmp_path / "two.json", _result("b", found=54, wrong=2))
    sums = pool([one, two])
    exact = clopper_pearson(111, 120)
    assert (sums.runs, sums.passes, sums.alerts, sums.duplicates) == (2, 1720, 113, 0)
    assert (sums.tpir.events, sums.tpir.trials) == (111, 120)
    assert (sums.tpir.low, sums.tpir.high) == (exact.low, exact.high)
    assert str(sums.nonmated_fpir).startswith("2 of 1,600")
    assert sums.verdict is Verdict.UNTESTED  # 1.6 events are expected
    assert sums.idf1 == pytest.approx(0.9)
    assert (sums.switches, sums.fragmentations) == (6, 8)
    assert [(s.from_px, s.tpir.events, s.tpir.trials) for s in sums.by_face_size] == [
        (60, 0, 0),
        (100, 111, 120),
    ]
    assert (sums.slowest_95_s, sums.slowest_alert_s) == (6.0, 10.0)
    assert sums.missed == ("one: ann (p1)", "two: ann (p1)")


def test_a_sum_can_show_what_no_single_run_could_say(tmp_path: Path) -> None:
    paths = [_write(tmp_path / f"{n}.json", _result(str(n), found=57, wrong=3)) for n in range(4)]
    assert pool(paths).verdict is Verdict.BROKEN
    run = CliRunner().invoke(
        root, ["evaluate", "pool", *map(str, paths), "--json", str(tmp_path / "sum.json")]
    )
    assert run.exit_code == 0, run.output
    assert "THE STATED FPIR DOES NOT HOLD HERE" in run.output
    assert "TPIR per pass        228 of 240 = 95.0 %" in run.output
    assert msgspec.json.decode((tmp_path / "sum.json").read_bytes())["runs"] == 4


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    one = _write(tmp_path / "one.json", _result("a", found=57, wrong=0))
    again = _write(tmp_path / "again.json", _result("a", found=57, wrong=0))
    other = _write(tmp_path / "other.json", _result("b", found=57, wrong=0, threshold=0.4))
    (tmp_path / "junk.json").write_text('{"scores": 1}')
    with pytest.raises(InputError, match=r"is of the same video as .*one\.json"):
        pool([one, again])
    with pytest.raises(InputError, match="give each video once"):
        pool([one, one])
    with pytest.raises(InputError, match=r"has threshold 0\.4, but .*one\.json has 0\.52"):
        pool([one, other])
    with pytest.raises(InputError, match="is no result on video"):
        pool([one, tmp_path / "junk.json"])
    with pytest.raises(InputError, match="cannot be read"):
        pool([tmp_path / "none.json"])
