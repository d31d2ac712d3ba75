"""A person put on a draft list over the socket: the gate, the provenance, and what stays closed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import trio

from lfr_engine.api.port import Conflict
from lfr_engine.clock import SystemClock
from lfr_engine.config import CameraConfig, Config, DeploymentConfig
from lfr_engine.errors import InputError, RuleError
from lfr_engine.identity import keys
from lfr_engine.identity.store import StoredWatchlist
from lfr_engine.identity.vault import create_vault, open_vault
from lfr_engine.journal.lines import Record, committed
from lfr_engine.protocol import arguments as a
from tests.app.api_rig import AO, Stage, deployment_stage, stage
from tests.app.deployment_rig import HOUR, Rig
from tests.enrolment.fakes import CONTRACT, FakePack, encoded, faces_at, photograph

DRAFT = "WL-draft"
GOOD = encoded(photograph(1))


def person(entry: str = "P-1", picture: bytes = GOOD, **changed: Any) -> a.WatchlistEnrol:
    given: dict[str, Any] = {
        "entry": entry, "picture": picture, "label": "P One", "category": "wanted",
        "source": "custody", "lawful_basis": "warrant 1", "reason": "sought by the court",
        "expected_action": "speak to them", "last_checked": "2026-01-01", "priority": "high",
        "under_18": False,
    }  # fmt: skip
    return a.WatchlistEnrol(**(given | changed))


@dataclass
class Desk:
    """A draft list, its key, and the journal beside it."""

    folder: Path
    pack: FakePack = field(default_factory=FakePack)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def key(self) -> keys.KeySource:
        return keys.key_file(self.folder / "list.key")

    def begun(self) -> Desk:
        keys.new_key_file(self.folder / "list.key")
        clock = SystemClock()
        place = self.data / "watchlists" / DRAFT
        vault = create_vault(place, DRAFT, self.key, clock, clock.utc() + 24 * HOUR)
        StoredWatchlist.create(vault)
        vault.close()
        return self

    def stored(self) -> StoredWatchlist:
        place = self.data / "watchlists" / DRAFT
        return StoredWatchlist.load(open_vault(place, self.key, SystemClock(), lambda _: None))

    def journal(self, *kinds: str) -> list[Record]:
        path = self.data / "journal.jsonl"
        with path.open("rb") as file:
            found = [placed.record for placed in committed(file, path)]
        return [one for one in found if one.kind in kinds]

    @asynccontextmanager
    async def waiting(self, draft: str = DRAFT) -> AsyncIterator[Stage]:
        wanted = DeploymentConfig(
            watchlist_key=self.folder / "list.key", data=self.data, draft=draft
        )
        async with stage(self.folder, exercise=False, run=False) as made:
            camera = CameraConfig(name="door", source="door.mp4")
            made.running.config = Config(cameras=[camera], deployment=wanted)
            pack: Any = self.pack
            made.running.pack = pack
            yield made


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    with structlog.testing.capture_logs():
        trio.run(scenario)


def test_who_passes_the_gate_is_on_the_list_with_provenance_and_quality(tmp_path: Path) -> None:
    desk = Desk(tmp_path).begun()

    async def scenario() -> None:
        async with desk.waiting() as made:
            done = await made.call(person(), AO)
            assert (done.entry, done.check.usable) == ("P-1", True)
            assert set(done.check.measures) == {
                "size", "pose", "sharpness", "brightness", "contrast", "detector", "quality",
            }  # fmt: skip
            assert all(0 < value <= 1 for value in done.check.measures.values())
            (added,) = desk.journal("entry.added")
            assert done.journal == added.seq
            await made.call(person("P-2", encoded(photograph(2)), under_18=True,
                                   under_18_rationale="missing since Monday"), AO)  # fmt: skip

    play(scenario)
    stored = desk.stored()
    assert [one.id for one in stored.watchlist.entries] == ["P-1", "P-2"]
    first, second = stored.watchlist.entries
    assert (first.lawful_basis, first.priority.value) == ("warrant 1", "high")
    assert second.under_18
    assert stored.watchlist.builders == (AO.name,)  # who therefore may not authorise its use (R3)
    assert stored.picture(first.references[0].object) == GOOD
    assert len(stored.gallery(CONTRACT)) == 2
    asked, _ = desk.journal("api.called")
    assert (asked.body["actor"], asked.body["role"]) == (AO.name, "ao")
    assert str(GOOD[:8]) not in asked.body["details"]


SMALL = FakePack(faces_at((50, 50, 58, 58)))
TWO = FakePack(faces_at((5, 20, 55, 80), (60, 20, 110, 80)))


@pytest.mark.parametrize(
    ("command", "pack", "rule", "words"),
    [
        (person(picture=b"not a picture"), FakePack(), "R14", "picture"),
        (person(), TWO, "R14", "two_faces"),
        (person(), SMALL, "R14", "face_small"),
        (person(under_18=True), FakePack(), "R15", "under_18_rationale"),
        (person(category="suspicious"), FakePack(), "R15", "category"),
        (person(last_checked="2999-01-01"), FakePack(), "R15", "future"),
        (person(reason=" "), FakePack(), "R15", "missing reason"),
        (person(taken="2001-01-01"), FakePack(), "R14", "ten years"),
    ],
)
def test_who_is_refused_leaves_nothing_behind(
    command: a.WatchlistEnrol, pack: FakePack, rule: str, words: str, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, pack).begun()
    before = desk.stored().vault.names()

    async def scenario() -> None:
        async with desk.waiting() as made:
            with pytest.raises(RuleError, match=words) as refused:
                await made.call(command, AO)
            assert refused.value.rule == rule

    play(scenario)
    stored = desk.stored()
    assert stored.vault.names() == before
    assert stored.watchlist.entries == ()
    assert stored.watchlist.builders == ()
    (counted,) = desk.journal("watchlist.imported")
    assert counted.body["accepted"] == 0
    assert sum(counted.body["refused"].values()) == 1
    assert not desk.journal("entry.added")


def test_nobody_is_listed_twice(tmp_path: Path) -> None:
    desk = Desk(tmp_path).begun()

    async def scenario() -> None:
        async with desk.waiting() as made:
            await made.call(person(), AO)
            with pytest.raises(Conflict, match="already on watchlist"):
                await made.call(person(picture=encoded(photograph(2))), AO)
            with pytest.raises(Conflict, match="also the picture of P-1"):
                await made.call(person("P-2"), AO)

    play(scenario)
    assert len(desk.stored().watchlist.entries) == 1


def test_a_sealed_list_takes_nobody(tmp_path: Path) -> None:
    desk = Desk(tmp_path).begun()

    async def scenario() -> None:
        async with desk.waiting() as made:
            await made.call(person(), AO)
            stored = desk.stored()
            stored.commit(stored.watchlist.sealed())
            stored.vault.close()
            with pytest.raises(RuleError, match="R4"):
                await made.call(person("P-2", encoded(photograph(2))), AO)

    play(scenario)
    assert len(desk.stored().watchlist.entries) == 1


def test_nobody_joins_a_list_in_use_or_one_that_is_not_configured(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "data").build()
    desk = Desk(tmp_path)

    async def scenario() -> None:
        async with desk.waiting(draft="") as made:
            with pytest.raises(Conflict, match="names no draft"):
                await made.call(person(), AO)
        async with desk.waiting(draft="../watchlists/x") as made:
            with pytest.raises(InputError, match="not a usable id"):
                await made.call(person(), AO)
        async with desk.waiting(draft="none") as made:
            with pytest.raises(RuleError, match="R4"):
                await made.call(person(), AO)
        async with desk.waiting() as made:
            made.running.handover.set()
            with pytest.raises(RuleError, match="R4"):
                await made.call(person(), AO)
        async with deployment_stage(rig) as made:
            with pytest.raises(RuleError, match="R4"):
                await made.call(person(), AO)

    play(scenario)
