"""Cameras over the socket, without a deployment: counted, changed, zoned, stopped, previewed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import trio

from lfr_engine.api.port import Conflict, Item, NotFound
from lfr_engine.config import CameraConfig
from lfr_engine.errors import ConfigError, InputError, RuleError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.commands import PREVIEW
from tests.app.api_rig import ENGINEER, clip, play, stage
from tests.app.deployment_rig import until


def test_commissioning_templates_nobody_and_counts_who_passes(tmp_path: Path) -> None:
    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source=str(clip(tmp_path)), pace="live", repeat=True)]
        async with stage(tmp_path, exercise=False, cameras=cameras) as made:
            await until(lambda: made.running.traffic.passes["door"] >= 2)
            board: s.Board = await made.call(a.BoardGet())
            assert board.passes >= 2
            assert board.engine.mode == "commissioning"
            assert board.cameras[0].state == "live"
            assert board.cameras[0].width == 320
            assert board.cameras[0].faces_per_minute >= 2
            assert made.embedder.calls == 0
            empty = await made.call(a.AlertsList())
            assert empty.alerts == []
            with pytest.raises(Conflict):
                await made.call(a.WatchlistStatus())
            with pytest.raises(RuleError, match="R27"):
                await made.call(a.WatchlistCheck(picture=b"x"))

    play(scenario)


@pytest.mark.slow
def test_cameras_come_stand_still_and_go(tmp_path: Path) -> None:
    async def scenario() -> None:
        video = str(clip(tmp_path))
        async with stage(tmp_path, exercise=False) as made:
            add = a.CamerasAdd(camera="gate", address=video)
            await made.call(add, ENGINEER)
            with pytest.raises(Conflict):
                await made.call(add, ENGINEER)
            await until(lambda: made.running.camera_states()[0].state == "live")
            await made.call(a.CamerasDisable(camera="gate"), ENGINEER)
            await until(lambda: made.running.camera_states()[0].state == "disabled")
            frames = made.running.engine.reports["gate"].frames
            await trio.sleep(0.3)
            assert made.running.engine.reports["gate"].frames == frames
            await made.call(a.CamerasEnable(camera="gate"), ENGINEER)
            await until(lambda: made.running.engine.reports["gate"].frames > frames)
            await until(lambda: made.running.camera_states()[0].state == "ended")
            await made.call(a.CamerasEnable(camera="gate"), ENGINEER)
            await until(lambda: made.running.camera_states()[0].state == "live")
            change = a.CamerasChange(camera="gate", address=str(tmp_path / "absent.mp4"))
            await made.call(change, ENGINEER)
            await until(lambda: made.running.camera_states()[0].state == "refused")
            assert "no such file" in " ".join(made.running.camera_states()[0].warnings)
            await made.call(a.CamerasRemove(camera="gate"), ENGINEER)
            assert (await made.call(a.CamerasList())).cameras == []
            with pytest.raises(NotFound):
                await made.call(a.CamerasRemove(camera="gate"), ENGINEER)

    play(scenario)


@pytest.mark.parametrize(
    "command",
    [
        a.CamerasAdd(camera="gate", address="x.mp4", site="elsewhere"),
        a.CamerasAdd(camera="gate", address="gopher://x"),
    ],
)
def test_what_a_camera_cannot_be_is_said(command: a.CamerasAdd, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stage(tmp_path, exercise=False, run=False) as made:
            with pytest.raises(InputError):
                await made.call(command, ENGINEER)

    play(scenario)


def test_an_exercise_takes_no_live_source(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stage(tmp_path, exercise=True, run=False) as made:
            with pytest.raises(RuleError, match="R27"):
                await made.call(a.CamerasAdd(camera="x", address="rtsp://host/1"), ENGINEER)

    play(scenario)


def test_a_password_in_an_address_is_shown_to_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source="rtsp://ann:s3cret@127.0.0.1:9/x")]
        async with stage(tmp_path, exercise=False, cameras=cameras) as made:
            await trio.sleep(0.1)
            board: s.Board = await made.call(a.BoardGet())
            assert "s3cret" not in repr(board)

    play(scenario)


def test_a_zone_edit_is_in_force_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source=str(clip(tmp_path)), repeat=True)]
        async with stage(tmp_path, exercise=True, cameras=cameras) as made:
            corner = [(0.9, 0.9), (1.0, 0.9), (1.0, 1.0)]
            edit = a.ZoneEdit(camera="door", corners=corner, smallest_face_pixels=20)
            await made.call(edit, ENGINEER)
            zone = await made.call(a.ZoneGet(camera="door"))
            assert zone.corners == corner
            assert zone.smallest_face_pixels == 20
            await until(lambda: made.running.telemetry.counts["detected door"] > 60)
            assert made.embedder.calls == 0
            await made.call(a.ZoneEdit(camera="door", corners=[]), ENGINEER)
            await until(lambda: made.embedder.calls > 0)
            with pytest.raises(ConfigError):
                await made.call(a.ZoneEdit(camera="door", corners=corner[:2]), ENGINEER)

    play(scenario)


def test_the_red_stop_works_without_a_deployment_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source=str(clip(tmp_path)), repeat=True)]
        async with stage(tmp_path, exercise=False, cameras=cameras) as made:
            engine = made.running.engine
            await until(lambda: made.running.camera_states()[0].state == "live")
            began = trio.current_time()
            state = await made.call(a.DeploymentsStop(reason="a fight"))
            assert state.safe_stop
            await until(lambda: not engine.watches("door"))
            assert trio.current_time() - began < 1
            frames = engine.reports["door"].frames
            await trio.sleep(0.3)
            assert engine.reports["door"].frames == frames
            resumed = await made.call(a.DeploymentsResume(reason="over"))
            assert resumed.phase == "running"
            await until(lambda: engine.watches("door") and engine.reports["door"].frames > 0)
            assert (await made.call(a.DeploymentsPause(reason="x"))).phase == "paused"
            await until(lambda: made.running.camera_states()[0].drops.get("paused"))
            await made.call(a.DeploymentsResume(reason="x"))
            with pytest.raises(Conflict):
                await made.call(a.DeploymentsResume(reason="x"))

    play(scenario)


def test_a_preview_is_a_jpeg_whose_faces_are_blurred(tmp_path: Path) -> None:
    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source=str(clip(tmp_path)), repeat=True)]
        async with stage(tmp_path, exercise=False, cameras=cameras) as made:
            command, shown = a.PreviewFrame(camera="door", width=320), None
            while shown is None or not shown.boxes:
                shown = await made.call(command, ENGINEER)
            picture = cv2.imdecode(np.frombuffer(shown.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
            assert picture is not None
            assert picture.shape == (180, 320)
            left, top, width, height = shown.boxes[0]
            x, y = round((left + width * 0.2) * 320), round((top + height * 0.2) * 180)
            face = picture[y : y + round(height * 108), x : x + round(width * 192)]
            assert (
                float(np.abs(np.diff(face.astype(float), axis=1)).mean()) < 4
            )  # the noise is gone
            wanted = a.PreviewFilter(camera="door", per_second=10)
            with made.engine.subscribe(PREVIEW, wanted, ENGINEER) as reader:
                began = trio.current_time()
                for _ in range(4):
                    assert isinstance(await reader.receive(), Item)
                assert trio.current_time() - began >= 0.3
            with (
                pytest.raises(NotFound),
                made.engine.subscribe(PREVIEW, a.PreviewFilter(camera="no"), ENGINEER),
            ):
                pass

    play(scenario)


def test_a_camera_without_pictures_gives_no_preview(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lfr_engine.app.engine_api_cameras.PATIENCE_S", 0.2)

    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source=str(tmp_path / "absent.mp4"))]
        async with stage(tmp_path, exercise=False, cameras=cameras) as made:
            await until(lambda: made.running.camera_states()[0].state == "refused")
            with pytest.raises(Conflict, match="refused"):
                await made.call(a.PreviewFrame(camera="door"), ENGINEER)

    play(scenario)
