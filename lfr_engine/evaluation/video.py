"""The engine itself, run on video whose truth is known, and scored.

Owns: the order: check that truth and videos fit, run an exercise, score it. Never: a measure of its
own, a template. Strategy: the run is the very one of ``lfr exercise``; nothing is told to it but
what an exercise is told, and what it tells besides is whose every face is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import trio

from lfr_engine.actors.events import AlertTold, EngineEvent, PassEnded
from lfr_engine.app.exercise import ExerciseRequest, Ready, check_sources, run_exercise
from lfr_engine.app.report import ExerciseReport
from lfr_engine.clock import Clock
from lfr_engine.errors import EngineError, InputError
from lfr_engine.evaluation.follow import Follower, check_video
from lfr_engine.evaluation.identification import Verdict, judge
from lfr_engine.evaluation.intervals import Rate, rate
from lfr_engine.evaluation.progress import Tell
from lfr_engine.evaluation.tracking import TrackingScores
from lfr_engine.evaluation.video_scores import AlertSeen, VideoScores, score_alerts
from lfr_engine.evaluation.walkby.truth import CameraTruth, Truth, read_truth
from lfr_engine.inference.store import ModelStore
from lfr_engine.sources.spec import SourceAddress, unique_names

SIGHTINGS = (0, 1, 2, 3, 5, 8)
"""Lower ends of the bins of TPIR by number of sightings."""


class SightingScores(msgspec.Struct, frozen=True):
    """TPIR of enrolled people's appearances that gave at least ``from_sightings`` sightings."""

    from_sightings: int
    tpir: Rate


class VideoResult(msgspec.Struct, frozen=True):
    """Everything ``lfr evaluate video`` reports.

    truth: SHA-256 of the truth file. verdict: on the stated FPIR, held against other people's
    passes with a wrong alert; None where a threshold of the user's own was used. problems: what did
    not fit, in words; the rest was still scored.
    """

    truth: str
    scores: VideoScores
    tracking: TrackingScores
    by_sightings: tuple[SightingScores, ...]
    verdict: Verdict | None
    engine: ExerciseReport
    problems: tuple[str, ...]


class _Told:
    """What the engine said, as it said it; each alert is placed on its face at once."""

    def __init__(
        self, truth: Truth, follower: Follower, cameras: Mapping[str, CameraTruth]
    ) -> None:
        self._truth = truth
        self._follower = follower
        self._cameras = cameras
        self._known: dict[str, frozenset[tuple[str, str]]] = {}
        self.alerts: list[AlertSeen] = []
        self.passes: list[PassEnded] = []
        self.list_problems: tuple[str, ...] = ()

    def take(self, event: Ready | EngineEvent) -> None:
        if isinstance(event, Ready):
            self.list_problems = list_problems(self._truth, event)
        elif isinstance(event, AlertTold):
            self.alerts.append(self._place(event))
        elif isinstance(event, PassEnded) and event.confirmed:
            self.passes.append(event)

    def _place(self, told: AlertTold) -> AlertSeen:
        """The alert with the face that decided it: of the track it has grown by, if of any."""
        alert = told.alert
        grown = alert.tracks - self._known.get(alert.reference, frozenset())
        self._known[alert.reference] = alert.tracks
        candidates = sorted(alert.tracks, key=lambda track: (track not in grown, track))
        found = (
            (camera, self._follower.box(camera, int(track.rpartition("#")[2]), told.scene_s))
            for camera, track in candidates
        )
        camera, box = next((one for one in found if one[1] is not None), (candidates[0][0], None))
        name = self._cameras[camera].name
        return AlertSeen(alert.entry, name, told.scene_s, box, told.new)


def evaluate_video(
    request: ExerciseRequest, truth_file: Path, store: ModelStore, clock: Clock, tell: Tell
) -> VideoResult:
    """Run the engine on ``request.sources`` and score it.

    Args:
        request: As for an exercise.
        truth_file: From the simulator; its cameras are matched with the sources by file name.
        store: Where the packs are.
        clock: Time.
        tell: Told how far it is.

    Raises:
        InputError: truth, sources and watchlist do not fit.
        LfrError: as ``run_exercise``.
    """
    truth = read_truth(truth_file)
    addresses = check_sources(request.sources)
    cameras = match_sources(truth, addresses)
    for camera, address in zip(cameras, addresses, strict=True):
        check_video(camera, address, clock)
    truth = _seen_by(truth, cameras)
    named = dict(zip(unique_names(addresses), cameras, strict=True))
    follower = Follower(truth, named, tell)
    told = _Told(truth, follower, named)

    async def run() -> ExerciseReport | None:
        return await run_exercise(
            request, clock, store, told.take, tell, trio.Event(), follower.take
        )

    report = trio.run(run)
    if report is None:
        raise EngineError("exercise", "ended before the first frame")
    scores = score_alerts(truth, told.alerts)
    return VideoResult(
        truth=hashlib.sha256(truth_file.read_bytes()).hexdigest(),
        scores=scores,
        tracking=follower.scores,
        by_sightings=_by_sightings(truth, told.passes, scores, follower),
        verdict=judge(report.stated_fpir, scores.nonmated_fpir) if report.stated_fpir else None,
        engine=report,
        problems=(*told.list_problems, *_problems(cameras, report)),
    )


def list_problems(truth: Truth, ready: Ready) -> tuple[str, ...]:
    """How the list that was enrolled differs from the one the truth names, in words.

    Raises:
        InputError: it has nobody of those whom the truth names.
    """
    enrolled, names = truth.enrolled, frozenset(ready.names)
    missing, extra = sorted(enrolled - names), sorted(names & truth.cast - enrolled)
    if enrolled and len(missing) == len(enrolled):
        raise InputError(
            "watchlist",
            f"has none of the {len(enrolled)} people whom the truth names as enrolled",
            "use the watchlist that was written with this truth",
        )
    out = list(ready.rejected)
    if missing:
        out.append(f"not on the list, so their passes count as missed: {', '.join(missing)}")
    if extra:
        out.append(f"on the list, but not by the truth, so alerts are false: {', '.join(extra)}")
    return tuple(out)


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


def _by_sightings(
    truth: Truth, passes: Sequence[PassEnded], scores: VideoScores, follower: Follower
) -> tuple[SightingScores, ...]:
    """TPIR of enrolled people's appearances by how many usable views the engine had of them."""
    seen = dict.fromkeys(
        (i for i, a in enumerate(truth.appearances) if a.person in truth.enrolled), 0
    )
    for ended in passes:
        appearance = follower.appearance(ended.track.camera, ended.track.number)
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
