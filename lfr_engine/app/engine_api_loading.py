"""What prepares a deployment over the socket: an authority, and people for a draft list.

Owns: when that is possible at all, and who is journalled as having asked. Never: a change of mode
inside a run (R27): the run ends and another begins; a person on a list that is sealed or in use
(R4). Strategy: everything that blocks is in a lane;
what was verified is kept under a shield, so that a caller who leaves leaves all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import structlog
import trio

from lfr_engine.api.port import Caller, CallRecord, Conflict
from lfr_engine.app.board import moment
from lfr_engine.app.commissioning import camera_book
from lfr_engine.app.deployed import deployment_settings, list_key, state_folder
from lfr_engine.app.deployment import OPENING_S
from lfr_engine.app.deployment_opening import deployment_id
from lfr_engine.app.deployment_settings import DeploymentSettings
from lfr_engine.app.deployment_settling import open_journal, writer
from lfr_engine.app.engine_api_alerts import person
from lfr_engine.app.engine_api_deployment import journalled
from lfr_engine.app.enrolling import enrol
from lfr_engine.app.loaded_authority import keep, place, verify_loaded
from lfr_engine.app.running import Running
from lfr_engine.clock import Clock
from lfr_engine.deployment.erasure import of_vault
from lfr_engine.deployment.permission import LiveAuthority
from lfr_engine.enrolment.register import Row
from lfr_engine.enrolment.rejection import Reason, Rejected
from lfr_engine.errors import ConfigError, EngineError, RuleError
from lfr_engine.identity.keys import KeySource
from lfr_engine.identity.store import StoredWatchlist
from lfr_engine.identity.vault import open_vault
from lfr_engine.inference.pack import OpenPack
from lfr_engine.journal.events.deployment import AuthorityLoaded
from lfr_engine.journal.events.fields import Event, Role
from lfr_engine.journal.events.watchlist import VaultOpened
from lfr_engine.journal.store import Journal
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from lfr_engine.runtime.lanes import open_lane

log = structlog.get_logger("lfr_engine.app")

ENROLLING_S = 60.0
"""A large picture, a vault and the journal, behind previews in the same lane."""
KEEPING_S = 20.0
"""A journal record and a small file, on a disk that is busy."""


async def load(running: Running, command: a.DeploymentsLoad, caller: Caller) -> s.DeploymentState:
    """Verify an authority as a start would, keep it, and let this run end for the deployment."""
    await trio.lowlevel.checkpoint()
    if running.session is not None:
        raise Conflict("deployment", f"{running.session.deployment} is loaded", "end it first")
    wanted = running.config.deployment
    if wanted is None or running.models is None:
        raise RuleError(
            "R3",
            "deployment",
            f"this engine runs in {running.mode} and knows no officer's key",
            "give the configuration a [deployment] table with trusted_keys and the list's key",
        )
    if running.loading or running.handover.is_set():
        raise Conflict("authority", "another one is being loaded", "ask for the state")
    data, clock, config = state_folder(wanted), running.clock, running.config

    def settings() -> DeploymentSettings:
        cameras = camera_book("deployment", clock)
        return deployment_settings(running.path, config, wanted, place(data), cameras)

    running.loading = True
    try:
        async with open_lane("opening", width=1, deadline_s=OPENING_S) as lane:
            live = await lane.run(
                verify_loaded,
                data,
                command.authority,
                settings,
                running.models,
                clock,
                _asked("deployments.load", caller, authority=f"<{len(command.authority)} bytes>"),
            )
            who = person(caller)
            loaded = AuthorityLoaded(
                actor=who.name, role=who.role, authority=live.authority.id, digest=live.digest
            )
            with trio.move_on_after(KEEPING_S, shield=True) as limit:
                await lane.run(keep, data, command.authority, loaded, clock)
            if limit.cancelled_caught:
                raise EngineError("authority", "was not kept in time", "ask for the state")
    finally:
        running.loading = False
    log.warning("authority loaded", authority=live.authority.id, by=caller.name)
    # No checkpoint from here until the answer is queued: it is said before the run ends.
    running.handover.set()
    return _state(live)


async def enrol_person(running: Running, command: a.WatchlistEnrol, caller: Caller) -> s.Enrolled:
    """Put one person on the draft list, through the gate of ``lfr watchlist add`` (R14, R15)."""
    await trio.lowlevel.checkpoint()
    if running.desk is not None:
        raise RuleError(
            "R4",
            "watchlist",
            "is sealed: nobody is added to a list in use",
            "build a new list, and have it authorised",
        )
    wanted, pack = running.config.deployment, running.pack
    if wanted is None or not wanted.draft or pack is None:
        raise Conflict(
            "watchlist", "the configuration names no draft list", "give [deployment] a draft"
        )
    if running.handover.is_set():
        raise RuleError("R4", "watchlist", "a deployment begins", "build another list")
    data, clock = state_folder(wanted), running.clock
    asked = _asked(
        "watchlist.enrol", caller, entry=command.entry, picture=f"<{len(command.picture)} bytes>"
    )

    def add() -> s.Enrolled:
        with open_journal(data, clock) as journal:
            writer(journal)([asked])
            return _enrolled(
                journal, data / "watchlists", wanted.draft, list_key(wanted), clock, pack,
                command, caller,
            )  # fmt: skip

    with trio.move_on_after(ENROLLING_S, shield=True):  # whole or absent, whoever goes away
        return await running.lane.run(add)
    raise EngineError("enrolment", "was not done in time", "look at the list with lfr watchlist")


def _enrolled(
    journal: Journal,
    folder: Path,
    draft: str,
    key: KeySource,
    clock: Clock,
    pack: OpenPack,
    command: a.WatchlistEnrol,
    caller: Caller,
) -> s.Enrolled:
    write = writer(journal)
    who = person(caller)
    role = msgspec.convert(who.role, Role)
    if "/" in draft or draft.startswith("."):
        raise ConfigError(f"watchlist {draft:.80}", "is not a usable id")
    vault = open_vault(folder / draft, key, clock, lambda gone: write([of_vault(gone)]))
    try:
        write([VaultOpened(vault=draft, purpose="add", actor=who.name)])
        stored = StoredWatchlist.load(vault)
        row = Row(command.entry, _fields(command), (command.picture,))
        done = enrol(
            stored, [row], lambda: pack, clock.utc().date(), who.name, role, "socket",
            lambda event: write([event]),
        )  # fmt: skip
    finally:
        vault.close()
    if not done.added:
        _refuse(done.rejects)
    last = journal.read(max(0, journal.head.seq - 10), 10, ["entry.added"])[-1].seq
    (reference,) = done.added[0].references
    quality = done.quality[reference.object]
    measures = {name: round(float(getattr(quality, name)), 4) for name in quality.__slots__}
    measures["quality"] = round(quality.overall, 4)
    check = s.ImageCheck(usable=True, measures=measures)
    return s.Enrolled(entry=command.entry, check=check, journal=last)


def _fields(command: a.WatchlistEnrol) -> dict[str, str]:
    """The command as ``lfr watchlist`` knows a person."""
    return {
        "id": command.entry,
        "label": command.label,
        "category": command.category,
        "source": command.source,
        "lawful_basis": command.lawful_basis,
        "reason": command.reason,
        "priority": command.priority,
        "expected_action": command.expected_action,
        "last_checked": command.last_checked,
        "under_18": "yes" if command.under_18 else "no",
        "under_18_rationale": command.under_18_rationale or "",
        "taken": command.taken or "",
    }


def _refuse(rejects: Sequence[Rejected]) -> NoReturn:
    """The first reason, as the rule that asks for it; nothing of the person was kept."""
    first = rejects[0]
    if first.reason is Reason.DUPLICATE_PERSON:
        raise Conflict(first.subject, first.text)
    rule = "R15" if first.reason is Reason.MISSING_FIELD else "R14"
    raise RuleError(rule, first.subject, f"{first.reason.value}: {first.text}")


def _asked(command: str, caller: Caller, **details: str) -> Event:
    call = CallRecord(
        command,
        "asked",
        caller.name,
        caller.role.value,
        caller.origin,
        caller.session,
        details=details,
    )
    return journalled(call, None)


def _state(live: LiveAuthority) -> s.DeploymentState:
    authority = live.authority
    return s.DeploymentState(
        deployment=deployment_id(live),
        phase="loaded",
        authority=authority.id,
        authorising_officer=authority.officer.name,
        purpose=authority.purpose,
        place=authority.place,
        starts=moment(authority.start),
        ends=moment(authority.end),
        watchlist=authority.watchlist,
        reason="begins when this run has ended; connect again",
    )


LOADING_HANDLERS: dict[type[a.Command[Any]], Any] = {
    a.DeploymentsLoad: load,
    a.WatchlistEnrol: enrol_person,
}
