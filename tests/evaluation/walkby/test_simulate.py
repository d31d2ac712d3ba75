"""The simulator as a whole: videos that decode, a truth that fits them, a picture that moves."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lfr_engine.errors import ImageError, InputError
from lfr_engine.evaluation.people import Person
from lfr_engine.evaluation.walkby.head import (
    centred_face,
    cut_out,
    detected_face,
    make_head,
    read_picture,
)
from lfr_engine.evaluation.walkby.renderer import CameraRenderer
from lfr_engine.evaluation.walkby.script import WalkbySettings, Walker, write_script
from lfr_engine.evaluation.walkby.simulate import simulate_walkby
from lfr_engine.evaluation.walkby.truth import (
    AppearanceTruth,
    CameraTruth,
    PersonTruth,
    TruthHeader,
    encode_line,
    read_truth,
)
from tests.evaluation.support import GreyPack

GREEN = (40, 200, 40)
SMALL = {"size": (320, 240), "fps": 12.5, "face_px": (10.0, 60.0)}


@pytest.fixture
def people(tmp_path: Path) -> list[Person]:
    """Four people with flat green faces: easy to find again."""
    out = []
    for number in range(4):
        paths = []
        for shade in range(2):
            path = tmp_path / "faces" / f"{number}-{shade}.png"
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), np.full((250, 250, 3), GREEN, np.uint8))
            paths.append(path)
        out.append(Person(f"p{number}", (paths[0],), enrolled=paths[1] if number < 2 else None))
    return out


def test_a_walkby_decodes_and_its_truth_fits(tmp_path: Path, people: list[Person]) -> None:
    chosen = WalkbySettings(passes=3, cameras=2, density=3, enrolled_share=0.5, **SMALL)  # type: ignore[arg-type]
    result = simulate_walkby(people, tmp_path / "out", chosen)
    truth = read_truth(result.truth)
    assert result.passes == 3
    assert len(truth.pass_people) == 3
    assert len(result.videos) == 2
    for camera, path in zip(truth.header.cameras, result.videos, strict=True):
        with av.open(str(path)) as container:
            frames = [frame.width for frame in container.decode(video=0)]
        assert frames == [320] * camera.frames
    assert result.watchlist is not None
    assert {p.stem for p in result.watchlist.iterdir()} == truth.enrolled == {"p0", "p1"}
    for row in truth.appearances:
        widths = [box[2] - box[0] for box in row.boxes if box is not None]
        assert widths[-1] > 2 * widths[0]
    assert not list((tmp_path / "out").glob(".*"))


def test_truth_boxes_lie_on_the_drawn_faces(tmp_path: Path, people: list[Person]) -> None:
    chosen = WalkbySettings(passes=1, **SMALL)  # type: ignore[arg-type]
    script = write_script([Walker(False, 1)], chosen)
    cutting = cut_out(people[0].pictures[0], centred_face)
    checked = 0
    renderer = CameraRenderer(script, 0, lambda a, _: make_head(cutting, a.side_light))
    for planes, seen in renderer.frames():
        for face in seen:
            x0, y0, x1, y1 = (round(v) for v in face.box)
            if face.visible < 1 or x1 - x0 < 20:
                continue
            inner = planes.u[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2].mean()
            aside = planes.u[y0 // 2 : y1 // 2, max(0, x0 // 2 - 40) : x0 // 2 - 25].mean()
            assert inner < 100 < aside  # green has little blue difference, the street none
            checked += 1
    assert checked > 10


def test_frames_are_the_same_for_the_same_seed(people: list[Person]) -> None:
    chosen = WalkbySettings(passes=2, **SMALL)  # type: ignore[arg-type]
    cutting = cut_out(people[0].pictures[0], centred_face)

    def last() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        script = write_script([Walker(False, 1)] * 2, chosen)
        renderer = CameraRenderer(script, 0, lambda a, _: make_head(cutting, a.side_light))
        *_, (planes, _) = renderer.frames()
        return planes.y

    assert np.array_equal(last(), last())


def test_unusable_pictures_are_left_out_and_named(tmp_path: Path, people: list[Person]) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    tiny = tmp_path / "tiny.png"
    cv2.imwrite(str(tiny), np.zeros((20, 20, 3), np.uint8))
    crowd = [*people, Person("bad", (broken,)), Person("small", (tiny,))]
    chosen = WalkbySettings(passes=6, return_gap_s=0, **SMALL)  # type: ignore[arg-type]
    result = simulate_walkby(crowd, tmp_path / "out", chosen)
    assert len(result.left_out) == 2
    assert any("broken.jpg: is no picture" in reason for reason in result.left_out)
    with pytest.raises(InputError, match="nobody has a usable picture"):
        simulate_walkby([Person("bad", (broken,))], tmp_path / "out", chosen)


def test_a_detector_gives_the_box_of_the_subject() -> None:
    find = detected_face(GreyPack().detector)
    bright, dark = np.full((100, 200, 3), 200, np.uint8), np.zeros((100, 200, 3), np.uint8)
    box = find(bright)
    assert box is not None
    assert box.tolist() == [50, 25, 150, 75]
    assert find(dark) is None


def test_a_picture_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.jpg: cannot be read"):
        read_picture(tmp_path / "gone.jpg")


HEADER = TruthHeader(
    1, 1, (CameraTruth("camera-1", "camera-1.mp4", 320, 240, 25.0, 100),), (PersonTruth("ann"),)
)
ROW = AppearanceTruth("p1", "ann", "camera-1", 98, ((0, 0, 9, 9), None), (1.0, 0.0), (0, 0))


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (b"", "is empty"),
        (b"{}\n", "is no walk-by truth"),
        (b"\xff\xfe\n", "is no walk-by truth"),
        (encode_line(HEADER) + encode_line(ROW)[:30], "line 2: is no walk-by truth"),
        (encode_line(TruthHeader(9, 1, (), ())), "has version 9"),
        (
            encode_line(HEADER) + encode_line(AppearanceTruth("p1", "ann", "x", 0, (), (), ())),
            "unknown camera 'x'",
        ),
        (
            encode_line(HEADER)
            + encode_line(AppearanceTruth("p1", "bob", "camera-1", 0, (), (), ())),
            "not in the cast",
        ),
        (
            encode_line(HEADER)
            + encode_line(AppearanceTruth("p1", "ann", "camera-1", 0, (None,), (), ())),
            "differ in number",
        ),
        (
            encode_line(HEADER)
            + encode_line(AppearanceTruth("p1", "ann", "camera-1", 100, (None,), (0.0,), (0,))),
            "outside the 100 frames",
        ),
    ],
)
def test_truth_that_cannot_be_used_is_refused(tmp_path: Path, lines: bytes, cause: str) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_bytes(lines)
    with pytest.raises(InputError, match=cause):
        read_truth(path)


def test_truth_survives_the_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_bytes(encode_line(HEADER) + encode_line(ROW))
    assert read_truth(path).appearances == (ROW,)
    assert ROW.last_frame == 99
