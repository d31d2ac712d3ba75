"""A deployment as ``lfr run`` runs it: from the configuration to a session with its socket.

Owns: what the configuration's words mean as deployment settings, and the way of the journal's
records into the ledger. Never: a decision of the deployment (``deployment_session``). Strategy: the
ledger is filled from the journal and then follows what is committed, so cursors are the journal's
own numbers and a client resumes across restarts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from lfr_engine.actors.events import EngineEvent
from lfr_engine.alerts.adjudication import AdjudicationSettings, Decision, Opinion, Outcome, Person
from lfr_engine.alerts.lifecycle import Alert
from lfr_engine.alerts.table import stamp_of
from lfr_engine.app.board import Machine, Traffic
from lfr_engine.app.cameras import Cameras
from lfr_engine.app.commissioning import camera_book, digest, pack_request
from lfr_engine.app.deployment import open_deployment
from lfr_engine.app.deployment_session import Session
from lfr_engine.app.deployment_settings import DeploymentSettings, Models
from lfr_engine.app.ledger import AlertLedger, EntryWords
from lfr_engine.app.logdial import LogDial
from lfr_engine.app.parts import Opened, open_networks
from lfr_engine.app.running import Running
from lfr_engine.app.voice import say
from lfr_engine.clock import Clock, stamp
from lfr_engine.config import Config, DeploymentConfig
from lfr_engine.deployment.authority import load_trusted
from lfr_engine.deployment.permission import AuthoritySettings
from lfr_engine.errors import WatchlistError
from lfr_engine.identity import calibration, keys
from lfr_engine.inference.store import ModelStore, data_folder
from lfr_engine.journal.kinds import typed
from lfr_engine.journal.lines import Record
from lfr_engine.protocol import shapes as s
from lfr_engine.runtime.flow import Lagged, Subscription
from lfr_engine.runtime.lanes import Lane

FOLLOWED = (
    "alert.generated",
    "alert.updated",
    "alert.displayed",
    "alert.opinion",
    "alert.decided",
    "alert.outcome",
    "alert.expired",
)
PAGE = 500
LEAVE_S = 7.0
"""Cameras 1 s, pictures 2 s, the last record 3 s; and something to spare."""


@asynccontextmanager
async def deployed(
    path: Path,
    config: Config,
    wanted: DeploymentConfig,
    authority: Path,
    store: ModelStore,
    clock: Clock,
    lane: Lane,
    dial: LogDial,
) -> AsyncIterator[Running]:
    """A deployment that may run under ``authority``, and everything the socket needs of it.

    Raises:
        RuleError: It may not run; journalled.
        LfrError: Something it needs cannot be used.
    """
    cameras = camera_book("deployment", clock)
    settings = deployment_settings(path, config, wanted, authority, cameras)
    opened: list[Opened] = []

    def load_models() -> Models:
        networks = open_networks(pack_request(config.engine), store)
        opened.append(networks)
        contract = networks.pack.contract
        return Models(networks.networks, contract, calibration.shipped(contract))

    async with (
        open_deployment(settings, load_models, clock) as session,
        over_session(session, path, config, cameras, lane, dial) as running,
    ):
        running.pack = opened[0].pack
        yield running


@asynccontextmanager
async def over_session(
    session: Session, path: Path, config: Config, cameras: Cameras, lane: Lane, dial: LogDial
) -> AsyncIterator[Running]:
    """Everything the socket needs of a session; enter it before the session runs."""
    clock, settings = session.telemetry.clock, session.opened.settings
    cameras.attach(session.engine)
    traffic = Traffic(clock)
    own = session.engine.publish

    def publish(event: EngineEvent) -> None:
        traffic.take(event)
        say(event)
        own(event)

    session.engine.publish = publish
    session.engine.age_budget_s = config.engine.age_budget
    ledger = AlertLedger(
        AdjudicationSettings(
            session.deployment,
            blind=settings.blind,
            two_person=settings.two_person,
            decide_within_s=settings.decide_within_s,
        ),
        lambda entry: _words(session, entry),
    )
    with session.journaler.committed.subscribe() as heard:
        follower = Follower(session, ledger, clock)
        await follower.catch_up()
        yield Running(
            path=path,
            config=config,
            digest=settings.configuration,
            clock=clock,
            telemetry=session.telemetry,
            engine=session.engine,
            cameras=cameras,
            log=dial,
            lane=lane,
            traffic=traffic,
            machine=Machine(clock),
            ledger=ledger,
            run=session.run,
            leave=session.leave,
            hashes={
                "model": session.opened.models.contract.model_sha256,
                "authority": session.opened.live.digest,
            },
            desk=SessionDesk(session),
            session=session,
            relaying=session.relaying,
            tend=lambda: follower.follow(heard),
            grace_s=LEAVE_S,
        )


def deployment_settings(
    path: Path, config: Config, wanted: DeploymentConfig, authority: Path, cameras: Cameras
) -> DeploymentSettings:
    """The configuration in a deployment's terms, under the authority in that file.

    Raises:
        LfrError: A camera, a key or a file of trusted keys cannot be used.
    """
    trusted = tuple(one for file in wanted.trusted_keys for one in load_trusted(file))
    return DeploymentSettings(
        data=state_folder(wanted),
        authority=authority,
        watchlist_key=list_key(wanted),
        cameras=tuple(cameras.plans(config.cameras)),
        zones=tuple(wanted.zones),
        site=config.engine.site,
        configuration=digest(path),
        authorities=AuthoritySettings(
            trusted,
            longest=dt.timedelta(seconds=wanted.longest),
            require_synchronised_clock=wanted.require_synchronised_clock,
        ),
        fpir=config.matching.fpir,
        agree=config.matching.agree,
        margin=config.matching.margin,
        blind=wanted.blind,
        two_person=wanted.two_person,
        presence_s=float(wanted.presence) or None,
        pause_on_red=wanted.pause_on_red,
        signage_confirmed=wanted.signage_confirmed,
        relay=config.relay,
    )


def state_folder(wanted: DeploymentConfig) -> Path:
    """Where journal, vaults, evidence and a loaded authority lie."""
    return wanted.data or data_folder()


def list_key(wanted: DeploymentConfig) -> keys.KeySource:
    """What opens the list. Raises ``RuleError`` (R4) where it cannot be read."""
    if wanted.watchlist_key is not None:
        return keys.key_file(wanted.watchlist_key)
    return keys.credential(wanted.watchlist_credential)


class Follower:
    """Takes the journal's records into the ledger, each once and in order."""

    def __init__(self, session: Session, ledger: AlertLedger, clock: Clock) -> None:
        self._session = session
        self._ledger = ledger
        self._clock = clock
        self._read_to = 0

    async def catch_up(self) -> None:
        """Everything that is stored and was not taken yet."""
        while records := await self._session.journal(self._read_to, PAGE, FOLLOWED):
            for record in records:
                self._take(record)

    async def follow(self, heard: Subscription[Record]) -> None:
        """Take what is committed from now on, until the journal closes."""
        while True:
            try:
                record = await heard.receive()
            except trio.EndOfChannel:
                return
            if isinstance(record, Lagged):
                await self.catch_up()
            else:
                self._take(record)

    def _take(self, record: Record) -> None:
        if record.seq <= self._read_to or record.kind not in FOLLOWED:
            return
        self._read_to = record.seq
        if record.body.get("deployment") == self._session.deployment:
            event = typed(record.kind, record.body)
            self._ledger.take(record.seq, event, stamp_of(record.utc, stamp(self._clock)))


