"""From boxes to alerts: the pure parts of the pipeline joined, over simulated walk-bys (R12)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lfr_engine.alerts.evidence import Evidence, EvidenceSettings, Ranking, Sighting, Track, Verdict
from lfr_engine.alerts.policy import EntryFacts
from lfr_engine.identity.matcher import Gallery
from lfr_engine.identity.passes import PassMemory
from lfr_engine.identity.template import TemplateContract, normalised
from lfr_engine.journal.events.alerts import AlertGenerated
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import FloatArray
from lfr_engine.vision.quality import QualityLimits, view_flaw, view_quality, views
from lfr_engine.vision.shots import ShotSelector
from lfr_engine.vision.tracker import NO_TRACK, Tracker
from tests.alerts.support import at, table

SIZE = (1280, 720)
RATE = 12.5
DIMENSION = 64
CONTRACT = TemplateContract("test", "0" * 64, "p", "f32", DIMENSION)
SHAPE = np.array([[-0.2, -0.1], [0.2, -0.1], [0.0, 0.11], [-0.16, 0.3], [0.16, 0.3]], np.float32)


@dataclass(frozen=True)
class Walk:
    """One person before one camera, on a straight line; hidden: spans in which no face is found."""

    person: str
    camera: str
    begin: float
    end: float
    way: tuple[tuple[float, float], tuple[float, float]]
    sizes: tuple[float, float] = (60.0, 60.0)
    hidden: tuple[tuple[float, float], ...] = ()

    def face(self, time_s: float) -> tuple[float, float, float] | None:
        if not self.begin <= time_s <= self.end:
            return None
        if any(low <= time_s <= high for low, high in self.hidden):
            return None
        share = (time_s - self.begin) / (self.end - self.begin)
        (x0, y0), (x1, y1) = self.way
        size = self.sizes[0] + share * (self.sizes[1] - self.sizes[0])
        return x0 + share * (x1 - x0), y0 + share * (y1 - y0), size


@dataclass
class Engine:
    """The pure parts, joined as the actors join them."""

    listed: tuple[str, ...]
    seed: int = 1
    cameras: tuple[str, ...] = ("north", "south")
    raised: Counter[str] = field(default_factory=Counter)
    templates: int = 0
    passes: int = 0

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.people: dict[str, FloatArray] = {}
        gallery = np.stack([self.view(name) for name in self.listed])
        self.gallery = Gallery.build(
            self.listed, self.listed, gallery, range(len(self.listed)), CONTRACT
        )
        self.trackers = {camera: Tracker() for camera in self.cameras}
        self.selectors = {camera: ShotSelector() for camera in self.cameras}
        self.memory: PassMemory[Track] = PassMemory(DIMENSION)
        self.evidence = Evidence(EvidenceSettings(threshold=0.40))
        self.alerts = table()

    def view(self, person: str) -> FloatArray:
        """A template of a person: views of one resemble each other by about 0.6."""
        if person not in self.people:
            self.people[person] = self.unit(self.random.normal(size=DIMENSION))
        noise = self.random.normal(size=DIMENSION) * 0.8 / np.sqrt(DIMENSION)
        return self.unit(self.people[person] + noise)

    @staticmethod
    def unit(vector: npt.NDArray[np.float64] | FloatArray) -> FloatArray:
        rows: FloatArray = normalised(np.asarray(vector, np.float32)[None])
        return rows.reshape(-1)

    def run(self, *walks: Walk) -> Counter[str]:
        """Replay; returns how many alerts each entry raised."""
        last = max(walk.end for walk in walks) + 3
        for step in itertools.count():
            time_s = step / RATE
            if time_s > last:
                return self.raised
            for camera in self.cameras:
                seen = [
                    (walk.person, face)
                    for walk in walks
                    if walk.camera == camera and (face := walk.face(time_s))
                ]
                self.picture(camera, time_s, seen)
            self.alerts.tick(at(time_s))
        raise AssertionError

    def picture(
        self, camera: str, time_s: float, seen: list[tuple[str, tuple[float, float, float]]]
    ) -> None:
        faces = _faces([face for _, face in seen], self.random)
        update = self.trackers[camera].update(time_s, faces)
        for number, index in self.worth(camera, time_s, faces, update.track_ids.tolist()):
            self.sighting(Track(camera, number), time_s, self.view(seen[index][0]))
        for ended in update.ended:
            track = Track(camera, ended.track_id)
            self.passes += ended.confirmed
            self.memory.erase(track)
            self.evidence.close(track)
            self.selectors[camera].forget(ended.track_id)

    def worth(
        self, camera: str, time_s: float, faces: Faces, track_ids: list[int]
    ) -> Iterator[tuple[int, int]]:
        looked = views(faces, SIZE)
        for index, (number, view) in enumerate(zip(track_ids, looked, strict=True)):
            seen = view.size_px, view_quality(view)
            taken = number != NO_TRACK and view_flaw(view, QualityLimits()) is None
            if taken and not self.selectors[camera].worth_template(number, time_s, *seen):
                yield number, index

    def sighting(self, track: Track, time_s: float, template: FloatArray) -> None:
        self.templates += 1
        fused = self.memory.add(track, template, 0.8)
        single, together = (self.ranking(each) for each in (template, fused))
        found = self.evidence.add(Sighting(track, round(time_s * 1e9), 0.8, single, together))
        if found.verdict is not Verdict.MATCH:
            return
        assert found.entry is not None
        facts = EntryFacts(found.entry, "wanted", priority=2)
        for event in self.alerts.offer(found, facts, "square", at(time_s), threshold=0.40):
            self.raised.update([event.entry] if isinstance(event, AlertGenerated) else [])

    def ranking(self, template: FloatArray) -> Ranking:
        found = self.gallery.match(template[None])
        return Ranking(
            self.listed[int(found.entry[0])],
            float(found.score[0]),
            self.listed[int(found.second_entry[0])],
            float(found.second_score[0]),
        )


def _faces(seen: list[tuple[float, float, float]], random: np.random.Generator) -> Faces:
    rows = np.array(seen, np.float64).reshape(-1, 3)
    rows[:, :2] += random.normal(size=(len(rows), 2)) * 0.03 * rows[:, 2:]
    centres, sizes = rows[:, None, :2], rows[:, 2, None, None]
    boxes = np.hstack((rows[:, :2] - rows[:, 2:] / 2, rows[:, :2] + rows[:, 2:] / 2))
    return Faces(
        boxes.astype(np.float32),
        np.full(len(rows), 0.95, np.float32),
        (centres + SHAPE * sizes).astype(np.float32),
    )


LISTED = ("anna", "bert", "carl", "dora")
ACROSS = ((100.0, 300.0), (1180.0, 300.0))
BACK = ((1180.0, 305.0), (100.0, 305.0))
NEARER = ((500.0, 200.0), (700.0, 400.0))


def test_people_who_are_not_on_the_list_raise_nothing() -> None:
    engine = Engine(LISTED)
    walks = [
        Walk(f"stranger {i}", "north", 2.0 * i, 2.0 * i + 7, ACROSS if i % 2 else BACK)
        for i in range(12)
    ]
    assert engine.run(*walks) == {}
    assert engine.passes >= 12


def test_one_pass_is_one_alert_and_a_handful_of_templates() -> None:
    engine = Engine(LISTED)
    assert engine.run(Walk("anna", "north", 0, 6, NEARER, (30, 160))) == {"anna": 1}
    assert engine.passes == 1
    assert engine.templates <= 12


def test_an_occlusion_gives_no_second_alert_short_or_long() -> None:
    for hidden in ((2.0, 2.5), (2.0, 5.0)):
        engine = Engine(LISTED)
        walk = Walk("anna", "north", 0, 8, ACROSS, hidden=(hidden,))
        assert engine.run(walk, Walk("stranger", "north", 1, 7, BACK)) == {"anna": 1}


def test_crossing_people_raise_one_alert_each() -> None:
    engine = Engine(LISTED)
    hidden = ((3.2, 3.7),)
    walks = (
        Walk("anna", "north", 0, 7, ACROSS),
        Walk("bert", "north", 0, 7, BACK, hidden=hidden),
        Walk("stranger", "north", 2, 8, ACROSS),
    )
    assert engine.run(*walks) == {"anna": 1, "bert": 1}
    assert engine.passes == 3


def test_two_cameras_and_a_re_entry_are_one_alert_for_each_pass() -> None:
    engine = Engine(LISTED)
    walks = (
        Walk("anna", "north", 0, 6, ACROSS),
        Walk("anna", "south", 3, 9, NEARER, (40, 120)),
        Walk("anna", "south", 60, 66, BACK),
        Walk("anna", "north", 64, 70, BACK),
        Walk("dora", "south", 1, 7, ACROSS),
    )
    assert engine.run(*walks) == {"anna": 2, "dora": 1}


def test_a_crowd_of_walkers_raises_exactly_the_wanted_ones() -> None:
    for seed in range(3):
        engine = Engine(LISTED, seed)
        random = np.random.default_rng(seed)
        walks = []
        for i in range(24):
            person = LISTED[i // 6] if i % 6 == 0 else f"stranger {i}"
            height = 80.0 + 560.0 * random.random()
            way = ((60.0, height), (1220.0, height + 40))
            begin = 1.5 * i
            walks.append(
                Walk(person, "north", begin, begin + 6, way if i % 2 else way[::-1], (50, 70))
            )
        assert engine.run(*walks) == dict.fromkeys(LISTED, 1)
