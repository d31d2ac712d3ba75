"""The engine itself, run on video whose truth is known, and scored.

Owns: the order: check that truth and videos fit, run an exercise, follow the tracks, score. Never:
a measure of its own, a template. Strategy: the run is the very one of ``lfr exercise``; nothing is
told to it but what an exercise is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import trio

from lfr_engine.actors.events import AlertTold, EngineEvent, PassEnded
from lfr_engine.app.exercise import ExerciseRequest, Ready, check_sources, run_exercise
from lfr_engine.app.report import ExerciseReport
from lfr_engine.clock import Clock
from lfr_engine.errors import EngineError, InputError
from lfr_engine.evaluation.follow import Followed, Wanted, check_video, follow
from lfr_engine.evaluation.identification import Verdict, judge
from lfr_engine.evaluation.intervals import Rate, rate
from lfr_engine.evaluation.progress import Tell
from lfr_engine.evaluation.tracking import TrackingScores
from lfr_engine.evaluation.video_scores import AlertSeen, VideoScores, score_alerts
from lfr_engine.evaluation.walkby.truth import CameraTruth, Truth, read_truth
from lfr_engine.inference.detector import DetectorSettings
from lfr_engine.inference.pack import open_pack
from lfr_engine.inference.session import DeviceOptions
from lfr_engine.inference.store import ModelStore
from lfr_engine.sources.spec import SourceAddress
from lfr_engine.vision.tracker import TrackerSettings

SIGHTINGS = (0, 1, 2, 3, 5, 8)
"""Lower ends of the bins of TPIR by number of sightings."""


class SightingScores(msgspec.Struct, frozen=True):
    """TPIR of enrolled people's appearances that gave at least ``from_sightings`` sightings."""

    from_sightings: int
    tpir: Rate


class VideoResult(msgspec.Struct, frozen=True):
    """Everything ``lfr evaluate video`` reports.

    verdict: on the stated FPIR, held against other people's passes with a wrong alert; None where a
    threshold of the user's own was used. tracking, by_sightings: absent where not followed.
    problems: what did not fit, in words; the rest was still scored.
    """

    scores: VideoScores
    tracking: TrackingScores | None
    by_sightings: tuple[SightingScores, ...]
    verdict: Verdict | None
    engine: ExerciseReport
    problems: tuple[str, ...]


@dataclass(slots=True)
class _Told:
    """What the engine said, as it said it."""

    of: int
    tell: Tell
    alerts: list[AlertTold] = field(default_factory=list)
    passes: list[PassEnded] = field(default_factory=list)

    def take(self, event: Ready | EngineEvent) -> None:
        if isinstance(event, AlertTold):
            self.alerts.append(event)
        elif isinstance(event, PassEnded) and event.confirmed:
            self.passes.append(event)
            self.tell("running the engine, passes", min(len(self.passes), self.of), self.of)


def evaluate_video(
    request: ExerciseRequest,
    truth_file: Path,
    store: ModelStore,
    clock: Clock,
    tell: Tell,
    *,
    tracking: bool = True,
) -> VideoResult:
    """Run the engine on ``request.sources`` and score it.

    Args:
        request: As for an exercise.
        truth_file: From the simulator; its cameras are matched with the sources by file name.
        store: Where the packs are.
        clock: Time.
        tell: Told how far it is.
        tracking: Look at the videos a second time for tracks and for the faces behind alerts. If
            not, an alert counts as right where the named person is in view.

    Raises:
        InputError: truth and sources do not fit.
        LfrError: as ``run_exercise``.
    """
    truth = read_truth(truth_file)
    addresses = check_sources(request.sources)
    cameras = match_sources(truth, addresses)
    for camera, address in zip(cameras, addresses, strict=True):
        check_video(camera, address, clock)
    truth = _seen_by(truth, cameras)
    told = _Told(len(truth.appearances), tell)

    async def run() -> ExerciseReport | None:
        return await run_exercise(request, clock, store, told.take, tell, trio.Event())

    report = trio.run(run)
    if report is None:
        raise EngineError("exercise", "ended before the first frame")
    followed = None
    if tracking:
        followed = _follow_all(request, cameras, addresses, truth, store, clock, told, tell)
    scores = score_alerts(truth, _alerts_seen(told.alerts, followed))
    return VideoResult(
        scores=scores,
        tracking=followed.scores if followed else None,
        by_sightings=_by_sightings(truth, told.passes, scores, followed) if followed else (),
        verdict=judge(report.stated_fpir, scores.nonmated_fpir) if report.stated_fpir else None,
        engine=report,
        problems=tuple(_problems(cameras, report)),
    )


