"""An authority that came over the socket: verified, kept for the next run, forgotten when over.

Owns: the file that holds it in the state folder, and the journal's lines about a commissioning run
that waits for one. Never: a deployment (``deployment_opening`` verifies all of it again when the
next run begins), or a file that is half written. Strategy: synchronous, in a lane; the journal is
held only for the moment, so that lists can be built beside a commissioning engine.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lfr_engine import __version__
from lfr_engine.app.deployment_opening import ended_in_order
from lfr_engine.app.deployment_settings import DeploymentSettings, Models
from lfr_engine.app.deployment_settling import open_journal, writer
from lfr_engine.app.deployment_verifying import require_not_over, verify
from lfr_engine.clock import Clock
from lfr_engine.deployment.authority import load, parse, save
from lfr_engine.deployment.permission import LiveAuthority
from lfr_engine.errors import InputError, RuleError
from lfr_engine.journal.events.deployment import AuthorityLoaded
from lfr_engine.journal.events.engine import EngineStarted, EngineStopped
from lfr_engine.journal.events.fields import Digest, Event
from lfr_engine.journal.signing import sync_folder


def place(data: Path) -> Path:
    """The file of a loaded authority in the state folder."""
    return data / "authority.toml"


def kept(data: Path) -> Path | None:
    """The authority that was loaded and is not over; None where there is none."""
    path = place(data)
    return path if path.is_file() else None


def verify_loaded(
    data: Path,
    document: bytes,
    settings: Callable[[], DeploymentSettings],
    models: Callable[[], Models],
    clock: Clock,
    asked: Event,
) -> LiveAuthority:
    """Ask of ``document`` all that a start under it would ask; nothing is kept but the journal.

    Args:
        data: The state folder.
        document: The signed file's bytes.
        settings: What would run.
        models: The networks it would run on.
        clock: Where time comes from.
        asked: Who wants it loaded; journalled first.

    Raises:
        RuleError: What is missing and which rule asks for it; journalled.
        LfrError: Something it needs cannot be used; journalled.
    """
    with open_journal(data, clock) as journal:
        writer(journal)([asked])
        found = verify(settings(), lambda: parse(document, "authority"), models, clock, journal)
        found.close()
        return found.live


def keep(data: Path, document: bytes, loaded: AuthorityLoaded, clock: Clock) -> None:
    """Journal that an authority is loaded, then put it where the next run finds it.

    After a crash the file is there whole, or it is not there.

    Raises:
        InputError: The journal is in use, or the file cannot be written; then it is not loaded.
    """
    with open_journal(data, clock) as journal:
        writer(journal)([loaded])
    save(place(data), document, replace=True)


def forget(data: Path) -> None:
    """Take the loaded authority away."""
    place(data).unlink(missing_ok=True)
    sync_folder(data)


def forget_if_over(data: Path, clock: Clock) -> bool:
    """Take the loaded authority away where nothing can begin under it any more; whether it went.

    It stays where the cause may pass, such as a clock that is not synchronised yet.
    """
    with open_journal(data, clock) as journal:
        try:
            document = load(place(data))
            require_not_over(journal, document)
            over = document.authority.end <= clock.utc()
        except (InputError, RuleError):  # not an authority, gone, or its deployment has ended
            over = True
    if over:
        forget(data)
    return over


def commissioning_began(data: Path, configuration: Digest, clock: Clock) -> None:
    """Journal that a run without an authority began (R16, R27)."""
    with open_journal(data, clock) as journal:
        began = EngineStarted(
            software=f"lfr-engine {__version__}",
            mode="commissioning",
            clean=ended_in_order(journal),
            configuration=configuration,
        )
        writer(journal)([began])


def commissioning_ended(data: Path, reason: str, exit_status: int, clock: Clock) -> None:
    """Journal that it ended, and why."""
    with open_journal(data, clock) as journal:
        writer(journal)([EngineStopped(reason=reason, exit_status=exit_status)])
