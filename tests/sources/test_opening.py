"""One way to read any source: files paced and repeated, folders of images, changing sizes."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from lfr_engine.clock import ManualClock
from lfr_engine.errors import SourceRefused
from lfr_engine.sources import reader as readers
from lfr_engine.sources.opening import reader_for
from lfr_engine.sources.reader import Pace, ReaderSettings, StreamFacts
from lfr_engine.sources.spec import parse_address
from lfr_engine.vision.frame import Frame
from tests.servers.clips import write_clip
from tests.sources.test_arrival import SECOND, Waiting
from tests.sources.test_reader import make_video


@dataclass
class Reading:
    """One reading by hand: time passes only where the reader waits."""

    limit: int = 10_000
    work_s: float = 0.0
    clock: ManualClock = field(default_factory=ManualClock)
    frames: list[Frame] = field(default_factory=list)
    facts: list[StreamFacts] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stop: threading.Event = Waiting(self.clock)

    def deliver(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.clock.advance(self.work_s)
        if len(self.frames) >= self.limit:
            self.stop.set()

    def of(self, path: Path, settings: ReaderSettings | None = None) -> list[Frame]:
        read = reader_for(
            "door", parse_address(str(path)), settings or ReaderSettings(), self.clock
        )
        read(self.deliver, self.stop, self.facts.append)
        return self.frames


def images(folder: Path, *sizes: tuple[int, int]) -> Path:
    for number, (width, height) in enumerate(sizes, 1):
        picture = np.full((height, width, 3), (5 * number, 10 * number, 20 * number), np.uint8)
        cv2.imwrite(str(folder / f"view{number}.png"), picture)
    return folder


def test_a_paced_file_comes_when_it_is_due_and_is_stamped_so(tmp_path: Path) -> None:
    frames = Reading().of(make_video(tmp_path / "a.mp4"), ReaderSettings(pace=Pace.LIVE))
    assert len(frames) == 12
    # Some are coded between others (B), and still none is stamped before the one shown before it.
    stamps = [f.captured_ns / SECOND for f in frames]
    assert stamps == pytest.approx([f.media_time_s for f in frames], abs=1e-6)


def test_a_paced_file_that_falls_behind_skips_to_a_key_picture(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", (12.0, (64, 48)))
    reading = Reading(work_s=0.06)  # each picture takes half as long again as it may
    frames = reading.of(clip, ReaderSettings(pace=Pace.LIVE))
    numbers = [f.sequence for f in frames]
    gaps = [b for a, b in itertools.pairwise(numbers) if b != a + 1]
    assert gaps, "it never skipped"
    assert all(number % 25 == 0 for number in gaps)
    assert numbers[-1] >= 200
    assert len(frames) < 290
    ends_late_s = reading.clock.now_ns / SECOND - 12.0
    assert ends_late_s < 1.5


def test_a_repeated_file_goes_on_in_number_and_time(tmp_path: Path) -> None:
    reading = Reading(limit=30)
    frames = reading.of(make_video(tmp_path / "a.mp4"), ReaderSettings(repeat=True))
    assert [f.sequence for f in frames] == list(range(30))
    assert [f.media_time_s for f in frames] == pytest.approx([n / 10 for n in range(30)])
    assert len(reading.facts) == 1


def test_a_repeated_paced_file_keeps_its_pace_over_the_seam(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", (1.0, (64, 48)))
    frames = Reading(limit=60).of(clip, ReaderSettings(pace=Pace.LIVE, repeat=True))
    stamps = [f.captured_ns / SECOND for f in frames]
    assert stamps == pytest.approx([n / 25 for n in range(60)], abs=0.001)


def test_the_size_may_change_in_mid_stream(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.ts", (1.0, (64, 48)), (1.0, (96, 64)))
    reading = Reading()
    frames = reading.of(clip)
    assert [f.planes.width for f in frames] == [64] * 25 + [96] * 25
    assert [(f.width, f.height) for f in reading.facts] == [(64, 48), (96, 64)]


def test_a_picture_may_not_grow_beyond_all_bounds_in_mid_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "a.ts", (1.0, (64, 48)), (1.0, (96, 64)))
    monkeypatch.setattr(readers, "MAX_PIXELS", 64 * 48)
    with pytest.raises(SourceRefused, match="claims 96×64 pixels"):
        Reading().of(clip)


def test_a_folder_of_images_is_read_as_people_count(tmp_path: Path) -> None:
    images(tmp_path, *[(32, 24)] * 12)
    reading = Reading()
    frames = reading.of(tmp_path, ReaderSettings(images_fps=5.0))
    assert [f.media_time_s for f in frames] == pytest.approx([n / 5 for n in range(12)])
    levels = [float(f.planes.y.mean()) for f in frames]
    assert levels == sorted(levels), "view10 came before view2"
    # BT.601, limited range: 16 + 219/255 (0.299 R + 0.587 G + 0.114 B)
    luma = 16 + 219 / 255 * (0.299 * 20 + 0.587 * 10 + 0.114 * 5)
    assert levels[0] == pytest.approx(luma, abs=1.5)
    assert reading.facts == [StreamFacts("images", 32, 24, 5.0, "software")]


def test_images_of_odd_and_changing_sizes_and_damaged_ones(tmp_path: Path) -> None:
    images(tmp_path, (33, 17), (32, 24))
    (tmp_path / "view1b.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("not an image")
    reading = Reading()
    frames = reading.of(tmp_path)
    assert [(f.planes.width, f.planes.height) for f in frames] == [(33, 17), (32, 24)]
    assert frames[0].planes.u.shape == (9, 17)
    assert [f.sequence for f in frames] == [0, 2]
    assert [(f.width, f.height) for f in reading.facts] == [(33, 17), (32, 24)]


def test_images_come_at_their_pace_and_again(tmp_path: Path) -> None:
    images(tmp_path, *[(32, 24)] * 3)
    settings = ReaderSettings(pace=Pace.LIVE, repeat=True, images_fps=10.0)
    frames = Reading(limit=7).of(tmp_path, settings)
    assert [f.captured_ns / SECOND for f in frames] == pytest.approx([n / 10 for n in range(7)])


def test_a_folder_without_a_usable_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="holds no image"):
        Reading().of(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(SourceRefused, match="holds no image that can be decoded"):
        Reading().of(tmp_path)
    with pytest.raises(SourceRefused, match="holds no image that can be decoded"):
        Reading().of(tmp_path, ReaderSettings(repeat=True))
