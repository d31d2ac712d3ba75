"""A deployment on painted people: a sealed list in its vault, a signed authority, paced cameras."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lfr_engine.actors.camera import CameraSettings
from lfr_engine.actors.detector import FaceDetector
from lfr_engine.actors.embedder import FaceEmbedder
from lfr_engine.app.deployment_settings import DeploymentSettings, Models
from lfr_engine.app.plan import CameraPlan, Networks
from lfr_engine.clock import Clock, SystemClock
from lfr_engine.deployment.authority import (
    Authority,
    Officer,
    TrustedKey,
    parse,
    render,
    save,
    self_signed,
    sign,
)
from lfr_engine.deployment.permission import AuthoritySettings
from lfr_engine.identity import keys
from lfr_engine.identity.calibration import Calibration, Cohort
from lfr_engine.identity.store import StoredWatchlist, Templates
from lfr_engine.identity.tail import Tail
from lfr_engine.identity.template import TemplateContract
from lfr_engine.identity.vault import create_vault
from lfr_engine.identity.watchlist import Reference, entry_from_fields
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.events.watchlist import WatchlistSealed
from lfr_engine.journal.kinds import item, typed
from lfr_engine.journal.lines import committed
from lfr_engine.journal.place import key_path
from lfr_engine.journal.signing import Signer, load_or_create
from lfr_engine.journal.store import Journal
from lfr_engine.sources.reader import StreamFacts
from lfr_engine.sources.spec import parse_address
from lfr_engine.vision.frame import FloatArray, Frame
from tests.support import painted
from tests.support.painted import PaintedDetector, PaintedEmbedder, Walk

OFFICER = Signer(Ed25519PrivateKey.from_private_bytes(b"o" * 32))  # the same in every process
LIST = "WL-1"
HOUR = dt.timedelta(hours=1)


@dataclass(slots=True)
class MovableClock:
    """The machine's clock, its wall hand turned by ``ahead``, both hands moved by ``passed_s``."""

    ahead: dt.timedelta = dt.timedelta()
    passed_s: float = 0.0

    def monotonic_ns(self) -> int:
        return time.monotonic_ns() + round(self.passed_s * 1e9)

    def utc(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead + dt.timedelta(seconds=self.passed_s)


def one_hot(name: str) -> FloatArray:
    """A painted person's template, as ``PaintedEmbedder`` makes it but for the noise."""
    row: FloatArray = painted.gallery(name).templates[0]
    return row


def calibration(contract: TemplateContract) -> Calibration:
    tail = Tail(0.3, 0.01, 0.02, 0.0)
    return Calibration(
        1,
        contract,
        Cohort("painted strangers", 100, 100, 0),
        dt.date(2026, 1, 1),
        "test",
        tail,
        tuple((0.01, 0.02, 0.0) for _ in range(20)),
    )


@dataclass
class Rig:
    """Everything on disk that a deployment needs, and the settings that name it."""

    data: Path
    clock: Clock = field(default_factory=SystemClock)
    people: dict[str, str] = field(default_factory=lambda: {"ann": "wanted", "bob": "missing"})
    walks: dict[str, list[Walk]] = field(default_factory=lambda: {"door": [Walk("ann", 0.2, 4.2)]})
    lasts: dt.timedelta = HOUR
    changes: dict[str, Any] = field(default_factory=dict)
    embedder: FaceEmbedder = field(default_factory=PaintedEmbedder)
    contract: TemplateContract = painted.CONTRACT
    template_of: Callable[[str], FloatArray] = one_hot
    detector: FaceDetector = field(default_factory=PaintedDetector)
    fps: float = 20.0
    signer: Signer = OFFICER
    loaded: int = 0

    def build(self) -> Rig:
        """The list, its key, its seal in the journal, and the authority."""
        self.data.mkdir(parents=True, exist_ok=True)
        source = keys.new_key_file(self.data.parent / "list.key")
        vault = create_vault(
            self.data / "watchlists" / LIST, LIST, source, self.clock,
            self.clock.utc() + 24 * HOUR,
        )  # fmt: skip
        stored = StoredWatchlist.create(vault)
        self.fill(stored)
        stored.commit(stored.watchlist.sealed())
        self._seal(stored)
        vault.close()
        self.sign()
        return self

    def fill(self, stored: StoredWatchlist) -> None:
        """The people of the list, painted."""
        listed, pictures = stored.watchlist, {}
        for name, category in self.people.items():
            made = entry_from_fields(
                {
                    "id": name, "label": name.title(), "category": category, "source": "custody",
                    "lawful_basis": "warrant 1", "reason": "sought by the court",
                    "priority": "medium", "expected_action": "speak to them",
                    "last_checked": self.clock.utc().date().isoformat(), "under_18": "no",
                },
                self.clock.utc().date(),
            )  # fmt: skip
            entry = replace(made, references=(Reference(f"p-{name}", "0" * 64, 0.9),))
            listed = listed.with_entry(entry)
            pictures[f"p-{name}"] = _portrait(name)
        templates = Templates(
            self.contract,
            tuple(f"p-{name}" for name in self.people),
            np.stack([self.template_of(name) for name in self.people]),
        )
        stored.commit(listed.by("analyst-3"), templates, pictures)

    def sign(self, **changes: Any) -> None:
        """A new signed authority in the place of the old one."""
        now = self.clock.utc()
        fields: dict[str, Any] = {
            "id": "A-1", "mode": "deployment", "use_case": "Targeted operation",
            "purpose": "Find people wanted by the courts", "place": "High Street",
            "zones": ("gate",), "cameras": tuple(self.walks),
            "start": now - dt.timedelta(minutes=1),
            "end": now + self.lasts, "watchlist": LIST, "retention": "strict",
            "false_alert_ceiling": 0.001,
            "officer": Officer("P. Example", "Superintendent", "AO-7"),
        }  # fmt: skip
        authority = Authority(**{**fields, **changes})
        if authority.mode == "exercise":
            document = self_signed(authority)
            data = document.body + (
                f'[signature]\nkey = "{document.key}"\nvalue = "{document.signature}"\n'.encode()
            )
        else:
            data = sign(parse(_exact(authority), "authority"), self.signer)
        save(self.authority, data, replace=True)

    @property
    def authority(self) -> Path:
        return self.data.parent / "authority.toml"

    @property
    def journal(self) -> Path:
        return self.data / "journal.jsonl"

    def settings(self, **changes: Any) -> DeploymentSettings:
        trusted = (TrustedKey("AO-7", self.signer.public_key),)
        made = DeploymentSettings(
            data=self.data,
            authority=self.authority,
            watchlist_key=keys.key_file(self.data.parent / "list.key"),
            cameras=tuple(self.plan(name, walks) for name, walks in self.walks.items()),
            zones=("gate",),
            site="square",
            configuration="c" * 64,
            authorities=AuthoritySettings(trusted=trusted, require_synchronised_clock=False),
            presence_s=60.0,
        )
        return replace(made, **{**self.changes, **changes})

    def models(self) -> Models:
        self.loaded += 1
        networks = Networks(lambda: self.detector, lambda: self.embedder, painted.CROPPER)
        return Models(networks, self.contract, calibration(self.contract))

    def plan(self, name: str, walks: Sequence[Walk]) -> CameraPlan:
        return CameraPlan(
            CameraSettings(name, parse_address(f"{name}.mp4")),
            paced(name, walks, self.clock, self.fps),
            fast=False,
        )

    def events(self, *kinds: type[Event]) -> list[Event]:
        """What the journal on disk holds now, of some kinds."""
        with self.journal.open("rb") as file:
            found = [
                typed(placed.record.kind, placed.record.body)
                for placed in committed(file, self.journal)
            ]
        return [event for event in found if not kinds or isinstance(event, kinds)]

    def _seal(self, stored: StoredWatchlist) -> None:
        listed = stored.watchlist
        event = WatchlistSealed(
            actor="analyst-3", role="engineer", watchlist=LIST, digest=listed.digest(),
            built=listed.built, people=len(listed.entries), images=len(listed.entries),
            categories={}, under_18=0, rejected=0, expires=stored.vault.facts.expires,
        )  # fmt: skip
        with Journal.open(self.journal, load_or_create(key_path(self.journal)), self.clock) as j:
            j.append(*item(event))


def paced(
    camera: str, walks: Sequence[Walk], clock: Clock, fps: float
) -> Callable[[Callable[[Frame], object], threading.Event, Callable[[StreamFacts], None]], None]:
    """The walks at their own pace, then an empty scene for ever."""

    def read(
        deliver: Callable[[Frame], object],
        stop: threading.Event,
        on_open: Callable[[StreamFacts], None],
    ) -> None:
        on_open(StreamFacts("painted", painted.WIDTH, painted.HEIGHT, fps, "none"))
        number = 0
        while not stop.wait(1 / fps):
            time_s = number / fps
            planes = painted.paint(walks, time_s)
            deliver(Frame(camera, number, clock.monotonic_ns(), time_s, planes))
            number += 1

    return read


async def until(true: Callable[[], object], seconds: float = 45) -> None:
    """Poll until something is true."""
    with trio.fail_after(seconds):
        while not true():
            await trio.sleep(0.01)


def _exact(authority: Authority) -> bytes:
    """As ``render``, with fractions of a second in the times, so that tests need not wait."""
    text = render(authority).decode()
    for moment in (authority.start, authority.end):
        whole = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
        text = text.replace(whole, moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
    return text.encode()


def _portrait(name: str) -> bytes:
    picture = np.full((120, 90, 3), painted.PEOPLE[name], np.uint8)
    _, data = cv2.imencode(".png", picture)
    return data.tobytes()
