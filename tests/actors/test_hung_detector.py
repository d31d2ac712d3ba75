"""A detector that hangs in native code is left behind, and detection goes on with a new one."""

from __future__ import annotations

import threading

import pytest
import trio

from lfr_engine.actors.detector import DetectorSettings
from lfr_engine.runtime.supervise import ActorState
from lfr_engine.sources.condition import CameraState
from lfr_engine.vision.faces import Faces, no_faces
from lfr_engine.vision.frame import Picture
from tests.actors.test_camera import ADDRESS, CLOCK, Script
from tests.servers.rig import Rig


class Hangs:
    """A detector that blocks for ever from the call on when it is told to."""

    def __init__(self, release: threading.Event) -> None:
        self.release = release
        self.hang = threading.Event()
        self.stuck = 0

    def detect(self, _: Picture) -> Faces:
        if self.hang.is_set():
            self.stuck += 1
            self.release.wait(30)
        return no_faces()


@pytest.mark.parametrize(
    "deadline_s", [0.3, pytest.param(DetectorSettings().deadline_s, marks=pytest.mark.long)]
)
def test_a_hung_detector_is_rebuilt_and_detection_resumes(deadline_s: float) -> None:
    release = threading.Event()
    opened: list[Hangs] = []

    def open_detector() -> Hangs:
        opened.append(Hangs(release))
        return opened[-1]

    async def scenario() -> None:
        rig = Rig(open_detector, DetectorSettings(requests=2, deadline_s=deadline_s))
        async with rig.running():
            for name in ("door", "gate"):
                rig.watch(name, ADDRESS, read=Script().read)
                await rig.until_frames(name, 10)
            opened[0].hang.set()
            hung_ns = CLOCK.monotonic_ns()
            await rig.until(lambda: len(opened) == 2, within=deadline_s + 10)
            for name in ("door", "gate"):
                await rig.until_frames(name, 10, within=5)
            resumed_s = (CLOCK.monotonic_ns() - hung_ns) / 1e9
            # One deadline to notice, one grace for the stuck calls, one back-off.
            assert resumed_s <= deadline_s + 4
            assert resumed_s <= 15
            assert opened[0].stuck == 2
            device = sum(rig.drops(name)["device"] for name in ("door", "gate"))
            assert device == 2
            states = [state for state, _ in rig.detector_states]
            assert states == [ActorState.RUNNING, ActorState.WAITING, ActorState.RUNNING]
            assert f"did not return within {deadline_s:g} s" in rig.detector_states[1][1]
            # The cameras noticed nothing: the demuxers were never held up.
            assert rig.events == []
            for name in ("door", "gate"):
                assert rig.states[name] == [CameraState.CONNECTING, CameraState.LIVE]
                assert abs(rig.unaccounted(name)) <= 3
        release.set()

    trio.run(scenario)


def test_a_detector_that_hangs_again_and_again_is_given_up_loudly() -> None:
    release = threading.Event()

    def open_detector() -> Hangs:
        detector = Hangs(release)
        detector.hang.set()
        return detector

    async def scenario() -> None:
        rig = Rig(open_detector, DetectorSettings(requests=1, deadline_s=0.05))
        async with rig.running():
            rig.watch("door", ADDRESS, read=Script().read)
            await rig.until(lambda: ActorState.CRASHED in dict(rig.detector_states), within=15)
            assert [state for state, _ in rig.detector_states].count(ActorState.RUNNING) == 6
            assert rig.drops("door")["device"] == 6
            assert rig.reports["door"].condition.state is CameraState.LIVE
        release.set()

    trio.run(scenario)