class SessionDesk:
    """A deployment's session as the desk where people act on alerts."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def display(self, person: Person, reference: str) -> Alert:
        """It is before a person's eyes."""
        return await self._session.display(person, reference)

    async def opinion(self, person: Person, reference: str, opinion: Opinion) -> Alert:
        """A first opinion."""
        return await self._session.opinion(person, reference, opinion)

    async def decide(
        self,
        person: Person,
        reference: str,
        decision: Decision,
        reasons: Sequence[str],
        note: str = "",
    ) -> Alert:
        """The named decision."""
        return await self._session.decide(person, reference, decision, reasons, note)

    async def outcome(
        self,
        person: Person,
        reference: str,
        outcome: Outcome,
        reasons: Sequence[str],
        note: str = "",
        *,
        arrest: bool = False,
    ) -> Alert:
        """What officers found."""
        return await self._session.outcome(person, reference, outcome, reasons, note, arrest=arrest)

    async def show(self, person: Person, reference: str) -> s.AlertPictures:
        """The pictures; looking is journalled first."""
        found = await self._session.pictures(person, reference)
        return s.AlertPictures(
            alert=reference,
            probe=found.portrait,
            reference=found.reference,
            context=found.context,
        )


def _words(session: Session, entry: str) -> EntryWords:
    try:
        known = session.opened.stored.watchlist.entry(entry)
    except WatchlistError:
        return EntryWords()
    return EntryWords(known.label, known.expected_action)
