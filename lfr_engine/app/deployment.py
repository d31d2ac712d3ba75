"""A deployment: opened, run and closed behind one ``async with`` (R3, R4, R27).

Owns: the nesting: opening, journal, session, closing. Never: a frame before everything held; a key
or a template in memory behind the block. Strategy: all that blocks runs in a lane; closing is
shielded, because it is what erases.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import trio

from lfr_engine.actors.journaler import open_journaler
from lfr_engine.app.deployment_opening import Opened, open_all
from lfr_engine.app.deployment_refusal import plain
from lfr_engine.app.deployment_session import Session
from lfr_engine.app.deployment_settings import DeploymentSettings, Models
from lfr_engine.app.deployment_settling import due_records, settle, writer
from lfr_engine.app.relay_store import remove_outbox, settle_outbox
from lfr_engine.clock import Clock
from lfr_engine.errors import LfrError
from lfr_engine.journal.events.engine import EngineFault, EngineStopped
from lfr_engine.runtime.lanes import open_lane
from lfr_engine.runtime.supervise import describe, leaves

OPENING_S = 600.0
"""A cold model cache on a slow machine, and a list of 20,000 pictures to look through."""
CLOSING_S = 120.0
WORK_S = 60.0
"""One call on pictures or the vault."""


@asynccontextmanager
async def open_deployment(
    settings: DeploymentSettings, load_models: Callable[[], Models], clock: Clock
) -> AsyncIterator[Session]:
    """A deployment that may run, new or resumed; ``await session.run()`` inside the block.

    Leaving stops it. Where it had ended, its list and whatever else is due is erased and certified;
    otherwise it may be opened again until its authority ends.

    Args:
        settings: What to run.
        load_models: Opens the networks, in a lane, once the authority was found good.
        clock: Where time comes from.

    Raises:
        RuleError: It may not run: which rule, and what is missing. Journalled.
        LfrError: Something it needs cannot be used, or it failed while it ran.
    """
    async with open_lane("opening", width=1, deadline_s=OPENING_S) as lane:
        opened = await lane.run(open_all, settings, load_models, clock)
    session: Session | None = None
    fault = ""
    try:
        async with (
            open_lane("vault", width=1, deadline_s=WORK_S) as work,
            open_journaler(opened.journal, settings.journal) as journaler,
        ):
            session = Session(opened, journaler, work, clock)
            yield session
    except BaseException as error:
        others = [leaf for leaf in leaves(error) if not isinstance(leaf, trio.Cancelled)]
        if others:
            fault = "; ".join(describe(leaf) for leaf in others)
        if len(others) == 1 and others[0] is not error:
            raise others[0] from None
        raise
    finally:
        ended = session is not None and session.ended
        with trio.move_on_after(CLOSING_S, shield=True):
            async with open_lane("closing", width=1, deadline_s=CLOSING_S) as lane:
                await lane.run(_close, opened, clock, ended, fault)


def _close(opened: Opened, clock: Clock, ended: bool, fault: str) -> None:
    """Forget, say how it ended, erase what is due, and let the journal go."""
    opened.stored.vault.close()
    opened.evidence.close()
    opened.gallery.erase()
    journal = opened.journal
    write = writer(journal)
    try:
        with suppress(LfrError):  # a journal that failed can take no last word
            if fault:
                write(
                    [EngineFault(part="engine", cause=plain(fault), deployment=opened.deployment)]
                )
            reason = "failed" if fault else "deployment ended" if ended else "asked to stop"
            write([EngineStopped(reason=reason, exit_status=1 if fault else 0)])
            if ended and opened.outbox is not None:
                settle_outbox(opened.outbox, opened.deployment, write)
                opened.outbox.close()
                remove_outbox(opened.outbox.path)
            if ended:
                settle(due_records(journal), opened.settings.data, clock, write)
    finally:
        if opened.outbox is not None:
            opened.outbox.close()
        journal.close()
