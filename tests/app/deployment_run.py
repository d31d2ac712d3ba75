"""A deployment that runs while a block lasts, and what tests of its rules ask of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from lfr_engine.alerts.adjudication import Person
from lfr_engine.app.deployment import open_deployment
from lfr_engine.app.deployment_session import Session
from tests.app.deployment_rig import Rig

OLGA = Person("Olga", "operator")
EVE = Person("Eve", "engineer")


@asynccontextmanager
async def running(rig: Rig, **changes: Any) -> AsyncIterator[Session]:
    """The deployment of ``rig``, left (not ended) behind the block."""
    async with (
        open_deployment(rig.settings(**changes), rig.models, rig.clock) as session,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(session.run)
        yield session
        session.leave()


async def must_not_open(rig: Rig) -> None:
    """Open the deployment of ``rig``, which is to be refused."""
    async with open_deployment(rig.settings(), rig.models, rig.clock):
        raise AssertionError("it opened")


def detected(session: Session) -> int:
    """How many pictures of the door were looked at."""
    return session.telemetry.counts["detected door"]


async def raised(session: Session, count: int = 1) -> list[str]:
    """The references of the alerts, once there are ``count``."""
    found: list[str] = []
    with trio.fail_after(15):
        while len(found) < count:
            found = [alert.reference for alert in await session.alerts()]
            await trio.sleep(0.02)
    return found
