"""What prepares a deployment over the socket: an authority for a commissioning engine.

Owns: when that is possible at all, and who is journalled as having asked. Never: a change of mode
inside a run (R27): the run ends and another begins. Strategy: everything that blocks is in a lane;
what was verified is kept under a shield, so that a caller who leaves leaves all of it or nothing.
"""

from __future__ import annotations

from typing import Any

import structlog
import trio

from lfr_engine.api.port import Caller, CallRecord, Conflict
from lfr_engine.app.board import moment
from lfr_engine.app.commissioning import camera_book
from lfr_engine.app.deployed import deployment_settings, state_folder
from lfr_engine.app.deployment import OPENING_S
from lfr_engine.app.deployment_opening import deployment_id
from lfr_engine.app.deployment_settings import DeploymentSettings
from lfr_engine.app.engine_api_alerts import person
from lfr_engine.app.engine_api_deployment import journalled
from lfr_engine.app.loaded_authority import keep, place, verify_loaded
from lfr_engine.app.running import Running
from lfr_engine.deployment.permission import LiveAuthority
from lfr_engine.errors import EngineError, RuleError
from lfr_engine.journal.events.deployment import AuthorityLoaded
from lfr_engine.journal.events.fields import Event
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from lfr_engine.runtime.lanes import open_lane

log = structlog.get_logger("lfr_engine.app")

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
                _asked(command, caller),
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


def _asked(command: a.DeploymentsLoad, caller: Caller) -> Event:
    call = CallRecord(
        "deployments.load",
        "asked",
        caller.name,
        caller.role.value,
        caller.origin,
        caller.session,
        details={"authority": f"<{len(command.authority)} bytes>"},
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


LOADING_HANDLERS: dict[type[a.Command[Any]], Any] = {a.DeploymentsLoad: load}