def match_sources(truth: Truth, addresses: Sequence[SourceAddress]) -> list[CameraTruth]:
    """The truth's camera of each source, by file name.

    Raises:
        InputError: a source is none of the truth's videos, or is named twice.
    """
    known = {camera.video: camera for camera in truth.header.cameras}
    out: list[CameraTruth] = []
    for address in addresses:
        camera = known.get(Path(address.address).name)
        if camera is None:
            raise InputError(address, "is not in the truth", f"its videos are {', '.join(known)}")
        if camera in out:
            raise InputError(address, "is named twice")
        out.append(camera)
    return out


def _seen_by(truth: Truth, cameras: Sequence[CameraTruth]) -> Truth:
    """The truth of these cameras only."""
    names = {camera.name for camera in cameras}
    header = msgspec.structs.replace(truth.header, cameras=tuple(cameras))
    return Truth(header, tuple(a for a in truth.appearances if a.camera in names))


def _follow_all(
    request: ExerciseRequest,
    cameras: Sequence[CameraTruth],
    addresses: Sequence[SourceAddress],
    truth: Truth,
    store: ModelStore,
    clock: Clock,
    told: _Told,
    tell: Tell,
) -> Followed:
    installed = store.open(request.pack or store.packs.default)
    faint = DetectorSettings(min_score=TrackerSettings().faint_score)
    pack = open_pack(installed, DeviceOptions(device=request.device), settings=faint)
    followed = Followed()
    wanted = [one for alert in told.alerts for one in _wanted(alert)]
    for camera, address in zip(cameras, addresses, strict=True):
        follow(followed, camera, address, truth, pack.detector, wanted, clock, tell)
    return followed


def _wanted(told: AlertTold) -> list[Wanted]:
    """Every track the alert may have been decided on."""
    return [
        Wanted(camera, int(track.rpartition("#")[2]), told.scene_s)
        for camera, track in sorted(told.alert.tracks)
    ]


def _alerts_seen(alerts: Sequence[AlertTold], followed: Followed | None) -> list[AlertSeen]:
    """Alerts with the camera and the face behind each, as far as the second look found them."""
    out = []
    known: dict[str, frozenset[tuple[str, str]]] = {}
    for told in alerts:
        alert = told.alert
        grown = alert.tracks - known.get(alert.reference, frozenset())
        known[alert.reference] = alert.tracks
        boxes = followed.boxes if followed else {}
        candidates = sorted(_wanted(told), key=lambda one: (one.camera, str(one.track)))
        new_first = sorted(
            candidates, key=lambda one: (one.camera, f"{one.camera}#{one.track}") not in grown
        )
        placed = next((one for one in new_first if one in boxes), None)
        camera = placed.camera if placed else new_first[0].camera
        out.append(
            AlertSeen(
                alert.entry, camera, told.scene_s, boxes[placed] if placed else None, told.new
            )
        )
    return out


def _by_sightings(
    truth: Truth, passes: Sequence[PassEnded], scores: VideoScores, followed: Followed
) -> tuple[SightingScores, ...]:
    """TPIR of enrolled people's appearances by how many usable views the engine had of them."""
    seen = dict.fromkeys(
        (i for i, a in enumerate(truth.appearances) if a.person in truth.enrolled), 0
    )
    for ended in passes:
        appearance = followed.appearance(ended.track.camera, ended.track.number)
        if appearance in seen and ended.finding is not None:
            seen[appearance] += ended.finding.sightings
    right = set(scores.found)
    bins: dict[int, list[int]] = {low: [] for low in SIGHTINGS}
    for index, count in seen.items():
        bins[max(low for low in SIGHTINGS if low <= count)].append(index)
    return tuple(
        SightingScores(
            low,
            rate(
                sum(
                    (truth.appearances[i].pass_id, truth.appearances[i].camera) in right
                    for i in members
                ),
                len(members),
            ),
        )
        for low, members in bins.items()
    )


def _problems(cameras: Sequence[CameraTruth], report: ExerciseReport) -> list[str]:
    out = []
    for camera, figures in zip(cameras, report.cameras, strict=True):
        if figures.error:
            out.append(figures.error)
        elif figures.frames != camera.frames:
            out.append(
                f"{camera.video}: {figures.frames:,} frames, but its truth has {camera.frames:,}: "
                "figures of the missing part are wrong"
            )
    return out
