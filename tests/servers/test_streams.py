"""MPEG-TS over TCP and UDP, and MJPEG over HTTP, from real senders on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from lfr_engine.sources.condition import CameraDown, CameraState, CameraUp
from tests.servers.clips import write_clip
from tests.servers.rig import Rig
from tests.servers.rtsp import free_port
from tests.servers.streams import mjpeg_server, mpegts_sender

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "walk.ts", (20.0, (320, 240)))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_mpegts_that_stops_and_returns_is_one_down_and_one_up(clip: Path, transport: str) -> None:
    port = free_port()

    async def scenario() -> None:
        rig = Rig()
        async with rig.running():
            with mpegts_sender(clip, port, transport):
                rig.watch("door", f"{transport}://127.0.0.1:{port}")
                await rig.until_frames("door", 50)
                facts = rig.reports["door"].facts
                assert facts is not None
                assert (facts.codec, facts.width, facts.decoder) == ("h264", 320, "software")
            await rig.until(lambda: rig.told("door") == [CameraDown])
            assert rig.reports["door"].condition.state is CameraState.LOST
            with mpegts_sender(clip, port, transport):
                await rig.until(lambda: rig.told("door") == [CameraDown, CameraUp])
                await rig.until_frames("door", 10)

    trio.run(scenario)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_noise_in_the_middle_of_a_stream_is_survived(clip: Path, transport: str) -> None:
    port = free_port()

    async def scenario() -> None:
        rig = Rig()
        async with rig.running():
            with mpegts_sender(clip, port, transport) as noise:
                rig.watch("door", f"{transport}://127.0.0.1:{port}", debounce_s=0.3)
                await rig.until_frames("door", 30)
                noise.set()
                await rig.until(lambda: rig.told("door") == [CameraDown])
                noise.clear()
                await rig.until(lambda: rig.told("door") == [CameraDown, CameraUp])
                await rig.until_frames("door", 30)
                assert rig.reports["door"].condition.state is CameraState.LIVE
                assert CameraState.REFUSED not in rig.states["door"]
                assert CameraState.CRASHED not in rig.states["door"]

    trio.run(scenario)


def test_mjpeg_over_http_keeps_its_rate() -> None:
    async def scenario() -> None:
        rig = Rig()
        with mjpeg_server() as host:
            async with rig.running():
                rig.watch("door", f"http://{host}/video")
                await rig.until_frames("door", 15)
                rig.mark("door")
                await rig.until_frames("door", 50)
                facts = rig.reports["door"].facts
                assert facts is not None
                assert facts.codec == "mjpeg"
                assert abs(rig.unaccounted("door")) <= 2
                assert rig.drops("door")["decode"] == 0
                # Stamps follow arrival, whatever rate FFmpeg imagines for a stream without times.
                assert rig.seen["door"].span_s == pytest.approx(50 / 25, rel=0.25)

    trio.run(scenario)


@pytest.mark.parametrize(
    ("login", "path", "words"),
    [
        ("viewer:wrong-s3cret@", "/secret", "refused the user name or password"),
        ("", "/none", "no such stream"),
    ],
)
def test_http_refusals_wait_for_the_operator(
    login: str, path: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        rig = Rig()
        with mjpeg_server() as host:
            async with rig.running():
                rig.watch("door", f"http://{login}{host}{path}")
                await rig.until_state("door", CameraState.REFUSED)
                assert words in rig.reports["door"].error
                assert "s3cret" not in repr((rig.reports, rig.events))

    trio.run(scenario)
    assert "s3cret" not in "".join(capfd.readouterr())


def test_a_right_password_opens() -> None:
    async def scenario() -> None:
        rig = Rig()
        with mjpeg_server() as host:
            async with rig.running():
                rig.watch("door", f"http://viewer:right-s3cret@{host}/secret")
                await rig.until_frames("door", 5)

    trio.run(scenario)
