"""Reading real encoded video: planes, times, colour, and every way a file can be wrong."""

from __future__ import annotations

import threading
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from lfr_engine.clock import ManualClock, SystemClock
from lfr_engine.errors import SourceLost, SourceRefused
from lfr_engine.sources.reader import ReaderSettings, StreamFacts, read_video
from lfr_engine.sources.spec import parse_address
from lfr_engine.vision.frame import Frame, Matrix


def make_video(path: Path, *, frames: int = 12, size: tuple[int, int] = (64, 48)) -> Path:
    width, height = size
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "10", "bf": "2"}
        for number in range(frames):
            picture = np.full((height, width, 3), number * 20 % 240, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def read(path: object, stop: threading.Event | None = None) -> list[Frame]:
    frames: list[Frame] = []
    read_video(
        "door",
        parse_address(str(path)),
        ReaderSettings(open_timeout_s=0.5, read_timeout_s=0.5),
        SystemClock(),
        frames.append,
        stop or threading.Event(),
    )
    return frames


def test_every_frame_arrives_in_order_with_its_time_and_planes(tmp_path: Path) -> None:
    frames = read(make_video(tmp_path / "a.mp4"))
    assert [f.sequence for f in frames] == list(range(12))
    assert [f.media_time_s for f in frames] == pytest.approx([n / 10 for n in range(12)])
    planes = frames[5].planes
    assert (planes.y.shape, planes.u.shape, planes.v.shape) == ((48, 64), (24, 32), (24, 32))
    assert planes.colour.matrix is Matrix.BT601
    # Grey 100 in limited range is luma 16 + 100 * 219 / 255.
    assert float(planes.y.mean()) == pytest.approx(16 + 100 * 219 / 255, abs=2)
    assert float(planes.u.mean()) == pytest.approx(128, abs=2)


def test_odd_sizes_are_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "odd.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 33, 17, "yuvj420p"
        picture = av.VideoFrame.from_ndarray(np.full((17, 33, 3), 90, np.uint8), format="bgr24")
        for packet in [*stream.encode(picture), *stream.encode()]:
            container.mux(packet)
    planes = read(path)[0].planes
    assert (planes.y.shape, planes.u.shape) == ((17, 33), (9, 17))
    assert planes.colour.full_range


def test_capture_is_stamped_by_the_clock_given(tmp_path: Path) -> None:
    clock = ManualClock(now_ns=5_000)
    frames: list[Frame] = []
    facts: list[StreamFacts] = []
    read_video(
        "door",
        parse_address(str(make_video(tmp_path / "a.mp4"))),
        ReaderSettings(),
        clock,
        frames.append,
        threading.Event(),
        facts.append,
    )
    assert {f.captured_ns for f in frames} == {5_000}
    assert (facts[0].codec, facts[0].width, facts[0].declared_fps) == ("h264", 64, 10.0)


def test_stop_ends_the_reader_early(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert len(read(make_video(tmp_path / "a.mp4"), stop)) <= 1


def silent_audio(path: Path) -> Path:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    return path


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match=r"none\.mp4: no such file"):
        read(tmp_path / "none.mp4")


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    with pytest.raises(SourceRefused, match=r"a\.mp4: the file is empty"):
        read(tmp_path / "a.mp4")


def test_text_in_a_video_coat_is_not_a_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("hello " * 200)
    with pytest.raises(SourceRefused, match="not a video"):
        read(tmp_path / "a.mp4")


def test_sound_without_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="holds no video stream, only audio"):
        read(silent_audio(tmp_path / "a.wav"))


def test_a_cut_file_delivers_what_it_has_and_says_so(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "a.mp4", frames=60, size=(320, 240)).read_bytes()
    (tmp_path / "b.mp4").write_bytes(whole[: int(len(whole) * 0.6)])
    frames: list[Frame] = []
    with pytest.raises(SourceRefused, match=r"cut short: .* of 60 frames"):
        read_video(
            "door",
            parse_address(str(tmp_path / "b.mp4")),
            ReaderSettings(),
            SystemClock(),
            frames.append,
            threading.Event(),
        )
    assert 0 < len(frames) < 60


def test_nobody_at_the_other_end_is_a_loss_not_a_refusal() -> None:
    with pytest.raises(SourceLost) as caught:
        read("rtsp://name:s3cret@127.0.0.1:9/none")
    assert "s3cret" not in str(caught.value)
